# pipelines/train.mk on tiny networks: from scans to a model, and that what is finished is not done again.
. tests/lib.sh
. tests/training.sh
sed 's/"steps": [0-9]*/"steps": 2/' "$T/c.json" > "$T/tiny.json"
mkdir "$T/run"
# the pipeline prepares scans for the default model; here they go on a small grid
nii2lat -q -m "$T/ae" --grid-only -o "$T/run/scans.lat" "${scans[@]}"
pipeline() { make --no-print-directory -f pipelines/train.mk OUT="$T/run" CONFIG="$T/tiny.json" VALIDATION="$T/held.txt" "$@"; }
expect_exit 0 'three stages' pipeline
is 'a model' "$(cd "$T/run/model" && echo *)" 'autoencoder.safetensors semantic.safetensors shift_unet.safetensors'
nii2lat -q -m "$T/run/model" "${scans[3]}" | sem-encode -m "$T/run/model" | lat-denoise -m "$T/run/model" --noise 1 -s 2 |
	lat2nii -q -m "$T/run/model" -o "$T/made.nii"
holds 'a model: it works' test -s "$T/made.nii"
before=$(cat "$T"/run/*/*.safetensors "$T"/run/*/*.tsv | sha256sum)
expect_exit 0 'once more' pipeline
is 'once more: nothing is done again' "$(cat "$T"/run/*/*.safetensors "$T"/run/*/*.tsv | sha256sum)" "$before"
rm "$T/run/scans.lat"
expect_exit 2 'no data' pipeline
like 'no data: said' "$(cat "$T/err")" "DATA='NAME=FOLDER"
finish
