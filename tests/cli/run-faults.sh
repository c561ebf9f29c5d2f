# Pipelines that are killed, stopped, beside one another, on hosts that do not answer or that print things, without room for temporary files,
# and results that have grown stale. Stages are plain commands: no model is needed.
. tests/lib.sh
export OMP_NUM_THREADS=1 HOME=$T TMPDIR=$T/tmp
mkdir "$TMPDIR"
"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=12
quick='echo x' scan="cat > /dev/null; cat '$T/scan.nii'"
slow="echo x > '$T/begun'; sleep 2; echo x"
generate() { # OUT ARGUMENT...
	local out=$1
	shift
	(cd "$T" && exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/generate.mk" OUT="$out" COUNT=2 JOBS=1 SAMPLE="$quick" DECODE="$scan" "$@")
}
export -f generate
export T quick scan
lines() { grep -v '^make: ' "$T/err"; }
last() { lines | tail -n 1; }
failures() { sed 1d "$T/$1/failed.tsv" | tr '\t' '|'; }
whole() { # OUT: how many results are there, and are what they must be
	local n=0 f
	for f in "$T/$1"/sub-*/anat/*.nii.gz; do gzip -dc "$f" 2> /dev/null | cmp -s - "$T/scan.nii" && n=$((n + 1)); done
	echo "$n"
}
nothing_left() { is "$1: nothing is left" "$(ls -A "$T/$2" | grep latpipe; ls -A "$TMPDIR")" ''; }
begun() { # waits until the slow stage is at work
	for _ in $(seq 1200); do [ ! -s "$T/begun" ] || return 0; sleep .05; done
	not_ok 'the stage does not begin'
}

# ---- killed ----
setsid bash -c 'generate killed SAMPLE="$1"' _ "$slow" > /dev/null 2>&1 &
group=$!
begun
kill -KILL -- -"$group"
wait
holds 'killed: something is left' test -n "$(ls "$T/killed/.latpipe/run")" -a -n "$(ls "$T/killed/.latpipe/work")" -a -n "$(ls "$TMPDIR")"
expect_exit 0 'killed: the next run' generate killed
is 'killed: the next run makes it' "$(last), $(whole killed)" 'generate: 2 made, 0 as they were, 0 failed, 2'
nothing_left 'killed' killed

# the job goes on although the run is killed: the next run waits for it, and takes what it makes
rm "$T/begun"
slower="echo x > '$T/begun'; sleep 6; echo x"
generate orphan COUNT=1 SAMPLE="$slower" > /dev/null 2>&1 &
begun
make=$(pgrep -P $! make)
kill -KILL "$make" "$(pgrep -P "$make")"
wait $! 2> /dev/null
expect_exit 0 'the run is killed, a job is not' generate orphan COUNT=1 SAMPLE="$slower"
like 'the run is killed, a job is not: waits for it' "$(lines)" "^sub-gen0001: waits for another run .process [0-9]* on $(uname -n | tr . -).
generate: 0 made, 1 as they were, 0 failed\$"
nothing_left 'the run is killed, a job is not' orphan

# a job is killed, nobody else
rm "$T/begun"
generate lost SAMPLE="$slow" > /dev/null 2>&1 &
begun
IFS=. read -r _ _ job _ <<< "$(ls "$T/lost/.latpipe/work/sub-gen0001_desc-generate")"
kill -KILL "$job"
wait
like 'a job is killed: told' "$(failures lost)" '^sub-gen0001.job.137.the job ended without saying how$'
is 'a job is killed: the other is made' "$(whole lost)" 1
expect_exit 0 'a job is killed: the next run' generate lost SAMPLE="$slow"
is 'a job is killed: the next run makes it' "$(last)" 'generate: 1 made, 1 as they were, 0 failed'
nothing_left 'a job is killed' lost

# ---- stopped ----
for signal in TERM INT HUP; do
	rm -f "$T/begun"
	setsid env --default-signal bash -c 'generate stopped SAMPLE="$1"' _ "$slow" > /dev/null 2> "$T/err" &
	group=$!
	begun
	# a terminal tells everybody of INT and HUP; TERM is for make
	if [ $signal = TERM ]; then kill -TERM "$(pgrep -P "$group" make)"; else kill -$signal -- -"$group"; fi
	wait
	for _ in $(seq 200); do [ -d "$T/stopped/.latpipe" ] || break; sleep .05; done # make does not wait
	like "$signal: said" "$(cat "$T/err")" 'generate: interrupted: the same command goes on where this one ends'
	is "$signal: no table is there that would be of another run" "$(ls "$T/stopped/failed.tsv" 2> /dev/null)" ''
	nothing_left "$signal" stopped
done
expect_exit 0 'stopped: the same command' generate stopped SAMPLE="$slow"
is 'stopped: the same command goes on' "$(whole stopped)" 2
# another run on the same folder, and its temporary files, are none of a stopped one's business
rm -f "$T/begun"
generate beside SAMPLE="echo x > '$T/begun'; sleep 4; echo x" > /dev/null 2> "$T/other" &
other=$!
begun
setsid env --default-signal bash -c 'generate beside' > /dev/null 2> "$T/err" &
group=$!
for _ in $(seq 600); do grep -q 'waits for' "$T/err" && break; sleep .05; done
kill -TERM "$(pgrep -P "$group" make)"
wait "$other"
is 'one of two runs is stopped: the other goes on' "$? $(tail -n 1 "$T/other")" '0 generate: 2 made, 0 as they were, 0 failed'
like 'one of two runs is stopped: said' "$(cat "$T/err")" 'generate: interrupted: the same command goes on where this one ends'
wait

# ---- locks ----
. pipelines/locks.sh
set -u
held=$T/locked/.latpipe/work/sub-gen0001_desc-generate
sleep 1000 &
other=$!
start=$(start_of "$other")
mkdir -p "$held/by.$host.$other.$((start + 1)).1" "$held/by.$host.$other.x.1" "$T/locked/.latpipe/run/by.$host.1.0.1" "$TMPDIR/latpipe.by.$host.$other.0.1"
touch "$held/of an earlier version"
expect_exit 0 'numbers of processes that others have now' generate locked
is 'numbers of processes that others have now: not waited for' "$(lines)" 'generate: 2 made, 0 as they were, 0 failed'
nothing_left 'numbers of processes that others have now' locked
# hold_for ENTRY: a run that finds it waits until it is removed
hold_for() {
	mkdir -p "$held/$2"
	: > "$T/err" # what the one before said is not what is waited for
	generate locked SAMPLE='echo y' 2> "$T/err" &
	for _ in $(seq 600); do grep -q waits "$T/err" && break; sleep .05; done
	is "$1: waits" "$(lines)" "sub-gen0001: waits for another run (process $3 on $4)"
	sleep 1
	is "$1: still waits, and says it once" "$(grep -c waits "$T/err")$(ls "$held" | wc -l)" 11
	rmdir "$held/$2"
	wait $!
	is "$1: goes on" "$? $(last)" "0 generate: 2 made, 0 as they were, 0 failed"
	rm -r "$T/locked"
}
hold_for 'a process of this host' "by.$host.$other.$start.7" "$other" "${host%-*}"
kill "$other"
hold_for 'another host' 'by.anna-123.77.5.7' 77 anna
mkdir -p "$held/by.anna-123.77.5.7" "$T/locked/.latpipe/run/by.anna-123.77.5.8"
touch -d '10 minutes ago' "$held/by.anna-123.77.5.7" "$T/locked/.latpipe/run/by.anna-123.77.5.8"
expect_exit 0 'a host that is no more' generate locked
is 'a host that is no more: made' "$(last)" 'generate: 2 made, 0 as they were, 0 failed'
nothing_left 'a host that is no more' locked
if unshare -u hostname elsewhere 2> /dev/null; then
	rm "$T/begun"
	generate hosts SAMPLE="$slow" 2> "$T/here" &
	begun
	expect_exit 0 'two hosts on one folder' unshare -u bash -c 'hostname elsewhere; generate hosts SAMPLE="$1"' _ "$slow"
	wait $!
	is 'two hosts on one folder: each scan is made once' "$(cat "$T/here" "$T/err" | sed -n 's/generate: \([0-9]*\) made, \([0-9]*\) as.*/\1 \2/p' | awk '{ m += $1; k += $2 } END { print m, k }')" '2 2'
	nothing_left 'two hosts on one folder' hosts
else
	skip 'two hosts on one folder' 'no right to be another host'
fi
# signs of life
(
	beat=1
	mkdir "$T/entry"
	touch -d '1 hour ago' "$T/entry"
	live_on "$T/entry"
	sleep 2.5
	[ "$(silence "$T/entry" "$T/clock")" -le 2 ] || exit 1
	echo "$heart" > "$T/heart"
)
is 'signs of life' $? 0
for _ in $(seq 50); do [[ $(start_of "$(cat "$T/heart")") == [0-9]* ]] || break; sleep .2; done
like 'signs of life: end with the process' "$(start_of "$(cat "$T/heart")")" '^(ended)?$'

# ---- hosts ----
cat > "$T/ssh" <<'E2'
#!/bin/bash
# ssh to hosts that are this one: anna greets, berta does not answer, carla answers once and loses what it is given then
while [ $# -gt 0 ] && [[ $1 != *a ]]; do shift; done
host=$1
shift
[ "$1" != -- ] || shift
case $host in
anna) echo "ids[\$(touch canary)0]"; printf 'Welcome to anna' ;;
berta) echo 'ssh: connect to host berta port 22: No route to host' >&2; exit 255 ;;
carla) mkdir "$T/carla" 2> /dev/null || exit 255 ;;
esac
exec bash -c "$*"
E2
chmod +x "$T/ssh"
expect_exit 0 'a host that greets' generate greets SSHLOGIN="1/$T/ssh anna"
is 'a host that greets: what it prints is nobody'\''s' "$(lines) $(whole greets) $(find "$T" -name canary)" 'generate: 2 made, 0 as they were, 0 failed 2 '
expect_exit 0 'a user without a shell' env -u SHELL bash -c "generate no-shell SSHLOGIN='1/$T/ssh anna'"
expect_exit 0 'a user whose shell refuses' env SHELL=/bin/false bash -c "generate refuses SSHLOGIN='1/$T/ssh anna'"
expect_exit 0 'a user whose shell refuses, here' env SHELL=/bin/false bash -c 'generate at-home'
is 'users without shells: all is made' "$(whole no-shell) $(whole refuses) $(whole at-home)" '2 2 2'
expect_exit 0 'a host that does not answer' generate dead COUNT=4 SSHLOGIN="1/$T/ssh berta,$T/ssh anna,:"
like 'a host that does not answer: said, once' "$(lines)" "^generate: the host $T/ssh berta is left out: it does not answer.*No route to host
generate: 4 made"
is 'a host that does not answer: the others do its share' "$(whole dead) $(cut -f 2 "$T/dead/logs/generate.tsv" | grep -c berta)" '4 0'
expect_exit 0 'a host that loses its jobs' generate loses COUNT=4 SSHLOGIN="1/$T/ssh carla,1/:"
is 'a host that loses its jobs: the others do them' "$(last) $(whole loses)" 'generate: 4 made, 0 as they were, 0 failed 4'
like 'a host that loses its jobs: had some' "$(cut -f 2,7 "$T/loses/logs/generate.tsv")" "$T/ssh carla"$'\t255'
expect_exit 2 'no host answers' generate none SSHLOGIN="$T/ssh berta"
is 'no host answers: told of each' "$(failures none)" "sub-gen0001|job|255|no host answers: $T/ssh berta
sub-gen0002|job|255|no host answers: $T/ssh berta"
rmdir "$T/carla"
expect_exit 2 'only a host that loses its jobs' generate loser COUNT=1 SSHLOGIN="1/$T/ssh carla"
is 'only a host that loses its jobs: told' "$(failures loser)" "sub-gen0001|job|255|no host answers: $T/ssh carla"

