#!/bin/bash
# subjects.sh run | show | slurm: the units of a pipeline, one job each. It is started by subjects.mk, which tells what it finds in the
# environment; job.sh does one unit.
. "$(dirname "$0")/job.sh"
export PARALLEL_SHELL=bash # what the user's own is, if any, means nothing here and on hosts: services have none, or one that refuses

die() { # TEXT
	echo "$NAME: $1" >&2
	exit 64
}

# ---- what is asked for ----

check_settings() {
	local name
	for name in OUT BIDS FILES SUBJECTS SESSIONS WHICH MODEL JOBS THREADS SSHLOGIN $OPTIONS; do
		[[ ${!name-} != *[[:cntrl:]]* ]] || die "$name: has a tab, a line's end or another control character in it"
	done
	# what begins with a hyphen is no option
	[[ $BIDS != -* ]] || BIDS=./$BIDS
	[[ ${FILES:-} != -?* ]] || FILES=./$FILES
	[ -n "${OUT:-}" ] || die 'OUT=folder says where the results go (make help tells more)'
	if [ "${SCANS:-}" != no ]; then
		[ -n "${BIDS:-}${FILES:-}" ] || die 'BIDS=folder or FILES=list.txt says which scans (make help tells more)'
		[ -z "${BIDS:-}" ] || [ -z "${FILES:-}" ] || die 'BIDS= and FILES= exclude each other'
	fi
	OUT=$(realpath -m -- "$OUT")
	[ -z "${BIDS:-}" ] || [ "$OUT" != "$(realpath -m -- "$BIDS")" ] || die "$OUT: is the study itself; OUT= must be another folder"
	[ "$(jq -r .DatasetType "$OUT/dataset_description.json" 2> /dev/null)" != raw ] || die "$OUT: is a raw dataset; OUT= must be another folder"
	command -v parallel > /dev/null || die 'needs GNU parallel (Debian package parallel)'
	command -v jq > /dev/null || die 'needs jq (Debian package jq)'
	command -v nii2lat > /dev/null || die 'the tools are not in PATH (nii2lat is not found)'
	VERSION=$(nii2lat --version) || exit
	VERSION=${VERSION##* }
}

# make_folders: OUT, and in it RUN, this run's own. Folders that runs and jobs have left that were killed are removed
make_folders() {
	local held=$OUT/.latpipe name other tries
	mkdir -p "$OUT" "$OUT/logs" || return
	for other in "$held" "$held/run" "$held/work" "$OUT/logs"; do
		inside "$other" || die "$other: a link leads out of $OUT"
	done
	if [ "$mode" = slurm ]; then # it is there for jobs to come
		mkdir -p "$held" && RUN=$(mktemp -d "$held/slurm-$NAME.XXXXXX")
		return
	fi
	name_it
	RUN=$held/run/$name
	for tries in 1 2 3; do # whoever ends just now may take a folder away that is empty
		mkdir -p "$held/run" && mkdir "$RUN" 2> /dev/null && break
	done
	live_on "$RUN" && touch "$RUN/now" || return
	sweep "$RUN/now"
}

# sweep [FILE]: removes what runs and jobs that were killed have left in OUT. FILE as for silence
sweep() {
	local held=$OUT/.latpipe other
	clear_away "$held/run/" "${1:-}"
	clear_away "$held/work/new." "${1:-}"
	for other in "$held"/work/*; do
		[ ! -L "$other" ] || continue
		clear_away "$other/" "${1:-}"
		rmdir "$other" 2> /dev/null
	done
	return 0
}

leave() {
	kill "$heart" 2> /dev/null
	rm -rf "$RUN"
	sweep
	clear_away "${scratch%/*}/latpipe."
	rmdir "$OUT"/.latpipe/{run,work,} 2> /dev/null
}

# The weights that the stages need, as lines "kind identity conventions"; a model that lacks one is refused in one line. Which tools the
# commands name is seen by their words; which weights each needs, it says itself
find_weights() {
	local commands=$PIPE stage word ours needs have row missing=''
	local -a kinds
	ours=$(dirname -- "$(type -P nii2lat)")
	for stage in $STAGES; do commands+=" ${!stage}"; done
	WEIGHTS=
	needs=$(for word in $(tr -c 'A-Za-z0-9_-' '\n' <<< "$commands" | sort -u); do
		[ "$(type -P -- "$word")" != "$ours/$word" ] || "$word" --interface
	done | jq -r '.weights[] | join(" ")' | sort -u)
	[ -n "$needs" ] || return 0
	have=$(lat-model -- "$MODEL") || exit
	while read -r -a kinds; do # the first that there is
		row=$(awk -F '\t' -v kinds="${kinds[*]}" 'BEGIN { n = split(kinds, kind, " ") } { row[$1] = $1 " " $2 " " $4 }
			END { for (i = 1; i <= n; i++) if (kind[i] in row) { print row[kind[i]]; exit } }' <<< "$have")
		if [ -n "$row" ]; then WEIGHTS+=$row$'\n'; else missing+=" ${kinds[0]}.safetensors"; fi
	done <<< "$needs"
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
		[ -z "$reason" ] || continue # codes of another time, if any
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
		elif [ -n "$BIDS" ]; then
			bids-scans --subjects "${SUBJECTS:-}" --sessions "${SESSIONS:-}" --which "${WHICH:-}" -- "$BIDS"
		else
			bids-scans --subjects "${SUBJECTS:-}" --sessions "${SESSIONS:-}" --which "${WHICH:-}" --list "$FILES"
		fi
	} | awk -F '\t' -v OFS='\t' '$5 ~ /^-/ { $5 = "./" $5 } { print }' > "$RUN/scans.tsv" || exit
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
		[ -z "$reason" ] || output=$id # nothing will be there
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
		(set -e; eval "$PLAN") 2> /dev/null | jq -s 'map(.peak_bytes) | add // 0' 2> /dev/null
		return
	done
	echo 0
}

# jobs x threads fill the cores once. Jobs go first: a job has serial parts, two jobs have none in common
divide_cores() {
	local cores free fit
	read -r cores free < <(lat-host | tail -n 1)
	threads=${OMP_NUM_THREADS:-} # may be a list, a number for each level of nesting; what is none counts as little as for the tools
	[[ ${threads%%,*} =~ ^[1-9][0-9]*$ ]] || threads=
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
		for name in RUN OUT NAME EXT PIPE STAGES $STAGES OPTIONS $OPTIONS MODEL WEIGHTS VERSION BIDS PATH; do
			printf 'declare -x %s=%q\n' "$name" "${!name-}"
		done
		[ -z "${LATPIPE_MODELS:-}" ] || printf 'declare -x LATPIPE_MODELS=%q\n' "$LATPIPE_MODELS"
		echo "export LC_ALL=C OMP_NUM_THREADS=$THREADS OMP_WAIT_POLICY=passive"
		printf 'cd %q && . %q && case $1 in ready) command -v nii2lat ;; *) job "$1" ;; esac\n' "$PWD" "${HERE}job.sh"
	} > "$RUN/job"
}

write_description() {
	local to=$OUT/dataset_description.json text
	utf8 "${BIDS:+file://$(realpath -- "$BIDS")}"
	jq -n --arg name "$NAME" --arg version "$VERSION" --arg weights "$WEIGHTS" --arg source "$text" '
		{
			Name: "latpipe \($name)",
			BIDSVersion: "1.8.0",
			DatasetType: "derivative",
			GeneratedBy: [{
				Name: "latpipe",
				Version: $version,
				Description: "pipeline \($name)",
				Models: ($weights | split("\n") | map(split(" ") | select(length > 1) | {(.[0]): .[1]}) | add // {})
			}]
		} + if $source == "" then {} else {SourceDatasets: [{URL: $source}]} end' > "$RUN/part" &&
		mv -f -T "$RUN/part" "$to" || return
	printf '%s\n' failed.tsv logs stale '*_scores.tsv' 'missing*' 'compare.*' '*.lat' '*.npy' volumes.tsv '*_volumes.tsv' '*_desc-*.txt' '*_desc-*.png' > "$RUN/part" &&
		mv -f -T "$RUN/part" "$OUT/.bidsignore"
}

# copy_tables: who the subjects are and when they were seen, so that the derivative can be the study of another pipeline
copy_tables() {
	local table to
	[ -n "$BIDS" ] || return 0
	for table in "${BIDS%/}"/participants.{tsv,json} "${BIDS%/}"/sub-*/sub-*_sessions.{tsv,json}; do
		to=$OUT/${table#"${BIDS%/}/"}
		[ -f "$table" ] && { [[ ${table##*/} == participants.* ]] || [ -d "${to%/*}" ]; } || continue
		inside "$to" || { echo "$NAME: $to: a link leads out of $OUT: left as it is" >&2; continue; }
		cp -L "$table" "$RUN/part" && mv -f -T "$RUN/part" "$to" || return
	done
}

# The scores of what is in OUT, other than what could not be made this time
write_scores() {
	local to=$OUT/desc-${NAME}_scores.tsv
	(
		cd "$OUT" || exit
		find . -path './sub-*' -name "*_desc-${NAME}_T1w.json" | sort | { grep -v -x -F -f "$RUN/not-made" || [ $? -eq 1 ]; } |
			# a line for each sidecar, so that one which is damaged says nothing about those behind it
			xargs -r -d '\n' awk 'FNR == 1 { printf "%s%s\t", (NR > 1 ? "\n" : ""), FILENAME } { printf "%s ", $0 } END { print "" }' |
			jq -R -r --arg way "$(way | sha256sum | cut -d ' ' -f 1)" '
				index("\t") as $tab | ((.[$tab + 1:] | fromjson? | objects) // {}) as $sidecar
				| [(.[:$tab] | split("/")[-1] | rtrimstr(".json")), $sidecar.Way == $way]
				+ [$sidecar.Scores | objects | to_entries[] | .key, ((.value | numbers) // "n/a")] | @tsv' |
			awk -v name="$NAME" -f "$HERE/scores.awk"
	) > "$RUN/part" || return
	[ ! -s "$RUN/part" ] || mv -f -T "$RUN/part" "$to"
}

# job_of NUMBER: exit status and host of its last job, as parallel's log tells it, 128 more than a signal; 71 where it tells nothing
job_of() {
	awk -F '\t' -v n="$1" '$NF ~ " " n " [^ ]*$" { code = $8 ? 128 + $8 : $7; host = $2 } END { print code ? code : 71, host ? host : ":" }' \
		"$RUN/jobs.tsv" 2> /dev/null || echo 71 :
}

# place_of NUMBER: its variables
place_of() { unit "$1" && place; }

# take_lines: of what the jobs print, their own lines: how each unit `ended`, what it `warned` of. What hosts print besides is nobody's
take_lines() {
	local run number how stage status message
	while IFS=$'\t' read -r run number how stage status message; do
		[ "$run" = "${RUN##*/}" ] && [[ $number =~ ^[1-9][0-9]{0,8}$ ]] && [ -n "${ids[number]:-}" ] || continue
		case $how in
		warned) warned["_$message"]=$((${warned["_$message"]:-0} + 1)) ;;
		made | kept) ended[number]=$how ;;
		failed) ended[number]="${ids[number]}"$'\t'"$stage"$'\t'"$status"$'\t'"$message" ;;
		esac
	done
}

# summary: failed.tsv, the scores, what is said at the end, exit status
summary() {
	local message n code on failures kept=0 made=0 to=$OUT/failed.tsv
	for n in "${!ids[@]}"; do
		case ${ended[n]:-} in
		made) made=$((made + 1)) ;;
		kept) kept=$((kept + 1)) ;;
		'')
			read -r code on <<< "$(job_of "$n")"
			message='the job ended without saying how'
			[ "$on" = : ] || message+=" (host $on)"
			[ -z "${1:-}" ] || message=$1 code=255
			! trouble=$(no_room "${scratch%/*}") || message=$trouble code=74
			place_of "$n" && [ ! -f "$output" ] || message+=' (what is there was made before)'
			ended[n]="${ids[n]}"$'\t'job$'\t'"$code"$'\t'"$message"
			;;
		esac
	done
	{
		printf 'id\tstage\texit\tmessage\n'
		for n in "${!ids[@]}"; do [[ ${ended[n]} == made || ${ended[n]} == kept ]] || printf '%s\n' "${ended[n]}"; done
	} > "$RUN/failed.tsv" || die "$to: cannot be written"
	for n in "${!ids[@]}"; do
		place_of "$n"
		if [[ ${ended[n]} == made || ${ended[n]} == kept ]]; then echo "$output"; else echo "./${sidecar#"$OUT/"}" >& 4; fi
	done > "$RUN/outputs.txt" 4> "$RUN/not-made" || die "$OUT: cannot be written"
	[ ! -e "$RUN/jobs.tsv" ] || mv -f -T "$RUN/jobs.tsv" "$OUT/logs/$NAME.tsv"
	cp "$RUN/failed.tsv" "$RUN/part" && mv -f -T "$RUN/part" "$OUT/logs/$NAME-failed.tsv" &&
		mv -f -T "$RUN/outputs.txt" "$OUT/logs/$NAME-outputs.txt" || die "$OUT/logs: cannot be written"
	[ -z "${BEFORE:-}" ] || tail -n +2 "$OUT/logs/$BEFORE-failed.tsv" >> "$RUN/failed.tsv"
	failures=$(($(wc -l < "$RUN/failed.tsv") - 1))
	mv -f -T "$RUN/failed.tsv" "$to" || die "$to: cannot be written"
	copy_tables || die "$OUT: the tables of subjects cannot be copied"
	write_scores || die "$OUT: the table of scores cannot be written"
	for message in "${!warned[@]}"; do echo "$NAME: warning of ${warned[$message]} (it is in the sidecars): ${message#_}" >&2; done
	message="$NAME: $made made, $kept as they were, $failures failed"
	[ "$failures" -eq 0 ] || message+=": see $to"
	echo "$message" >&2
	[ "$failures" -eq 0 ] && rm -rf "$OUT/.latpipe/slurm-$NAME".* # nothing is left for their arrays
}

# choose_hosts: those of SSHLOGIN that answer and see this run and the tools, in $RUN/hosts; of each other a line is said
choose_hosts() {
	local name code login
	local -a logins
	parallel --plain --will-cite --onall --timeout 60 --sshlogin "$SSHLOGIN" --joblog "$RUN/answers.tsv" bash '{}' ready ::: "$RUN/job" \
		< /dev/null > /dev/null 2> "$RUN/words"
	# commas part them; one that belongs to a login is written \,
	mapfile -t logins < <(sed 's/\\,/\x01/g; s/,/\n/g; s/\x01/\\,/g' <<< "$SSHLOGIN")
	: > "$RUN/hosts"
	while IFS=$'\t' read -r _ name _ _ _ _ code _; do
		if [ "$code" -ne 0 ]; then
			[ -z "${silent_host[$name]:-}" ] || continue
			silent_host[$name]=1
			echo "$NAME: the host $name is left out: it does not answer, or does not see $OUT and the tools (exit $code)" \
				"$(grep -m 1 . "$RUN/words")" >&2
			continue
		fi
		for login in "${logins[@]}" "$name"; do # with the number of jobs that may stand in front
			[[ $login != "$name" && $login != */"$name" ]] || { echo "$login"; break; }
		done >> "$RUN/hosts"
	done < <(tail -n +2 "$RUN/answers.tsv")
	[ -s "$RUN/hosts" ]
}

# work_on NUMBER...: the jobs of these units
work_on() {
	local -a how=(--plain --will-cite -q --colsep '\t' --jobs "$jobs" --joblog "$RUN/log")
	local n lines
	[ ! -t 2 ] || ! { : > /dev/tty; } 2> /dev/null || how+=(--bar)
	# here, nothing of what they say goes through temporary files, for which there may be no room
	if [ -n "${SSHLOGIN:-}" ]; then how+=(--line-buffer --sshloginfile "$RUN/hosts"); else how+=(--ungroup); fi
	[ -z "${SSHLOGIN:-}" ] || [ "${peak:-0}" -eq 0 ] || how+=(--memfree "$peak")
	for n; do printf '%s\t%s\t%s\n' "$n" "${ids[n]}" "$RUN/job"; done > "$RUN/todo" # OUT may hold what would mean something in a template
	exec {lines}< <(exec parallel "${how[@]}" bash '{3}' '{1}' '{2}' < "$RUN/todo")
	worker=$!
	take_lines <& "$lines"
	exec {lines}<&-
	worker=
	sed "$([ "$round" -eq 1 ] || echo 1d)" "$RUN/log" >> "$RUN/jobs.tsv"
}

# interrupted NUMBER: by a signal
interrupted() {
	trap '' INT TERM HUP
	# the first makes parallel wait for its jobs, the second end them
	[ -z "$worker" ] || { kill -TERM "$worker" && sleep .2 && kill -TERM "$worker" && tail --pid="$worker" -f /dev/null; } 2> /dev/null
	echo "$NAME: interrupted: the same command goes on where this one ends" >&2
	exit "$((128 + $1))"
}

# What a host has lost is tried again on those that still answer
run() {
	local -a todo=("${!ids[@]}") lost ended=()
	local -A warned=() silent_host=()
	local n round worker=''
	trap 'interrupted 1' HUP
	trap 'interrupted 2' INT
	trap 'interrupted 15' TERM
	rm -f "$OUT/failed.tsv" "$OUT/desc-${NAME}_scores.tsv" # tables of an earlier run shall not pass for those of one that was interrupted
	for round in 1 2 3; do
		if [ -n "${SSHLOGIN:-}" ] && ! choose_hosts; then
			summary "no host answers: $(IFS=,; echo "${!silent_host[*]}")"
			return
		fi
		work_on "${todo[@]}"
		lost=()
		for n in "${todo[@]}"; do [ -n "${ended[n]:-}" ] || lost+=("$n"); done
		todo=("${lost[@]}")
		[ -n "${SSHLOGIN:-}" ] && [ ${#todo[@]} -gt 0 ] || break
	done
	summary
}

show() {
	local n stage
	printf '%s: %d units, %d jobs x %d threads' "$NAME" "${#ids[@]}" "$jobs" "$threads"
	[ "${peak:-0}" -eq 0 ] || printf ', at most %d MB each' "$((peak / 1000000))"
	echo
	for stage in $STAGES $OPTIONS; do printf '  %s=%s\n' "$stage" "${!stage-}"; done
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

BIDS=${BIDS:-} OPTIONS=${OPTIONS:-} mode=$1
check_settings
find_weights
temporary || die "$trouble"
if [ "$mode" = show ]; then
	RUN=$scratch
	trap 'rm -rf "$RUN"' EXIT
else
	rmdir "$scratch"
	make_folders || die "$OUT: cannot be made"
	[ "$mode" = slurm ] || trap leave EXIT
fi
find_units
divide_cores
[ "$mode" = show ] || { write_job && write_description; } || die "$OUT: cannot be written"
"$mode" || exit 2
