# train-ldm on a tiny network: what it leaves, its conventions and identities, that a run which was stopped ends with the bits of one that
# was not, latents instead of scans, refusals.
. tests/lib.sh
. tests/training.sh

expect_exit 0 'a run' ldm -o "$T/whole" "${scans[@]}"
is 'quiet' "$(cat "$T/out" "$T/err")" ''
is 'what it leaves' "$(cd "$T/whole" && echo *)" \
	'checkpoint.safetensors log.tsv step-000005.png step-000010.png step-000012.png unet.safetensors validation.tsv'
is 'a line for each step' "$(cut -f1 "$T/whole/log.tsv" | tr '\n' ' ')" 'step 0 1 2 3 4 5 6 7 8 9 10 11 '
is 'validations' "$(cut -f1 "$T/whole/validation.tsv" | tr '\n' ' ')" 'step 5 10 12 '
holds 'the weights are whole' lat-check "$T/whole/unet.safetensors"
holds 'it begins with its input taken for the noise' awk -F'\t' 'NR == 2 { exit !($2 < .5) }' "$T/whole/log.tsv"
holds 'the loss falls' awk -F'\t' 'NR == 2 { first = $2 } { last = $2 } END { exit !(last < .9 * first) }' "$T/whole/validation.tsv"
holds 'the mean of the fifths is the whole' awk -F'\t' 'NR > 1 { d = ($3 + $4 + $5 + $6 + $7) / 5 - $2; bad += d * d > 1e-12 } END { exit bad }' \
	"$T/whole/validation.tsv"

# the scale factor is 1/sd of the training latents; conventions and identities stand in the metadata
nii2lat -q -m "$T/ae" -o "$T/z.lat" "${scans[@]}"
lat2npy -n z -o "$T/z-{id}.npy" "$T/z.lat"
is 'scale factor: of the training scans' "$(python3 - "$T" << 'E2'
import array, json, math, struct, sys
def npy(path):
    b = open(path, "rb").read()
    a = array.array("f")
    a.frombytes(b[10 + struct.unpack("<H", b[8:10])[0]:])
    return list(a)
T = sys.argv[1]
v = [x for i in (1, 2, 3) for x in npy(f"{T}/z-sub-0{i}_T1w.npy")]
m = sum(v) / len(v)
sd = math.sqrt(sum((x - m) ** 2 for x in v) / len(v))
b = open(T + "/whole/unet.safetensors", "rb").read()
meta = json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]])["__metadata__"]
d = json.loads(meta["config"])["diffusion"]
log = open(T + "/whole/log.tsv").read().split("\n")[1].split("\t")[4]
print(abs(d["scale_factor"] * sd - 1) < 1e-5, abs(float(log) * sd - 1) < 1e-5, d["clip"], d["shift"])
E2
)" 'True True None noise'
is 'identity of the autoencoder' "$(meta "$T/whole/unet" autoencoder)" "$(meta "$T/ae/autoencoder" identity)"
is 'preparation' "$(meta "$T/whole/unet" preparation)" "$(meta "$T/ae/autoencoder" preparation)"

# the same again on two threads; in two goes, after a signal
ldm -o "$T/again" -j 2 "${scans[@]}"
is 'two threads, the same bits' "$(sum "$T/again/unet")" "$(sum "$T/whole/unet")"
is 'two threads, the same log' "$(cat "$T/again/log.tsv" "$T/again/validation.tsv")" "$(cat "$T/whole/log.tsv" "$T/whole/validation.tsv")"
expect_exit 143 'SIGTERM: the step is finished, then the run stops' stopped "$T/half" train-ldm -m "$T/ae"
done=$(($(wc -l < "$T/half/log.tsv") - 1))
holds "stopped on the way (after $done steps)" test "$done" -ge 3 -a "$done" -lt 12
refuses 73 'a run is not overwritten' ldm -o "$T/half" "${scans[@]}"
expect_exit 78 'resumed with another seed' ldm -o "$T/half" --resume --seed 2 "${scans[@]}"
expect_exit 78 'resumed with fewer scans' ldm -o "$T/half" --resume "${scans[@]:1}"
sed 's/"dropout": 0.1, "base/"dropout": 0.2, "base/' "$T/c.json" > "$T/other.json"
expect_exit 78 'resumed with another network' train-ldm -q -m "$T/ae" -c "$T/other.json" --validation "$T/held.txt" -o "$T/half" --resume "${scans[@]}"
like 'resumed with another network: said' "$(cat "$T/err")" 'another configuration'
expect_exit 78 'resumed on another autoencoder' train-ldm -q -m "$T/ae2" -c "$T/c.json" --validation "$T/held.txt" -o "$T/half" --resume "${scans[@]}"
sed 's/"training_sem": {"steps": 12/"training_sem": {"steps": 13/; s/"dims": \[8/"dims": [4/' "$T/c.json" > "$T/stage.json"
expect_exit 0 'resumed; other stages may change' train-ldm -q -m "$T/ae" -c "$T/stage.json" --validation "$T/held.txt" -o "$T/half" --resume "${scans[@]}"
is 'resumed: the bits of a run without a stop' "$(weights_sum "$T/half/unet")" "$(weights_sum "$T/whole/unet")"
is 'resumed: the log, too' "$(cat "$T/half/log.tsv" "$T/half/validation.tsv")" "$(cat "$T/whole/log.tsv" "$T/whole/validation.tsv")"

