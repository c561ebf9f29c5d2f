# nii-volumes: volumes by counting, weighted by a map, and what it refuses.
. tests/lib.sh
python3 - "$T" << 'END'
import array, struct, sys
T, n, mm = sys.argv[1], 10, 2.0
def nii(name, v, kind, code, bits, n=n, shift=0):
    h = struct.pack('<i36s8h14xhh2x8ffffh2xff16x80s24shh6f12f16s4s', 348, b'', 3, n, n, n, 1, 1, 1, 1, code, bits, 1, mm, mm, mm, 0, 0, 0, 0, 352,
                    1, 0, 10, 0, 0, b'', b'', 0, 2, 0, 0, 0, 0, 0, 0, mm, 0, 0, shift, 0, mm, 0, 0, 0, 0, mm, 0, b'', b'n+1\0')
    open(T + '/' + name, 'wb').write(h + bytes(4) + array.array(kind, v).tobytes())
labels = [1] * 100 + [2] * 50 + [5] * 25 + [0] * 825
nii('labels.nii', labels, 'B', 2, 8)
nii('growth.nii', [1.5 if l == 1 else .5 for l in labels], 'f', 16, 32)
nii('aside.nii', [1] * 1000, 'f', 16, 32, shift=3)
nii('small.nii', [1] * 512, 'f', 16, 32, 8)
nii('image.nii', [i / 7 for i in range(1000)], 'f', 16, 32)
END
printf 'region\tlabels\nhere\t1,5\nthere\t2-4\n' > "$T/regions.tsv"
expect_exit 0 'labels' nii-volumes "$T/labels.nii"
is 'labels: counted' "$(cut -f 2,3 "$T/out" | tr '\t\n' ' ;')" 'region ml;1 0.8;2 0.4;5 0.2;'
is 'regions' "$(nii-volumes --regions "$T/regions.tsv" "$T/labels.nii" | sed 1d | cut -f 2,3 | tr '\t\n' ' ;')" 'here 1;there 0.4;'
is 'weighted' "$(nii-volumes --regions "$T/regions.tsv" --weight "$T/growth.nii" "$T/labels.nii" | sed 1d | cut -f 2,3 | tr '\t\n' ' ;')" 'here 1.3;there 0.2;'
is 'JSON' "$(nii-volumes --json "$T/labels.nii" | jq -c '[.[] | [.region, (.ml * 1000 | round)]]')" '[["1",800],["2",400],["5",200]]'
printf 'region\tlabels\nnowhere\t7\n' > "$T/other.tsv"
is 'a region that is not there' "$(nii-volumes --regions "$T/other.tsv" "$T/labels.nii" 2> "$T/err" | sed 1d | cut -f 2,3 | tr '\t' ' ')" 'nowhere 0'
is 'a region that is not there: said' "$(cat "$T/err")" "nii-volumes: $T/labels.nii: has none of the labels of nowhere"
refuses 65 'an image' nii-volumes "$T/image.nii"
refuses 65 'weights of another grid' nii-volumes --weight "$T/small.nii" "$T/labels.nii"
refuses 65 'weights that lie elsewhere' nii-volumes --weight "$T/aside.nii" "$T/labels.nii"
is 'others go on' "$(nii-volumes --keep-going "$T/image.nii" "$T/labels.nii" 2> "$T/err" | wc -l) $?" '4 65'
finish
