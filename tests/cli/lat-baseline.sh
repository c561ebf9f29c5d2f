# lat-baseline: what tests/unit/test_baseline.c has no eye for: options, records, errors.
. tests/lib.sh
one=formats/samples/one.lat types=formats/samples/types-none.lat
lat-cut -n x $one > "$T/x.lat"
for method in mean nearest; do
	expect_exit 0 "$method of the scan itself" lat-baseline --method $method --train $one -o "$T/$method.lat" $one
	expect_exit 0 "$method of the scan itself is the scan" lat-diff -t 1e-7 "$T/x.lat" "$T/$method.lat"
	is "$method: a latent would no longer be true" "$(lat-info "$T/$method.lat" | cut -f3 | tr '\n' ' ')" 'tensor x '
done
is 'the history' "$(lat-info --history "$T/mean.lat" | tail -n 1 | cut -f2,4)" 'lat-baseline	{"method": "mean"}'
refuses 64 'no method' lat-baseline --train $one $one
refuses 64 'no training scans' lat-baseline --method mean $one
refuses 64 'an unknown method' lat-baseline --method median --train $one $one
refuses 64 'pca without a number' lat-baseline --method pca --train $one $one
refuses 64 'mean with a number' lat-baseline --method mean -k 3 --train $one $one
refuses 65 'more components than scans' lat-baseline --method pca -k 1 --train $one $one
is 'says whose fault it is' "$(cut -d: -f1,2 "$T/err")" "lat-baseline: $one"
refuses 65 'blocks of a grid that has none' lat-baseline --method blocks -k 3 --train $one $one
refuses 65 'records without scans' lat-baseline --method mean --train $one $types
refuses 65 'nothing to learn from' lat-baseline --method mean --train formats/samples/empty-stream.lat $one
finish
