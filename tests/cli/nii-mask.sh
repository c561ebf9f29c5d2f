# nii-mask: what is inside, figures, refusals; and nii2png's outline of a mask. Also on Colin27's brain.
. tests/lib.sh
export OMP_NUM_THREADS=1
# write FILE NX NY NZ MM SHIFT VALUE...: float32, X fastest; values of a file: a line for each
cat > "$T/nii.py" << 'E2'
import gzip, struct, sys
def write(path, n, mm, shift, v):
    h = bytearray(352)
    struct.pack_into('<i', h, 0, 348)
    struct.pack_into('<8h', h, 40, 3, *n, 1, 1, 1, 1)
    struct.pack_into('<2h', h, 70, 16, 32)
    struct.pack_into('<8f', h, 76, 1, mm, mm, mm, 1, 1, 1, 1)
    struct.pack_into('<2f', h, 108, 352, 1)
    struct.pack_into('<2h', h, 252, 0, 1)
    struct.pack_into('<12f', h, 280, mm, 0, 0, shift, 0, mm, 0, 0, 0, 0, mm, 0)
    h[344:348] = b'n+1\0'
    open(path, 'wb').write(bytes(h) + struct.pack('<%df' % len(v), *v))
def values(path):
    b = open(path, 'rb').read()
    return struct.unpack('<%df' % ((len(b) - 352) // 4), b[352:])
if sys.argv[1] == 'write':
    write(sys.argv[2], [int(x) for x in sys.argv[3:6]], float(sys.argv[6]), float(sys.argv[7]), [float(x) for x in sys.argv[8:]])
else:
    print(' '.join('%g' % x for x in values(sys.argv[2])))
E2
write() { python3 "$T/nii.py" write "$@"; }
values() { python3 "$T/nii.py" values "$1"; }

# 4x3x3, a shell of 9, 7 and 8 round a hole in the middle of the first three planes along X; 2 alone in the fourth
shell='9 9 9 0 9 9 9 0 9 9 9 0  9 9 9 0 7 0 7 0 9 9 9 2  8 8 8 0 8 8 8 0 8 8 8 0'
# shellcheck disable=SC2086
write "$T/a.nii" 4 3 3 2 0 $shell
nii-mask -o "$T/m.nii" "$T/a.nii"
is 'greater than 0' "$(values "$T/m.nii")" '1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 0 1 0 1 1 1 1 1 1 1 0 1 1 1 0 1 1 1 0'
nii-mask --above 8 "$T/a.nii" > "$T/m.nii"
is 'greater than 8' "$(values "$T/m.nii")" '1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0'
nii-mask --fill -f -o "$T/m.nii" "$T/a.nii"
is 'holes are filled' "$(values "$T/m.nii")" '1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 1 1 1 1 0 1 1 1 0 1 1 1 0'
# shellcheck disable=SC2086
write "$T/b.nii" 4 3 3 2 0 ${shell/9 9 9 2/9 9 0 2}
nii-mask --largest -f -o "$T/m.nii" "$T/b.nii"
is 'the largest part' "$(values "$T/m.nii")" '1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 0 1 0 1 1 0 0 1 1 1 0 1 1 1 0 1 1 1 0'
nii-mask --above 8 "$T/a.nii" | nii-mask --apply "$T/b.nii" -o "$T/c.nii" -
is 'a scan inside a mask' "$(values "$T/c.nii")" '9 9 9 0 9 9 9 0 9 9 9 0 9 9 9 0 0 0 0 0 9 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0'

# 5 in a background of -1 and of -.99, which is softer than a fiftieth of the range
write "$T/z.nii" 4 3 3 2 0 -1 -1 -1 -1  -1 -.99 -1 -1  -1 -1 -1 -1   -1 -1 -1 -1  -1 5 3 -1  -1 -1 -1 -1   -1 -1 -1 -1  -1 -1 -1 -1  -1 -1 -1 -1
nii-mask --apart .02 -f -o "$T/m.nii" "$T/z.nii"
is 'apart from the background' "$(values "$T/m.nii" | tr -d ' ')" 000000000000000001100000000000000000
expect_exit 0 'lifted from it' nii-mask --lift --apply "$T/z.nii" -f -o "$T/c.nii" "$T/m.nii"
is 'lifted: values' "$(values "$T/c.nii" | tr -d ' ')" 000000000000000006400000000000000000
is 'lifted: said' "$(cat "$T/err")" "nii-mask: $T/z.nii: the background is -1; it becomes 0"
write "$T/y.nii" 4 3 3 2 0 0 0 0 0  0 0 0 0  0 0 0 0   0 0 0 0  0 5 -3 0  0 0 0 0   0 0 0 0  0 0 0 0  0 0 0 0
nii-mask --apart .02 -f -o "$T/m.nii" "$T/y.nii"
nii-mask --lift --apply "$T/y.nii" -f -o "$T/c.nii" "$T/m.nii" 2> "$T/err"
is 'standardised: values' "$(values "$T/c.nii" | tr -d ' ')" 000000000000000007.992-0.00800000000000000000
like 'standardised: said' "$(cat "$T/err")" "y.nii: 50 % of the brain are darker than the background .standardised intensities..; -2.992 becomes 0"
refuses 64 'lifted without a scan' nii-mask --lift -o "$T/x.nii" "$T/a.nii"
refuses 64 'a share of more than all' nii-mask --apart 1 -o "$T/x.nii" "$T/a.nii"
refuses 64 'apart and above' nii-mask --apart .1 --above 3 -o "$T/x.nii" "$T/a.nii"

is 'litres' "$(nii-mask --measure "$T/a.nii" | tail -n 1)" "$T/a.nii	0.000216	n/a	n/a"
is 'against itself' "$(nii-mask --measure --reference "$T/a.nii" "$T/a.nii" | tail -n 1)" "$T/a.nii	0.000216	1	1"
is 'as JSON' "$(nii-mask --json --measure "$T/a.nii" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(round(d["litres"], 9), d["dice"])')" \
	'0.000216 None'
# the same values one voxel to the right: 3 of 4 planes along X meet
write "$T/r.nii" 4 1 1 2 0 1 2 3 4
write "$T/s.nii" 4 1 1 2 2 1 2 3 4
is 'space decides where' "$(nii-mask --measure --reference "$T/r.nii" "$T/s.nii" | tail -n 1 | cut -f 3)" 0.857143
# (1,0) (2,1) (3,2) (4,3): a line
is 'so for values' "$(nii-mask --measure --reference "$T/r.nii" "$T/s.nii" | tail -n 1 | cut -f 4)" 1

write "$T/other.nii" 2 3 3 2 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
# shellcheck disable=SC2086
write "$T/moved.nii" 4 3 3 2 1 $shell
refuses 65 'a mask of another size' nii-mask --apply "$T/other.nii" -o "$T/x.nii" "$T/a.nii"
refuses 65 'a mask that lies elsewhere' nii-mask --apply "$T/moved.nii" -o "$T/x.nii" "$T/a.nii"
refuses 66 'no scan to apply it to' nii-mask --apply "$T/none.nii" -o "$T/x.nii" "$T/a.nii"
refuses 66 'no reference' nii-mask --measure --reference "$T/none.nii" "$T/a.nii"
refuses 64 'a reference without --measure' nii-mask --reference "$T/a.nii" -o "$T/x.nii" "$T/a.nii"
refuses 64 '--apply and --measure' nii-mask --apply "$T/a.nii" --measure "$T/a.nii"
is 'nothing is left behind' "$(ls "$T"/x.nii 2> /dev/null)" ''

# ---- an outline in a picture: red on it, grey inside and outside ----
python3 - "$T" << 'E2'
import sys
sys.argv[1:1] = ['-']
exec(open(sys.argv[2] + '/nii.py').read().split('if sys.argv')[0])
n = 40
inside = [float(8 <= x < 32 and 8 <= y < 32 and 8 <= z < 32) for z in range(n) for y in range(n) for x in range(n)]
write(sys.argv[2] + '/cube.nii', [n] * 3, 1, 0, inside)
write(sys.argv[2] + '/flat.nii', [n] * 3, 1, 0, [100.] * n ** 3)
E2
nii2png --contour --overlay "$T/cube.nii" --no-captions -p a -n 1 -s 160 -o "$T/p.png" "$T/flat.nii"
nii2png --overlay "$T/cube.nii" --no-captions -p a -n 1 -s 160 -o "$T/full.png" "$T/flat.nii"
cat > "$T/png.py" << 'E2'
import struct, sys, zlib
b = open(sys.argv[1], 'rb').read()
at, data = 8, b''
while at < len(b):
    n, kind = struct.unpack('>I4s', b[at:at + 8])
    if kind == b'IHDR':
        w, h = struct.unpack('>2I', b[at + 8:at + 16])
    if kind == b'IDAT':
        data += b[at + 8:at + 8 + n]
    at += 12 + n
raw, red, last = zlib.decompress(data), 0, bytes(3 * w)
for y in range(h):
    kind, line = raw[y * (3 * w + 1)], bytearray(raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)])
    for i in range(3 * w):
        a, u, c = line[i - 3] if i > 2 else 0, last[i], last[i - 3] if i > 2 else 0
        p = a + u - c
        paeth = min((abs(p - a), 0, a), (abs(p - u), 1, u), (abs(p - c), 2, c))[2]
        line[i] = line[i] + (0, a, u, (a + u) // 2, paeth)[kind] & 255
    red += sum(line[i] > 200 and line[i + 1] < 100 for i in range(0, 3 * w, 3))
    last = line
print(red)
E2
red=$(python3 "$T/png.py" "$T/p.png")
# 24 of about 42.4 mm on 160 pixels: a square of 90 pixels, whose outline has 4 x 89
if [ "$red" -gt 330 ] && [ "$red" -lt 380 ]; then ok 'the outline of a mask'; else not_ok 'the outline of a mask' "$red red pixels"; fi
is 'a mask that covers what is below has none' "$(python3 "$T/png.py" "$T/full.png")" 0
refuses 64 'an outline of nothing' nii2png --contour -o "$T/x.png" "$T/flat.nii"

colin=/usr/share/mricron/templates/ch2bet.nii.gz
if [ -e "$colin" ]; then
	is "Colin27's brain" "$(nii-mask --measure --reference "$colin" "$colin" | tail -n 1)" "$colin	1.73719	1	1"
	is 'threads do not change figures' "$(nii-mask -j1 --measure --reference "$colin" "$colin")" "$(nii-mask -j2 --measure --reference "$colin" "$colin")"
else
	skip "Colin27's brain" 'no mricron-data'
fi
finish
