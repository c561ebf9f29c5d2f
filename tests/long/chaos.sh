# Breaking it on purpose: kills of whole process groups at random moments, and faults of one call of the system after the other. What must
# hold: an output is there whole, with the bytes that it has without a fault, or not at all; nothing else is left; a status other than 0 comes
# with one line that says why; a training can always be gone on with, and ends with the bits of one that nothing happened to.
# CHAOS_SECONDS for each part; the moments are drawn from CHAOS_SEED.
. tests/lib.sh
export OMP_NUM_THREADS=1
seconds=${CHAOS_SECONDS:-60}
RANDOM=${CHAOS_SEED:-1}
. tests/training.sh
. tests/tiny-model.sh
python3 tests/small.py "$T"
need_faults 'chaos' || finish
mkdir "$T/o"
folder_is() { ls -A "$T/o" | tr '\n' ' '; }

# ---- process groups of pipes ----
nii2lat -q -m "$T/model" "${scans[0]}" > "$T/scan.lat"
pipe="nii2lat -q -m $T/model ${scans[0]} | sem-encode -m $T/model | lat-denoise -m $T/model --invert -s 6 |
	lat-denoise -m $T/model -s 6 | lat2nii -q -m $T/model -o $T/o/f.nii.gz"
bash -o pipefail -c "$pipe" || not_ok 'the pipe by itself'
cp "$T/o/f.nii.gz" "$T/want.nii.gz"
rm "$T/o/f.nii.gz"
begun=$SECONDS n=0 whole=0 bad=
whole_time=$(TIMEFORMAT=%R; { time bash -o pipefail -c "$pipe"; } 2>&1)
rm "$T/o/"*
while [ $((SECONDS - begun)) -lt "$seconds" ] && [ $n -lt 60 ]; do
	n=$((n + 1))
	how=
	[ $((n % 2)) -eq 0 ] || how="env LD_PRELOAD=$BUILD/tests/preload/faults.so FAULT_TMPFILE=no "
	signal=$(set -- TERM INT HUP KILL; shift $((RANDOM % 4)); echo "$1")
	setsid bash -o pipefail -c "${pipe/lat2nii/${how}lat2nii}" 2> "$T/err" &
	sleep "$(awk -v r=$RANDOM -v t="$whole_time" 'BEGIN { print r / 32768 * t * 1.3 }')"
	kill -"$signal" -- -$! 2> /dev/null
	wait $! 2> /dev/null
	for _ in $(seq 100); do kill -0 -- -$! 2> /dev/null || break; sleep .02; done
	case "$signal $how:$(folder_is)" in
	*:) ;;
	*:f.nii.gz\ ) cmp -s "$T/o/f.nii.gz" "$T/want.nii.gz" && whole=$((whole + 1)) || bad+="$signal: another file; " ;;
	KILL\ env*:.latpipe.*) ;; # where nothing can be done
	*) bad+="$signal$how: $(folder_is); " ;;
	esac
	rm -rf "$T/o"
	mkdir "$T/o"
done
is "$n pipes killed as groups, $whole of them too late" "$bad" ''

# ---- faults of single calls: tools ----
nii2lat -q --grid-only -m "$T/model" --id a "${scans[0]}" > "$T/grid.lat"
declare -A run=(
	[lat-cut]="-n x $T/grid.lat"
	[npy2lat]="--id a x=$T/x.npy"
	[lat2npy]="-n x $T/grid.lat"
	[nii2lat]="-q --grid-only -m $T/model ${scans[0]}"
	[lat2nii]="-q --grid-only $T/grid.lat"
	[nii2png]="-q ${scans[0]}"
	[sem-encode]="-q -m $T/model $T/scan.lat"
	[lat-denoise]="-q -m $T/model --no-y -s 2 --noise 1 $T/scan.lat"
)
# fault CALL N WHAT TOOL: runs it with this fault; false when the call is not made so often
fault() {
	local call=$1 at=$2 what=$3 tool=$4 code
	rm -rf "$T/o" "$T/hit"
	mkdir "$T/o"
	# shellcheck disable=SC2086
	with_fault $how FAULT="$call:$at:$what" FAULT_SAID="$T/hit" "$tool" ${run[$tool]} -o "$T/o/f" > "$T/out" 2> "$T/err"
	code=$?
	[ -e "$T/hit" ] || return 1
	tried=$((tried + 1))
	if [ $code -eq 0 ]; then
		cmp -s "$T/o/f" "$T/want-$tool" || bad+="$tool with $call $at $what $how: 0, another output; "
	else
		# what the library of threads allocates is not ours
		! grep -q '^libgomp: ' "$T/err" || return 0
		[ $code -lt 128 ] || bad+="$tool with $call $at $what $how: $code; "
		[ "$(wc -l < "$T/err")" -eq 1 ] || bad+="$tool with $call $at $what $how: $code and $(wc -l < "$T/err") lines; "
		[ ! -e "$T/o/f" ] || [ "$call" = unlink ] || bad+="$tool with $call $at $what $how: $code with an output; "
	fi
	[ "$call" = unlink ] || [ -z "$(ls -A "$T/o" | grep -vx f)" ] || bad+="$tool with $call $at $what $how: leaves $(folder_is); "
}
for tool in "${!run[@]}"; do
	# shellcheck disable=SC2086
	"$tool" ${run[$tool]} -o "$T/want-$tool" || not_ok "$tool by itself"
