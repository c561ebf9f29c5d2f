# The pipelines on codes, on tiny networks: interpolate.mk, manipulate.mk, generate.mk, probe.mk.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
B=$T/study
visit=0
for who in 01/1 01/2 01/3 02/1 02/2 03/1; do
	visit=$((visit % 4 + 1))
	s=${who#*/} i=${who%/*}
	put "$B/sub-$i/ses-$s/anat/sub-${i}_ses-${s}_T1w.nii.gz" "$T/sub-0${visit}_T1w.nii"
done
printf 'session_id\tmonths\nses-1\t0\nses-2\t6\nses-3\t24\n' | tee "$B/sub-01/sub-01_sessions.tsv" > "$B/sub-02/sub-02_sessions.tsv"
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
printf 'participant_id\tage\tweight\n01\t60\t70\n02\t65\t80\n03\t71\t66\n' > "$B/participants.tsv"
encode() { # SCAN ID MONTHS
	nii2lat -q -m "$T/model" --id "$2" --months "$3" "$1" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2
}
back() { lat-denoise -m "$T/model" -s 2 | lat2nii -m "$T/model" "$@"; }

# a derivative is a study again: its visits are known, and its people
printf 'session_id\tmonths\nses-1\t0\n' > "$B/sub-03/sub-03_sessions.tsv"
expect_exit 0 'a derivative' pipeline reconstruct BIDS=study OUT=again SUBJECTS='01 03' SEM=cat INVERT=cat SAMPLE=cat
is 'a derivative: the tables of those in it' "$(cd "$T/again" && find . -name 'participants.tsv' -o -name '*_sessions.tsv' | sort | tr '\n' ' ')" \
	'./participants.tsv ./sub-01/sub-01_sessions.tsv ./sub-03/sub-03_sessions.tsv '
is 'a derivative: its scans' "$(bids-scans "$T/again" | cut -f 1,4 | tr '\t\n' '| ')" \
	'id|months sub-01_ses-1_desc-reconstruct_T1w|0 sub-01_ses-2_desc-reconstruct_T1w|6 sub-01_ses-3_desc-reconstruct_T1w|24 sub-03_ses-1_desc-reconstruct_T1w|0 '
expect_exit 0 'a derivative of it' pipeline reconstruct BIDS=again OUT=twice SUBJECTS=03 SEM=cat INVERT=cat SAMPLE=cat
is 'a derivative of it: names' "$(cd "$T/twice" && find . -name '*.nii.gz')" './sub-03/ses-1/anat/sub-03_ses-1_desc-reconstruct_T1w.nii.gz'
rm "$B/sub-03/sub-03_sessions.tsv"

# interpolate
expect_exit 0 'inner visits' pipeline interpolate BIDS=study OUT=between
is 'inner visits: one' "$(made_in "$T/between")" "$(for s in 01_ses-1 01_ses-2 01_ses-3 02_ses-1 02_ses-2 03_ses-1; do
	printf 'sub-%s_desc-codes_T1w.json sub-%s_desc-codes_T1w.lat ' "$s" "$s"
	[ $s != 01_ses-2 ] || printf 'sub-%s_desc-interpolate_T1w.json sub-%s_desc-interpolate_T1w.nii.gz ' "$s" "$s"
done)"
like 'inner visits: who has none is said' "$(lines)" 'sub-02: left out: no visits on both sides.*sub-03_ses-1_T1w: left out: when it was is not known'
encode "$T/sub-01_T1w.nii" sub-01_ses-1_T1w 0 > "$T/a.lat"
encode "$T/sub-03_T1w.nii" sub-01_ses-3_T1w 24 > "$T/b.lat"
lat-lerp -t .25 "$T/a.lat" "$T/b.lat" | back --unit -o "$T/middle.nii"
holds 'inner visits: what the tools make by hand' cmp "$T/middle.nii" <(gzip -dc "$T/between/sub-01/ses-2/anat/sub-01_ses-2_desc-interpolate_T1w.nii.gz")
nii2lat -q -m "$T/model" "$T/sub-02_T1w.nii" | lat2nii --grid-only --unit -o "$T/real.nii"
nii2lat -q -m "$T/model" "$T/sub-01_T1w.nii" | lat2nii --grid-only --unit -o "$T/before.nii"
is 'inner visits: scores' "$(cut -f 1,2,4 "$T/between/desc-interpolate_scores.tsv")" "id	ssim_brain	ssim_brain_before
sub-01_ses-2_desc-interpolate_T1w	$(nii-score --range 1 --mask brain "$T/real.nii" "$T/middle.nii" "$T/before.nii" | awk 'NR > 1 { printf "%s%s", s, $3; s = "\t" }')"
is 'inner visits: scores of all' "$(head -n 1 "$T/between/desc-interpolate_scores.tsv" | tr '\t' ' ')" \
	'id ssim_brain mse_brain ssim_brain_before mse_brain_before ssim_brain_after mse_brain_after'
