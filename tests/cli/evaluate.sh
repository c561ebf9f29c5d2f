# pipelines/evaluate.mk on tiny networks: figures that are known beforehand, and what is left out when the model lacks parts.
. tests/lib.sh
. tests/training.sh
# study a: twelve subjects who share four scans, two of them to validate on; study b: one with a scan of these
mkdir "$T/a" "$T/b" "$T/plain"
for i in {01..12}; do gzip -n < "$T/sub-0$(((10#$i - 1) % 4 + 1))_T1w.nii" > "$T/a/sub-${i}_T1w.nii.gz"; done
gzip -n < "$T/sub-03_T1w.nii" > "$T/b/sub-x_T1w.nii.gz"
printf 'ax05\nax06\n' > "$T/validation.txt"
{
	printf 'participant_id\tage\tsex\n'
	for i in {01..12}; do printf 'sub-%s\t30\t%s\n' "$i" "$([ $((10#$i % 2)) -eq 0 ] && echo f || echo m)"; done
} > "$T/participants.tsv"
whole_model "$T/model"
cp "$T/ae/autoencoder.safetensors" "$T/model-unet/unet.safetensors" "$T/plain"

evaluate() { # MODEL OUT OPTION...
	make --no-print-directory -f pipelines/evaluate.mk MODEL="$T/$1" OUT="$T/$2" DATA="a=$T/a" TEST="b=$T/b" VALIDATION="$T/validation.txt" \
		COMPONENTS=3 NUMBERS=2 FOLDS=2 REPEATS=2 TRIPS='ddim-1 ddim-3' BOUNDS='ddim-1=-1 ddim-3=2' TEST_TRIPS=ddim-3 WAY=dpmpp2m-2 DRAWS=2 "${@:3}"
}
expect_exit 0 'the whole model' evaluate model whole LABELS="a=$T/participants.tsv"
r=$T/whole/RESULTS.md
is 'the whole model: its parts' "$(grep '^#' "$r" | tr '\n' ';')" \
	'# What the model model can do;## Compression;## How much of the noise is predicted;## To noise and back;## Brains drawn from nothing;## From the semantic code alone;## Between two subjects;## What linear probes read;'
is 'printed, too' "$(cat "$T/out")" "$(cat "$r")"
# row FILE TEXT: the cells behind the first two of the first row with this text
row() { grep -m 1 -F "$2" "$1" | cut -d '|' -f "${3:-4-}" | tr -d ' '; }
perfect='1.000|1.000|1.000|1.000|0.00000|0.00000|'
is 'who is among the training scans is the nearest' "$(row "$r" '| validation (2) | nearest')" "$perfect"
is 'and is what all components of them make' "$(row "$r" '| validation (2) | 3 principal components of whole')" "$perfect"
is 'and so for another study' "$(row "$r" '| b (1) | nearest')" "$perfect"
nii2lat -q -m "$T/ae" "${scans[0]}" "${scans[1]}" > "$T/two.lat"
lat2nii -m "$T/ae" --unit -o "$T/{id}-back.nii" "$T/two.lat"
lat2nii --grid-only --unit -o "$T/{id}-grid.nii" "$T/two.lat"
for i in 1 2; do printf '%s\t%s\n' "$T/sub-0${i}_T1w-grid.nii" "$T/sub-0${i}_T1w-back.nii"; done > "$T/two.txt"
for n in z back; do
	{ [ $n = z ] && cat "$T/two.lat" || sem-encode -m "$T/model" "$T/two.lat" | lat-denoise -m "$T/model" --solver ddim --invert -s 3 |
		lat-denoise -m "$T/model" --solver ddim -s 3; } |
		lat2npy -n z -o "$T/{id}-$n.npy"
	tail -q -c 6144 "$T"/sub-0[12]_T1w-$n.npy | od -An -v -w4 -tf4 > "$T/$n.txt"
