# pipelines/reconstruct.mk and subjects.mk on tiny networks: what it makes, resumes and refuses; stages swapped.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
B="$T/a study" O="$T/the results"
for i in 1 2 3; do put "$B/sub-0$i/anat/sub-0${i}_T1w.nii.gz" "$T/sub-0${i}_T1w.nii"; done
put "$B/sub-04/ses-M06/anat/sub-04_ses-M06_acq-x_T1w.nii.gz" "$T/sub-04_T1w.nii"
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
truncate -s 3000 "$B/sub-03/anat/sub-03_T1w.nii.gz"
reconstruct() { pipeline reconstruct BIDS='a study' OUT='the results' "$@"; }

expect_exit 2 'one bad scan: the exit status says so' reconstruct
is 'one bad scan: said once, and at the end' "$(lines | grep -v warning)" "sub-03_T1w: encode: nii2lat: a study/sub-03/anat/sub-03_T1w.nii.gz: cut short within the compressed data
reconstruct: 3 made, 0 as they were, 1 failed: see $O/failed.tsv"
is 'one bad scan: failed.tsv' "$(tr '\t' '|' < "$O/failed.tsv")" "id|stage|exit|message
sub-03_T1w|encode|65|nii2lat: a study/sub-03/anat/sub-03_T1w.nii.gz: cut short within the compressed data"
is 'one bad scan: the log of the jobs' "$(sed 1d "$O/logs/reconstruct.tsv" | sort -n | cut -f 7 | tr '\n' ' ')" '0 0 2 0 '
is 'the others are there' "$(cd "$O" && find . -name '*.nii.gz' | sort | tr '\n' ' ')" "./sub-01/anat/sub-01_desc-reconstruct_T1w.nii.gz ./sub-02/anat/sub-02_desc-reconstruct_T1w.nii.gz \
./sub-04/ses-M06/anat/sub-04_ses-M06_acq-x_desc-reconstruct_T1w.nii.gz "
is 'nothing else' "$(ls -A "$O" | tr '\n' ' ')" '.bidsignore dataset_description.json desc-reconstruct_scores.tsv failed.tsv logs sub-01 sub-02 sub-04 '
nii2lat -q -m "$T/model" "$T/sub-01_T1w.nii" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2 | lat-denoise -m "$T/model" -s 2 |
	lat2nii -m "$T/model" -o "$T/by-hand.nii"
holds 'what the tools make by hand' cmp "$T/by-hand.nii" <(gzip -dc "$O/sub-01/anat/sub-01_desc-reconstruct_T1w.nii.gz")
nii2lat -q -m "$T/model" "$T/sub-01_T1w.nii" | lat2nii --grid-only --unit -o "$T/x.nii"
nii2lat -q -m "$T/model" "$T/sub-01_T1w.nii" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2 | lat-denoise -m "$T/model" -s 2 |
	lat2nii -m "$T/model" --unit -o "$T/unit.nii"
is 'scores: those of the tools in the model'\''s range' "$(awk 'NR == 2 { printf "%.3f %.4f %.2f", $2, $4, $5 }' "$O/desc-reconstruct_scores.tsv")" \
	"$(nii-score "$T/x.nii" "$T/unit.nii" | awk 'NR == 2 { printf "%.3f %.4f %.2f", $3, $5, $6 }')"
is 'scores: of all that was made' "$(cut -f 1 "$O/desc-reconstruct_scores.tsv" | wc -l)" 4
is 'sidecar and description' "$(python3 - "$O" "$T/model" << 'E2'
import hashlib, json, struct, sys
O, M = sys.argv[1:]
def identity(kind):
    f = open(M + "/" + kind + ".safetensors", "rb")
    return json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]["identity"]
models = {k: identity(k) for k in ("autoencoder", "semantic", "shift_unet")}
d = json.load(open(O + "/dataset_description.json"))
s = json.load(open(O + "/sub-01/anat/sub-01_desc-reconstruct_T1w.json"))
out = hashlib.sha256(open(O + "/sub-01/anat/sub-01_desc-reconstruct_T1w.nii.gz", "rb").read()).hexdigest()
print(d["DatasetType"], d["GeneratedBy"][0]["Name"], d["GeneratedBy"][0]["Models"] == models, s["Models"] == models, s["Sha256"] == out,
      s["Sources"], list(s["Scores"]), "lat-denoise" in s["Stages"]["INVERT"])
E2
)" "derivative latpipe True True True ['sub-01/anat/sub-01_T1w.nii.gz'] ['ssim', 'ms_ssim', 'mse', 'psnr', 'ssim_brain'] True"

