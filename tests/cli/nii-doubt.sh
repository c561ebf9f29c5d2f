# What is doubtful in a scan is said by every tool that reads it, once, and nothing is said of a good one; what would be wrong is refused.
. tests/lib.sh
export OMP_NUM_THREADS=1
# scan FILE TYPE VALUES [CHANGE...]: 12x10x8 voxels of 2 mm that a Python expression of i makes; CHANGE: FORMAT:OFFSET:VALUE of the header
cat > "$T/scan.py" << 'E2'
import struct, sys
path, kind, values, *changes = sys.argv[1:]
code, letter = {'float32': (16, 'f'), 'float64': (64, 'd'), 'int32': (8, 'i'), 'int16': (4, 'h')}[kind]
h = bytearray(352)
struct.pack_into('<i', h, 0, 348)
struct.pack_into('<8h', h, 40, 3, 12, 10, 8, 1, 1, 1, 1)
struct.pack_into('<2h', h, 70, code, 8 * struct.calcsize(letter))
struct.pack_into('<8f', h, 76, 1, 2, 2, 2, 0, 0, 0, 0)
struct.pack_into('<2f', h, 108, 352, 1)
h[123] = 2
struct.pack_into('<2h', h, 252, 1, 1)
struct.pack_into('<3f', h, 268, -10, -20, -30)
struct.pack_into('<12f', h, 280, 2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30)
h[344:348] = b'n+1\0'
for c in changes:
    form, at, value = c.split(':')
    struct.pack_into('<' + form, h, int(at), float(value) if form in 'fd' else int(value))
f = eval('lambda i: ' + values)
inf, nan = float('inf'), float('nan')
open(path, 'wb').write(bytes(h) + struct.pack('<%d%s' % (960, letter), *[f(i) for i in range(960)]))
E2
scan() { python3 "$T/scan.py" "$T/$1" "${@:2}"; }
# voxel I FILE: of a float32 image
voxel() { od -A n -t fF -j $((352 + 4 * $1)) -N 4 "$2" | xargs printf '%g'; }
# told NAME LINE COMMAND...: it succeeds, and these words alone are said, of whichever file
told() {
	expect_exit 0 "$1" "${@:3}"
	is "$1: what is said" "$(sed 's/^[a-z0-9-]*: [^:]*: //' "$T/err")" "$2"
}

printf '1 0 0 1\n0 1 0 0\n0 0 1 0\n' > "$T/m.txt"
scan good.nii float32 '1 + i % 7'
scan nan.nii float32 'nan if i < 3 else inf if i == 3 else 1 + i % 7'
scan large.nii float64 '1e39 if i == 5 else 1 + i % 7'
scan mirror.nii float32 '1 + i % 7' f:280:-2 f:292:10
scan metre.nii float32 '1 + i % 7' b:123:1 f:80:.002 f:84:.002 f:88:.002 f:280:.002 f:292:-.01 f:300:.002 f:308:-.02 f:320:.002 f:324:-.03 \
	f:268:-.01 f:272:-.02 f:276:-.03
scan labels.nii int32 '16777216 + i % 2'
scan all.nii float32 'nan'
scan zero.nii float32 '0'

# every tool, by one reader
tools() { # LINE FILE
	told "$2: nii-mean" "$1" nii-mean -f -o "$T/o.nii" "$T/good.nii" "$T/$2"
	told "$2: nii-mask" "$1" nii-mask -f -o "$T/o.nii" "$T/$2"
	told "$2: nii-mask --apply" "$1" nii-mask -f -o "$T/o.nii" --apply "$T/$2" "$T/good.nii"
	told "$2: nii-mask --measure" "$1" nii-mask --measure --reference "$T/$2" "$T/good.nii"
	told "$2: nii-transform" "$1" nii-transform --linear "$T/m.txt" -f -o "$T/o.nii" "$T/$2"
	told "$2: nii-transform --template" "$1" nii-transform --template "$T/$2" -f -o "$T/o.nii" "$T/good.nii"
	told "$2: nii-transform --spacing" "$1" nii-transform --spacing 3 -f -o "$T/o.nii" "$T/$2"
	told "$2: nii2png" "$1" nii2png -f -o "$T/o.png" "$T/$2"
	told "$2: nii2png --overlay" "$1" nii2png -f --overlay "$T/$2" -o "$T/o.png" "$T/good.nii"
	told "$2: nii-score" "$1" nii-score --window 3 --range 7 "$T/good.nii" "$T/$2"
	told "$2: nii-score, the reference" "$1" nii-score --window 3 --range 7 "$T/$2" "$T/good.nii"
	told "$2: nii-score --mask" "$1" nii-score --window 3 --range 7 --mask "$T/$2" "$T/good.nii" "$T/good.nii"
	expect_exit 0 "$2: nii2lat" nii2lat --grid-only -f -o "$T/o.lat" "$T/$2"
	is "$2: nii2lat: what is said" "$(grep -v 'registered to MNI\|its background is' "$T/err")" "${1:+nii2lat: $T/$2: $1}"
}
tools '' good.nii
tools '4 voxels are not finite and count as 0' nan.nii
is 'a mean with 0' "$(nii-mean -q "$T/good.nii" "$T/nan.nii" > "$T/o2.nii"; voxel 1 "$T/o2.nii")" 1

