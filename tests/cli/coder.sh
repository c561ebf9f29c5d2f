# nii2lat and lat2nii with a network: the small one of tests/oracle.
. tests/lib.sh
export OMP_NUM_THREADS=1
make_nii=$BUILD/tests/tools/make-nii
model=tests/oracle/golden/autoencoder.safetensors
"$make_nii" "$T/scan.nii" mm=4 type=float32

expect_exit 0 'a scan is encoded' nii2lat -m $model --no-history -o "$T/scan.lat" "$T/scan.nii"
is 'tensors' "$(lat-info "$T/scan.lat" | tail -n +2 | cut -f3-5 | tr '\t\n' ' ;')" 'x f32 1x32x40x32;z f32 3x8x10x8;'
like 'the model is named' "$(lat-info "$T/scan.lat" | tail -n 1 | cut -f8)" '^[0-9a-f]{12}$'
nii2lat -m $model --no-history -j2 "$T/scan.nii" > "$T/two.lat"
holds 'the same bytes on two threads' cmp "$T/scan.lat" "$T/two.lat"
nii2lat -m $model --no-history --sample 7 "$T/scan.nii" > "$T/s7.lat"
nii2lat -m $model --no-history --sample 7 "$T/scan.nii" > "$T/again.lat"
nii2lat -m $model --no-history --sample 8 "$T/scan.nii" > "$T/s8.lat"
holds 'a draw is a function of its seed' cmp "$T/s7.lat" "$T/again.lat"
expect_exit 1 'another seed, another draw' lat-diff "$T/s7.lat" "$T/s8.lat"
expect_exit 1 'a draw is not the mean' lat-diff "$T/s7.lat" "$T/scan.lat"
nii2lat -m $model --f16 "$T/scan.nii" > "$T/half.lat"
holds '--f16: nearly the same' lat-diff -t 1e-3 "$T/scan.lat" "$T/half.lat"
is '--f16: types' "$(lat-info "$T/half.lat" | tail -n +2 | cut -f4 | tr '\n' ' ')" 'f16 f16 '

expect_exit 0 'decoded' lat2nii -m $model -o "$T/grid.nii" "$T/scan.lat"
is 'decoded: size' "$(stat -c %s "$T/grid.nii")" $((352 + 4 * 32 * 40 * 32))
expect_exit 0 'decoded on the own grid' lat2nii -m $model --native -o "$T/native.nii" "$T/scan.lat"
is 'decoded on the own grid: size' "$(stat -c %s "$T/native.nii")" "$(stat -c %s "$T/scan.nii")"
lat2nii -m $model -j2 "$T/scan.lat" > "$T/two.nii"
holds 'decoded: the same bytes on two threads' cmp "$T/grid.nii" "$T/two.nii"
# x of `stored`, back on the grid that it came from: nothing is lost but what was smaller than its voxels
lat2nii --grid-only --native -f -o "$T/native.nii" "$T/scan.lat"
holds 'stored preparation, and back' nii-score --window 3 --range 900 --min-ssim .3 "$T/scan.nii" "$T/native.nii"

# another model: the same file with one weight changed
python3 - $model "$T/other.safetensors" << 'E2'
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
b[-2] ^= 1
open(sys.argv[2], 'wb').write(b)
E2
refuses 65 'a record of another model' lat2nii -m "$T/other.safetensors" -o "$T/no.nii" "$T/scan.lat"
like 'a record of another model: the way out' "$(cat "$T/err")" '^lat2nii: scan: z is of another model .*--any-model'
expect_exit 0 '--any-model' lat2nii -m "$T/other.safetensors" --any-model -f -o "$T/grid.nii" "$T/scan.lat"
nii2lat --grid-only "$T/scan.nii" > "$T/x.lat"
refuses 65 'no z' lat2nii -m $model -o "$T/no.nii" "$T/x.lat"
for t in "nii2lat $T/scan.nii" "lat2nii $T/scan.lat"; do
	# shellcheck disable=SC2086
	is "${t%% *} --plan" "$($t -m $model --plan | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(sorted(p), p["flop"] > 1e6, p["peak_bytes"] > 1e6, 0 < p["seconds"] < 60)')" "['flop', 'peak_bytes', 'seconds'] True True True"
done
finish