expect_exit 0 'a month' pipeline interpolate BIDS=study OUT=between MONTH=3 SUBJECTS='01 02'
is 'a month: of both' "$(cd "$T/between" && echo sub-*/ses-M3/anat/*.nii.gz)" \
	'sub-01/ses-M3/anat/sub-01_ses-M3_desc-interpolate_T1w.nii.gz sub-02/ses-M3/anat/sub-02_ses-M3_desc-interpolate_T1w.nii.gz'
like 'a month: the codes are those that were there' "$(lines)" 'codes: 0 made, 5 as they were, 0 failed.*interpolate: 2 made'
encode "$T/sub-02_T1w.nii" sub-01_ses-2_T1w 6 | lat-lerp -t .5 "$T/a.lat" - | back --unit -o "$T/three.nii"
holds 'a month: half way' cmp "$T/three.nii" <(gzip -dc "$T/between/sub-01/ses-M3/anat/sub-01_ses-M3_desc-interpolate_T1w.nii.gz")
expect_exit 2 'a month that nobody has' pipeline interpolate BIDS=study OUT=between MONTH=99 SUBJECTS=02
truncate -s 2000 "$B/sub-01/ses-3/anat/sub-01_ses-3_T1w.nii.gz"
expect_exit 2 'a scan that cannot be encoded' pipeline interpolate BIDS=study OUT=hole MONTH=3
is 'a scan that cannot be encoded: told' "$(cut -f 1-3 "$T/hole/failed.tsv" | tr '\t\n' '| ')" 'id|stage|exit sub-01_ses-3_T1w|encode|65 '
like 'a scan that cannot be encoded: the rest is made' "$(lines | tail -n 1)" 'interpolate: 2 made, 0 as they were, 1 failed'
put "$B/sub-01/ses-3/anat/sub-01_ses-3_T1w.nii.gz" "$T/sub-03_T1w.nii"
# where a comma parts decimals, too, 3.9 months come after 3.2
if comma_locale 'a decimal comma'; then
	printf 'session_id\tmonths\nses-1\t0\nses-2\t3.9\nses-3\t3.2\n' > "$B/sub-01/sub-01_sessions.tsv"
	LC_ALL=$comma expect_exit 0 'a decimal comma' pipeline interpolate BIDS=study OUT=comma SUBJECTS=01
	is 'a decimal comma: the visit in the middle' "$(cd "$T/comma/sub-01" && echo ses-*/anat/*interpolate_T1w.nii.gz)" 'ses-3/anat/sub-01_ses-3_desc-interpolate_T1w.nii.gz'
	like 'a decimal comma: scores' "$(sed -n 2p "$T/comma/desc-interpolate_scores.tsv" | cut -f 2)" '^-?[0-9]+\.[0-9]+'
	printf 'session_id\tmonths\nses-1\t0\nses-2\t6\nses-3\t24\n' > "$B/sub-01/sub-01_sessions.tsv"
fi
mkdir "$T/fake"
printf '#!/bin/sh\necho "lat-lerp: no such way" >&2\nexit 65\n' > "$T/fake/lat-lerp"
chmod +x "$T/fake/lat-lerp"
PATH=$T/fake:$PATH expect_exit 2 'a step before the stages fails' pipeline interpolate BIDS=study OUT=between MONTH=4 SUBJECTS=01
is 'a step before the stages fails: named' "$(sed 1d "$T/between/failed.tsv" | tr '\t' '|')" 'sub-01_ses-M4_T1w|lerp|65|lat-lerp: no such way'
expect_exit 0 '-n' pipeline interpolate BIDS=study OUT=planned -n
like '-n: both steps' "$(cat "$T/out")" $'codes: 6 units.*interpolate: 1 units.*sub-01_ses-2_T1w\tto do'
is '-n: nothing is made' "$(ls -d "$T/planned" 2> /dev/null)" ''