words='qform (code 1) and sform (code 1) disagree about which side is left: the sform is taken; is it right?'
told 'two sides: nii2png' "$words" nii2png -f -o "$T/o.png" "$T/mirror.nii"
told 'two sides: nii-mask' "$words" nii-mask -f -o "$T/o.nii" "$T/mirror.nii"
told 'metres' 'its lengths are in metres (xyzt_units 1), and are taken so' nii-mask --measure "$T/metre.nii"
is 'metres: as many litres' "$(tail -n 1 "$T/out" | cut -f 2)" 0.00768
told 'metres: the same place' 'its lengths are in metres (xyzt_units 1), and are taken so' nii-mean -f -o "$T/o.nii" "$T/good.nii" "$T/metre.nii"
told 'too large' '1 voxel is too large for single precision and counts as 0' nii-transform --linear "$T/m.txt" -f -o "$T/o.nii" "$T/large.nii"
for t in "nii-mask -o $T/x.nii" "nii-mean -o $T/x.nii" "nii-transform --spacing 1 -o $T/x.nii" "nii2png -o $T/x.nii" "nii-score $T/good.nii" \
	"nii-score $T/all.nii" "nii2lat --grid-only -o $T/x.nii"; do
	# shellcheck disable=SC2086
	$t "$T/all.nii" > /dev/null 2> "$T/err"
	is "nothing is finite: ${t%% *}: status" $? 65
	is "nothing is finite: ${t%% *}" "$(tail -n 1 "$T/err" | cut -d: -f 3)" ' none of its voxels is finite'
done

# labels: told apart, or refused
refuses 65 'labels that become one: moved' nii-transform --linear "$T/m.txt" -o "$T/x.nii" "$T/labels.nii"
refuses 65 'labels that become one: under another header' nii-transform --like "$T/good.nii" -o "$T/x.nii" "$T/labels.nii"
refuses 65 'labels that become one: masked' nii-mask --apply "$T/labels.nii" -o "$T/x.nii" "$T/good.nii"
refuses 65 'labels that become one: a threshold between them' nii-mask --above 16777216 -o "$T/x.nii" "$T/labels.nii"
told 'labels that become one: all of them' '480 voxels are a whole number that single precision does not hold, and rounded' \
	nii-mask -f -o "$T/o.nii" "$T/labels.nii"
is 'nothing refused left a file' "$(ls "$T/x.nii" 2> /dev/null)" ''

# what a header says of values goes with the values: cal_max 4095, cal_min -5, a t statistic
scan cal.nii int16 'i % 900' f:124:4095 f:128:-5 h:68:3 f:56:17
about() { od -A n -v -t fF -j 124 -N 8 "$1" | xargs printf '%g %g '; od -A n -t d2 -j 68 -N 2 "$1" | xargs printf '%d '; od -A n -t fF -j 56 -N 4 "$1" | xargs printf '%g'; }
is 'cal_max: as it is' "$(about "$T/cal.nii")" '4095 -5 3 17'
made() { # NAME WANT COMMAND...: its output's
	"${@:3}" > "$T/made.nii" 2> "$T/err"
	is "cal_max: $1" "$(about "$T/made.nii")" "$2"
}
made 'a mask has none' '0 0 0 0' nii-mask "$T/cal.nii"
made 'a scan in its mask keeps it' '4095 -5 3 17' nii-mask --apply "$T/cal.nii" "$T/good.nii"
made 'not that of the mask' '0 0 0 0' nii-mask --apply "$T/good.nii" "$T/cal.nii"
made 'a mean keeps it' '4095 -5 3 17' nii-mean "$T/cal.nii" "$T/cal.nii"
made 'a standard deviation has none' '0 0 0 0' nii-mean --sd "$T/cal.nii" "$T/cal.nii"
made 'moved' '4095 -5 3 17' nii-transform --linear "$T/m.txt" "$T/cal.nii"
made 'on another grid' '4095 -5 3 17' nii-transform --template "$T/good.nii" "$T/cal.nii"
made 'not that of the template' '0 0 0 0' nii-transform --template "$T/cal.nii" "$T/good.nii"
made 'on a new grid' '4095 -5 3 17' nii-transform --spacing 3 "$T/cal.nii"
made 'under another header' '4095 -5 3 17' nii-transform --like "$T/good.nii" "$T/cal.nii"
nii2lat -q --grid-only "$T/cal.nii" > "$T/cal.lat"
expect_exit 0 'a statistic: nii2lat' nii2lat --grid-only -f -o "$T/o.lat" "$T/cal.nii"
like 'a statistic: is said' "$(cat "$T/err")" 'cal.nii: its header says that its values are no intensities .intent_code 3, T-statistic.'
# extensions of 14 MB, which no record has room for
python3 - "$T/good.nii" "$T/big.nii" << 'E2'
import struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
n = 14 << 20
struct.pack_into('<f', b, 108, 352 + n)
b[348:352] = b'\1\0\0\0' + struct.pack('<2i', n, 6) + bytes(n - 8)
open(sys.argv[2], 'wb').write(b)
E2
refuses 65 'extensions that no record has room for' nii2lat --grid-only -o "$T/x.lat" "$T/big.nii"
like 'extensions that no record has room for: said' "$(cat "$T/err")" 'big.nii: its header and extensions have 14680416 bytes, more than the [0-9]* that a record can keep'
expect_exit 0 'which other tools read' nii-mean -f -o "$T/o.nii" "$T/big.nii"
made 'back on its own grid' '4095 -5 3 17' lat2nii --grid-only --native "$T/cal.lat"
made 'in other units' '0 0 0 0' lat2nii --grid-only --native --unit "$T/cal.lat"

