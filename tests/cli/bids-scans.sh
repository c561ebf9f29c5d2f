# bids-scans: which scans of a dataset it lists, what it leaves out and says, refusals.
. tests/lib.sh
B="$T/a study"
scan() { mkdir -p "$B/${1%/*}" && : > "$B/$1"; }
echo '{}' > "$T/d.json"
scan sub-1/anat/sub-1_run-10_T1w.nii.gz
scan sub-1/anat/sub-1_run-2_T1w.nii.gz
scan sub-1/anat/sub-1_T2w.nii.gz
scan sub-2/ses-M00/anat/sub-2_ses-M00_T1w.nii
scan sub-2/ses-M00/anat/sub-2_ses-M00_T1w.nii.gz
scan sub-2/ses-M06/anat/sub-2_ses-M06_acq-x_T1w.nii
scan sub-3/ses-a/anat/sub-3_ses-a_T1w.nii
scan sub-3/ses-b/anat/sub-3_ses-b_T1w.nii
printf 'session_id\tacq_time\nses-a\t2010-01-01\nb\t2011-01-01T10:00:00\n' > "$B/sub-3/sub-3_sessions.tsv"
mkdir -p "$B/sub-4/anat" "$B/sub-5/anat" "$B/sub-7/func" "$B/sub-10/anat" "$B/derivatives/sub-9/anat"
ln -s ../../.git/annex/objects/x/y "$B/sub-4/anat/sub-4_T1w.nii.gz"
ln -s ../nowhere.nii "$B/sub-5/anat/sub-5_run-1_T1w.nii"
ln -s ../../sub-1/anat/sub-1_run-2_T1w.nii.gz "$B/sub-5/anat/sub-5_run-2_T1w.nii.gz"
echo /annex/objects/MD5E-s1--x > "$B/sub-10/anat/sub-10_T1w.nii"
scan sub-6/anat/sub-66_T1w.nii
ln -s "$B/sub-1" "$B/sub-8"
: > "$B/sub-11_T1w.nii"

expect_exit 0 'a dataset' bids-scans "$B"
gone='its content is not here (datalad get fetches it)'
is 'its scans' "$(sed "s|$B|B|" "$T/out" | tr '\t' '|')" "id|participant_id|session_id|months|path|reason
sub-1_run-2_T1w|sub-1|n/a|n/a|B/sub-1/anat/sub-1_run-2_T1w.nii.gz|n/a
sub-2_ses-M00_T1w|sub-2|ses-M00|0|B/sub-2/ses-M00/anat/sub-2_ses-M00_T1w.nii.gz|n/a
sub-2_ses-M06_acq-x_T1w|sub-2|ses-M06|6|B/sub-2/ses-M06/anat/sub-2_ses-M06_acq-x_T1w.nii|n/a
sub-3_ses-a_T1w|sub-3|ses-a|0|B/sub-3/ses-a/anat/sub-3_ses-a_T1w.nii|n/a
sub-3_ses-b_T1w|sub-3|ses-b|11.9918|B/sub-3/ses-b/anat/sub-3_ses-b_T1w.nii|n/a
sub-4_T1w|sub-4|n/a|n/a|B/sub-4/anat/sub-4_T1w.nii.gz|$gone
sub-5_run-2_T1w|sub-5|n/a|n/a|B/sub-5/anat/sub-5_run-2_T1w.nii.gz|n/a
sub-10_T1w|sub-10|n/a|n/a|B/sub-10/anat/sub-10_T1w.nii|$gone"
is 'what is left out' "$(sed "s|$B|B|; s/^bids-scans: //" "$T/err")" "B: has no dataset_description.json; taken for a BIDS dataset all the same
B/sub-1/anat/sub-1_run-10_T1w.nii.gz: left out: sub-1_run-2_T1w.nii.gz is taken for this session
B/sub-2/ses-M00/anat/sub-2_ses-M00_T1w.nii: left out: sub-2_ses-M00_T1w.nii.gz is taken for this session
B/sub-5/anat/sub-5_run-1_T1w.nii: left out, a link to ../nowhere.nii, which is not there: sub-5_run-2_T1w.nii.gz is taken for this session
B/sub-6/anat/sub-66_T1w.nii: left out: its name does not say sub-6, as its folder does
B/sub-7: left out: no T1w scan
B/sub-8/anat/sub-1_run-2_T1w.nii.gz: left out: its name does not say sub-8, as its folder does
B/sub-8/anat/sub-1_run-10_T1w.nii.gz: left out: its name does not say sub-8, as its folder does"
cp "$T/d.json" "$B/dataset_description.json"
expect_exit 0 'with a description' bids-scans -q "$B"
is 'quiet' "$(cat "$T/err")" ''
ids() { bids-scans -q "$@" | cut -f 1 | sed 1d | tr '\n' ' '; }
is '--subjects' "$(ids --subjects '1, sub-3' "$B")" 'sub-1_run-2_T1w sub-3_ses-a_T1w sub-3_ses-b_T1w '
is '--sessions' "$(ids --sessions 'M06 ses-a' "$B")" 'sub-2_ses-M06_acq-x_T1w sub-3_ses-a_T1w '
refuses 65 'a subject that is not there' bids-scans --subjects '1 99' "$B"
like 'a subject that is not there: named' "$(cat "$T/err")" 'no T1w scan of subject 99'
refuses 65 'a session that is not there' bids-scans --sessions M99 "$B"
refuses 66 'no folder' bids-scans "$T/none"
refuses 65 'no dataset' bids-scans "$T"
like 'no dataset: said' "$(cat "$T/err")" 'no folders sub-'
mkdir -p "$T/empty/sub-1/anat"
refuses 65 'no T1w' bids-scans -q "$T/empty"
like 'no T1w: said' "$(cat "$T/err")" '_T1w.nii'
refuses 64 'nothing to look at' bids-scans
printf 'session_id\nses-a\textra\n' > "$B/sub-3/sub-3_sessions.tsv"
expect_exit 0 'a broken table of sessions' bids-scans "$B"
like 'a broken table of sessions: said' "$(cat "$T/err")" 'sub-3_sessions.tsv: line 2'

