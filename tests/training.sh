# For the tests of the trainers on latents: four small scans, the last held out, a configuration of three stages, and two autoencoders.
. tests/small-scans.sh
cat > "$T/c.json" << 'E2'
{"volume": [16, 24, 16],
 "autoencoder": {"channels": [4, 8], "latent_channels": 2, "res_blocks": 1, "groups": 4},
 "losses": {"kl_weight": 1e-6, "adv_weight": 0},
 "unet": {"dropout": 0.1, "base_channels": 8, "multipliers": [1, 2], "res_blocks": 1, "attention_at": [2], "heads": 2, "groups": 4},
 "semantic": {"dims": [8, 16], "depths": [1, 2], "heads": 2, "slices": 16, "layer_scale": 0.1, "drop_path": 0.1, "dropout": 0.1},
 "latent_dim": 16,
 "preparation": {"name": "world", "size": [16, 24, 16], "affine": [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]},
 "training": {"steps": 4, "lr": 3e-3},
 "training_ldm": {"steps": 12, "batch": 2, "lr": 3e-3, "schedule": "cosine", "warmup": 2, "augment": true, "ema": 0.9, "draws": 2, "validate_every": 5},
 "training_sem": {"steps": 12, "batch": 2, "lr": 3e-3, "schedule": "cosine", "warmup": 2, "augment": true, "ema": 0.9, "draws": 2, "validate_every": 5}}
E2
train-ae -q -c "$T/c.json" --validation "$T/held.txt" -o "$T/ae" "${scans[@]}"
train-ae -q -c "$T/c.json" --validation "$T/held.txt" -o "$T/ae2" --seed 2 --steps 1 "${scans[@]}"

ldm() { train-ldm -q -m "$T/ae" -c "$T/c.json" --validation "$T/held.txt" "$@"; }
# A model with all its weights, hardly trained: in FOLDER
whole_model() {
	ldm -o "$1-unet" --steps 1 "${scans[@]}"
	train-sem -q -m "$T/ae" --unet "$1-unet" -c "$T/c.json" --validation "$T/held.txt" -o "$1-semantic" --steps 1 "${scans[@]}"
	mkdir "$1"
	cp "$T/ae/autoencoder.safetensors" "$1-semantic/"{semantic,shift_unet}.safetensors "$1"
}
sum() { sha256sum < "$1.safetensors"; }
# Of the tensors alone: the metadata tells the whole configuration.
weights_sum() { meta "$1" identity; }
# meta FILE KEY: an entry of the metadata
meta() {
	python3 -c 'import json, struct, sys
f = open(sys.argv[1] + ".safetensors", "rb")
print(json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"].get(sys.argv[2]))' "$@"
}