is 'a derivative of BIDS' "$(python3 - "$O" << 'E2'
import json, os, re, sys
O, bad = sys.argv[1], []
d = json.load(open(O + "/dataset_description.json"))
bad += [k for k in ("Name", "BIDSVersion", "DatasetType", "GeneratedBy", "SourceDatasets") if not d.get(k)]
bad += ["GeneratedBy"] if not all(g.get("Name") and g.get("Version") for g in d["GeneratedBy"]) else []
name = re.compile(r"sub-([A-Za-z0-9]+)(?:_ses-([A-Za-z0-9]+))?(?:_[a-z]+-[A-Za-z0-9]+)*_desc-reconstruct_T1w\.(nii\.gz|json)")
for folder, _, files in os.walk(O):
    at = os.path.relpath(folder, O)
    for f in files if at.startswith("sub-") else []:
        m = name.fullmatch(f)
        want = m and "sub-" + m[1] + ("/ses-" + m[2] if m[2] else "") + "/anat"
        if at != want:
            bad.append(at + "/" + f)
        elif m[3] == "json":
            s = json.load(open(folder + "/" + f))
            bad += [f + ": " + k for k in ("Sources", "GeneratedBy", "Models", "Sha256") if not s.get(k)]
        elif not os.path.exists(folder + "/" + f.replace(".nii.gz", ".json")):
            bad.append(f + ": no sidecar")
print(bad)
E2
)" '[]'
if command -v bids-validator > /dev/null; then
	cp -r "$B" "$T/valid" && mkdir "$T/valid/derivatives" && cp -r "$O" "$T/valid/derivatives/reconstruct"
	holds 'a study with it in derivatives/ is valid' bids-validator "$T/valid"
else
	skip 'a study with it in derivatives/ is valid' 'no bids-validator (npm)'
fi

# resume
state() { find "$O" -path '*/anat/*' -type f -printf '%f %T@ %i\n' | sort; }
before=$(state)
expect_exit 2 'again' reconstruct
like 'again: nothing is done again' "$(lines | tail -n 1)" '0 made, 3 as they were, 1 failed'
is 'again: nothing is touched' "$(state)" "$before"
put "$B/sub-03/anat/sub-03_T1w.nii.gz" "$T/sub-03_T1w.nii"
expect_exit 0 'the bad scan mended' reconstruct
like 'the bad scan mended: it alone is made' "$(lines | tail -n 1)" '1 made, 3 as they were, 0 failed'
is 'no failures' "$(cat "$O/failed.tsv")" $'id\tstage\texit\tmessage'
put "$B/sub-01/anat/sub-01_T1w.nii.gz" "$T/sub-02_T1w.nii"
printf x >> "$O/sub-02/anat/sub-02_desc-reconstruct_T1w.nii.gz"
rm "$O/sub-03/anat/sub-03_desc-reconstruct_T1w.json"
touch "$B/sub-04/ses-M06/anat/sub-04_ses-M06_acq-x_T1w.nii.gz"
expect_exit 0 'another scan, an output that was changed, a sidecar lost, a date' reconstruct
like 'three of them are made' "$(lines | tail -n 1)" '3 made, 1 as they were, 0 failed'
expect_exit 0 'other options' reconstruct STEPS=3 SUBJECTS='01 sub-04' SESSIONS=
like 'other options: made anew' "$(lines | tail -n 1)" '2 made, 0 as they were, 0 failed'
is 'other options: a table is of one way' "$(cut -f 1 "$O/desc-reconstruct_scores.tsv" | tr '\n' ' ')" \
	'id sub-01_desc-reconstruct_T1w sub-04_ses-M06_acq-x_desc-reconstruct_T1w '
like 'other options: what is left out is said' "$(lines)" '^reconstruct: 2 results that are there were made with other options'
cp -r "$T/model" "$T/moved"
expect_exit 0 'the model elsewhere' reconstruct STEPS=3 SUBJECTS=01 MODEL="$T/moved"
like 'the model elsewhere: the same weights' "$(lines | tail -n 1)" '0 made, 1 as they were'
cp "$T/ae2/autoencoder.safetensors" "$T/moved"
expect_exit 2 'weights that do not fit each other' reconstruct SUBJECTS=01 MODEL="$T/moved"
is 'weights that do not fit each other: what was made before is in no table' "$(ls "$O/desc-reconstruct_scores.tsv" 2> /dev/null)" ''
like 'weights that do not fit each other: the stage' "$(tail -n 1 "$O/failed.tsv")" $'^sub-01_T1w\tinvert\t65\tlat-denoise: '
expect_exit 0 'two jobs and one' reconstruct JOBS=1 THREADS=2 OUT=one
is 'two jobs and one: the same bytes' "$(cd "$T/one" && find sub-02 -type f -exec sha256sum {} +)" "$(cd "$O" && find sub-02 -type f -exec sha256sum {} +)"