done
is 'the autoencoder, by hand' "$(row "$r" '| validation (2) | autoencoder' 4,8)" "$(nii-score --range 1 --mask brain --list "$T/two.txt" | awk '
	NR > 1 { ssim += $3; mse += $5 } END { printf "%.3f|%.5f", ssim / 2, mse / 2 }')"
lat-learnable -m "$T/model" -k 2 --train "$T/whole/train/codes.lat" "$T/whole/validation/codes.lat" > "$T/noise.tsv" 2> "$T/err"
is 'the noise predicted: judged scans are none of those learned from' "$(cat "$T/err")" ''
is 'the noise predicted, by hand' "$(grep '^| validation (2) | \(place\|pca2\|lin[01]\|unet\|code\) |' "$r" | tr -d ' ' | cut -d '|' -f 3-10)" \
	"$(awk -F '\t' 'NR > 1 { printf "%s|%.3g|%.3g|%.3g|%.3g|%.3g|%.4f|%.3f\n", $1, $2, $3, $4, $5, $6, $7, $8 }' "$T/noise.tsv")"
is 'the noise predicted: the verdicts' "$(grep -oE '^- (validation|b): weighted error of (unet|code): .*: (better|falls short); in fifths' "$r" | cut -d ' ' -f 2,6 | tr '\n' ';')" \
	'validation: unet:;validation: code:;b: unet:;b: code:;'
# latents of rank three, which three components know: far better than a network that has hardly learned anything
is 'the noise predicted: the verdict, by hand' "$(grep '^- validation: weighted error' "$r")" "$(awk -F '\t' '
	NR > 1 && $1 !~ /unet|code/ { if (best == "" || $7 < best) { best = $7; name = $1 } for (i = 2; i <= 6; i++) if (min[i] == "" || $i < min[i]) min[i] = $i }
	$1 ~ /unet|code/ { worse = ""; for (i = 2; i <= 6; i++) if ($i > min[i]) worse = worse (worse ? ", " : "") (i - 1); w[$1] = $7
		printf "- validation: weighted error of %s: %.3f of that of %s, the best simple predictor: falls short; in fifths worse than the best linear predictor: %s\n", $1, $7 / best, name, worse }
	END { printf "- validation: weighted error with the code: %.3f of that without\n", w["code"] / w["unet"] }' "$T/noise.tsv")"
is 'round trips' "$(grep -cE '^\| (validation \(2\)|b \(1\)) \| (ddim|autoencoder alone) \|' "$r")" 5
is 'round trips: bounds' "$(grep -oE -- '-1: falls short|2: holds' "$r" | tr '\n' ';')" '-1: falls short;2: holds;2: holds;'
is 'round trips: the error in z, by hand' "$(grep -F '| validation (2) | ddim | 3 |' "$r" | cut -d '|' -f 8 | tr -d ' ')" \
	"$(paste "$T/z.txt" "$T/back.txt" | awk '{ d += ($1 - $2) ^ 2; z += $1 ^ 2 } END { printf "%.4f", sqrt(d / z) }')"
is 'zT of all sets' "$(grep -cE '^\| (train \(10\)|validation \(2\)|b \(1\)) \| [0-9.]+(: outside .95..1.05)? \|$' "$r")" 3
is 'drawn: too few to compare with' "$(grep '^Left out' "$r")" 'Left out: four validation scans and two drawn ones are needed, there are 2 and 24.'
is 'blocks: as large as what a latent voxel stands for' "$(grep -c '| principal components of 2x2x2 blocks, as many numbers |' "$r")" 2
is 'claims' "$(grep -cE '^- (validation|b): .* better than .*: (holds|falls short)' "$r")" 6
is 'the midpoint is halfway in y' "$(row "$r" '| rms in y, of the midpoint itself' 3-6 | awk -F '|' '{ print $1 - $2, int($3 / $1 * 100 + .5), $4 }')" '0 200 2of2'
is 'the ends' "$(tail -n 20 "$r" | grep '^The ends')" 'The ends, bit for bit: lat-lerp -t 0: same; lat-lerp -t 1: 4 of 4 tensors are the same.'
is 'an age that all have' "$(row "$r" '| a (12) | no code: the mean of the others')" '0|0.00[0.00,0.00]|n/a[n/a,n/a]|.5|.5|0.00[0.00,0.00]|.5|'
is 'codes' "$(grep '^| a (12)' "$r" | cut -d '|' -f 3,4 | tr '\n' ';')" \
	' semantic code | 16 ; no code: the mean of the others | 0 ; 2 principal components of the voxels | 2 ; 2 principal components of the latents | 2 ;'
