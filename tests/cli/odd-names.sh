# Names that mean something to make, bash, sed, awk, find or GNU parallel, in all variables and lists: nothing of them is executed, and what is
# made is what is made of plain names. Names of internal variables and commands in the environment mean nothing.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
odd=$'-o{= system("touch canary") =}{1} {} [x]  \'"`touch canary`$(touch canary)$HOME ${IFS}\\t\\ é;&|<>(*)?~!,'
export HOME=$T
no_canary() { is "$1: nothing is executed" "$(find "$T" "$ROOT" -maxdepth 3 -name canary)" ''; }
put "$T/plain/sub-01/anat/sub-01_T1w.nii.gz" "$T/sub-01_T1w.nii"
for s in 1 2 3; do put "$T/plain/sub-02/ses-$s/anat/sub-02_ses-${s}_T1w.nii.gz" "$T/sub-0${s}_T1w.nii"; done
printf 'session_id\tmonths\nses-1\t0\nses-2\t6\nses-3\t24\n' > "$T/plain/sub-02/sub-02_sessions.tsv"
printf 'participant_id\tage\n01\t60\n02\t65\n' > "$T/plain/participants.tsv"
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$T/plain/dataset_description.json"
cp -r "$T/plain" "$T/$odd"
cp -r "$T/model" "$T/$odd/model"
# the results of two runs, whatever the names around them
results() { (cd "$T/$1" && find sub-* -name '*.nii.gz' -exec sha256sum {} + | sort); }
# twice PIPELINE ARGUMENT...: once with plain names, once with odd ones, both to their end
twice() {
	local name=$1
	shift
	expect_exit 0 "$name: plain" pipeline "$name" OUT="$name" "$@"
	expect_exit 0 "$name: odd" pipeline "$name" BIDS="$odd" MODEL="$odd/model" OUT="$odd/$name" "${@//plain/"$odd"}"
	is "$name: the same" "$(results "$odd/$name")" "$(results "$name")"
	no_canary "$name"
}
# the environment: a greeting, commands under the names of stages, internal names
export ENCODE='touch canary' SEM='touch canary' UNITS='touch canary' PLAN='touch canary' SCANS=no EXT=.x BEFORE=x PIPE='touch canary' STAGES=UNITS NAME=other
export OPTIONS=x HERE=/none CODES_PIPE='touch canary' SUBJECTS_MODE='run; touch canary' EACH='touch canary'
mkdir "$T/.parallel"
echo '--no-such-option' > "$T/.parallel/config"
export PARALLEL='--dry-run'
twice reconstruct BIDS=plain SUBJECTS='01'
is 'reconstruct: said in the sidecar' "$(jq -c .Options < "$T/$odd/reconstruct/sub-01/anat/sub-01_desc-reconstruct_T1w.json")" '{"STEPS":"2","NATIVE":""}'
holds 'reconstruct: the sidecar is JSON' python3 -m json.tool "$T/$odd/reconstruct/sub-01/anat/sub-01_desc-reconstruct_T1w.json"
twice interpolate BIDS=plain
twice probe BIDS=plain TARGET=age LABELS=plain/participants.tsv PROBING='--splits 2 --lambda 1'
cp "$T/probe/age.safetensors" "$T/plain"
cp "$T/probe/age.safetensors" "$T/$odd"
twice manipulate BIDS=plain PROBE=plain/age.safetensors BY='0 -1.5' SUBJECTS=01
twice generate BIDS= COUNT=1 SEED=7
expect_exit 0 'carry-back: plain' pipeline prepare carry-back SCAN=sub-01_T1w.nii PREPARED=sub-01_T1w.nii OUT=back.nii
cp "$T/sub-01_T1w.nii" "$T/$odd.nii"
cp "$T/out" "$T/plain.out"
expect_exit 0 'carry-back: odd' pipeline prepare carry-back SCAN="$odd.nii" PREPARED="$odd/../sub-01_T1w.nii" OUT="$T/$odd/back.nii" MODEL="$odd/model"
is 'carry-back: the same' "$(cat "$T/out")" "$(cat "$T/plain.out")"
holds 'carry-back: the same scan' cmp "$T/back.nii" "$T/$odd/back.nii"
no_canary 'carry-back'
unset PIPE STAGES NAME