# what would be done
expect_exit 0 '-n' reconstruct -n SUBJECTS='01 02'
like '-n: says what' "$(cat "$T/out")" $'lat-denoise -m "\$MODEL" --invert -s "\$STEPS".*STEPS=2.*sub-01_T1w\tto do: .*sub-02_T1w\tdone'
is '-n: does nothing' "$(pipeline reconstruct BIDS='a study' OUT=nothing -n > /dev/null; ls -d "$T/nothing" 2>&1 | grep -c cannot)" 1
expect_exit 0 '-n: memory bounds the jobs' reconstruct -n OMP_NUM_THREADS= PLAN='echo "{\"peak_bytes\": 1000000000000000}"'
like '-n: memory bounds the jobs: one, with all threads' "$(grep " units," "$T/out")" "^reconstruct: 4 units, 1 jobs x $(env -u OMP_NUM_THREADS nproc) threads, at most 1000000000 MB"
expect_exit 0 '-n: threads' reconstruct -n THREADS=100
like '-n: threads: not more than the cores, but a job' "$(grep " units," "$T/out")" '^reconstruct: 4 units, 1 jobs x 100 threads'
expect_exit 0 'help' reconstruct help
like 'help: the drawing and the variables' "$(cat "$T/out")" 'scan -- ENCODE.*SSHLOGIN='

# mistakes: one line each
mistake() { # NAME REGEX ARGUMENT...
	local name=$1 regex=$2
	shift 2
	expect_exit 2 "$name" pipeline "$@"
	is "$name: one line" "$(lines | wc -l)" 1
	like "$name: says it" "$(lines)" "$regex"
}
mistake 'a wrong folder' 'nowhere: No such file' reconstruct BIDS=nowhere OUT=no
mistake 'a folder of something else' 'no folders sub-' reconstruct BIDS=model OUT=no
mkdir -p "$T/bold/sub-01/func"
echo '{}' > "$T/bold/dataset_description.json"
mistake 'no T1w in it' 'no .*_T1w.nii' reconstruct BIDS=bold OUT=no
mistake 'no scans named' 'BIDS=folder or FILES=' reconstruct OUT=no
mistake 'no place for results' 'OUT=folder' reconstruct BIDS='a study'
mistake 'half a model' 'has no semantic.safetensors, shift_unet.safetensors' reconstruct BIDS='a study' OUT=no MODEL="$T/ae"
mistake 'no model' 'no such file or folder|no model' reconstruct BIDS='a study' OUT=no MODEL="$T/none"
mistake 'into the study' 'is the study itself' reconstruct BIDS='a study' OUT="$B/"
mistake 'jobs' 'JOBS=x' reconstruct BIDS='a study' OUT=no JOBS=x

# a list; a scan that is not there; names that are no BIDS names
cp "$T/sub-01_T1w.nii" "$T/scan_7.nii"
printf '%s\n' scan_7.nii "$T/sub-02_T1w.nii" gone.nii > "$T/list.txt"
expect_exit 2 'a list' pipeline reconstruct FILES=list.txt OUT=listed
is 'a list: made' "$(made_in "$T/listed")" 'sub-02_desc-reconstruct_T1w.json sub-02_desc-reconstruct_T1w.nii.gz sub-scan7_desc-reconstruct_T1w.json sub-scan7_desc-reconstruct_T1w.nii.gz '
is 'a list: failed' "$(sed 1d "$T/listed/failed.tsv" | tr '\t' '|')" 'gone|find|66|gone.nii: No such file or directory'
# two at once on one folder; what a killed run has left
pipeline reconstruct FILES=list.txt OUT=twice 2> "$T/first" &
expect_exit 2 'two runs at once' pipeline reconstruct FILES=list.txt OUT=twice
wait
is 'two runs at once: each scan is made once' "$(cat "$T/first" "$T/err" | sed -n 's/reconstruct: \([0-9]*\) made, \([0-9]*\) as.*/\1 \2/p' | awk '{ m += $1; k += $2 } END { print m, k }')" '2 2'
is 'two runs at once: nothing is left' "$(ls -A "$T/twice" | grep latpipe)" ''
mkdir -p "$T/listed/.latpipe/work/sub-02_desc-reconstruct/x"
rm "$T/listed/sub-02/anat/sub-02_desc-reconstruct_T1w.nii.gz"
expect_exit 2 'after a kill' pipeline reconstruct FILES=list.txt OUT=listed
like 'after a kill: made' "$(lines | tail -n 1)" '1 made, 1 as they were, 1 failed'
is 'after a kill: nothing is left' "$(ls -A "$T/listed" | grep latpipe)" ''