done
for call in create write read fsync rename link unlink malloc; do
	begun=$SECONDS bad= tried=0
	for how in FAULT_TMPFILE=yes FAULT_TMPFILE=no 'FAULT_TMPFILE=no FAULT_LINK=no'; do
		[ $call != malloc ] || [ "$how" = FAULT_TMPFILE=yes ] || continue
		for tool in $(printf '%s\n' "${!run[@]}" | sort); do
			# OpenBLAS's libraries end the process by themselves while they are loaded
			case $call:$tool in malloc:sem-encode | malloc:lat-denoise) continue ;; esac
			for what in 5 28+; do
				[ $call != malloc ] || what=12${what#28}
				[ "$what" != 125 ] || what=12
				at=1
				while [ $((SECONDS - begun)) -lt "$seconds" ] && fault $call $at "$what" "$tool"; do
					if [ $at -lt 40 ]; then at=$((at + 1)); else at=$((at + at / 8 + RANDOM % 5)); fi
				done
			done
		done
	done
	is "$call fails: $tried times" "$bad" ''
done

# ---- trainings ----
sed 's/"training": {"steps": 4/"training": {"validate_every": 2, "steps": 6/' "$T/c.json" > "$T/six.json"
sum() { (cd "$1" && sha256sum ./*.tsv ./*.safetensors | grep -v previous); }
# goes on in the folder where there is something to go on from: FOLDER COMMAND...
cat > "$T/go-on" << 'E2'
if [ -e "$1/checkpoint.safetensors" ] || [ -e "$1/checkpoint.safetensors.previous" ]; then exec "${@:2}" -o "$1" --resume; fi
exec "${@:2}" -o "$1" -f
E2
train=(train-ae -q -c "$T/six.json" --validation "$T/held.txt" --save-every 0 "${scans[@]}")
"${train[@]}" -o "$T/whole"
for call in create write fsync rename link; do
	for what in KILL TERM 5 28+; do
		begun=$SECONDS bad= at=1 tried=0
		while [ $((SECONDS - begun)) -lt $((seconds / 3)) ]; do
			rm -rf "$T/cut" "$T/hit"
			with_fault FAULT="$call:$at:$what" FAULT_SAID="$T/hit" "${train[@]}" -o "$T/cut" > "$T/out" 2> "$T/err"
			code=$?
			[ -e "$T/hit" ] || break
			case $what:$code in
			KILL:137 | TERM:143 | TERM:0 | *:0) ;;
			KILL* | TERM*) bad+="$call $at: $code; " ;;
			*) [ "$(wc -l < "$T/err")" -eq 1 ] || bad+="$call $at: $code and $(wc -l < "$T/err") lines; " ;;
			esac
			bash "$T/go-on" "$T/cut" "${train[@]}" 2> "$T/err" || bad+="$call $at: $(head -n 1 "$T/err"); "
			[ "$(sum "$T/cut")" = "$(sum "$T/whole")" ] || bad+="$call $at: other bits; "
			tried=$((tried + 1)) at=$((at + 1 + (at > 20 ? RANDOM % 4 : 0)))
		done
		is "train-ae, $what at $call, $tried times" "$bad" ''
	done
done

# random kills of whole groups, again and again, until it ends
for kind in train-ae train-ldm train-sem; do
	train=($kind -q -c "$T/c.json" --validation "$T/held.txt" --save-every 0 --steps 60 "${scans[@]}")
	[ $kind = train-ae ] || train+=(-m "$T/ae")
	[ $kind != train-sem ] || train+=(--unet "$T/ldm")
	"${train[@]}" -o "$T/$kind"
	begun=$SECONDS kills=0 code=1
	rm -rf "$T/cut"
	while [ $code -ne 0 ]; do
		setsid bash "$T/go-on" "$T/cut" "${train[@]}" 2> "$T/err" &
		if [ $((SECONDS - begun)) -lt "$seconds" ]; then
			sleep "$(awk -v r=$RANDOM 'BEGIN { print .1 + 2 * r / 32768 }')"
			kill -"$(set -- TERM KILL KILL USR1; shift $((RANDOM % 4)); echo "$1")" -- -$! 2> /dev/null && kills=$((kills + 1))
		fi
		wait $! 2> /dev/null
		code=$?
		[ $code -eq 0 ] || [ $code -ge 128 ] || { not_ok "$kind goes on" "$code: $(cat "$T/err")"; break; }
	done
	is "$kind: killed $kills times, the bits of a run that nobody killed" "$(sum "$T/cut")" "$(sum "$T/$kind")"
	holds "$kind: it was killed" test $kills -ge 5
done
finish
