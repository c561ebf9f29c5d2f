#!/bin/bash
# subjects.sh run | show | slurm: the units of a pipeline, one job each. It is started by subjects.mk, which tells what it finds in the
# environment; job.sh does one unit.
set -u -o pipefail
shopt -s nullglob
here=$(cd "$(dirname "$0")" && pwd)
. "$here/job.sh"
unset PARALLEL

die() { # TEXT
	echo "$NAME: $1" >&2
	exit 64
}

# ---- what is asked for ----

check_settings() {
	[ -n "${OUT:-}" ] || die 'OUT=folder says where the results go (make help tells more)'
	if [ "${SCANS:-}" != no ]; then
		[ -n "${BIDS:-}${FILES:-}" ] || die 'BIDS=folder or FILES=list.txt says which scans (make help tells more)'
		[ -z "${BIDS:-}" ] || [ -z "${FILES:-}" ] || die 'BIDS= and FILES= exclude each other'
	fi
	OUT=$(realpath -m -- "$OUT")
	[ -z "${BIDS:-}" ] || [ "$OUT" != "$(realpath -m -- "$BIDS")" ] || die "$OUT: is the study itself; OUT= must be another folder"
	! grep -qs '"DatasetType": *"raw"' "$OUT/dataset_description.json" || die "$OUT: is a raw dataset; OUT= must be another folder"
	command -v parallel > /dev/null || die 'needs GNU parallel (Debian package parallel)'
	command -v nii2lat > /dev/null || die 'the tools are not in PATH (nii2lat is not found)'
	VERSION=$(nii2lat --version) || exit
	VERSION=${VERSION##* }
}

# make_folders: OUT, and in it RUN, which this run holds the lock of as long as it lives; those of runs that were killed are removed
make_folders() {
	local other
	mkdir -p "$OUT/.latpipe" "$OUT/logs" && exec 8< "$OUT/.latpipe" && flock 8 || return
	for other in "$OUT"/.latpipe/run.*; do flock -n "$other" rm -rf "$other"; done
	RUN=$(mktemp -d "$OUT/.latpipe/$mode.XXXXXX") && exec 7< "$RUN" && flock 7 && exec 8<&-
}

# The weights that the stages need, as lines "kind identity conventions"; a model that lacks one is refused in one line
find_weights() {
	local commands='' stage have missing=''
	for stage in $STAGES; do commands+=" ${!stage}"; done
	commands+=" $PIPE"
	WEIGHTS=
	[[ $commands =~ nii2lat|lat2nii|sem-encode|lat-denoise ]] || return
	have=$(lat-model "$MODEL") || exit
	want() { # KIND...: the first that there is
		local kind row
		for kind; do
			row=$(awk -F '\t' -v kind="$kind" '$1 == kind { print $1 " " $2 " " $4 }' <<< "$have")
			[ -z "$row" ] || { WEIGHTS+=$row$'\n'; return; }
		done
		missing+=" $1.safetensors"
	}
	! [[ $commands =~ nii2lat|lat2nii ]] || want autoencoder
	! [[ $commands =~ sem-encode ]] || want semantic
	! [[ $commands =~ lat-denoise ]] || want shift_unet unet
	WEIGHTS=${WEIGHTS%$'\n'}
	[ -z "$missing" ] || { missing=${missing# }; die "$MODEL: has no ${missing// /, }, which the stages need"; }
}

# with_codes: a table of scans, those that codes.mk has made codes of, which take their place
with_codes() {
	local line
	IFS= read -r line
	IFS=$'\t' read -r -a columns <<< "$line"
	echo "$line"
	while IFS= read -r line; do
		fields "$line"
		NAME=codes EXT=.lat place
		[ ! -f "$output" ] && [ "$mode" != show ] ||
			printf '%s\t%s\t%s\t%s\t%s\tn/a\n' "$id" "$participant_id" "${session_id:-n/a}" "${months:-n/a}" "$output"
	done
}

# The table of units, in $RUN/units.tsv
find_units() {
	local number line
	local -A made_by=()
	{
		if [ "${SCANS:-}" = no ]; then
			printf 'id\tparticipant_id\tsession_id\tmonths\tpath\treason\n'
		elif [ -n "${BIDS:-}" ]; then
			bids-scans --subjects "${SUBJECTS:-}" --sessions "${SESSIONS:-}" --which "${WHICH:-}" -- "$BIDS"
		else
			bids-scans --subjects "${SUBJECTS:-}" --sessions "${SESSIONS:-}" --which "${WHICH:-}" --list "$FILES"
		fi
	} > "$RUN/scans.tsv" || exit
	(set -e; eval "$UNITS") < "$RUN/scans.tsv" > "$RUN/units.tsv"
	number=$?
	[ "$number" -eq 0 ] || exit "$((number == 2 ? 64 : number))" # 2 is said when units have failed
	number=0
	IFS=$'\t' read -r -a columns < "$RUN/units.tsv"
	ids=()
	while IFS= read -r line; do
		fields "$line"
		place
		number=$((number + 1))
		[ -z "${made_by[$output]:-}" ] || die "$id and ${made_by[$output]} would both be $output"
		made_by[$output]=$id
		ids[number]=$id
	done < <(tail -n +2 "$RUN/units.tsv")
	[ "$number" -gt 0 ] || die 'there is nothing to do: no unit'
}

# ---- how many at once ----

# What a job takes of memory at most, in bytes: the sum over its stages, as they are all there at once. 0: not known
peak_of_job() {
	local n
	[ -n "${PLAN:-}" ] || { echo 0; return; }
	for n in "${!ids[@]}"; do
		unit "$n"
		[ -z "$reason" ] || continue
		work=$RUN
		(set -e; eval "$PLAN") 2> /dev/null | grep -o '"peak_bytes": *[0-9]*' | awk '{ sum += $2 } END { printf "%.0f\n", sum }'
		return
	done
	echo 0
}

# jobs x threads fill the cores once. Jobs go first: a job has serial parts, two jobs have none in common
divide_cores() {
	local cores free fit
	read -r cores free < <(lat-host | tail -n 1)
	threads=${OMP_NUM_THREADS:-} # may be a list, a number for each level of nesting
	threads=${THREADS:-${threads%%,*}} jobs=${JOBS:-}
	[[ ${jobs:-1} =~ ^[1-9][0-9]*$ ]] || die "JOBS=$jobs: no number of jobs"
	[[ ${threads:-1} =~ ^[1-9][0-9]*$ ]] || die "THREADS=$threads: no number of threads"
	peak=$(peak_of_job)
	if [ -z "$jobs" ]; then
		jobs=$((cores / ${threads:-1}))
		[ "$jobs" -le ${#ids[@]} ] || [ -n "${SSHLOGIN:-}" ] || jobs=${#ids[@]}
		if [ "${peak:-0}" -gt 0 ] && [ "$free" -gt 0 ]; then
			fit=$((free / peak))
			[ "$jobs" -le "$fit" ] || jobs=$fit
		fi
		[ "$jobs" -ge 1 ] || jobs=1
	fi
	[ -n "$threads" ] || threads=$((cores > jobs ? cores / jobs : 1))
	THREADS=$threads
}

# ---- the jobs ----

# A script that does the unit whose number it is given, on any host that sees the same folders
write_job() {
	{
		for name in RUN OUT NAME EXT PIPE STAGES $STAGES MODEL WEIGHTS VERSION BIDS PATH; do
			printf 'declare -x %s=%q\n' "$name" "${!name:-}"
		done
		[ -z "${LATPIPE_MODELS:-}" ] || printf 'declare -x LATPIPE_MODELS=%q\n' "$LATPIPE_MODELS"
		echo "export LC_ALL=C OMP_NUM_THREADS=$THREADS OMP_WAIT_POLICY=passive"
		printf 'cd %q && . %q && job "$1"\n' "$PWD" "$here/job.sh"
	} > "$RUN/job"
}

write_description() {
	local models='' kind hash to=$OUT/dataset_description.json
	while read -r kind hash _; do [ -z "$kind" ] || models+="${models:+, }\"$kind\": \"$hash\""; done <<< "$WEIGHTS"
	{
		printf '{\n  "Name": "latpipe %s",\n  "BIDSVersion": "1.8.0",\n  "DatasetType": "derivative",\n' "$NAME"
		printf '  "GeneratedBy": [{"Name": "latpipe", "Version": "%s", "Description": "pipeline %s", "Models": {%s}}]' \
			"$VERSION" "$NAME" "$models"
		[ -z "${BIDS:-}" ] || printf ',\n  "SourceDatasets": [{"URL": %s}]' "$(json "file://$(realpath -- "$BIDS")")"
		printf '\n}\n'
	} > "$RUN/part" && mv -f "$RUN/part" "$to" || return
	printf '%s\n' failed.tsv logs '*_scores.tsv' '*.lat' '*_desc-*.txt' '*_desc-*.png' > "$RUN/part" && mv -f "$RUN/part" "$OUT/.bidsignore"
}

# copy_tables: who the subjects are and when they were seen, so that the derivative can be the study of another pipeline
copy_tables() {
	local table to
	[ -n "$BIDS" ] || return 0
	for table in "${BIDS%/}"/participants.{tsv,json} "${BIDS%/}"/sub-*/sub-*_sessions.{tsv,json}; do
		to=$OUT/${table#"${BIDS%/}/"}
		[ -f "$table" ] && { [[ ${table##*/} == participants.* ]] || [ -d "${to%/*}" ]; } || continue
		cp -L "$table" "$RUN/part" && mv -f "$RUN/part" "$to" || return
	done
}

# The scores of everything this pipeline has made in OUT
write_scores() {
	local to=$OUT/desc-${NAME}_scores.tsv
	find "$OUT" -path "$OUT/sub-*" -name "*_desc-${NAME}_T1w.json" | sort | tr '\n' '\0' | xargs -0 -r awk '
		FNR == 1 { scores = 0; n = split(FILENAME, part, "/"); id = part[n]; sub(/\.json$/, "", id); ids[++rows] = id }
		/^  }/ { scores = 0 }
		scores && NF == 2 { name = $1; gsub(/[":]/, "", name); sub(/,$/, "", $2)
			if (!(name in place)) { place[name] = ++columns; names[columns] = name }
			value[rows, place[name]] = $2 == "null" ? "n/a" : $2 }
		/^  "Scores": / { scores = 1 }
		END {
			if (!columns) exit
			printf "id"; for (c = 1; c <= columns; c++) printf "\t%s", names[c]; printf "\n"
			for (r = 1; r <= rows; r++) {
				printf "%s", ids[r]; for (c = 1; c <= columns; c++) printf "\t%s", (r, c) in value ? value[r, c] : "n/a"; printf "\n"
			}
		}' > "$RUN/part" || return
	if [ -s "$RUN/part" ]; then mv -f "$RUN/part" "$to"; else rm -f "$RUN/part"; fi
}

# exit_of_job NUMBER: as parallel's log tells it, 128 more than a signal; 71 where it tells nothing
exit_of_job() {
	awk -F '\t' -v n="$1" '$NF ~ " " n " [^ ]*$" { code = $8 ? 128 + $8 : $7 } END { print code ? code : 71 }' \
		"$OUT/logs/$NAME.tsv" 2> /dev/null || echo 71
}

# summary: reads the jobs' lines; failed.tsv, the scores, what is said at the end, exit status
summary() {
	local number how stage status message n failures kept=0 made=0 to=$OUT/failed.tsv
	local -a ended=()
	local -A warned=()
	while IFS=$'\t' read -r number how stage status message; do
		[ "$how" != warned ] || { warned[$message]=$((${warned[$message]:-0} + 1)); continue; }
		ended[number]=$how
		[ "$how" != failed ] || ended[number]="${ids[number]}"$'\t'"$stage"$'\t'"$status"$'\t'"$message"
	done
	for n in "${!ids[@]}"; do
		case ${ended[n]:-} in
		made) made=$((made + 1)) ;;
		kept) kept=$((kept + 1)) ;;
		'') ended[n]="${ids[n]}"$'\t'job$'\t'"$(exit_of_job "$n")"$'\t''the job ended without saying how' ;;
		esac
	done
	{
		printf 'id\tstage\texit\tmessage\n'
		for n in "${!ids[@]}"; do [[ ${ended[n]} == made || ${ended[n]} == kept ]] || printf '%s\n' "${ended[n]}"; done
	} > "$OUT/logs/$NAME-failed.tsv" || die "$to: cannot be written"
	for n in "${!ids[@]}"; do
		[[ ${ended[n]} == made || ${ended[n]} == kept ]] || continue
		unit "$n" && place && echo "$output"
	done > "$OUT/logs/$NAME-outputs.txt" || die "$OUT/logs: cannot be written"
	{
		cat "$OUT/logs/$NAME-failed.tsv"
		[ -z "${BEFORE:-}" ] || tail -n +2 "$OUT/logs/$BEFORE-failed.tsv"
	} > "$RUN/part" && mv -f "$RUN/part" "$to" || die "$to: cannot be written"
	failures=$(($(wc -l < "$to") - 1))
	copy_tables || die "$OUT: the tables of subjects cannot be copied"
	write_scores || die "$OUT: the table of scores cannot be written"
	for message in "${!warned[@]}"; do echo "$NAME: warning of ${warned[$message]} (it is in the sidecars): $message" >&2; done
	message="$NAME: $made made, $kept as they were, $failures failed"
	[ "$failures" -eq 0 ] || message+=": see $to"
	echo "$message" >&2
	[ "$failures" -eq 0 ] && rm -rf "$OUT"/.latpipe/slurm.* # nothing is left for their arrays
}

run() {
	local -a how=(--will-cite -q --colsep '\t' --jobs "$jobs" --joblog "$OUT/logs/$NAME.tsv")
	local n
	[ ! -t 2 ] || ! { : > /dev/tty; } 2> /dev/null || how+=(--bar)
	[ -z "${SSHLOGIN:-}" ] || how+=(--sshlogin "$SSHLOGIN")
	[ -z "${SSHLOGIN:-}" ] || [ "${peak:-0}" -eq 0 ] || how+=(--memfree "$peak")
	for n in "${!ids[@]}"; do printf '%s\t%s\n' "$n" "${ids[n]}"; done | parallel "${how[@]}" bash "$RUN/job" '{1}' '{2}' 7<&- | summary
}

show() {
	local n stage
	printf '%s: %d units, %d jobs x %d threads' "$NAME" "${#ids[@]}" "$jobs" "$threads"
	[ "${peak:-0}" -eq 0 ] || printf ', at most %d MB each' "$((peak / 1000000))"
	echo
	for stage in $STAGES; do printf '  %s=%s\n' "$stage" "${!stage}"; done
	sed 's/^/  | /' <<< "$PIPE"
	for n in "${!ids[@]}"; do
		unit "$n"
		place
		if [ -n "$reason" ]; then
			printf '%s\tcannot be read: %s\n' "$id" "$reason"
		elif finished "$(recipe "$(inputs)" | sha256sum | cut -d ' ' -f 1)"; then
			printf '%s\tdone\n' "$id"
		else
			printf '%s\tto do: %s\n' "$id" "$output"
		fi
	done
}

# array_limit: how many tasks an array may have here at most: ARRAY, else what the cluster says, else what Slurm comes with
array_limit() {
	local size=${ARRAY:-}
	if [ -z "$size" ]; then
		size=$(scontrol show config 2> /dev/null | sed -n 's/^MaxArraySize *= *\([0-9][0-9]*\)$/\1/p')
		size=$((${size:-1001} - 1)) # it bounds the index, which could begin at 0
	fi
	[[ $size =~ ^[1-9][0-9]{0,8}$ ]] || die "ARRAY=$size: no number of tasks"
	echo "$size"
}

slurm() {
	local limit units=${#ids[@]} each tasks
	limit=$(array_limit) || exit
	each=$(((units + limit - 1) / limit))
	tasks=$(((units + each - 1) / each))
	[ "$each" -eq 1 ] || echo "$NAME: $units units, $each for each of $tasks tasks: an array may have $limit tasks here (ARRAY= sets it)" >&2
	cat <<- E2
		#!/bin/bash
		#SBATCH --job-name=latpipe-$NAME
		#SBATCH --array=1-$tasks
		#SBATCH --cpus-per-task=$threads
		$([ "${peak:-0}" -eq 0 ] || echo "#SBATCH --mem=$((peak / 1000000 + 200))M")
		#SBATCH --output="$OUT/logs/$NAME-slurm-%a.txt"
		# when it has ended, the same make command without slurm makes the summary, and does again what failed
		task=\$SLURM_ARRAY_TASK_ID failed=
		[[ \$task =~ ^[1-9][0-9]*$ ]] && [ "\$task" -le $tasks ] || { echo "latpipe-$NAME: task '\$task' is none of 1 to $tasks" >&2; exit 64; }
		for ((unit = task; unit <= $units; unit += $tasks)); do bash $(printf %q "$RUN/job") "\$unit" || failed+=" \$unit"; done
		[ -z "\$failed" ] || { echo "latpipe-$NAME: task \$task: failed:\$failed" >&2; exit 2; }
	E2
}

BIDS=${BIDS:-} mode=$1
check_settings
find_weights
if [ "$mode" = show ]; then
	RUN=$(mktemp -d) || exit
else
	make_folders || die "$OUT: cannot be made"
fi
[ "$mode" = slurm ] || trap 'rm -rf "$RUN"; rmdir "$OUT/.latpipe/work" "$OUT/.latpipe" 2> /dev/null' EXIT
find_units
divide_cores
[ "$mode" = show ] || { write_job && write_description; } || die "$OUT: cannot be written"
"$mode" || exit 2
