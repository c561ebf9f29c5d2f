# One unit of a pipeline: what subjects.sh writes as a job reads this file and calls `job NUMBER`. The job's settings (OUT, RUN, NAME, PIPE,
# STAGES and their commands, ..) are described in subjects.mk. Prints a line on stdout: NUMBER, made | kept | failed, stage, exit, message;
# and one with `warned` for each warning.
set -u -o pipefail
shopt -s nullglob

# json TEXT: as a JSON string
json() {
	local s=${1//\\/\\\\}
	s=${s//\"/\\\"} s=${s//$'\t'/ } s=${s//$'\n'/\\n}
	printf '"%s"' "${s//[[:cntrl:]]/?}"
}

hash_of() { sha256sum < "$1" | cut -d ' ' -f 1; }

# fields LINE: the columns of a unit as variables; `columns` holds their names
fields() {
	local -a values
	local i
	IFS=$'\t' read -r -a values <<< "$1"
	for i in "${!columns[@]}"; do
		[ "${values[i]-n/a}" != n/a ] || values[i]=
		declare -g -x "${columns[i]}=${values[i]}"
	done
}

unit() { # NUMBER
	IFS=$'\t' read -r -a columns < "$RUN/units.tsv"
	fields "$(sed -n "$(($1 + 1))p" "$RUN/units.tsv")"
}

# place: folder and stem of the unit's files, BIDS names without suffix; output, the file that it makes; sidecar
place() {
	local label=${id#sub-} session=$session_id
	label=${label%%_*}
	stem=${id%_T1w}
	# ids that are no BIDS names become labels of subjects
	[[ $id == sub-* ]] || label=${id//[^A-Za-z0-9]/} stem=sub-$label session=
	[[ $stem != *_desc-* ]] || stem=${stem%%_desc-*}
	[[ $session == ses-* ]] || session=
	folder=$OUT/sub-$label${session:+/$session}/anat
	stem=${stem}_desc-$NAME
	output=$folder/${stem}_T1w$EXT sidecar=$folder/${stem}_T1w.json
}

# inputs: "column hash" of each file the unit is made of. Its content counts, not its date: copies, checkouts and `datalad get` change dates
inputs() {
	local column hash
	for column in "${columns[@]}"; do
		if [[ $column == path || $column == *_path ]] && [ -n "${!column}" ]; then
			hash=$(hash_of "${!column}") || return
			echo "$column $hash"
		fi
	done
}

# recipe INPUTS: all that the result depends on, as text
recipe() {
	local column stage
	printf '%s\n' "$VERSION" "$NAME" "$EXT" "$PIPE" "$WEIGHTS" "$1"
	for stage in $STAGES; do printf '%s=%s\n' "$stage" "${!stage}"; done
	for column in "${columns[@]}"; do
		[[ $column == path || $column == *_path || $column == reason ]] || printf '%s=%s\n' "$column" "${!column}"
	done
}

# said KEY: the string of this key in the sidecar, which write_sidecar wrote a line each
said() { sed -n "s/^  \"$1\": \"\(.*\)\",\{0,1\}$/\1/p" "$sidecar"; }

finished() { # RECIPE: is the output the one that this recipe makes, whole?
	local others
	[ -f "$sidecar" ] && [ -f "$output" ] && [ "$(said Recipe)" = "$1" ] && [ "$(said Sha256)" = "$(hash_of "$output")" ] || return
	others=$(sed -n '/^  "Others"/,/^  }/s/^    "\(.*\)": "\(.*\)",\{0,1\}$/\2  \1/p' "$sidecar")
	[ -z "$others" ] || (cd "$folder" && sha256sum --check --status 2> /dev/null) <<< "$others"
}

# ---- in PIPE ----

step() { # NAME COMMAND...
	local name=$1 code=0
	shift
	"$@" 2> "$notes/said.$name" || code=$?
	echo "$code" > "$notes/status.$name"
	return "$code"
}
command_of() { eval "${!1}"; }
stage() { step "${1,,}" command_of "$1"; }
score() { printf '%s\t%s\n' "$1" "$2" >> "$notes/scores"; }
extra() { mv "$1" "$work/extra.$2"; }

# ----

# first_failure EXIT: says which stage failed first. One that lost its reader (141) or its writer only follows another's failure
first_failure() {
	local name code stage=$NAME status=$1 message='ended without a word' said=$notes/said
	local -a names
	read -r -a names <<< "${STAGES,,}"
	for name in "$notes"/status.*; do names+=("${name##*/status.}"); done
	for name in "${names[@]}"; do
		code=$(cat "$notes/status.$name" 2> /dev/null) || continue
		[ "$code" -ne 0 ] || continue
		[ "$code" -ne 141 ] || [ "$stage" = "$NAME" ] || continue
		stage=$name status=$code said=$notes/said.$name
		[ "$code" -eq 141 ] || break
	done
	[ "$status" -ne 0 ] || message='made no output' status=65
	[ ! -s "$said" ] || message=$(grep . "$said" | tail -n 1)
	[ "$status" -le 128 ] || message="killed by signal $((status - 128))"
	failed "$stage" "$status" "$message"
}

failed() { # STAGE EXIT MESSAGE
	local message=${3//[[:cntrl:]]/ }
	printf '%s\tfailed\t%s\t%s\t%s\n' "$number" "$1" "$2" "$message"
	echo "$id: $1: $message" >&2
	bad=2
}

# list TEXT...: with commas between
list() {
	local IFS=,
	printf '%s' "$*"
}

write_sidecar() { # RECIPE INPUTS
	local kind hash name value file
	local -a sources=() hashes=() models=() stages=() said=() scores=() others=()
	for file in "$notes"/said.*; do mapfile -t -O "${#warnings[@]}" warnings < "$file"; done
	warnings=("${warnings[@]//"$path: "/}") # the same warning of two scans is the same text
	warnings=("${warnings[@]//"$work/"/}") # so is that of two runs
	for value in "${warnings[@]}"; do said+=(" $(json "$value")"); done
	while read -r name hash; do
		[ -n "$name" ] || continue
		file=${!name}
		[ -z "$BIDS" ] || file=${file#"${BIDS%/}/"}
		sources+=(" $(json "${file#"$OUT/"}")") hashes+=(" \"$hash\"")
	done <<< "$2"
	while read -r kind hash _; do [ -z "$kind" ] || models+=(" \"$kind\": \"$hash\""); done <<< "$WEIGHTS"
	for name in $STAGES; do stages+=(" \"$name\": $(json "${!name}")"); done
	while IFS=$'\t' read -r name value; do
		[[ $value =~ ^-?[0-9.]+(e[-+]?[0-9]+)?$ ]] || value=null
		scores+=($'\n    '"\"$name\": $value")
	done < <(cat "$notes/scores" 2> /dev/null)
	for file in "$work"/extra.*; do others+=($'\n    '"\"${stem}_${file##*/extra.}\": \"$(hash_of "$file")\""); done
	{
		printf '{\n  "Description": %s,\n' "$(json "$NAME, by latpipe")"
		printf '  "GeneratedBy": {"Name": "latpipe", "Version": "%s", "Pipeline": "%s"},\n' "$VERSION" "$NAME"
		printf '  "Sources": [%s ],\n' "$(list "${sources[@]}")"
		printf '  "SourcesSha256": [%s ],\n' "$(list "${hashes[@]}")"
		printf '  "Models": {%s },\n' "$(list "${models[@]}")"
		printf '  "Stages": {%s },\n' "$(list "${stages[@]}")"
		printf '  "Warnings": [%s ],\n' "$(list "${said[@]}")"
		printf '  "Scores": {%s\n  },\n' "$(list "${scores[@]}")"
		printf '  "Others": {%s\n  },\n' "$(list "${others[@]}")"
		printf '  "Sha256": "%s",\n  "Recipe": "%s"\n}\n' "$(hash_of "$work/output$EXT")" "$1"
	} > "$work/sidecar"
}

# publish: everything is on the disk before any of it has its name; the output comes last, so that one that is there has its sidecar
publish() {
	local file
	sync "$work"/* && mkdir -p "$folder" || return
	for file in "$work"/extra.*; do mv -f "$file" "$folder/${stem}_${file##*/extra.}" || return; done
	rm -f "$OUT/logs/${stem}"_*.png
	mv -f "$work/sidecar" "$sidecar" && mv -f "$work/output$EXT" "$output"
}

# keep_pictures: what a failed unit has drawn tells more than its message; gone again when the unit is made
keep_pictures() {
	local file
	for file in "$work"/*.png; do mv -f "$file" "$OUT/logs/${stem}_${file##*/}"; done
}

# hold: a folder for this unit on the same disk as the output, and ours alone: jobs of another run on the same OUT wait here, and those that
# a killed run has left behind, all of whose processes hold the lock, are waited for
hold() {
	until [ "$work" -ef "/proc/$BASHPID/fd/9" ]; do
		mkdir -p "$work" && exec 9< "$work" && flock 9 || return
	done
	rm -rf "${work:?}"/*
}

attempt() {
	local files key code line whole
	files=$(inputs 2> "$notes/said") || { failed find 66 "$(tail -n 1 "$notes/said")"; return; }
	key=$(recipe "$files" | sha256sum | cut -d ' ' -f 1)
	if finished "$key"; then
		printf '%s\tkept\n' "$number"
		return
	fi
	whole=$output output=$work/output$EXT
	(set -e; eval "$PIPE") > /dev/null 2> "$notes/said" # in no list with && or ||: that would take -e away
	code=$?
	if [ "$code" -ne 0 ] || [ ! -s "$output" ]; then
		first_failure "$code"
		keep_pictures
		return
	fi
	output=$whole
	if ! { write_sidecar "$key" "$files" && publish; } 2> "$notes/said"; then
		failed write 74 "$(tail -n 1 "$notes/said")"
		return
	fi
	for line in "${warnings[@]}"; do printf '%s\twarned\t-\t-\t%s\n' "$number" "$line"; done
	printf '%s\tmade\n' "$number"
}

job() { # NUMBER
	local number=$1 bad=0
	local -a warnings=()
	exec < /dev/null
	unit "$number"
	place
	work=$OUT/.latpipe/work/$stem
	notes=$(mktemp -d) || { failed write 73 'no temporary folder'; return 2; }
	trap 'cat "$notes/said" >&2; rm -rf "$notes"' EXIT # a mistake of this script must not go unseen
	: > "$notes/said"
	if [ -n "$reason" ]; then
		failed find 66 "$path: $reason"
	elif ! hold 2> "$notes/said"; then
		failed write 73 "$(tail -n 1 "$notes/said")"
	else
		attempt
		rm -rf "$work"
	fi
	trap 'rm -rf "$notes"' EXIT
	return "$bad"
}
