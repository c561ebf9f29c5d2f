# lat-lerp: places between two streams' records, by values; what it drops, numbers and refuses.
. tests/lib.sh
python3 tests/small-codes.py "$T" ya=5:1 yb=5:2 za=3x2x2x2:3 zb=3x2x2x2:4 other=6:5
record() { npy2lat --no-history --id "$@"; }
record a y="$T/ya.npy" zT="$T/za.npy" x="$T/za.npy" z="$T/za.npy" k="$T/ya.npy" > "$T/a.lat"
record b y="$T/yb.npy" zT="$T/zb.npy" > "$T/b.lat"

# values NAME STREAM: a tensor's numbers
values() { lat-cut -n "$1" "$2" | lat2npy -n "$1" | tail -c +129 | od -An -v -tf4 -w4; }
# the formulas once more, in awk; slerp over the whole tensor
expected() { # y|zT T
	paste <(values "$1" "$T/a.lat") <(values "$1" "$T/b.lat") | awk -v t="$2" -v how="$1" '
		{ a[NR] = $1; b[NR] = $2; ab += $1 * $2; aa += $1 * $1; bb += $2 * $2 }
		END {
			c = ab / sqrt(aa) / sqrt(bb); w = atan2(sqrt(1 - c * c), c)
			p = how == "y" ? 1 - t : sin((1 - t) * w) / sin(w); q = how == "y" ? t : sin(t * w) / sin(w)
			for (i = 1; i <= NR; i++) print p * a[i] + q * b[i]
		}'
}
# near NAME GOT WANT: columns of numbers, equal within 1e-5
near() {
	if paste <(echo "$2") <(echo "$3") | awk 'NF != 2 || ($1 - $2)^2 > 1e-10 { bad = 1 } END { exit bad || NR < 5 }'; then
		ok "$1"
	else
		not_ok "$1" "$(paste <(echo "$2") <(echo "$3"))"
	fi
}

expect_exit 0 'a place between' lat-lerp -t .3 -o "$T/o.lat" "$T/a.lat" "$T/b.lat"
is 'id of A; x and z are dropped, the rest stays' "$(lat-info "$T/o.lat" | cut -f1,3 | tr '\t\n' ' ;')" 'id tensor;a y;a zT;a k;'
near 'y: linear' "$(values y "$T/o.lat")" "$(expected y .3)"
near 'zT: along the arc' "$(values zT "$T/o.lat")" "$(expected zT .3)"
lat-lerp -t -.5 -f -o "$T/o.lat" "$T/a.lat" "$T/b.lat"
near 'beyond the end' "$(values y "$T/o.lat")" "$(expected y -.5)"
for t in 0 1; do
	end=$([ $t = 0 ] && echo a || echo b)
	lat-lerp -t $t -f -o "$T/o.lat" "$T/a.lat" "$T/b.lat"
	for n in y zT; do
		is "-t $t: $n bit for bit" "$(lat2npy -n $n "$T/o.lat" | sha256sum)" "$(lat2npy -n $n "$T/$end.lat" | sha256sum)"
	done
done
expect_exit 0 'a series' lat-lerp -t 0:.1:1 -f -o "$T/s.lat" "$T/a.lat" "$T/b.lat"
is 'a series: ids' "$(lat-info "$T/s.lat" | tail -n +2 | cut -f1 | uniq | tr '\n' ' ')" "$(printf 'a_var-%03d ' {1..11})"
is 'a series: the last is B' "$(lat-cut -r a_var-011 "$T/s.lat" | lat2npy -n zT | sha256sum)" "$(lat2npy -n zT "$T/b.lat" | sha256sum)"
lat-cut -r a_var-004 "$T/s.lat" > "$T/o.lat"
near 'a series: the fourth' "$(values zT "$T/o.lat")" "$(expected zT .3)"
is 'a series: downwards' "$(lat-lerp -t 1:-.5:0 "$T/a.lat" "$T/b.lat" | lat-cut -r a_var-001 | lat2npy -n y | sha256sum)" \
	"$(lat2npy -n y "$T/b.lat" | sha256sum)"
is 'history' "$(lat-lerp -t .25 "$T/a.lat" "$T/b.lat" | lat-info --history | tail -n 1 | cut -f2,4)" 'lat-lerp	{"at": ".25"}'

# months
python3 tests/small.py "$T"
visit() { # ID MONTHS a|b: a scan of this month with the code of that record
	nii2lat --grid-only --id "$1" --months "$2" "$T/ball.nii" | npy2lat --onto - y="$T/y$3.npy"
}
visit p 0 a > "$T/p.lat"
visit q 24 b > "$T/q.lat"
expect_exit 0 '--month' lat-lerp --month 6 -f -o "$T/o.lat" "$T/p.lat" "$T/q.lat"
near '--month: a quarter of the way' "$(values y "$T/o.lat")" "$(expected y .25)"
is '--month: the result is of that month' "$(lat-info "$T/o.lat" | tail -n 1 | cut -f2)" 6
is '-t: months move, too' "$(lat-lerp -t .5 "$T/p.lat" "$T/q.lat" | lat-info | tail -n 1 | cut -f2)" 12
expect_exit 0 '--month: beyond' lat-lerp --month 36 -f -o "$T/o.lat" "$T/p.lat" "$T/q.lat"
like '--month: beyond: says so' "$(cat "$T/err")" '^lat-lerp: p: month 36 is not between 0 and 24'
refuses 65 '--month: of one month' lat-lerp --month 6 -o "$T/no.lat" "$T/p.lat" "$T/p.lat"
refuses 65 '--month: not known' lat-lerp --month 6 -o "$T/no.lat" "$T/a.lat" "$T/b.lat"

