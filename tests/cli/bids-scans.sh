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
B/sub-1/anat/sub-1_run-10_T1w.nii.gz: left out, a later run: sub-1_run-2_T1w.nii.gz is taken for this session
B/sub-2/ses-M00/anat/sub-2_ses-M00_T1w.nii: left out, the same scan, not compressed: sub-2_ses-M00_T1w.nii.gz is taken for this session
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
bad="its name cannot be an id (letters, digits, '.', '_', '+', '-', no dot in front, at most 200)"
is 'a name that cannot be an id: a scan that cannot be read' "$(bids-scans --list "$T/list.txt" | sed 1d)" "a_b	a_b	n/a	n/a	$T/a b.nii	$bad"
printf '\357\273\277%s\r\n%s\r\n' "$T/a b.nii" "$T/ä/plain.nii" > "$T/list.txt"
expect_exit 0 'a byte order mark, CRLF, and a name that cannot be an id' bids-scans --list "$T/list.txt"
is 'both scans are listed' "$(sed 1d "$T/out" | cut -f 1,5)" "a_b	$T/a b.nii
plain	$T/ä/plain.nii"
printf '%s\n' "$T/.$(printf 'é%.0s' {1..150})	x" > "$T/list.txt"
is 'a name of other letters, too long, with a tab: its id' "$(bids-scans --list "$T/list.txt" | sed 1d | cut -f 1)" "$(printf '_%.0s' {1..200})"
printf '\377\376a\0' > "$T/list.txt"
refuses 65 'a list in UTF-16' bids-scans --list "$T/list.txt"
like 'a list in UTF-16: said' "$(cat "$T/err")" 'list.txt: is UTF-16; save it as UTF-8$'
: > "$T/list.txt"
refuses 65 'an empty list' bids-scans --list "$T/list.txt"
refuses 66 'no list' bids-scans --list "$T/none.txt"
refuses 64 'list and folder' bids-scans --list "$T/list.txt" "$B"

# which of several: by meaning, not by the alphabet
B="$T/several"
for f in 1/anat/sub-1_acq-fse_T1w 1/anat/sub-1_T1w 2/anat/sub-2_acq-fse_T1w 2/anat/sub-2_acq-mprage_T1w 3/anat/sub-3_ce-gadolinium_T1w 3/anat/sub-3_run-1_T1w \
	4/anat/sub-4_part-phase_T1w 4/anat/sub-4_rec-norm_T1w 5/anat/sub-5_part-phase_T1w 6/anat/sub-6_ce-gadolinium_T1w \
	7/ses-1/anat/sub-7_acq-MPRAGE+norm_ses-1_T1w; do scan "sub-$f.nii"; done
cp "$T/d.json" "$B/dataset_description.json"
taken() { bids-scans "$@" 2> "$T/err" | sed 1d | cut -f 1 | tr '\n' ' '; }
is 'which of several' "$(taken "$B")" 'sub-1_T1w sub-2_acq-mprage_T1w sub-3_run-1_T1w sub-4_rec-norm_T1w sub-6_ce-gadolinium_T1w sub-7_acq-MPRAGE+norm_ses-1_T1w '
is 'which of several: said' "$(sed "s|$B/[^:]*anat/||; s/^bids-scans: //" "$T/err")" 'sub-1_acq-fse_T1w.nii: left out, another acquisition: sub-1_T1w.nii is taken for this session
sub-2_acq-fse_T1w.nii: left out, another acquisition: sub-2_acq-mprage_T1w.nii is taken for this session
sub-3_ce-gadolinium_T1w.nii: left out, with contrast agent: sub-3_run-1_T1w.nii is taken for this session
sub-4_part-phase_T1w.nii: left out: a phase image
sub-5_part-phase_T1w.nii: left out: a phase image
sub-6_ce-gadolinium_T1w.nii: taken, although with contrast agent: there is no other of this session'
is '--which' "$(taken --which acq-fse "$B")" 'sub-1_acq-fse_T1w sub-2_acq-fse_T1w '
like '--which: who has none is said' "$(cat "$T/err")" 'sub-3/anat: left out: no T1w scan with acq-fse'
is '--which, several' "$(taken --which 'acq-mprage,acq-fse' "$B")" 'sub-1_acq-fse_T1w sub-2_acq-mprage_T1w '
refuses 65 '--which that nobody has' bids-scans -q --which acq-none "$B"
refuses 64 '--which that is no entity' bids-scans --which mprage "$B"
"$BUILD/tests/tools/make-nii" "$B/sub-1/anat/sub-1_acq-fse_T1w.nii"
cp "$B/sub-1/anat/sub-1_acq-fse_T1w.nii" "$B/sub-1/anat/sub-1_T1w.nii"
printf '\014\0' | dd of="$B/sub-1/anat/sub-1_T1w.nii" bs=1 seek=42 conv=notrunc status=none # 12 slices of 2 mm
is 'the header tells a slab' "$(taken --subjects 1 "$B")" 'sub-1_acq-fse_T1w '
like 'the header tells a slab: said' "$(cat "$T/err")" 'sub-1_T1w.nii: left out, not the whole head: sub-1_acq-fse_T1w.nii is taken'
printf 'sub-2/\r\n*_rec-norm_*\r\n' > "$B/.bidsignore"
is '.bidsignore' "$(taken "$B")" 'sub-1_acq-fse_T1w sub-3_run-1_T1w sub-6_ce-gadolinium_T1w sub-7_acq-MPRAGE+norm_ses-1_T1w '
like '.bidsignore: said' "$(cat "$T/err")" "several/.bidsignore: 3 T1w scans are left out as it says"
is 'WHICH= of a pipeline' "$(make -s -n -f pipelines/reconstruct.mk BIDS="$B" OUT="$T/made" WHICH=acq-fse PLAN= 2> /dev/null | grep 'to do' | cut -f 1)" 'sub-1_acq-fse_T1w'
rm "$B/.bidsignore"
ln -s nowhere "$B/.bidsignore"
refuses 66 '.bidsignore that cannot be read' bids-scans "$B"
rm "$B/.bidsignore"
"$BUILD/tests/tools/make-nii" "$T/sub-7_acq-MPRAGE+norm_T1w.nii"
is '+ in an id' "$(nii2lat -q --grid-only "$T/sub-7_acq-MPRAGE+norm_T1w.nii" | lat-cut -r sub-7_acq-MPRAGE+norm_T1w | lat-info | tail -n 1 | cut -f 1)" 'sub-7_acq-MPRAGE+norm_T1w'
B="$T/a study"
printf '\357\273\277session_id\tacq_time\r\nses-a\t2010-01-01\r\nses-b\t03/04/2012\r\n' > "$B/sub-3/sub-3_sessions.tsv"
is 'a date in another order' "$(bids-scans --subjects 3 "$B" 2> "$T/err" | sed 1d | cut -f 4 | tr '\n' ' ')" 'n/a n/a '
like 'a date in another order: said' "$(cat "$T/err")" "sub-3_sessions.tsv: line 3: acq_time '03/04/2012' is no date"
rm "$B/sub-3/sub-3_sessions.tsv"
ln -s .git/annex/objects/x "$B/sub-3/sub-3_sessions.tsv"
is 'a table of sessions whose content is not here' "$(bids-scans --subjects 3 "$B" 2> "$T/err" | sed 1d | cut -f 4 | tr '\n' ' ')" 'n/a n/a '
like 'a table of sessions whose content is not here: said' "$(cat "$T/err")" 'sub-3_sessions.tsv: No such file'

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