# lists: one unusable name fails alone
mkdir "$T/$odd/list"
cp "$T/sub-01_T1w.nii" "$T/$odd/list/sub-11_T1w.nii"
cp "$T/sub-01_T1w.nii" "$T/$odd/list/sub \$(touch canary)_T1w.nii"
printf '%s\n' "$odd/list/sub-11_T1w.nii" "$odd/list/sub \$(touch canary)_T1w.nii" > "$T/-list"
expect_exit 2 'a list' pipeline reconstruct FILES=-list OUT=listed SEM=cat INVERT=cat SAMPLE=cat
is 'a list: made' "$(cd "$T/listed" && echo sub-*/anat/*.nii.gz)" 'sub-11/anat/sub-11_desc-reconstruct_T1w.nii.gz'
like 'a list: one name is no id' "$(sed 1d "$T/listed/failed.tsv")" $'^sub___touch_canary__T1w\tfind\t66\t.*its name cannot be an id'
no_canary 'a list'

# words where numbers are asked for
mistake() { # NAME REGEX ARGUMENT...
	local name=$1 regex=$2
	shift 2
	expect_exit 2 "$name" pipeline "$@"
	like "$name: said in one line" "$(lines)" "^$regex\$"
	is "$name: nothing is begun" "$(find "$T/no" -name 'sub-*' 2> /dev/null)" ''
	no_canary "$name"
}
mistake 'a number of scans' 'generate: COUNT=.*: no numbers' generate OUT=no COUNT='$$(touch canary)'
mistake 'a month' 'interpolate: MONTH=.*: no number of months' interpolate BIDS=plain OUT=no MONTH='ids[$$(touch canary)]'
mistake 'a way along a probe' 'manipulate: BY=.*: no numbers' manipulate BIDS=plain OUT=no PROBE=plain/age.safetensors BY='1 $(touch canary)'
mistake 'a number of jobs' 'reconstruct: JOBS=.*: no number of jobs' reconstruct BIDS=plain OUT=reconstruct JOBS='a[$$(touch canary)]'
mistake 'a line in a name' "reconstruct: OUT: has a tab, a line's end or another control character in it" reconstruct BIDS=plain OUT=$'a\nb'
expect_exit 2 'a number of steps' pipeline reconstruct BIDS=plain OUT=steps SUBJECTS=01 STEPS='2; touch canary'
no_canary 'a number of steps'
expect_exit 2 'internal names' pipeline reconstruct BIDS=plain OUT=no UNITS='touch canary'
like 'internal names: said' "$(cat "$T/err")" "UNITS=: is the pipeline's own"
no_canary 'internal names'

# links that lead out of OUT
outside() { (cd "$T/outside" && find . -type f -exec sha256sum {} + | sort); }
for link in .latpipe logs sub-01; do
	rm -rf "$T/outside" "$T/linked"
	mkdir -p "$T/outside/work/x" "$T/outside/anat" "$T/linked"
	touch "$T/outside/work/x/mine" "$T/outside/reconstruct-failed.tsv" "$T/outside/anat/sub-01_desc-reconstruct_T1w.json"
	ln -s "$T/outside" "$T/linked/$link"
	before=$(outside)
	expect_exit 2 "a link: $link" pipeline reconstruct BIDS=plain OUT=linked SUBJECTS=01
	like "a link: $link: said" "$(cat "$T/err")" "$link.*: a link leads out of"
	is "a link: $link: what is there is untouched" "$(outside)" "$before"
done
finish
