# The recipe that comes with the project, made tiny: blocks' components under the autoencoder, a prior of the latents, components under the
# semantic code, weights in 8 bits. Each stage plans and trains, interrupted or not, and the folder is a model.
. tests/lib.sh
. tests/small-scans.sh
jq '.volume = [16, 24, 16] | .preparation.size = .volume | .preparation.affine = [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]
	| .autoencoder += {channels: [4, 8], latent_channels: 2, groups: 4} | .unet += {base_channels: 8, heads: 2, groups: 4}
	| .semantic += {dims: [8, 8], depths: [1, 2], heads: 2, slices: 16, coarse: [2, 3, 2]} | .latent_dim = 8 | .diffusion.components = 1
	| .training.steps = 3 | .training_ldm += {steps: 4, validate_every: 2, draws: 2} | .training_sem += {steps: 4, validate_every: 2, draws: 2}
	| (.training, .training_ldm, .training_sem).augment.towards = 0' pipelines/brain2mm.json > "$T/c.json"
plan() {
	"$1" --plan -c "$T/c.json" "${@:2}" | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(p["flop"] > 1e6, 1e6 < p["peak_bytes"] < 1e9, 0 < p["seconds"] < 60)'
}
train() { "$1" -q -c "$T/c.json" --validation "$T/held.txt" "${@:2}" "${scans[@]}"; }
tensors() { lat-model "$1" | cut -f 1,2; } # kinds, and the SHA-256 of their tensors

is 'autoencoder: --plan' "$(plan train-ae)" 'True True True'
expect_exit 0 'autoencoder' train train-ae --f16 -o "$T/ae"
is 'U-Net: --plan' "$(plan train-ldm -m "$T/ae")" 'True True True'
expect_exit 0 'U-Net' train train-ldm -m "$T/ae" -o "$T/unet"
expect_exit 0 'U-Net, in two goes' train train-ldm -m "$T/ae" -o "$T/unet2" --steps 2
expect_exit 0 'U-Net, in two goes: resumed' train train-ldm -m "$T/ae" -o "$T/unet2" --resume
is 'U-Net, in two goes: its tensors' "$(tensors "$T/unet2")" "$(tensors "$T/unet")"
is 'encoder: --plan' "$(plan train-sem -m "$T/ae" --unet "$T/unet")" 'True True True'
expect_exit 0 'encoder' train train-sem -m "$T/ae" --unet "$T/unet" -o "$T/sem" --i8
expect_exit 0 'encoder, in two goes' train train-sem -m "$T/ae" --unet "$T/unet" -o "$T/sem2" --i8 --steps 2
expect_exit 0 'encoder, in two goes: resumed' train train-sem -m "$T/ae" --unet "$T/unet" -o "$T/sem2" --i8 --resume
is 'encoder, in two goes: its tensors' "$(tensors "$T/sem2")" "$(tensors "$T/sem")"

sed 's/"latent_dim": 8/"latent_dim": 16/; s/"dims": \[8, 8\]/"dims": [8, 16]/' <(jq -c . "$T/c.json" | sed 's/":/": /g; s/,/, /g') > "$T/many.json"
refuses 65 'encoder: a code of more numbers than scans' train-sem -q -m "$T/ae" --unet "$T/unet" -c "$T/many.json" -o "$T/no" "${scans[@]}"
like 'encoder: a code of more numbers than scans: says so' "$(cat "$T/err")" '^train-sem: semantic.coarse: not enough scans .* a code of 16 numbers: '

mkdir "$T/model"
cp "$T/ae/autoencoder.safetensors" "$T"/sem/{semantic,shift_unet}.safetensors "$T/model"
holds 'a model: its files are whole' lat-check "$T"/model/*.safetensors "$T"/{unet,unet2}/unet.safetensors "$T"/sem2/{semantic,shift_unet}.safetensors
nii2lat -q -m "$T/model" "${scans[3]}" > "$T/z.lat"
expect_exit 0 'a model: a code, and noise' sem-encode -m "$T/model" -o "$T/y.lat" "$T/z.lat"
lat-denoise -q -m "$T/model" --invert -s 20 "$T/y.lat" > "$T/zT.lat"
lat-denoise -q -m "$T/model" -s 20 "$T/zT.lat" | lat-cut -n z --no-history > "$T/back.lat"
lat-cut -n z --no-history "$T/z.lat" > "$T/there.lat"
holds 'a model: there and back' lat-diff -t .05 "$T/there.lat" "$T/back.lat"
