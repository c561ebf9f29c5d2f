# Networks that begin with what is known: latents along components of blocks, a prior of latents, components in the code. A tiny model
# through all trainers and tools.
. tests/lib.sh
. tests/training.sh
python3 - "$T/c.json" << 'P' > "$T/known.json"
import json, sys
c = json.load(open(sys.argv[1]))
c["autoencoder"].update(patch=2, anchored=True)
c["diffusion"] = {"standardised": True, "components": 1, "places": True, "clip": None}
c["semantic"].update(dims=[8, 8], coarse=[4, 6, 4], shares=[.05, .4])
c["latent_dim"] = 8
for stage in "training", "training_ldm", "training_sem":
    c[stage]["augment"] = {"rotation": 2, "towards": 1}
json.dump(c, sys.stdout)
P
# warps of all scans, at every fourth voxel
i=0
for scan in "${scans[@]}"; do
	nii2lat -q --grid-only --recipe "$T/known.json" "$scan" > "$T/x.lat" 2> /dev/null
	python3 - "$T/warp.npy" $i << 'P'
import struct, sys
g, own = (4, 6, 4), int(sys.argv[2])
v = [.1 * own * (k + 1) * ((j % 5) - 2) for k in range(3) for j in range(g[0] * g[1] * g[2])]
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 6, 4), }"
head += b" " * (-(len(head) + 11) % 64) + b"\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + struct.pack("<%df" % len(v), *v))
P
	npy2lat --onto "$T/x.lat" warp="$T/warp.npy" >> "$T/scans.lat"
	i=$((i + 1))
done
stage() { # NAME FOLDER OPTION...
	local name=$1 folder=$2
	shift 2
	"$name" -q -c "$T/known.json" --validation "$T/held.txt" -o "$folder" "$@" "$T/scans.lat"
}
# the three stages one after the other, in FOLDER
all() { # FOLDER OPTION...
	local to=$1
	shift
	stage train-ae "$to/ae" "$@" && stage train-ldm "$to/ldm" -m "$to/ae" "$@" && stage train-sem "$to/sem" -m "$to/ae" --unet "$to/ldm" "$@" &&
		mkdir "$to/model" && cp "$to/ae/autoencoder.safetensors" "$to/sem/"{semantic,shift_unet}.safetensors "$to/model"
}
mkdir "$T/a" "$T/b"
expect_exit 0 'three stages' all "$T/a"
is 'quiet' "$(cat "$T/out" "$T/err")" ''
expect_exit 0 'on two threads' all "$T/b" -j 2
for part in autoencoder semantic shift_unet; do
	is "$part: the same bits on two threads" "$(sha256sum < "$T/a/model/$part.safetensors")" "$(sha256sum < "$T/b/model/$part.safetensors")"
done
holds 'weights are whole' lat-check "$T/a/model/"*.safetensors