# probe
expect_exit 0 'probe' pipeline probe BIDS=study OUT=probe TARGET=age PROBING='--splits 3 --lambda 10'
is 'probe: what it makes' "$(cd "$T/probe" && echo age*)" 'age-cv.tsv age-predictions.json age-predictions.tsv age.safetensors'
is 'probe: the dictionary tells of each column' "$(jq -r 'keys_unsorted | join(" ")' "$T/probe/age-predictions.json")" \
	"$(sed '1s/\t/ /g; 1q' "$T/probe/age-predictions.tsv")"
is 'probe: what is predicted' "$(jq -r .value.Description "$T/probe/age-predictions.json")" 'Prediction of age, in the unit of the table of labels'
for who in 01/1/1 01/2/2 01/3/3 02/1/4 02/2/1 03/1/2; do
	IFS=/ read -r i s k <<< "$who"
	nii2lat -q -m "$T/model" --id "sub-${i}_ses-${s}_T1w" "$T/sub-0${k}_T1w.nii" | sem-encode -m "$T/model" | lat-cut -n y
done > "$T/y.lat"
holds 'probe: figures' cmp "$T/probe/age-cv.tsv" <(linprobe cv --labels "$B/participants.tsv" --target age --splits 3 --lambda 10 "$T/y.lat")
linprobe fit --labels "$B/participants.tsv" --target age --lambda 10 -o "$T/age.safetensors" "$T/y.lat"
is 'probe: the probe' "$(linprobe show "$T/probe/age.safetensors")" "$(linprobe show "$T/age.safetensors")"
expect_exit 0 'probe: another target' pipeline probe BIDS=study OUT=probe TARGET=weight PROBING='--splits 3 --lambda 1'
like 'probe: the codes are those that were there' "$(lines)" '0 made, 6 as they were'
echo $'participant_id\tsex' > "$T/sexes.tsv"
for i in {1..8}; do
	cp "$T/sub-0$((i % 4 + 1))_T1w.nii" "$T/sub-1${i}_T1w.nii"
	echo "$T/sub-1${i}_T1w.nii"
	printf 'sub-1%s\t%s\n' "$i" "$((i % 3 ? 1 : 2))" >> "$T/sexes.tsv"
done > "$T/list.txt"
echo "$T/gone.nii" >> "$T/list.txt"
expect_exit 2 'probe: classes, a list, a scan that is not there' pipeline probe FILES=list.txt OUT=sex LABELS=sexes.tsv TARGET=sex POSITIVE=2 PROBING='--splits 2 --C 1'
holds 'probe: classes, without it' lat-check "$T/sex/sex.safetensors"
like 'probe: the figures are shown' "$(cat "$T/out")" 'balanced_accuracy'
expect_exit 2 'probe: no such column' pipeline probe BIDS=study OUT=probe TARGET=height
is 'probe: no such column: said' "$(lines)" 'probe: study/participants.tsv: has no column height'
expect_exit 2 'probe: of what' pipeline probe BIDS=study OUT=probe
expect_exit 0 'probe -n' pipeline probe BIDS=study OUT=probe TARGET=age -n