# stages of one's own: another solver, none at all, a program in another language that speaks NumPy
expect_exit 0 'another solver' reconstruct SUBJECTS=01 OUT=solver SAMPLE='lat-denoise -m "$$MODEL" -s 2 --solver ddim'
holds 'another solver: another result' test "$(sha256sum < "$T/solver/sub-01/anat/sub-01_desc-reconstruct_T1w.nii.gz")" != \
	"$(sha256sum < "$T/one/sub-01/anat/sub-01_desc-reconstruct_T1w.nii.gz")"
expect_exit 0 'the autoencoder alone, and a model that has no more' reconstruct SUBJECTS=02 OUT=ae SEM=cat INVERT=cat SAMPLE=cat MODEL="$T/ae"
nii2lat -q -m "$T/ae" "$T/sub-02_T1w.nii" | lat2nii -m "$T/ae" -o "$T/ae.nii"
holds 'the autoencoder alone: the same bytes' cmp "$T/ae.nii" <(gzip -dc "$T/ae/sub-02/anat/sub-02_desc-reconstruct_T1w.nii.gz")
cat > "$T/half" << 'E2'
#!/usr/bin/perl
# A stage in another language: z of the record on stdin, each value halved, by way of NumPy files.
use strict;
chomp(my $d = `mktemp -d`);
system("cat > $d/in.lat && lat2npy -n z -o $d/z.npy $d/in.lat") and exit 1;
local $/;
open my $in, '<:raw', "$d/z.npy" or die;
my $file = <$in>;
my $start = 10 + unpack 'v', substr $file, 8, 2;
my @z = map { $_ / 2 } unpack 'f<*', substr $file, $start;
open my $out, '>:raw', "$d/half.npy" or die;
print $out substr($file, 0, $start), pack('f<*', @z);
close $out or die;
my $status = system("npy2lat --onto $d/in.lat z=$d/half.npy");
system("rm -r $d");
exit($status ? 1 : 0);
E2
chmod +x "$T/half"
expect_exit 0 'a stage of one'\''s own' reconstruct SUBJECTS=02 OUT=own SEM=cat INVERT=cat SAMPLE="$T/half"
nii2lat -q -m "$T/model" "$T/sub-02_T1w.nii" | lat2npy -n z -o "$T/z.npy"
nii2lat -q -m "$T/model" "$T/sub-02_T1w.nii" > "$T/z.lat"
python3 - "$T/z.npy" << 'E2'
import array, sys
b = open(sys.argv[1], "rb").read()
start = 10 + b[8] + 256 * b[9]
z = array.array("f", b[start:])
open(sys.argv[1], "wb").write(b[:start] + array.array("f", [v / 2 for v in z]).tobytes())
E2
npy2lat --onto "$T/z.lat" z="$T/z.npy" | lat2nii -m "$T/model" -o "$T/own.nii"
holds 'a stage of one'\''s own: what it says' cmp "$T/own.nii" <(gzip -dc "$T/own/sub-02/anat/sub-02_desc-reconstruct_T1w.nii.gz")
expect_exit 2 'a stage that fails' reconstruct SUBJECTS='02 03' OUT=fails INVERT='sh -c "cat > /dev/null; echo sorry >&2; exit 7"'
is 'a stage that fails: named' "$(sed 1d "$T/fails/failed.tsv" | tr '\t' '|')" $'sub-02_T1w|invert|7|sorry\nsub-03_T1w|invert|7|sorry'
expect_exit 2 'a stage that is killed' reconstruct SUBJECTS=02 OUT=killed SEM="sh -c 'kill -9 \$\$\$\$'"
is 'a stage that is killed: named' "$(sed 1d "$T/killed/failed.tsv" | tr '\t' '|')" 'sub-02_T1w|sem|137|killed by signal 9'
is 'a stage that fails: no half output' "$(made_in "$T/fails")$(made_in "$T/killed")" ''

# the same jobs for Slurm: its script, each number by hand
expect_exit 0 'slurm' reconstruct OUT=array slurm
cp "$T/out" "$T/array.sh"
like 'slurm: an array of all' "$(cat "$T/array.sh")" '#SBATCH --array=1-4'
for n in 1 2 3 4; do SLURM_ARRAY_TASK_ID=$n bash "$T/array.sh" > /dev/null 2>&1; done
expect_exit 0 'slurm: then the summary' reconstruct OUT=array
like 'slurm: all was done' "$(lines | tail -n 1)" '0 made, 4 as they were, 0 failed'
finish