lat-cut -n y --ids <(lat-info "$T/whole/train.lat" | sed 1d | cut -f 1 | sort -u) "$T/whole/probes/a/y.lat" |
	linprobe fit -q --labels "$T/whole/probes/a/labels.tsv" --target sex --positive f --balance -o "$T/sex.safetensors"
is 'codes: judged on unseen subjects, by hand' "$(row "$r" '| a (12) | semantic code' 10 | cut -d '[' -f 1)" \
	"$(lat-cut -n y --ids "$T/whole/validation.txt" "$T/whole/probes/a/y.lat" | linprobe eval --labels "$T/whole/probes/a/labels.tsv" --target sex --probe "$T/sex.safetensors" |
		awk -F '\t' '$1 == "auc" { printf "%.3f", $2 }')"
is 'codes: what is better' "$(grep '^- a (12): the semantic code has a smaller MAE' "$r")" '- a (12): the semantic code has a smaller MAE than: none; not than: no code: the mean of the others, 2 principal components of the voxels, 2 principal components of the latents'
made() { find "$T/whole" -type f ! -name '*.md' -printf '%p %T@\n' | sort | sha256sum; }
before=$(made)
expect_exit 0 'once more' evaluate model whole LABELS="a=$T/participants.tsv"
is 'once more: nothing is done again' "$(made)" "$before"
if comma_locale 'a decimal comma'; then
	cp "$r" "$T/with-points.md"
	rm "$T/whole/validation/"{autoencoder,draw}.tsv
	LC_ALL=$comma expect_exit 0 'a decimal comma' evaluate model whole LABELS="a=$T/participants.tsv"
	holds 'a decimal comma: the same figures' cmp "$r" "$T/with-points.md"
fi
expect_exit 0 'one more trip' evaluate model whole TRIPS='ddim-1 dpmpp2m-1'
is 'one more trip: is there' "$(grep -c '| dpmpp2m | 1 |' "$r")" 1

expect_exit 0 'without a semantic encoder' evaluate plain plain-results
r=$T/plain-results/RESULTS.md
is 'without: the parts' "$(grep '^##' "$r" | tr '\n' ';')" '## Compression;## How much of the noise is predicted;## To noise and back;## Brains drawn from nothing;'
is 'without: said' "$(grep -c 'has no semantic encoder with a shift U-Net: what needs it is left out' "$r")" 1
for word in SEED='1;touch canary' TRIPS='$$(touch canary)' OUT="$T/a\`touch canary\`" DATA="a=\"\$\$(touch canary)"; do
	expect_exit 2 "words that are none: ${word%%=*}" evaluate model none "$word"
	like "words that are none: ${word%%=*}: said" "$(cat "$T/err")" "${word%%=*}=.*: only letters, digits and "
done
is 'words that are none: nothing is executed' "$(find "$T" "$ROOT" -maxdepth 3 -name canary)" ''
cp -r "$T/plain" "$T/a model"
expect_exit 0 'a model with a blank in its name' evaluate 'a model' plain-results
is 'a model with a blank in its name: the parts' "$(grep '^##' "$r" | tr '\n' ';')" '## Compression;## How much of the noise is predicted;## To noise and back;## Brains drawn from nothing;'

