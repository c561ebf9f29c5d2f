# nii-transform: voxels stay, headers change; other grids, in every storage order; refusals.
. tests/lib.sh
export OMP_NUM_THREADS=1
make_nii=$BUILD/tests/tools/make-nii
printf '1 0 0 10\n0 1 0 0 # to the right\n\n0 0 1 0\n' > "$T/right.txt"
printf '1.1 .1 0 3\n-.1 .9 .05 -4\n0 .02 1.05 7\n0 0 0 1\n' > "$T/affine.txt"
agrees() { nii-mask --measure --reference "$1" "$2" | awk -F '\t' -v least="$3" 'NR == 2 { print ($4 >= least ? "yes" : $4) }'; }
# affine FILE: sform's rows and both codes
cat > "$T/affine.py" << 'E2'
import struct, sys
b = open(sys.argv[1], 'rb').read()
e = '<' if b[:4] in (struct.pack('<i', 348), struct.pack('<i', 540)) else '>'
if struct.unpack(e + 'i', b[:4])[0] == 348:
    print('%d %d' % struct.unpack_from(e + '2h', b, 252), ' '.join('%.4f' % v for v in struct.unpack_from(e + '12f', b, 280)))
else:
    print('%d %d' % struct.unpack_from(e + '2i', b, 344), ' '.join('%.4f' % v for v in struct.unpack_from(e + '12d', b, 400)))
E2
affine() { python3 "$T/affine.py" "$1"; }

"$make_nii" "$T/a.nii" mm=4 type=float32 slope=1
nii-transform --linear "$T/affine.txt" -o "$T/moved.nii" "$T/a.nii"
want=$(python3 - "$(affine "$T/a.nii")" << 'E2'
import sys
a = [float(x) for x in sys.argv[1].split()[2:]]
m = [[1.1, .1, 0, 3], [-.1, .9, .05, -4], [0, .02, 1.05, 7]]
print('0 2', ' '.join('%.4f' % (sum(m[i][k] * a[4 * k + j] for k in range(3)) + (m[i][3] if j == 3 else 0)) for i in range(3) for j in range(4)))
E2
)
is 'the matrix times the affine; no qform' "$(affine "$T/moved.nii")" "$want"
is 'no voxel changes' "$(tail -c +353 "$T/moved.nii" | sha256sum)" "$(tail -c +353 "$T/a.nii" | sha256sum)"
nii-transform --linear "$T/affine.txt" --inverse -o "$T/back.nii" "$T/moved.nii"
is 'the inverse goes back' "$(affine "$T/back.nii" | cut -d ' ' -f 3- | sed 's/-0\.0000/0.0000/g')" \
	"$(affine "$T/a.nii" | cut -d ' ' -f 3- | sed 's/-0\.0000/0.0000/g')"
nii-transform --like "$T/a.nii" -o "$T/same.nii" "$T/moved.nii"
if cmp -s "$T/same.nii" "$T/a.nii"; then ok '--like: every byte of the original'; else not_ok '--like: every byte of the original'; fi
nii-transform --template "$T/a.nii" -o "$T/same2.nii" "$T/a.nii"
if cmp -s "$T/same2.nii" "$T/a.nii"; then ok 'on its own grid: the same'; else not_ok 'on its own grid: the same'; fi

# a brain that was moved 10 mm to the right, and one that was made there
"$make_nii" "$T/there.nii" mm=4 type=float32 shift=10
nii-transform --linear "$T/right.txt" --template "$T/a.nii" -o "$T/right.nii" "$T/a.nii"
is 'moved to the right' "$(agrees "$T/there.nii" "$T/right.nii" .97)" yes
is 'which it was not before' "$(agrees "$T/there.nii" "$T/a.nii" .97 | grep -c yes)" 0

# every way to store a scan: the same on a grid along the axes, and after a move
i=0
for o in 'order=RAS' 'order=LPS version=2' 'order=SRA swap=1' 'order=AIL version=2 swap=1 qform=0' 'order=PSR sform=0 type=int16'; do
	i=$((i + 1))
	# shellcheck disable=SC2086
	"$make_nii" "$T/o.nii" mm=4 type=float32 $o
	nii-transform --spacing 4 -f -o "$T/even$i.nii" "$T/o.nii"
	nii-transform --linear "$T/affine.txt" "$T/o.nii" | nii-transform --template "$T/a.nii" -f -o "$T/m$i.nii" -
	is "$o: along the axes" "$(agrees "$T/even1.nii" "$T/even$i.nii" .99999)" yes
	is "$o: moved" "$(agrees "$T/m1.nii" "$T/m$i.nii" .99999)" yes
done
"$make_nii" "$T/o.nii" mm=4 type=float32 degrees=20
nii-transform --spacing 2 -o "$T/oblique.nii" "$T/o.nii"
is 'oblique: the same places' "$(agrees "$T/o.nii" "$T/oblique.nii" .98)" yes
is 'along right, front and up' "$(affine "$T/oblique.nii" | cut -d ' ' -f 1-5,7-9,11-13)" '1 1 2.0000 0.0000 0.0000 0.0000 2.0000 0.0000 0.0000 0.0000 2.0000'

printf '1 0 0 0\n0 1 0 0\n' > "$T/short.txt"
printf '1 0 0 0\n0 1 0 0\n1 1 0 0\n' > "$T/singular.txt"
printf '1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n' > "$T/projective.txt"
printf '1 0 0 0\n0 1 0 x\n0 0 1 0\n' > "$T/letters.txt"
printf '1 0 0 0\n0 1 0 nan\n0 0 1 0\n' > "$T/nan.txt"
printf '1e300 0 0 0\n0 1 0 0\n0 0 1 0\n' > "$T/huge.txt"
for m in short singular projective letters nan huge; do
	refuses 65 "a matrix that is none: $m" nii-transform --linear "$T/$m.txt" -o "$T/x.nii" "$T/a.nii"
done
refuses 66 'no matrix' nii-transform --linear "$T/none.txt" -o "$T/x.nii" "$T/a.nii"
refuses 64 'the inverse of nothing' nii-transform --inverse -o "$T/x.nii" "$T/a.nii"
refuses 64 'two grids' nii-transform --spacing 2 --template "$T/a.nii" -o "$T/x.nii" "$T/a.nii"
refuses 64 'no spacing' nii-transform --spacing 0 -o "$T/x.nii" "$T/a.nii"
refuses 65 'too fine a spacing' nii-transform --spacing 1e-5 -o "$T/x.nii" "$T/a.nii"
refuses 65 'a header for other voxels' nii-transform --like "$T/oblique.nii" -o "$T/x.nii" "$T/a.nii"
refuses 66 'no template' nii-transform --template "$T/none.nii" -o "$T/x.nii" "$T/a.nii"
is 'nothing is left behind' "$(ls "$T"/x.nii 2> /dev/null)" ''
finish
