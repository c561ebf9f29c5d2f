# pipelines/train.mk on tiny networks: from scans to a model, and that what is finished is not done again.
. tests/lib.sh
. tests/training.sh
sed 's/"steps": [0-9]*/"steps": 2/' "$T/c.json" > "$T/tiny.json"
# a study in one folder, and one as a derivative, which is held out
mkdir -p "$T/flat" "$T/study/sub-04/anat"
for scan in "${scans[@]:0:3}"; do gzip -nc "$scan" > "$T/flat/${scan##*/}.gz"; done
gzip -nc "${scans[3]}" > "$T/study/sub-04/anat/sub-04_T1w.nii.gz"
echo ax04 > "$T/held.txt"
pipeline() {
	make --no-print-directory -f pipelines/train.mk DATA="b=$T/flat a=$T/study" OUT="$T/run" CONFIG="$T/tiny.json" VALIDATION="$T/held.txt" "$@"
}
expect_exit 0 'three stages' pipeline
is 'scans of both studies' "$(lat-info "$T/run/scans.lat" | cut -f 1,3,5 | sed 1d | tr '\t\n' ' ,')" \
	'sub-bx01_T1w x 1x16x24x16,sub-bx02_T1w x 1x16x24x16,sub-bx03_T1w x 1x16x24x16,sub-ax04_T1w x 1x16x24x16,'
is 'a model' "$(cd "$T/run/model" && echo *)" 'autoencoder.safetensors semantic.safetensors shift_unet.safetensors'
nii2lat -q -m "$T/run/model" "${scans[3]}" | sem-encode -m "$T/run/model" | lat-denoise -m "$T/run/model" --noise 1 -s 2 |
	lat2nii -q -m "$T/run/model" -o "$T/made.nii"
holds 'a model: it works' test -s "$T/made.nii"
before=$(cat "$T"/run/*/*.safetensors "$T"/run/*/*.tsv | sha256sum)
expect_exit 0 'once more' pipeline
is 'once more: nothing is done again' "$(cat "$T"/run/*/*.safetensors "$T"/run/*/*.tsv | sha256sum)" "$before"

# stopped as a group, as batch systems do: a checkpoint, and the same command goes on
sed 's/"training": {"steps": [0-9]*/"training": {"steps": 100000/' "$T/c.json" > "$T/endless.json"
mkdir "$T/stopped"
cp "$T/run/scans.lat" "$T/stopped"
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL setsid make -s -f pipelines/train.mk OUT="$T/stopped" CONFIG="$T/endless.json" VALIDATION="$T/held.txt" \
	autoencoder > "$T/out" 2>&1 &
for _ in $(seq 1200); do [ "$(cat "$T/stopped/autoencoder/log.tsv" 2> /dev/null | wc -l)" -lt 4 ] || break; sleep .05; done
kill -TERM -- -$!
wait $! 2> /dev/null
for _ in $(seq 200); do kill -0 -- -$! 2> /dev/null || break; sleep .05; done
holds 'stopped as a group: a checkpoint' lat-check "$T/stopped/autoencoder/checkpoint.safetensors"
is 'stopped as a group: said' "$(grep -c 'stopped at step [0-9]* by SIGTERM; --resume goes on' "$T/out")" 1

expect_exit 2 'words that are none' pipeline OUT="$T/a\`touch canary\`"
like 'words that are none: said' "$(cat "$T/err")" 'OUT=.*: only letters, digits and '
is 'words that are none: nothing is executed' "$(find "$T" "$ROOT" -maxdepth 3 -name canary)" ''
cp "$T/tiny.json" "$T/a \$(touch canary) recipe.json"
expect_exit 0 'a recipe with an odd name' pipeline CONFIG="$T/a \$(touch canary) recipe.json"
rm "$T/run/scans.lat"
expect_exit 2 'no data' pipeline DATA=
like 'no data: said' "$(cat "$T/err")" "DATA='NAME=FOLDER"
finish