# what it refuses
cat "$T/a.lat" "$T/b.lat" > "$T/two.lat"
refuses 65 'B is shorter' lat-lerp -t .5 -o "$T/no.lat" "$T/two.lat" "$T/b.lat"
is 'B is shorter: says so' "$(cat "$T/err")" "lat-lerp: b: $T/b.lat ends before its partner: the streams must have equally many records"
refuses 65 'B is longer' lat-lerp -t .5 -o "$T/no.lat" "$T/b.lat" "$T/two.lat"
claim() { python3 tests/claim.py zT "$@"; }
claim model '{"kind": "unet", "identity": "ab"}' < "$T/a.lat" > "$T/a1.lat"
claim model '{"kind": "unet", "identity": "cd"}' < "$T/b.lat" > "$T/b1.lat"
refuses 65 'codes of two models' lat-lerp -t .5 -o "$T/no.lat" "$T/a1.lat" "$T/b1.lat"
like 'codes of two models: the way out' "$(cat "$T/err")" '^lat-lerp: a: zT is of another model in B \(cd\.\., not ab\.\.\); --any-model'
expect_exit 0 '--any-model' lat-lerp --any-model -t .5 -f -o "$T/o.lat" "$T/a1.lat" "$T/b1.lat"
expect_exit 0 'codes of a model, and of none' lat-lerp -t .5 -f -o "$T/o.lat" "$T/a1.lat" "$T/b.lat"
refuses 65 'codes of two scales' lat-lerp -t .5 -o "$T/no.lat" <(claim scale_factor 0.9 < "$T/a.lat") <(claim scale_factor 0.8 < "$T/b.lat")
like 'codes of two scales: says so' "$(cat "$T/err")" '^lat-lerp: a: zT is of another model in B \(scale factor 0.8, not 0.9\)'
refuses 65 'no codes' lat-lerp -t .5 -o "$T/no.lat" <(lat-cut -n x "$T/a.lat") <(lat-cut -n x "$T/a.lat")
refuses 65 'zT in one alone' lat-lerp -t .5 -o "$T/no.lat" "$T/a.lat" <(lat-cut -n y "$T/b.lat")
is 'zT in one alone: says so' "$(cat "$T/err")" 'lat-lerp: a: zT is only in A'
refuses 65 'another shape' lat-lerp -t .5 -o "$T/no.lat" <(lat-cut -n y "$T/a.lat") <(record b y="$T/other.npy")
refuses 65 'one id twice' lat-lerp -t .5 -o "$T/no.lat" <(cat "$T/a.lat" "$T/a.lat") "$T/two.lat"
refuses 64 'neither --at nor --month' lat-lerp -o "$T/no.lat" "$T/a.lat" "$T/b.lat"
refuses 64 'both' lat-lerp -t 1 --month 2 -o "$T/no.lat" "$T/a.lat" "$T/b.lat"
for bad in x 0: 0:1 0:0:1 0:-1:1 0:1e-9:1 0:1:2:3 1x nan inf; do refuses 64 "-t $bad" lat-lerp -t $bad -o "$T/no.lat" "$T/a.lat" "$T/b.lat"; done
refuses 64 'stdin twice' lat-lerp -t 1 -o "$T/no.lat" - - < "$T/a.lat"
expect_exit 65 '--keep-going' lat-lerp -t .5 --keep-going -f -o "$T/kept.lat" <(lat-cut -n y "$T/two.lat") <(record c y="$T/other.npy"; lat-cut -n y "$T/b.lat")
is '--keep-going: the other pair' "$(lat-info "$T/kept.lat" | tail -n +2 | cut -f1)" b
head -c $(($(wc -c < "$T/two.lat") - 40)) "$T/two.lat" > "$T/cut.lat"
refuses 65 'B is cut' lat-lerp -t .5 -o "$T/no.lat" "$T/two.lat" "$T/cut.lat"
expect_exit 65 'B is cut: --keep-going' lat-lerp -t .5 --keep-going -f -o "$T/kept.lat" "$T/two.lat" "$T/cut.lat"
is 'B is cut: --keep-going: the pair before' "$(lat-info "$T/kept.lat" | tail -n +2 | cut -f1 | uniq)" a
like 'B is cut: --keep-going: says so' "$(cat "$T/err")" 'cut.lat: byte [0-9]+: .*cut short.* \(skipped, and all behind it\)'
[ ! -e "$T/no.lat" ]
is 'nothing refused left a file' $? 0
expect_exit 141 'a closed pipe' bash -c "lat-lerp -t 0:.0001:1 '$T/a.lat' '$T/b.lat' | head -c 10 > /dev/null; exit \${PIPESTATUS[0]}"

# voxels or latents instead of codes
record b y="$T/yb.npy" zT="$T/zb.npy" x="$T/zb.npy" z="$T/zb.npy" > "$T/b4.lat"
for n in x z; do
	lat-lerp --blend $n -t .3 -f -o "$T/o.lat" "$T/a.lat" "$T/b4.lat"
	is "--blend $n: what is left" "$(lat-info "$T/o.lat" | cut -f 3 | tr '\n' ' ')" "tensor $n k "
	near "--blend $n: linear" "$(values $n "$T/o.lat")" "$(paste <(values $n "$T/a.lat") <(values $n "$T/b4.lat") | awk '{ print .7 * $1 + .3 * $2 }')"
done
refuses 65 '--blend: only in one' lat-lerp --blend x -t .3 "$T/a.lat" "$T/b.lat"
refuses 65 '--blend: in none' lat-lerp --blend x -t .3 "$T/b.lat" "$T/b.lat"
finish