# latents instead of scans
sed 's/"steps": 12, "batch": 2, \("lr": 3e-3, "schedule": "cosine", "warmup": 2\), "augment": true/"steps": 3, \1/' "$T/c.json" > "$T/plain.json"
plain() { train-ldm -q -m "$T/ae" -c "$T/plain.json" --validation "$T/held.txt" "$@"; }
plain -o "$T/of-x" "${scans[@]}"
lat-cut -n z -o "$T/only-z.lat" "$T/z.lat"
plain -o "$T/of-z" "$T/only-z.lat"
is 'records with z and no x: the same training' "$(sum "$T/of-z/unet")" "$(sum "$T/of-x/unet")"
nii2lat -q -m "$T/ae2" "${scans[@]}" | lat-cut -n z -o "$T/z2.lat"
refuses 65 'z of another autoencoder' plain -o "$T/no" "$T/z2.lat"
like 'z of another autoencoder: said' "$(cat "$T/err")" 'sub-01_T1w: z is of another model'
expect_exit 0 'z of another autoencoder, with --any-model' plain -o "$T/any" --any-model "$T/z2.lat"
rm -r "$T/no"

# other beginnings
expect_exit 0 'from another model, in 16 bits' ldm -o "$T/init" --init "$T/whole" --f16 --steps 1 --lr 1e-9 "${scans[@]}"
is 'from another model, in 16 bits: its weights' "$(python3 - "$T/init/unet.safetensors" "$T/whole/unet.safetensors" << 'E2'
import json, struct, sys
def load(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    out = {}
    for k, t in json.loads(b[8:8 + n]).items():
        if k == "__metadata__": continue
        lo, hi = t["data_offsets"]
        d = b[8 + n + lo:8 + n + hi]
        out[k] = t["dtype"], struct.unpack("<%d%s" % ((hi - lo) // (2 if t["dtype"] == "F16" else 4), "e" if t["dtype"] == "F16" else "f"), d)
    return out
a, b = load(sys.argv[1]), load(sys.argv[2])
worst = max(abs(x - y) for k in b for x, y in zip(a[k][1], b[k][1]))
print(a.keys() == b.keys(), worst < 1e-3, a["out.2.weight"][0], a["out.2.bias"][0])
E2
)" 'True True F16 F32'

expect_exit 0 'in 8 bits' ldm -o "$T/init8" --init "$T/whole" --i8 --steps 1 --lr 1e-9 "${scans[@]}"
is 'in 8 bits: its weights' "$(PYTHONPATH=tests python3 - "$T/init8/unet.safetensors" "$T/whole/unet.safetensors" << 'E2'
import struct, sys
from safetensors_file import load
a, b = load(sys.argv[1])[1], load(sys.argv[2])[1]
floats = lambda raw: struct.unpack("<%df" % (len(raw) // 4), raw)
worst = 0
for name, (dtype, shape, raw) in b.items():
    if a[name][0] != "I8": continue
    scale, each, q = floats(a[name + "_scale"][2]), len(raw) // 4 // shape[0], struct.unpack("%db" % (len(raw) // 4), a[name][2])
    worst = max(worst, max(abs(w - q[i] * scale[i // each]) / scale[i // each] for i, w in enumerate(floats(raw))))
print(worst < .51, a["out.2.weight"][0], a["out.2.bias"][0], sorted(b) == sorted(n for n in a if not n.endswith("_scale")))
E2
)" 'True I8 F32 True'
refuses 64 'in 8 and in 16 bits' ldm -o "$T/both" --f16 --i8 --steps 1 "${scans[@]}"
rm -rf "$T/both"

# standardised latents: mean and deviation of each place are the training scans'; the scale factor is that of what remains
sed 's/"unet": {/"diffusion": {"standardised": true}, "unet": {/' "$T/c.json" > "$T/standard.json"
expect_exit 0 'standardised' train-ldm -q -m "$T/ae" -c "$T/standard.json" --validation "$T/held.txt" -o "$T/standard" --f16 --steps 3 "${scans[@]}"
is 'standardised: mean, deviation, scale factor' "$(python3 - "$T" << 'E2'
import array, json, math, struct, sys
T = sys.argv[1]
def npy(path):
    b = open(path, "rb").read()
    a = array.array("f")
    a.frombytes(b[10 + struct.unpack("<H", b[8:10])[0]:])
    return a
z = [npy(f"{T}/z-sub-0{i}_T1w.npy") for i in (1, 2, 3)]
b = open(T + "/standard/unet.safetensors", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
index = json.loads(b[8:8 + n])
def tensor(name):
    lo, hi = index[name]["data_offsets"]
    return struct.unpack("<%de" % ((hi - lo) // 2), b[8 + n + lo:8 + n + hi])
mean = [sum(v) / 3 for v in zip(*z)]
sd = [math.sqrt(sum((a - m) ** 2 for a in v) / 3) for v, m in zip(zip(*z), mean)]
floor = .05 * math.sqrt(sum(s * s for s in sd) / len(sd))
near = lambda a, b: all(abs(x - y) <= abs(y) / 2000 + 1e-7 for x, y in zip(a, b))
m, s = tensor("latent_mean"), tensor("latent_sd")
x = [(a - c) / d for v in z for a, c, d in zip(v, m, s)]
centre = sum(x) / len(x)
scale = json.loads(index["__metadata__"]["config"])["diffusion"]["scale_factor"]
print(near(m, mean), near(s, [max(v, floor) for v in sd]), min(sd) < floor < max(sd),
      abs(scale * math.sqrt(sum((v - centre) ** 2 for v in x) / len(x)) - 1) < 1e-5, len(m) == len(z[0]))
E2
)" 'True True True True True'
expect_exit 0 'standardised: resumed' train-ldm -q -m "$T/ae" -c "$T/standard.json" --validation "$T/held.txt" -o "$T/standard" --f16 --resume "${scans[@]}"
train-ldm -q -m "$T/ae" -c "$T/standard.json" --validation "$T/held.txt" -o "$T/standard2" --f16 "${scans[@]}"
is 'standardised: resumed: the bits of a run without a stop' "$(weights_sum "$T/standard/unet")" "$(weights_sum "$T/standard2/unet")"
expect_exit 0 'standardised: what is built on it' train-sem -q -m "$T/ae" --unet "$T/standard2" -c "$T/c.json" --validation "$T/held.txt" -o "$T/built" --f16 --steps 1 "${scans[@]}"
same_scaling() {
	python3 - "$@" << 'E2'
import json, struct, sys
def load(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    i = json.loads(b[8:8 + n])
    d = json.loads(i["__metadata__"]["config"])["diffusion"]
    return [b[8 + n + i[k]["data_offsets"][0]:8 + n + i[k]["data_offsets"][1]] for k in ("latent_mean", "latent_sd")] + [d["scale_factor"], d["standardised"]]
sys.exit(load(sys.argv[1]) != load(sys.argv[2]))
E2
}
holds 'standardised: what is built on it keeps them' same_scaling "$T/standard2/unet.safetensors" "$T/built/shift_unet.safetensors"
expect_exit 78 'from a model of plain latents' train-ldm -q -m "$T/ae" -c "$T/standard.json" --validation "$T/held.txt" -o "$T/no" --init "$T/whole" --steps 1 "${scans[@]}"
rm -r "$T/no"

# the folder is a model
mkdir "$T/model"
cp "$T/ae/autoencoder.safetensors" "$T/whole/unet.safetensors" "$T/model"
lat-denoise -m "$T/model" --generate 2 -s 4 -o "$T/gen.lat"
lat2nii -q -m "$T/model" -o "$T/{id}.nii" "$T/gen.lat"
holds 'the folder is a model: it generates' test -s "$T/gen-0002.nii"
nii2lat -q -m "$T/model" "${scans[3]}" | lat-denoise -m "$T/model" --invert -s 4 -o "$T/zT.lat"
is 'the folder is a model: it inverts' "$(lat-check "$T/zT.lat" && echo whole)" whole

is '--plan' "$(train-ldm --plan -c "$T/c.json" -m "$T/ae" | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(sorted(p), p["flop"] > 1e7, 1e7 < p["peak_bytes"] < 1e9, 0 < p["seconds"] < 60)')" "['flop', 'peak_bytes', 'seconds'] True True True"

refuses 64 'no folder' train-ldm -q -m "$T/ae" -c "$T/c.json" "${scans[0]}"
refuses 64 'no scans' train-ldm -q -m "$T/ae" -c "$T/c.json" -o "$T/no"
refuses 66 'no such model' train-ldm -q -m "$T/none" -c "$T/c.json" -o "$T/no" "${scans[0]}"
for bad in 's/"multipliers": \[1, 2\]/"multipliers": [1, 2, 2, 2, 2]/=unet.multipliers' 's/"unet": {/"unet": {"in_channels": 3, /=unet.in_channels' \
	's/"batch": 2/"batch": 0/=training_ldm.batch' 's/"draws": 2/"draws": 33/=training_ldm.draws' 's/"unet": {/"diffusion": {"shift": "none"}, "unet": {/=diffusion.shift'; do
	sed "${bad%=*}" "$T/c.json" > "$T/bad.json"
	refuses 78 "refused: ${bad##*=}" train-ldm -q -m "$T/ae" -c "$T/bad.json" -o "$T/no" "${scans[0]}"
	like "refused: ${bad##*=}: said" "$(cat "$T/err")" "bad.json: .*${bad##*=}"
done
is 'nothing was made' "$(ls -d "$T/no" 2> /dev/null)" ''
finish
