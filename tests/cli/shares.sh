# How a pipeline divides a machine, and a study among the tasks of a Slurm array; the stages are stubs.
. tests/lib.sh
"$BUILD/tests/tools/make-nii" "$T/a.nii" mm=8
mkdir "$T/bin"
generate() { # VARIABLE...
	PATH=$T/bin:$PATH make -s -f pipelines/generate.mk OUT="$T/made" SAMPLE='[ "$$seed" != 4 ] && echo x' DECODE="cat > /dev/null; cat '$T/a.nii'" "$@"
}
host() { printf '#!/bin/sh\nprintf "processors\\tmemory\\n%s\\t%s\\n"\n' "$1" "$2" > "$T/bin/lat-host" && chmod +x "$T/bin/lat-host"; }
# divided VARIABLE...: "3 jobs x 2 threads"
divided() { generate -n COUNT=20 "$@" | grep -o '[0-9]* jobs x [0-9]* threads'; }
unset OMP_NUM_THREADS

host 8 16000000000
is 'jobs for all processors' "$(divided)" '8 jobs x 1 threads'
is 'threads of the first level of a list' "$(OMP_NUM_THREADS=4,2 divided)" '2 jobs x 4 threads'
is 'what is no number of threads' "$(OMP_NUM_THREADS=many divided)" '8 jobs x 1 threads'
is 'THREADS before it' "$(OMP_NUM_THREADS=4,2 divided THREADS=3)" '2 jobs x 3 threads'
is 'memory bounds the jobs' "$(divided PLAN='echo "{\"peak_bytes\": 5000000000}"')" '3 jobs x 2 threads'
host 1 600000000
is 'one processor' "$(divided)" '1 jobs x 1 threads'
is 'one processor: threads that were asked for' "$(divided THREADS=2)" '1 jobs x 2 threads'
is 'memory for one job' "$(divided PLAN='echo "{\"peak_bytes\": 442000000}"')" '1 jobs x 1 threads'
host 4 0
is 'memory that is not known bounds nothing' "$(divided PLAN='echo "{\"peak_bytes\": 442000000}"')" '4 jobs x 1 threads'

# tasks VARIABLE...: the array of so many units
tasks() { generate slurm "$@" 2> "$T/err" | sed -n 's/^#SBATCH --array=//p'; }
is 'an array of few units' "$(tasks COUNT=7)" 1-7
is 'an array of few units: nothing is said' "$(cat "$T/err")" ''
is 'an array of more than Slurm takes' "$(tasks COUNT=1200)" 1-600
like 'an array of more than Slurm takes: said' "$(cat "$T/err")" '^generate: 1200 units, 2 for each of 600 tasks: an array may have 1000 tasks here'
printf '#!/bin/sh\necho "MaxArraySize            = 101"\n' > "$T/bin/scontrol" && chmod +x "$T/bin/scontrol"
is 'as the cluster says' "$(tasks COUNT=150)" 1-75
is 'ARRAY= before it' "$(tasks COUNT=150 ARRAY=200)" 1-150
expect_exit 2 'ARRAY= that is no number' generate slurm COUNT=3 ARRAY=many
generate slurm COUNT=7 ARRAY=3 > "$T/array.sh" 2> "$T/err"
for task in 1 2 3; do SLURM_ARRAY_TASK_ID=$task bash "$T/array.sh" > "$T/task.$task" 2>&1; echo "$?"; done > "$T/statuses"
is 'tasks of several units: how they end' "$(tr '\n' ' ' < "$T/statuses")" '0 2 0 '
is 'tasks of several units: what they make' "$(cd "$T/made" && echo sub-*/anat/*.nii.gz | tr ' ' '\n' | sed 's,/.*,,' | tr '\n' ' ')" \
	'sub-gen0001 sub-gen0002 sub-gen0003 sub-gen0004 sub-gen0006 sub-gen0007 '
is 'the unit that failed is told' "$(tail -n 1 "$T/task.2")" 'latpipe-generate: task 2: failed: 5'
expect_exit 64 'a task that is none of the array' env SLURM_ARRAY_TASK_ID=4 bash "$T/array.sh"
finish