# brains drawn from nothing, on a grid that is large enough: nine subjects, six of them to validate on
mkdir "$T/c" "$T/large"
for i in {1..9}; do "$BUILD/tests/tools/make-nii" "$T/c/sub-0${i}_T1w.nii.gz" mm=4 scale=1.0$i; done
printf 'cx0%d\n' {1..6} > "$T/six.txt"
python3 - "$T" << 'E2'
import json, sys
c = json.load(open(sys.argv[1] + "/c.json"))
c["volume"] = c["preparation"]["size"] = [48, 48, 48]
c["preparation"]["affine"] = [[4, 0, 0, -94], [0, 4, 0, -114], [0, 0, 4, -85]]
json.dump(c, open(sys.argv[1] + "/large.json", "w"))
E2
train-ae -q -c "$T/large.json" --validation "$T/held.txt" -o "$T/large-ae" --steps 1 "${scans[@]}"
train-ldm -q -m "$T/large-ae" -c "$T/large.json" --validation "$T/held.txt" -o "$T/large-unet" --steps 1 "${scans[@]}"
cp "$T/large-ae/autoencoder.safetensors" "$T/large-unet/unet.safetensors" "$T/large"
expect_exit 0 'drawn' evaluate large drawn DATA="c=$T/c" TEST= VALIDATION="$T/six.txt" BRAINS=3 "$T/drawn/drawn.md" "$T/drawn/drawn.png"
m="-m $T/large"
mkdir "$T/hand" "$T/hand/"{drawn,real,train}
# shellcheck disable=SC2086
{
	lat-denoise $m --solver dpmpp2m -s 2 --generate 3 --noise 1 | lat2nii $m --unit -o "$T/hand/drawn/{id}.nii"
	nii2lat -q $m "$T/c"/sub-0[1-6]_T1w.nii.gz | lat2nii $m --unit -o "$T/hand/real/{id}.nii"
	nii2lat -q $m "$T/c"/sub-0[7-9]_T1w.nii.gz | lat2nii $m --unit -o "$T/hand/train/{id}.nii"
	for side in drawn real train; do nii2lat -q $m --grid-only "$T/hand/$side"/*.nii > "$T/hand/$side.lat"; done
}
lat-realism -k 5 --real "$T/hand/real.lat" --train "$T/hand/train.lat" "$T/hand/drawn.lat" > "$T/hand/table.tsv"
is 'drawn: the table, by hand' "$(sed 1d "$T/drawn/drawn/realism.tsv")" "$(cat "$T/hand/table.tsv")"
r=$T/drawn/drawn.md
is 'drawn: a row for each measure' "$(grep -c '^| [a-zA-Z].* |$' "$r") $(head -n 1 "$r")" '11 ## Brains drawn from nothing'
like 'drawn: how many' "$(cat "$r")" $'\n\\| scans \\| 3 \\| 6 \\| 3 \\|\n\\| variance along 5 principal '
is 'drawn: local structure' "$(grep -F '| distance of local structure' "$r" | cut -d '|' -f 3,4)" \
	"$(awk -F '\t' '$1 == "local_structure" { printf " %.3g | 1 ", $2 }' "$T/hand/table.tsv")"
nii2png -f -n 1 -s 160 --no-difference --no-captions -o "$T/hand.png" "$T/hand/drawn"/gen-000[1-3].nii
holds 'drawn: the picture' cmp "$T/drawn/drawn.png" "$T/hand.png"

expect_exit 2 'no data' make --no-print-directory -f pipelines/evaluate.mk OUT="$T/none"
like 'no data: said' "$(cat "$T/err")" "DATA='NAME=FOLDER"
printf 'id\tage\n' > "$T/odd.tsv"
expect_exit 2 'labels of nobody' evaluate model whole LABELS="b=$T/odd.tsv"
like 'labels of nobody: said' "$(cat "$T/err")" 'evaluate.mk: the labels of b: no column participant_id'
finish
