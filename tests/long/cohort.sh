# A cohort of 200 sessions of 100 subjects through reconstruct.mk: killed at three moments, out of disk once, resumed; one scan is broken.
# Nothing is lost, nothing done twice, no file is half there, and the summary is right.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
SUBJECTS=${COHORT_SUBJECTS:-100}
B=$T/cohort O=$T/derived
shopt -s nullglob
originals=("$SHARED"/data/ds002748/mni/*_T1w.nii.gz)
[ ${#originals[@]} -gt 0 ] || originals=("${scans[@]}")
originals=("${originals[@]:0:12}")
for i in "${!originals[@]}"; do
	nii2lat -q --grid-only --id x "${originals[i]}" | lat2nii --grid-only --unit -o "$T/base$i.nii"
done
n=0
for ((i = 1; i <= SUBJECTS; i++)); do
	for s in 1 2; do
		f=$(printf '%s/sub-%03d/ses-%d/anat/sub-%03d_ses-%d_T1w.nii.gz' "$B" "$i" "$s" "$i" "$s")
		mkdir -p "${f%/*}"
		"$BUILD/tests/tools/vary" "$((n += 1))" "$T/base$((i % ${#originals[@]})).nii" "$f"
	done
done
echo '{"Name": "cohort", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
truncate -s 5000 "$B/sub-007/ses-2/anat/sub-007_ses-2_T1w.nii.gz"
sessions=$((2 * SUBJECTS)) good=$((2 * SUBJECTS - 1))
cohort() { pipeline reconstruct BIDS=cohort OUT=derived "$@"; }
# what is there: name, time and inode of each output
there() { find "$O" -name '*.nii.gz' -path '*/anat/*' -printf '%f %T@ %i\n' 2> /dev/null | sort; }
count() { there | wc -l; }
whole() { # every output is a whole file, and has a sidecar that names its content
	local f bad=0
	while IFS= read -r f; do
		gzip -t "$f" 2> /dev/null && grep -q "\"Sha256\": \"$(sha256sum < "$f" | cut -d ' ' -f 1)\"" "${f%.nii.gz}.json" || bad=$((bad + 1))
	done < <(find "$O" -name '*.nii.gz' -path '*/anat/*')
	echo "$bad"
}

made_before=0
for moment in 10 45 80; do
	before=$(there)
	setsid bash -c 'exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$1" -f "$ROOT/pipelines/reconstruct.mk" MODEL="$1/model" STEPS=2 BIDS=cohort OUT=derived' \
		_ "$T" > /dev/null 2>> "$T/killed" &
	group=$!
	for _ in $(seq 6000); do
		[ "$(count)" -lt $((sessions * moment / 100)) ] || break
		sleep .1
	done
	kill -KILL -- "-$group"
	wait "$group" 2> /dev/null
	holds "killed at $moment %: some are there" test "$(count)" -ge $((sessions * moment / 100)) -a "$(count)" -lt "$good"
	is "killed at $moment %: no half file" "$(whole)" 0
	is "killed at $moment %: what was there is untouched" "$(comm -23 <(echo "$before" | grep .) <(there))" ''
done
before=$(there)
expect_exit 2 'resumed' cohort
is 'resumed: the summary' "$(lines | tail -n 1 | sed 's/: see.*//' | awk '{ print $2 + $4, $8 }')" "$good 1"
is 'resumed: the one that failed' "$(cut -f 1-3 "$O/failed.tsv" | tr '\t\n' '| ')" 'id|stage|exit sub-007_ses-2_T1w|encode|65 '
is 'resumed: all are there' "$(count)" "$good"
is 'resumed: nothing was done twice' "$(comm -23 <(echo "$before") <(there))" ''
is 'resumed: no half file' "$(whole)" 0
is 'resumed: nothing is left behind' "$(find "$O" -name '.latpipe*' -o -name '*.part')" ''
is 'scores of all' "$(($(wc -l < "$O/desc-reconstruct_scores.tsv") - 1))" "$good"
nii2lat -q -m "$T/model" "$B/sub-010/ses-1/anat/sub-010_ses-1_T1w.nii.gz" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2 |
	lat-denoise -m "$T/model" -s 2 | lat2nii -m "$T/model" -o "$T/ten.nii"
holds 'what the tools make by hand' cmp "$T/ten.nii" <(gzip -dc "$O/sub-010/ses-1/anat/sub-010_ses-1_desc-reconstruct_T1w.nii.gz")
before=$(there)
expect_exit 2 'once more' cohort
like 'once more: nothing to do' "$(lines | tail -n 1)" "0 made, $good as they were, 1 failed"
is 'once more: nothing was touched' "$(there)" "$before"

# a disk that is full
half=$(($(du -sk "$O" | cut -f 1) / 2))k
O=$T/small
mkdir "$O"
if mount -t tmpfs -o size="$half" tmpfs "$O" 2> /dev/null; then
	trap 'umount "$O"; rm -rf "$T"' EXIT
	expect_exit 2 'a full disk' pipeline reconstruct BIDS=cohort OUT=small
	held=$(count)
	holds "a full disk: some are there ($held)" test "$held" -gt 0 -a "$held" -lt "$good"
	is 'a full disk: no half file' "$(whole)" 0
	like 'a full disk: said' "$(lines)" 'No space left on device|full'
	before=$(there)
	mount -o remount,size=200m "$O"
	expect_exit 2 'with more room' pipeline reconstruct BIDS=cohort OUT=small
	is 'with more room: all are there' "$(count)" "$good"
	is 'with more room: nothing was done twice' "$(comm -23 <(echo "$before") <(there))" ''
	is 'with more room: the same bytes' "$(cd "$O" && find sub-* -type f -exec sha256sum {} + | sort)" "$(cd "$T/derived" && find sub-* -type f -exec sha256sum {} + | sort)"
else
	skip 'a full disk' 'no right to mount a small one'
fi
finish
