# nii-mean: means and standard deviations by values, whose header stays, and what it refuses.
. tests/lib.sh
python3 - "$T" << 'END'
import struct, sys
side = 12
def save(name, f):
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, %d, %d, %d), }" % (side, side, side)).ljust(117) + "\n"
    v = [f(i) for i in range(side ** 3)]
    open(sys.argv[1] + "/%s.npy" % name, "wb").write(b"\x93NUMPY\1\0" + len(h).to_bytes(2, "little") + h.encode() + struct.pack("<%df" % len(v), *v))
for k in (1, 2, 6):
    save("v%d" % k, lambda i: k * (i % 7))
save("mean", lambda i: 3 * (i % 7))
save("sd", lambda i: (14 / 3) ** .5 * (i % 7)) # of 1, 2, 6
END
for name in v1 v2 v6 mean sd; do
	npy2lat --id $name x="$T/$name.npy" | lat2nii --grid-only --unit -o "$T/$name.nii"
done
expect_exit 0 'a mean' nii-mean -o "$T/m.nii" "$T/v1.nii" "$T/v2.nii" "$T/v6.nii"
holds 'a mean: by value' nii-score --max-mse 1e-12 "$T/mean.nii" "$T/m.nii"
expect_exit 0 'a standard deviation' nii-mean --sd -o "$T/s.nii" "$T/v1.nii" "$T/v2.nii" "$T/v6.nii"
holds 'a standard deviation: by value' nii-score --max-mse 1e-12 "$T/sd.nii" "$T/s.nii"
holds 'of one scan: itself' cmp "$T/v2.nii" <(nii-mean "$T/v2.nii")
holds 'of one scan: no spread' nii-score --max-mse 0 <(nii-mean --sd "$T/v2.nii") <(nii-mean --sd "$T/v6.nii" "$T/v6.nii")
nii-mean --int16 -o "$T/short.nii" "$T/v1.nii" "$T/v2.nii" "$T/v6.nii"
holds 'in 16 bits: by value' nii-score --max-mse 1e-7 "$T/mean.nii" "$T/short.nii"
is 'in 16 bits: half the size' "$(($(wc -c < "$T/m.nii") - $(wc -c < "$T/short.nii")))" $((12 * 12 * 12 * 2))

"$BUILD/tests/tools/make-nii" "$T/a.nii" mm=8 type=uint8 extension=1
"$BUILD/tests/tools/make-nii" "$T/b.nii" mm=8 shift=3
"$BUILD/tests/tools/make-nii" "$T/c.nii" mm=4
nii-mean -o "$T/h.nii" "$T/a.nii" "$T/a.nii"
is 'the header is the first one'"'"'s, but for type and scaling' "$(cmp -l -n 400 "$T/a.nii" "$T/h.nii" | awk '{ print $1 }' | tr '\n' ' ')" '71 73 115 116 '
refuses 65 'another size' nii-mean -o "$T/o.nii" "$T/a.nii" "$T/c.nii"
is 'another size: says whose' "$(cut -d: -f2 "$T/err")" " $T/c.nii"
refuses 65 'another place' nii-mean -o "$T/o.nii" "$T/a.nii" "$T/b.nii"
refuses 66 'a scan that is not there' nii-mean -o "$T/o.nii" "$T/a.nii" "$T/none.nii"
refuses 73 'an output that exists' nii-mean -o "$T/h.nii" "$T/a.nii"
is 'nothing refused left a file' "$(ls "$T/o.nii" 2> /dev/null)" ''
finish