# manipulate
expect_exit 0 'manipulate' pipeline manipulate BIDS=study OUT=moved PROBE="$T/age.safetensors" BY='-1.5 0 2' SUBJECTS=03
is 'manipulate: the series' "$(made_in "$T/moved")" "$(echo sub-03_ses-1_desc-{codes_T1w.{json,lat},manipulate_T1w.{json,png},manipulate_by{0,2,minus1p5}_T1w.nii.gz} | tr ' ' '\n' | sort | tr '\n' ' ')"
encode "$T/sub-02_T1w.nii" sub-03_ses-1_T1w 0 | lat-steer --probe "$T/age.safetensors" --by -1.5 | back -o "$T/less.nii"
less=$T/moved/sub-03/ses-1/anat/sub-03_ses-1_desc-manipulate_byminus1p5_T1w.nii.gz
# what the probe reads: from the scan, from the moved code, and from the changed scan
read_of() { linprobe predict --probe "$T/age.safetensors" "$@" | tail -n 1 | cut -f 4; }
is 'manipulate: scores' "$(cut -f 1-4 "$T/moved/desc-manipulate_scores.tsv")" "id	read	asked_byminus1p5	again_byminus1p5
sub-03_ses-1_desc-manipulate_T1w	$(read_of "$T/moved/sub-03/ses-1/anat/sub-03_ses-1_desc-codes_T1w.lat")	$(
	lat-steer --probe "$T/age.safetensors" --by -1.5 "$T/moved/sub-03/ses-1/anat/sub-03_ses-1_desc-codes_T1w.lat" | read_of)	$(
	nii2lat -m "$T/model" --id sub-03 "$T/less.nii" | sem-encode -m "$T/model" | read_of)"
holds 'manipulate: what the tools make by hand' cmp "$T/less.nii" <(gzip -dc "$less")
like 'manipulate: a picture' "$(file "${less%_by*}_T1w.png")" 'PNG image'
again() { pipeline manipulate BIDS=study OUT=moved PROBE="$T/age.safetensors" BY='-1.5 0 2' SUBJECTS=03; }
expect_exit 0 'manipulate again' again
like 'manipulate again: nothing is done again' "$(lines | tail -n 1)" 'manipulate: 0 made, 1 as they were'
rm "$less"
expect_exit 0 'manipulate: a scan of the series lost' again
like 'manipulate: made anew' "$(lines | tail -n 1)" 'manipulate: 1 made'
cp "$T/age.safetensors" "$T/probed.safetensors"
cp "$T/probe/weight.safetensors" "$T/age.safetensors"
expect_exit 0 'manipulate: the probe is another now' again
like 'manipulate: made anew, too' "$(lines | tail -n 1)" 'manipulate: 1 made'
expect_exit 2 'manipulate: no probe' pipeline manipulate BIDS=study OUT=moved SUBJECTS=03
like 'manipulate: no probe: said' "$(lines | tail -n 1)" 'PROBE=file'

cp "$T/probed.safetensors" "$T/model/years.safetensors"
expect_exit 0 "manipulate: to values, by a probe of the model's" pipeline manipulate BIDS=study OUT=moved PROBE=years TO='60 70.5' SUBJECTS=03
is 'manipulate: to values: the series' "$(cd "$T/moved/sub-03/ses-1/anat" && echo *_to*)" 'sub-03_ses-1_desc-manipulate_to60_T1w.nii.gz sub-03_ses-1_desc-manipulate_to70p5_T1w.nii.gz'
is 'manipulate: to values: what is asked is what the moved code says' "$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { printf "%.3f %.3f", $at["asked_to60"], $at["asked_to70p5"] }' "$T/moved/desc-manipulate_scores.tsv")" '60.000 70.500'

# generate
expect_exit 0 'generate' pipeline generate OUT=made COUNT=2 SEED=5
is 'generate: two' "$(cd "$T/made" && echo sub-*/anat/*.nii.gz)" 'sub-gen0001/anat/sub-gen0001_desc-generate_T1w.nii.gz sub-gen0002/anat/sub-gen0002_desc-generate_T1w.nii.gz'
lat-denoise -m "$T/model" --generate 1 --noise 6 -s 2 | lat2nii -m "$T/model" --unit -o "$T/second.nii"
holds 'generate: what the tools make by hand' cmp "$T/second.nii" <(gzip -dc "$T/made/sub-gen0002/anat/sub-gen0002_desc-generate_T1w.nii.gz")
expect_exit 0 'generate: more' pipeline generate OUT=made COUNT=3 SEED=5
like 'generate: more leave those that are there' "$(lines | tail -n 1)" 'generate: 1 made, 2 as they were'
expect_exit 2 'generate: how many' pipeline generate OUT=made COUNT=some
for p in interpolate manipulate generate probe; do
	expect_exit 0 "$p: help" pipeline "$p" help
	like "$p: help draws it" "$(cat "$T/out")" "make -f pipelines/$p.mk"
done
finish