# ---- who is to blame ----
blamed() { # NAME WANT SAMPLE DECODE
	expect_exit 2 "$1" generate blame COUNT=1 SAMPLE="$3" DECODE="$4"
	is "$1: named" "$(failures blame)" "sub-gen0001|$2"
}
starved='lat-cut -n z'
blamed 'the first stage fails' 'sample|65|tool: no such scan' 'echo "tool: no such scan" >&2; exit 65' "$starved"
blamed 'the second fails, the first loses its reader' 'decode|5|no disk' 'yes' 'echo "no disk" >&2; exit 5'
blamed 'the second fails, the first says so' 'decode|5|no disk' 'yes 2> /dev/null; echo "BrokenPipeError: [Errno 32] Broken pipe" >&2; exit 1' 'echo "no disk" >&2; exit 5'
blamed 'a pipe within a stage' 'sample|65|tool: no such scan' "{ echo 'tool: warning: odd' >&2; echo 'tool: no such scan' >&2; exit 65; } | $starved" "$starved"
blamed 'the first is killed' 'sample|137|killed by signal 9' 'kill -9 $$BASHPID' "$starved"

# ---- temporary files ----
expect_exit 2 'no folder for temporary files' env TMPDIR="$T/nowhere/none" bash -c 'generate temporary'
is 'no folder for temporary files: named' "$(lines)" "generate: $T/nowhere/none, the folder for temporary files: No such file or directory"
mkdir "$T/small"
if mount -t tmpfs -o size=64k tmpfs "$T/small" 2> /dev/null; then
	trap 'umount "$T/small"; rm -rf "$T"' EXIT
	expect_exit 2 'it becomes full' env TMPDIR="$T/small" bash -c 'generate temporary COUNT=1 SAMPLE="cat /dev/zero > \"\$\$TMPDIR/fill\" 2> /dev/null; echo odd >&2; exit 3"'
	# GNU parallel looks for room there too, and ends its jobs when there is none: the job tells of it ("write") if it comes first, else
	# who started it does ("job")
	told=$(failures temporary)
	is 'it becomes full: named' "${told/|write|/|job|}" "sub-gen0001|job|74|$T/small, the folder for temporary files: No space left on device"
	expect_exit 2 'it is full' env TMPDIR="$T/small" bash -c 'generate temporary'
	is 'it is full: named' "$(lines)" "generate: $T/small, the folder for temporary files: No space left on device"
	mount -o remount,ro "$T/small"
	expect_exit 2 'it is read-only' env TMPDIR="$T/small" bash -c 'generate temporary'
	is 'it is read-only: named' "$(lines)" "generate: $T/small, the folder for temporary files: Read-only file system"
