# A scan through a network: identities, history, sampling, plans, threads, models that are missing or broken. The weights are untrained.
. tests/lib.sh
python3 tests/small.py "$T"
cat > "$T/c.json" <<'JSON'
{"volume": [16, 20, 16],
 "autoencoder": {"channels": [8, 8, 8], "latent_channels": 2, "groups": 4, "res_blocks": 1},
 "preparation": {"name": "world", "size": [16, 20, 16], "affine": [[10, 0, 0, -75], [0, 10, 0, -95], [0, 0, 10, -75]]}}
JSON
mkdir -p "$T/models/a" "$T/models/b"
for m in a b; do "$BUILD/tests/tools/random-ae" "$T/models/$m/autoencoder.safetensors" "$T/c.json" "$(printf %d "'$m")"; done
export LATPIPE_MODELS=$T/models
scan=$T/ball.nii

expect_exit 0 'encode' nii2lat -q -m a "$scan" -o "$T/s.lat"
is 'silent' "$(cat "$T/out" "$T/err")" ''
holds 'the stream is whole' lat-check "$T/s.lat"
is 'tensors and shapes' "$(lat-info "$T/s.lat" | cut -f1,3-5 | tr '\t\n' '  ')" 'id tensor dtype shape ball x f32 1x16x20x16 ball z f32 2x4x5x4 '
identity=$(python3 - "$T/models/a/autoencoder.safetensors" <<'PY'
import hashlib, struct, sys
b = open(sys.argv[1], 'rb').read()
print(hashlib.sha256(b[8 + struct.unpack('<Q', b[:8])[0]:]).hexdigest())
PY
)
like 'z names the model by what the file holds' "$(lat-info --json "$T/s.lat")" "\"identity\":\"$identity\""
expect_exit 0 'decode' lat2nii -m a --native -o "$T/n.nii" "$T/s.lat"
is 'on the scan'"'"'s grid' "$(nii-score "$scan" "$T/n.nii" 2> "$T/err" | wc -l)" 2
like 'its range is said' "$(cat "$T/err")" 'the range is taken from its values, 0 to 1049: 1049'
holds 'the model by its folder' lat2nii -m "$T/models/a" -o "$T/folder.nii" "$T/s.lat"
holds 'the model by its file' lat2nii -m "$T/models/a/autoencoder.safetensors" -o "$T/file.nii" "$T/s.lat"
if cmp -s "$T/folder.nii" "$T/file.nii"; then ok 'the same scan'; else not_ok 'the same scan'; fi

for j in 1 2 3; do
	nii2lat -q -j $j -m a "$scan" > "$T/j$j.lat"
	lat2nii -j $j -m a "$T/s.lat" > "$T/j$j.nii"
done
is 'threads do not change bytes' "$(cat "$T"/j?.lat | wc -c) $(md5sum < "$T/j1.lat") $(md5sum < "$T/j1.nii")" \
	"$(cat "$T/j2.lat" "$T/j3.lat" "$T/j2.lat" | wc -c) $(md5sum < "$T/j2.lat") $(md5sum < "$T/j3.nii")"

refuses 65 'a record of another model' lat2nii -m b -o "$T/b.nii" "$T/s.lat"
like 'says so' "$(cat "$T/err")" 'another model'
is 'and writes nothing' "$(ls "$T/b.nii" 2> /dev/null)" ''
expect_exit 0 '--any-model' lat2nii -m b --any-model -o "$T/b.nii" "$T/s.lat"
lat2npy -n z -o "$T/z.npy" "$T/s.lat"
npy2lat --onto "$T/s.lat" z="$T/z.npy" > "$T/foreign.lat"
expect_exit 0 'a tensor from outside belongs to no model' lat2nii -m b -o "$T/foreign.nii" "$T/foreign.lat"
if cmp -s "$T/b.nii" "$T/foreign.nii"; then ok 'the same numbers, the same scan'; else not_ok 'the same numbers, the same scan'; fi
lat-cut -n x "$T/s.lat" > "$T/x.lat"
refuses 65 'a record without z' lat2nii -m a -o "$T/none.nii" "$T/x.lat"

refuses 66 'no such model' nii2lat -m nobody "$scan"
refuses 66 'no such file of weights' nii2lat -m "$T/none.safetensors" "$scan"
head -c 3000 "$T/models/a/autoencoder.safetensors" > "$T/cut.safetensors"
refuses 78 'weights cut short' nii2lat -m "$T/cut.safetensors" "$scan"
refuses 78 'weights of something else' nii2lat -m "$T/c.json" "$scan"
refuses 74 'full disk' bash -c "exec nii2lat -q -m a '$scan' > /dev/full"

nii2lat -q -m a --sample 1 "$scan" > "$T/r1.lat"
nii2lat -q -m a --sample 1 "$scan" > "$T/r1again.lat"
nii2lat -q -m a --sample 2 "$scan" > "$T/r2.lat"
expect_exit 0 'a drawn latent is repeated by its seed' lat-diff "$T/r1.lat" "$T/r1again.lat"
expect_exit 1 'another seed, another latent' lat-diff "$T/r1.lat" "$T/r2.lat"
expect_exit 1 'which is not the mean' lat-diff "$T/s.lat" "$T/r1.lat"
like 'the seed is in the history' "$(lat-info --json "$T/r1.lat")" '"options":\{"sample":1\}'
like 'threads and paths are not' "$(nii2lat -qj1 -m a "$scan" | lat-info --json)" '"history":\[\{"options":\{\},"tool":"nii2lat","version":"[0-9.]*"\}\]'
nii2lat -q -m a --f16 "$scan" > "$T/h.lat"
expect_exit 0 'f16 is within its rounding' lat-diff -t 5e-4 "$T/s.lat" "$T/h.lat"

for t in nii2lat lat2nii; do
	case $t in nii2lat) input=$scan ;; *) input=$T/s.lat ;; esac
	is "$t --plan: numbers, and nothing is made" "$($t --plan -m a -o "$T/planned" "$input" | python3 -c '
import json, sys
p = json.loads(sys.stdin.read())
print(sorted(p), p["flop"] > 1e6, p["peak_bytes"] > 4e5, p["seconds"] > 0)') $(ls "$T/planned" 2> /dev/null)" "['flop', 'peak_bytes', 'seconds'] True True True "
done
finish