# what was learned from the scans is in the weights, and not moved by the training
numbers() { # FILE NAME: a tensor, a number a line
	python3 - "$@" << 'P'
import json, struct, sys
b = open(sys.argv[1] + ".safetensors", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
at = json.loads(b[8:8 + n])[sys.argv[2]]["data_offsets"]
print(*struct.unpack("<%df" % ((at[1] - at[0]) // 4), b[8 + n + at[0]:8 + n + at[1]]), sep="\n")
P
}
for name in prior.components prior.rest latent_mean; do
	is "$name: the U-Net's" "$(numbers "$T/a/model/shift_unet" $name | sha256sum)" "$(numbers "$T/a/ldm/unet" $name | sha256sum)"
done
holds 'components of the prior: not nothing' awk '{ s += $1 * $1 } END { exit !(s > 1) }' <(numbers "$T/a/model/shift_unet" prior.components)
holds 'what is left of a score: a share' awk '{ bad += !($1 > 0 && $1 <= 1) } END { exit bad }' <(numbers "$T/a/model/shift_unet" prior.left)
# a code is what the network says and what the components say: without the network's part they are uncorrelated, of deviation 1
is 'components of the code: one row for each number' "$(numbers "$T/a/model/semantic" components.weight | wc -l)" $((8 * 96 * 2))

# resumed after a signal: the bits of a run without
mkdir "$T/half"
cp -r "$T/a/ae" "$T/a/ldm" "$T/half"
rm -f "$T/half/ldm/checkpoint"*
train-sem -q -c "$T/known.json" --validation "$T/held.txt" -o "$T/half/sem" -m "$T/half/ae" --unet "$T/half/ldm" "$T/scans.lat" &
job=$!
for _ in $(seq 600); do [ ! -s "$T/half/sem/log.tsv" ] || [ "$(wc -l < "$T/half/sem/log.tsv")" -lt 3 ] || break; sleep .05; done
kill $job
wait $job
is 'stopped by the signal' $? 143
expect_exit 0 'resumed' stage train-sem "$T/half/sem" -m "$T/half/ae" --unet "$T/half/ldm" --resume
is 'resumed: the same bits' "$(sha256sum < "$T/half/sem/shift_unet.safetensors")" "$(sha256sum < "$T/a/sem/shift_unet.safetensors")"

# through the tools
m=(-m "$T/a/model")
nii2lat -q --no-history "${m[@]}" "${scans[@]}" 2> /dev/null | sem-encode --no-history "${m[@]}" > "$T/y.lat"
lat-denoise -q --no-history "${m[@]}" --invert -s 20 "$T/y.lat" > "$T/T.lat"
lat-denoise -q --no-history "${m[@]}" -s 20 "$T/T.lat" > "$T/z.lat"
lat-cut -n z "$T/y.lat" > "$T/z0.lat"
lat-cut -n z "$T/z.lat" > "$T/z1.lat"
holds 'to noise and back' lat-diff -t .05 "$T/z0.lat" "$T/z1.lat"
for batch in 2 3; do
	lat-denoise -q --no-history "${m[@]}" -s 20 --batch $batch -j 2 "$T/T.lat" > "$T/again.lat"
	holds "in batches of $batch: the same bytes" cmp "$T/again.lat" "$T/z.lat"
done
lat-denoise -q --no-history "${m[@]}" -s 20 --no-y "$T/T.lat" | lat-cut -n z > "$T/other.lat"
expect_exit 1 'without the code: another latent' lat-diff -t .01 "$T/z1.lat" "$T/other.lat"
expect_exit 0 'a synthetic scan' bash -c 'lat-denoise -q "$@" --generate 1 -s 5 | lat2nii "$@" --unit' - "${m[@]}"
like 'a plan' "$(nii2lat --plan "${m[@]}" "${scans[0]}" 2> /dev/null; sem-encode --plan "${m[@]}" "$T/y.lat"; lat-denoise --plan "${m[@]}" "$T/T.lat")" 'flop.*flop.*flop'

# refusals
refuses 64 'a recipe where a network is to run' nii2lat --recipe "$T/known.json" "${scans[0]}"
sed 's/"size": \[16/"size": [17/' "$T/known.json" > "$T/bad.json"
refuses 78 'a recipe whose grid is not its volume' nii2lat --grid-only --recipe "$T/bad.json" "${scans[0]}"
sed 's/"components": 1/"components": 3/' "$T/known.json" > "$T/bad.json"
refuses 65 'more components than people' train-ldm -q -c "$T/bad.json" --validation "$T/held.txt" -m "$T/a/ae" -o "$T/no" "$T/scans.lat"
like 'more components than people: said' "$(cat "$T/err")" 'diffusion.components: not enough people'
sed 's/\[4, 6, 4\]/[4, 6, 8]/' "$T/known.json" > "$T/bad.json"
refuses 78 'a coarse grid that does not fit' train-sem -q -c "$T/bad.json" --validation "$T/held.txt" -m "$T/a/ae" --unet "$T/a/ldm" -o "$T/no" "$T/scans.lat"
sed 's/"standardised": true/"standardised": false/' "$T/known.json" > "$T/bad.json"
refuses 78 'a prior of latents that are not standardised' train-ldm -q -c "$T/bad.json" --validation "$T/held.txt" -m "$T/a/ae" -o "$T/no" "$T/scans.lat"
finish
