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
# another tensor, and codes: four latents on two lines
python3 - "$T" << 'END'
import struct, sys
for s, (a, b) in enumerate([(1, 0), (-1, 0), (0, .5), (0, -.5)]):
    v = [5 + a * (2 if i == 3 else 0) + b * (1 if i == 6 else 0) for i in range(16)]
    h = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2, 2), }".ljust(117) + "\n"
    open("%s/%d.npy" % (sys.argv[1], s), "wb").write(b"\x93NUMPY\1\0" + len(h).to_bytes(2, "little") + h.encode() + struct.pack("<16f", *v))
END
for s in 0 1 2 3; do npy2lat --id sub-$s z="$T/$s.npy"; done > "$T/z.lat"
expect_exit 0 'a code' lat-baseline -n z --method pca -k 2 --code --train "$T/z.lat" -o "$T/code.lat" "$T/z.lat"
is 'a code: beside the scan' "$(lat-info "$T/code.lat" | cut -f3,5 | head -n 3 | tail -n 2 | tr '\t\n' ' ;')" 'z 2x2x2x2;y 2;'
holds 'a code: the scan is as it was' lat-diff "$T/z.lat" <(lat-cut -n z "$T/code.lat")
is 'a code: the places along the components' "$(for s in 0 1 2 3; do
	lat-cut -r sub-$s "$T/code.lat" | lat2npy -n y | tail -c 8 | od -An -tf4 | awk '{ printf "%.3f %.3f;", $1 < 0 ? -$1 : $1, $2 < 0 ? -$2 : $2 }'
done)" '2.000 0.000;2.000 0.000;0.000 0.500;0.000 0.500;'
lat-baseline -n z --method pca -k 2 --train "$T/z.lat" "$T/z.lat" > "$T/same.lat"
holds 'all components of latents: the latents' lat-diff -t 1e-6 "$T/z.lat" "$T/same.lat"
refuses 64 'a code of the nearest' lat-baseline --method nearest --code --train $one $one
refuses 64 'blocks of latents' lat-baseline --method blocks -k 1 -n z --train $one $one
refuses 65 'a scan of another size' lat-baseline -n z --method mean --train "$T/z.lat" $one
refuses 64 'no method' lat-baseline --train $one $one
refuses 64 'no training scans' lat-baseline --method mean $one
refuses 64 'an unknown method' lat-baseline --method median --train $one $one
refuses 64 'pca without a number' lat-baseline --method pca --train $one $one
refuses 64 'mean with a number' lat-baseline --method mean -k 3 --train $one $one
refuses 65 'more components than scans' lat-baseline --method pca -k 1 --train $one $one
is 'says whose fault it is' "$(cut -d: -f1,2 "$T/err")" "lat-baseline: $one"
refuses 64 'a side for pca' lat-baseline --method pca -k 1 --block 8 --train $one $one
refuses 64 'a side of none' lat-baseline --method blocks -k 1 --block 0 --train $one $one
refuses 64 'more components than a block has voxels' lat-baseline --method blocks -k 9 --block 2 --train $one $one
like 'more components than a block has voxels: which' "$(cat "$T/err")" '--components: blocks of 2x2x2 voxels have 8 at most'
refuses 65 'blocks of a grid that has none' lat-baseline --method blocks -k 3 --train $one $one
refuses 65 'records without scans' lat-baseline --method mean --train $one $types
refuses 65 'nothing to learn from' lat-baseline --method mean --train formats/samples/empty-stream.lat $one
finish