cat > "$T/list.txt" <<- E2
	# two scans

	$B/sub-3/ses-a/anat/sub-3_ses-a_T1w.nii
	$T/none/plain.nii.gz
E2
is 'a list' "$(bids-scans --list "$T/list.txt" | sed 1d | cut -f 1-4,6 | tr '\t\n' '| ')" \
	'sub-3_ses-a_T1w|sub-3|ses-a|n/a|n/a plain|plain|n/a|n/a|No such file or directory '
is 'a list on stdin' "$(bids-scans --list - < "$T/list.txt" | wc -l)" 3
echo "$T/other/plain.nii" >> "$T/list.txt"
refuses 65 'one id twice' bids-scans --list "$T/list.txt"
echo "$T/a b.nii" > "$T/list.txt"
refuses 65 'no id' bids-scans --list "$T/list.txt"
: > "$T/list.txt"
refuses 65 'an empty list' bids-scans --list "$T/list.txt"
refuses 66 'no list' bids-scans --list "$T/none.txt"
refuses 64 'list and folder' bids-scans --list "$T/list.txt" "$B"

# which weights a model has
refuses 66 'lat-model: no such model' lat-model none
mkdir "$T/model"
refuses 66 'lat-model: an empty folder' lat-model "$T/model"
cp models/brain3mm/autoencoder.safetensors "$T/model"
is 'lat-model' "$(lat-model "$T/model" | cut -f 1,3 | tr '\t\n' '| ')" "kind|path autoencoder|$T/model/autoencoder.safetensors "
is 'lat-model: the default' "$(lat-model | cut -f 1 | tr '\n' ' ')" 'kind autoencoder semantic shift_unet '
is 'lat-model: identities' "$(lat-model | grep ^autoencoder | cut -f 2)" "$(lat-model "$T/model" | grep ^autoencoder | cut -f 2)"
is 'lat-model: a file' "$(lat-model "$T/model/autoencoder.safetensors")" "$(lat-model "$T/model")"
head -c 1000 "$T/model/autoencoder.safetensors" > "$T/model/unet.safetensors"
expect_exit 78 'lat-model: damaged weights' lat-model "$T/model"
finish