else
	skip 'temporary files without room' 'no right to mount a small file system'
fi

# ---- stale results ----
expect_exit 0 'results' generate stale
old=$T/stale/sub-gen0002/anat/sub-gen0002_desc-generate_T1w.nii.gz
expect_exit 2 'one fails in another way' generate stale SAMPLE='[ "$$seed" = 0 ] || { echo sorry >&2; exit 7; }; echo y'
is 'one fails in another way: told' "$(failures stale)" 'sub-gen0002|sample|7|sorry (what was made before is now in stale/)'
is 'one fails in another way: its result of before is none of this' "$(whole stale) $(ls "$T/stale/stale/sub-gen0002/anat" | tr '\n' ' ')" \
	'1 sub-gen0002_desc-generate_T1w.json sub-gen0002_desc-generate_T1w.nii.gz '
expect_exit 0 'then it is made' generate stale
is 'then it is made: nothing is stale' "$(whole stale) $(ls "$T/stale")" "2 $(ls "$T/lost")"

# ---- a sidecar that is damaged, of a result that this run does not ask for ----
printf '{ "Way":' > "$T/stale/sub-gen0002/anat/sub-gen0002_desc-generate_T1w.json"
expect_exit 0 'a damaged sidecar of another' generate stale COUNT=1
like 'a damaged sidecar of another: is none of this way' "$(lines)" 'generate: 1 results that are there were made with other options'
is 'a damaged sidecar of another: the run' "$(last)" 'generate: 0 made, 1 as they were, 0 failed'
expect_exit 0 'a damaged sidecar of its own' generate stale
is 'a damaged sidecar of its own: it is made anew' "$(last), $(whole stale)" 'generate: 1 made, 1 as they were, 0 failed, 2'
finish
