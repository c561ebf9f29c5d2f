# pipelines/train/warps: Colin27's brain, smaller and larger, registered to the mean of both: warps that shrink and stretch by as much.
. tests/lib.sh
colin=/usr/share/mricron/templates/ch2bet.nii.gz
[ -e "$colin" ] || { skip 'warps: no mricron-data'; finish; exit; }
cat > "$T/c.json" << 'E2'
{"volume": [48, 60, 48], "autoencoder": {"channels": [8, 8], "groups": 4},
 "preparation": {"name": "world", "size": [48, 60, 48], "affine": [[4, 0, 0, -94.75], [0, 4, 0, -136.75], [0, 0, 4, -89.25]]}}
E2
echo nobody > "$T/held.txt"
for percent in 92 108; do
	awk -v s=$percent 'BEGIN { for (i = 0; i < 3; i++) { for (j = 0; j < 3; j++) printf "%g ", i == j ? s / 100 : 0; print 0 } }' > "$T/scale.txt"
	nii-transform --linear "$T/scale.txt" -o "$T/$percent.nii.gz" "$colin"
	nii2lat -q --grid-only --recipe "$T/c.json" --id "sub-$percent" "$T/$percent.nii.gz" >> "$T/scans.lat" 2> /dev/null
done
expect_exit 0 'two scans' bash -c 'bash pipelines/train/warps "$1/scans.lat" "$1/held.txt" 2 > "$1/warped.lat"' - "$T"
is 'a warp at every fourth voxel' "$(lat-info "$T/warped.lat" | awk -F '\t' '$3 == "warp" { print $1, $5 }' | tr '\n' ' ')" 'sub-92 3x12x15x12 sub-108 3x12x15x12 '
lat2npy -n warp -o "$T/{id}.npy" "$T/warped.lat"
# along each axis, how much further apart the places of the mean lie in the scan: in the middle of the brain
python3 - "$T" << 'E2' > "$T/found"
import struct, sys
g = (12, 15, 12)
for scan in "92", "108":
    b = open("%s/sub-%s.npy" % (sys.argv[1], scan), "rb").read()
    v = struct.unpack("<%df" % (3 * g[0] * g[1] * g[2]), b[10 + struct.unpack("<H", b[8:10])[0]:])
    for axis in range(3):
        n = top = bottom = 0
        for i in range(3, 9):
            for j in range(4, 11):
                for k in range(3, 9):
                    at = (i, j, k)[axis]
                    u = v[((axis * g[0] + i) * g[1] + j) * g[2] + k]
                    mean = (5.5, 7, 5.5)[axis]
                    top += (at - mean) * u
                    bottom += (at - mean) ** 2 * 4
        print(scan, axis, 100 * top / bottom)
E2
cat "$T/found" | sed 's/^/# /'
holds 'the smaller one shrinks, the larger one stretches, by 8 % along each axis' awk '
	{ want = $1 == 92 ? -8 : 8; bad += ($3 - want) ^ 2 > 3 ^ 2 } END { exit bad || NR != 6 }' "$T/found"
finish