# scores and their range
scan unit.nii float32 '(i * 37 % 101) / 100'
scan unit2.nii float32 '(i * 37 % 101) / 100 + .05 * (i % 3)'
scan scan.nii float32 '(i * 37 % 101) * 5'
scan scan2.nii float32 '(i * 37 % 101) * 5 + 25 * (i % 3)'
row() { cut -f 3,5- "$T/out" | tail -n 1; }
told 'scores: 0 to 1' '' nii-score --window 3 "$T/unit.nii" "$T/unit2.nii"
want=$(row)
is 'scores: 0 to 1: of range 1' "$want" "$(nii-score --window 3 --range 1 "$T/unit.nii" "$T/unit2.nii" | cut -f 3,5- | tail -n 1)"
told 'scores: 0 to 500' 'the range is taken from its values, 0 to 500: 500 (--range gives another)' nii-score --window 3 "$T/scan.nii" "$T/scan2.nii"
is 'scores: 0 to 500: the same SSIM and PSNR' "$(row | cut -f 1,3)" "$(cut -f 1,3 <<< "$want")"
told 'scores: beyond the range' 'its values, 0 to 500, lie beyond the range of 100: in other units?
its values, 0 to 550, lie beyond the range of 100: in other units?' nii-score --window 3 --range 100 "$T/scan.nii" "$T/scan2.nii"
told 'scores: one in other units' 'its values, 0 to 550, lie beyond the range of 1: in other units?' nii-score --window 3 "$T/unit.nii" "$T/scan2.nii"
told 'scores: a small part of the range' 'its values, 0 to 1, are a small part of the range of 255: in other units?
its values, 0 to 1.1, are a small part of the range of 255: in other units?' nii-score --window 3 --range 255 "$T/unit.nii" "$T/unit2.nii"
told 'scores: nothing to compare with' 'has the same value everywhere, 0: it has no SSIM' nii-score --window 3 "$T/zero.nii" "$T/zero.nii"
is 'scores: nothing to compare with: figures' "$(row)" $'n/a\t0\tn/a'
told 'scores: no mask' 'no voxel of it is inside the mask' nii-score --window 3 --mask "$T/zero.nii" "$T/unit.nii" "$T/unit2.nii"
is 'scores: no mask: figures' "$(row)" $'n/a\tn/a\tn/a'

told 'a picture of other units' 'its values, 0 to 500, are drawn by the greys of the first scan'"'"'s, 0 to 1: in other units?' \
	nii2png -f -o "$T/o.png" "$T/unit.nii" "$T/scan.nii"
told 'a picture of other units whose range is given' '' nii2png --high 400 -f -o "$T/o.png" "$T/unit.nii" "$T/scan.nii"
# capitals
nii2lat -q --grid-only --id a "$T/good.nii" > "$T/a.lat"
lat2nii --grid-only -o "$T/A.NII.GZ" "$T/a.lat"
holds 'A.NII.GZ is compressed' gzip -t "$T/A.NII.GZ"
is 'its id' "$(nii2lat -q --grid-only "$T/A.NII.GZ" | lat-info | tail -n 1 | cut -f 1)" A
lat2nii --grid-only -o "$T/B.HDR" "$T/a.lat"
is 'a pair in capitals' "$(cd "$T" && ls B.*)" $'B.HDR\nB.IMG'
holds 'which is read' lat-diff <(nii2lat -q --grid-only --id a "$T/B.IMG") <(nii2lat -q --grid-only --id a "$T/A.NII.GZ")
finish
