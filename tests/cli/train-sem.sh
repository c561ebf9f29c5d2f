# train-sem on tiny networks: what it leaves, what it leaves alone, its conventions and identities, that a run which was stopped ends with
# the bits of one that was not, that the folder is a model, refusals.
. tests/lib.sh
. tests/training.sh
printf 'sub-03\nsub-04\n' > "$T/held.txt"
ldm -o "$T/ldm" --steps 10 "${scans[@]}"
mkdir "$T/model"
cp "$T/ae/autoencoder.safetensors" "$T/ldm/unet.safetensors" "$T/model"
before=$(cat "$T"/model/* | sha256sum)
sem() { train-sem -q -m "$T/model" -c "$T/c.json" --validation "$T/held.txt" "$@"; }
both() { cat "$1/semantic.safetensors" "$1/shift_unet.safetensors" | sha256sum; }

expect_exit 0 'a run' sem -o "$T/whole" "${scans[@]}"
is 'quiet' "$(cat "$T/out" "$T/err")" ''
is 'what it leaves' "$(cd "$T/whole" && echo *)" \
	'checkpoint.safetensors log.tsv semantic.safetensors shift_unet.safetensors step-000005.png step-000010.png step-000012.png validation.tsv'
is 'a line for each step' "$(cut -f1 "$T/whole/log.tsv" | tr '\n' ' ')" 'step 0 1 2 3 4 5 6 7 8 9 10 11 '
is 'before the first step the shift is 0' "$(awk -F'\t' 'NR == 2 { print ($2 - $3) ^ 2 < 1e-12 }' "$T/whole/log.tsv")" 1
is 'validations' "$(cut -f1 "$T/whole/validation.tsv" | tr '\n' ' ')" 'step 5 10 12 '
holds 'the loss falls below that of the U-Net alone' awk -F'\t' 'END { exit !($2 < .95 * $4) }' "$T/whole/validation.tsv"
holds 'no gradient is steep, although the background is 0' awk -F'\t' 'NR > 1 && !($4 < 3) { bad = 1 } END { exit bad }' "$T/whole/log.tsv"
holds 'another code is another loss' awk -F'\t' 'END { exit !($3 != "" && $3 != $2) }' "$T/whole/validation.tsv"
holds 'the weights are whole' lat-check "$T/whole/semantic.safetensors"
holds 'the weights are whole: shift U-Net' lat-check "$T/whole/shift_unet.safetensors"

# what the U-Net has is as it was; the rest has moved; the places' code is a formula
is 'frozen weights: the same bits' "$(python3 - "$T" << 'E2'
import json, struct, sys
def load(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    h.pop("__metadata__")
    return {k: b[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]] for k, t in h.items()}
T = sys.argv[1]
u, s, e = load(T + "/ldm/unet.safetensors"), load(T + "/whole/shift_unet.safetensors"), load(T + "/whole/semantic.safetensors")
print(all(s[k] == u[k] for k in u), len(s) > len(u), any(s["shift_out.2.weight"]), struct.unpack("<4f", e["positional_encoding.pe"][:16])[1])
E2
)" 'True True True 1.0'
# a step as good as none: the shift branch is a copy of what is beside it, but for the last convolution and what reads the code
sem -o "$T/none" --steps 1 --lr 1e-12 "${scans[@]}"
is 'how the shift branch begins' "$(python3 - "$T" << 'E2'
import json, struct, sys
b = open(sys.argv[1] + "/none/shift_unet.safetensors", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
def values(k):
    a, z = h[k]["data_offsets"]
    return struct.unpack("<%df" % ((z - a) // 4), b[8 + n + a:8 + n + z])
def off(k):
    return max(abs(x - y) for x, y in zip(values(k), values(k[len("shift_"):])))
copied = [k for k in h if k.startswith("shift_") and k[len("shift_"):] in h and not k.startswith("shift_out.2.")]
print(len(copied) > 20, all(off(k) < 1e-9 for k in copied), max(map(abs, values("shift_out.2.weight"))) < 1e-9)
E2
)" 'True True True'
# begun where another ended
sem -o "$T/on" --steps 1 --lr 1e-12 --init "$T/whole" --init-shift "$T/whole" "${scans[@]}"
is '--init, --init-shift: the score of those' "$(awk -F'\t' 'FNR == 1 { file++; next } file == 1 { if (best == "" || $2 < best) best = $2 }
	file == 2 { print ($2 - best) ^ 2 < 1e-12 }' "$T/whole/validation.tsv" "$T/on/validation.tsv")" 1
is 'the model is as it was' "$(cat "$T"/model/* | sha256sum)" "$before"
is 'identity of the autoencoder' "$(meta "$T/whole/shift_unet" autoencoder)" "$(meta "$T/ae/autoencoder" identity)"
is 'identity of the encoder' "$(meta "$T/whole/shift_unet" semantic)" "$(meta "$T/whole/semantic" identity)"
is 'identity of the U-Net' "$(meta "$T/whole/shift_unet" unet)" "$(meta "$T/ldm/unet" identity)"
is 'preparation' "$(meta "$T/whole/semantic" preparation)" "$(meta "$T/ae/autoencoder" preparation)"
diffusion() { meta "$1" config | python3 -c 'import json, sys; d = json.load(sys.stdin)["diffusion"]; print(d["clip"], d["shift"], d["scale_factor"])'; }
is 'conventions: those of the U-Net' "$(diffusion "$T/whole/shift_unet")" "$(diffusion "$T/ldm/unet")"
like 'conventions: ours' "$(diffusion "$T/whole/shift_unet")" '^None noise [0-9.]+$'

# the encoder's teacher: alone at first, then beside the loss; stopped and resumed it is the same
with='"coarse_weight": 0.1, "coarse_steps": 6, "optimiser": "muon", "lr": 0.01,'
sed '/training_sem/{s/"lr": 3e-3, "schedule": "cosine"/'"$with"' "schedule": "constant"/}' "$T/c.json" > "$T/taught.json"
taught() { train-sem -q -m "$T/model" -c "$T/taught.json" --validation "$T/held.txt" "$@"; }
taught -o "$T/taught" "${scans[@]}"
is 'the coarse loss alone at first' "$(awk -F'\t' 'NR > 1 { r = $2 / ($4 * .1); print ($3 == "") (r > .999 && r < 1.001) }' "$T/taught/log.tsv" | uniq -c | awk '{ print $1 "x" $2 }' | tr '\n' ' ')" '6x11 6x00 '
holds 'how much of the coarse scan is told' awk -F'\t' 'NR == 2 { first = $7 } { last = $7 } END { exit !(last <= 1 && last > first) }' "$T/taught/validation.tsv"
holds 'the map is not part of the weights' test "$(lat-check "$T/taught/semantic.safetensors" && grep -c -F coarse.weight "$T/taught/semantic.safetensors")" = 0
taught -o "$T/taught2" --steps 7 "${scans[@]}"
taught -o "$T/taught2" --resume "${scans[@]}"
is 'resumed in the middle: the same bits' "$(both "$T/taught2")" "$(both "$T/taught")"
sed 's/"coarse_weight": 0.1/"coarse_weight": 0/' "$T/taught.json" > "$T/idle.json"
refuses 78 'coarse steps without a weight' train-sem -q -m "$T/model" -c "$T/idle.json" -o "$T/idle" "${scans[@]}"

# the same again on two threads; in two goes, after a signal
sem -o "$T/again" -j 2 "${scans[@]}"
is 'two threads, the same bits' "$(both "$T/again")" "$(both "$T/whole")"
is 'two threads, the same log' "$(cat "$T/again/log.tsv" "$T/again/validation.tsv")" "$(cat "$T/whole/log.tsv" "$T/whole/validation.tsv")"
expect_exit 143 'SIGTERM: the step is finished, then the run stops' stopped "$T/half" train-sem -m "$T/model"
done=$(($(wc -l < "$T/half/log.tsv") - 1))
holds "stopped on the way (after $done steps)" test "$done" -ge 3 -a "$done" -lt 12
refuses 73 'a run is not overwritten' sem -o "$T/half" "${scans[@]}"
expect_exit 78 'resumed with another seed' sem -o "$T/half" --resume --seed 2 "${scans[@]}"
ldm -o "$T/ldm2" --steps 1 "${scans[@]}"
expect_exit 78 'resumed on another U-Net' sem -o "$T/half" --resume --unet "$T/ldm2" "${scans[@]}"
like 'resumed on another U-Net: said' "$(cat "$T/err")" 'other models|another configuration'
expect_exit 0 'resumed' sem -o "$T/half" --resume "${scans[@]}"
is 'resumed: the bits of a run without a stop' "$(both "$T/half")" "$(both "$T/whole")"
is 'resumed: the log, too' "$(cat "$T/half/log.tsv" "$T/half/validation.tsv")" "$(cat "$T/whole/log.tsv" "$T/whole/validation.tsv")"
holds 'resumed: the same checkpoint' cmp "$T/half/checkpoint.safetensors" "$T/whole/checkpoint.safetensors"

# the folder is a model
cp "$T/whole/semantic.safetensors" "$T/whole/shift_unet.safetensors" "$T/model"
nii2lat -q -m "$T/model" "${scans[2]}" "${scans[3]}" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 5 |
	lat-denoise -m "$T/model" -s 5 > "$T/round.lat"
is 'scans through the pipe' "$(lat-check "$T/round.lat" && lat2npy -n z -o "$T/{id}.npy" "$T/round.lat" && ls "$T"/sub-0?_T1w.npy | wc -l)" 2
lat2nii -q -m "$T/model" -o "$T/{id}.back.nii" "$T/round.lat"
holds 'scans through the pipe: back' test -s "$T/sub-04_T1w.back.nii"
nii2lat -q -m "$T/model" "${scans[3]}" | sem-encode -m "$T/again" > "$T/y.lat"
cp "$T/whole/semantic.safetensors" "$T/again/semantic.safetensors"
sem -o "$T/one" --steps 1 "${scans[@]}"
nii2lat -q -m "$T/model" "${scans[3]}" | sem-encode -m "$T/one" > "$T/y1.lat"
refuses 65 'a code of another encoder' lat-denoise -m "$T/model" --noise 1 -s 2 -o "$T/no.lat" "$T/y1.lat"
holds 'a code of this encoder' lat-denoise -m "$T/model" --noise 1 -s 2 -o "$T/yes.lat" "$T/y.lat"

# the published shift coefficient; a U-Net whose file does not tell its conventions; 16 bits; other beginnings
sed 's/"latent_dim"/"diffusion": {"shift": "published"}, "latent_dim"/' "$T/c.json" > "$T/published.json"
expect_exit 0 'published shift' train-sem -q -m "$T/model" -c "$T/published.json" --validation "$T/held.txt" -o "$T/pub" --steps 2 "${scans[@]}"
sem -o "$T/two" --steps 2 "${scans[@]}"
like 'published shift: told' "$(diffusion "$T/pub/shift_unet")" '^None published '
is 'published shift: another loss' "$([ "$(cut -f2 "$T/pub/log.tsv")" != "$(cut -f2 "$T/two/log.tsv")" ] && echo other)" other
sed 's/"latent_dim"/"diffusion": {"shift_places": true}, "latent_dim"/' "$T/c.json" > "$T/places.json"
expect_exit 0 'a code of places in the shift branch' train-sem -q -m "$T/model" -c "$T/places.json" --validation "$T/held.txt" -o "$T/places" --steps 2 "${scans[@]}"
is 'a code of places: told' "$(meta "$T/places/shift_unet" config | python3 -c 'import json, sys; print(json.load(sys.stdin)["diffusion"]["shift_places"])')" True
is 'a code of places: the U-Net alone is as it was' "$(sed -n 2p "$T/places/log.tsv" | cut -f3)" "$(sed -n 2p "$T/two/log.tsv" | cut -f3)"
is 'a code of places: another loss' "$([ "$(sed -n 3p "$T/places/log.tsv" | cut -f2)" != "$(sed -n 3p "$T/two/log.tsv" | cut -f2)" ] && echo other)" other
python3 - "$T/ldm/unet.safetensors" "$T/silent.safetensors" << 'E2'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
c = json.loads(h["__metadata__"]["config"])
del c["diffusion"]
h["__metadata__"]["config"] = json.dumps(c)
t = json.dumps(h).encode()
t += b" " * (-len(t) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(t)) + t + b[8 + n:])
E2
sem -o "$T/silent" --unet "$T/silent.safetensors" --f16 --steps 1 --init "$T/whole" --lr 1e-9 "${scans[@]}"
is 'a U-Net that tells nothing: published' "$(meta "$T/silent/shift_unet" config |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["diffusion"])')" "{'clip': 1.0, 'shift': 'noise'}"
nii2lat -q -m "$T/model" "${scans[3]}" | sem-encode -m "$T/silent" > "$T/y16.lat"
lat-cut -n y "$T/y.lat" > "$T/a.lat"
lat-cut -n y "$T/y16.lat" > "$T/b.lat"
holds '--init, in 16 bits: the codes are those of the encoder it began with' lat-diff -t .01 "$T/a.lat" "$T/b.lat"

is '--plan' "$(train-sem --plan -c "$T/c.json" -m "$T/ae" | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(sorted(p), p["flop"] > 1e7, 1e7 < p["peak_bytes"] < 1e9, 0 < p["seconds"] < 60)')" "['flop', 'peak_bytes', 'seconds'] True True True"

refuses 64 'no folder' sem "${scans[0]}"
refuses 66 'no U-Net' train-sem -q -m "$T/ae" -c "$T/c.json" -o "$T/no" "${scans[0]}"
like 'no U-Net: said' "$(cat "$T/err")" 'has no unet.safetensors'
mkdir "$T/mixed"
cp "$T/ae2/autoencoder.safetensors" "$T/ldm/unet.safetensors" "$T/mixed"
refuses 78 'a U-Net of another autoencoder' train-sem -q -m "$T/mixed" -c "$T/c.json" -o "$T/no" "${scans[0]}"
for bad in 's/"latent_dim": 16/"latent_dim": 17/=latent_dim' 's/"slices": 16/"slices": 8/=semantic.slices' \
	's/"dims": \[8, 16\], "depths": \[1, 2\]/"dims": [8, 8, 8, 16], "depths": [1, 1, 1, 1]/=semantic.dims' 's/"ema": 0.9, "draws": 2, "validate_every": 5}}/"ema": 2}}/=training_sem.ema'; do
	sed "${bad%=*}" "$T/c.json" > "$T/bad.json"
	refuses 78 "refused: ${bad##*=}" train-sem -q -m "$T/model" -c "$T/bad.json" -o "$T/no" "${scans[0]}"
	like "refused: ${bad##*=}: said" "$(cat "$T/err")" "bad.json: .*${bad##*=}"
done
is 'nothing was made' "$(ls -d "$T/no" 2> /dev/null)" ''
nii2lat -q -m "$T/ae" "${scans[@]}" | lat-cut -n z -o "$T/only-z.lat"
refuses 65 'records without x' sem -o "$T/z" "$T/only-z.lat"
finish
