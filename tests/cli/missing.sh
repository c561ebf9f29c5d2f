# missing.mk on tiny networks: which gaps are found, scores against the tools by hand, the tables, volumes with an elastix that is none.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
B=$T/study
visit=0
for who in 01/0 01/6 01/12 01/24 02/0 02/12 02/24 03/0 03/6; do
	visit=$((visit % 4 + 1))
	s=$(printf 'M%03d' "${who#*/}") i=${who%/*}
	put "$B/sub-$i/ses-$s/anat/sub-${i}_ses-${s}_T1w.nii.gz" "$T/sub-0${visit}_T1w.nii"
done
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
expect_exit 0 'gaps' pipeline missing BIDS=study OUT=gaps GAPS='6 12 24'
is 'gaps: those there are' "$(cd "$T/gaps" && ls sub-*/*/anat/*missing_T1w.nii.gz | sed 's|.*/||' | tr '\n' ' ')" \
	'sub-01_ses-M006_from-M000_to-M012_desc-missing_T1w.nii.gz sub-01_ses-M012_from-M000_to-M024_desc-missing_T1w.nii.gz sub-02_ses-M012_from-M000_to-M024_desc-missing_T1w.nii.gz '
like 'gaps: a length that nobody has is said' "$(lines)" 'missing: no subject has a visit within a gap of 6 months'
encode() { nii2lat -q -m "$T/model" --id "$2" --months "$3" "$1" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2; } # SCAN ID MONTHS
encode "$T/sub-01_T1w.nii" a 0 > "$T/a.lat"
encode "$T/sub-02_T1w.nii" real 6 > "$T/real.lat"
encode "$T/sub-03_T1w.nii" b 12 > "$T/b.lat"
lat-lerp -t .5 "$T/a.lat" "$T/b.lat" | lat-denoise -m "$T/model" -s 2 | lat2nii -m "$T/model" --unit -o "$T/model.nii"
lat-lerp --blend z -t .5 "$T/a.lat" "$T/b.lat" | lat2nii -m "$T/model" --unit -o "$T/latents.nii"
lat2nii -m "$T/model" --unit -o "$T/autoencoder.nii" "$T/real.lat"
lat2nii --grid-only --unit -o "$T/nearest.nii" "$T/a.lat"
lat2nii --grid-only --unit -o "$T/after.nii" "$T/b.lat"
lat2nii --grid-only --unit -o "$T/real.nii" "$T/real.lat"
nii-mean -o "$T/voxels.nii" "$T/nearest.nii" "$T/after.nii"
nii-score -q --range 1 --mask brain "$T/real.nii" "$T"/{model,nearest,voxels,latents,autoencoder}.nii > "$T/by-hand"
is 'scores: by hand' "$(awk -F '\t' '$2 ~ /M006_from/ { printf "%s %.4f;", $5, $8 }' "$T/gaps/missing.tsv")" \
	"$(awk -F '\t' 'NR > 1 { name = $2; sub(/.*\//, "", name); sub(/[.]nii/, "", name); printf "%s %.4f;", name, $3 }' "$T/by-hand")"
is 'scores: columns' "$(head -n 1 "$T/gaps/missing.tsv" | tr '\t' ' ')" \
	'participant_id id gap distance method ssim psnr ssim_brain psnr_brain model_less_ssim model_less_psnr model_less_ssim_brain model_less_psnr_brain'
is 'means: of two subjects' "$(awk -F '\t' '$1 == "gap" && $2 == 24 && $3 == "model" && $4 == "ssim_brain" { printf "%d %.5f", $5, $6 }' "$T/gaps/missing_means.tsv")" \
	"2 $(awk -F '\t' '$3 == 24 && $5 == "model" { s += $8 } END { printf "%.5f", s / 2 }' "$T/gaps/missing.tsv")"
is 'means: differences are paired' "$(awk -F '\t' '$1 == "gap" && $2 == 24 && $3 == "nearest" && $4 == "model_less_ssim" { printf "%.5f", $6 }' "$T/gaps/missing_means.tsv")" \
	"$(awk -F '\t' '$3 == 24 && $5 == "model" { s += $6 } $3 == 24 && $5 == "nearest" { s -= $6 } END { printf "%.5f", s / 2 }' "$T/gaps/missing.tsv")"
is 'means: by distance, too' "$(awk -F '\t' '$1 == "distance" && $4 == "ssim" && $3 == "model" { print $2, $5 }' "$T/gaps/missing_means.tsv" | tr '\n' ';')" '6 1;12 2;'
holds 'the dictionaries' jq -e .method.Levels.voxels "$T/gaps/missing.json"
expect_exit 0 'again' pipeline missing BIDS=study OUT=gaps GAPS='6 12 24'
like 'again: nothing is done again' "$(lines | tail -n 1)" 'missing: 0 made, 3 as they were, 0 failed'
expect_exit 2 'no label maps' pipeline missing BIDS=study OUT=gaps DSEG=none
is 'no label maps: said' "$(lines)" 'missing: DSEG=none: no folder; it holds label maps, sub-X[_ses-Y]..._dseg.nii.gz'
expect_exit 2 'no numbers' pipeline missing BIDS=study OUT=gaps GAPS='6 months'
mkdir "$T/dseg"
expect_exit 2 'visits without label maps' pipeline missing BIDS=study OUT=bare DSEG=dseg GAPS=12
like 'visits without label maps: told' "$(cat "$T/bare/failed.tsv")" 'has no label map in DSEG, or its neighbours have none'
expect_exit 0 'help' pipeline missing help
like 'help draws it' "$(cat "$T/out")" 'make -f pipelines/missing.mk'
expect_exit 0 '-n' pipeline missing BIDS=study OUT=planned GAPS=12 -n
is '-n: nothing is made' "$(ls -d "$T/planned" 2> /dev/null)" ''
finish
