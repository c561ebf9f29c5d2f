# One unit of a pipeline: what subjects.sh writes as a job reads this file and calls `job NUMBER`. The job's settings (OUT, RUN, NAME, PIPE,
# STAGES and OPTIONS, ..) are described in subjects.mk. Prints a line on stdout: the run's name, by which it is known among what a host
# may print besides, NUMBER, made | kept | failed, stage, exit, message; and one with `warned` for each warning.
set -u -o pipefail
shopt -s nullglob
export LC_ALL=C
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/
. "$HERE"locks.sh

# utf8 TEXT: as JSON has it, in `text`: what is no UTF-8 is taken for Latin 1
utf8() {
	text=$1
	[[ $text != *[$'\x80'-$'\xff']* ]] || iconv -f UTF-8 -t UTF-8 <<< "$text" > /dev/null 2>&1 || text=$(iconv -f LATIN1 -t UTF-8 <<< "$text")
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
	stale=$OUT/stale${folder#"$OUT"}
}

# inside PATH...: are they in OUT, links followed? Nothing outside is written to or removed
inside() {
	local path
	for path; do [[ $(realpath -m -- "$path") == "$OUT"/* ]] || return; done
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

# way: all that the results of a run have in common, as text
way() {
	local name
	printf '%s\n' "$VERSION" "$NAME" "$EXT" "$PIPE" "$WEIGHTS"
	for name in $STAGES $OPTIONS; do printf '%s=%s\n' "$name" "${!name-}"; done
}

# recipe INPUTS: all that the result depends on, as text
recipe() {
	local column
	way
	printf '%s\n' "$1"
	for column in "${columns[@]}"; do
		[[ $column == path || $column == *_path || $column == reason ]] || printf '%s=%s\n' "$column" "${!column}"
	done
}

finished() { # RECIPE: is the output the one that this recipe makes, whole?
	local recipe='' sha256='' others=''
	[ -f "$sidecar" ] && [ -f "$output" ] || return
	{ read -r recipe; read -r sha256; read -r -d '' others; } < <(jq -r '.Recipe, .Sha256, (.Others | to_entries[] | "\(.value)  \(.key)")' < "$sidecar" 2> /dev/null)
	[ "$recipe" = "$1" ] && [ "$sha256" = "$(hash_of "$output")" ] || return
	[ -z "$others" ] || (cd "$folder" && sha256sum --check --status 2> /dev/null) <<< "$others"
}

# ---- in PIPE ----

step() { # NAME COMMAND...
	local name=$1 code=0
	shift
	("$@") 2> "$notes/said.$name" || code=$? # the command may end the shell
	echo "$code" > "$notes/status.$name"
	return "$code"
}
command_of() { eval "${!1}"; }
stage() { step "${1,,}" command_of "$1"; }
score() { printf '%s\t%s\n' "$1" "$2" >> "$notes/scores"; }
extra() { mv "$1" "$work/extra.$2"; }

# ----

# in_order: the steps as they stand in PIPE, which is their order in its pipes
in_order() { grep -o -E '\<(stage|step) +[A-Za-z0-9_]+' <<< "$PIPE" | awk '{ name = tolower($2) } !seen[name]++ { print name }'; }

# words_of FILE: what a step said last, other than warnings and that its input was no whole stream, as it does behind another's failure
words_of() {
	awk '!/[^[:space:]]/ { next }
		{ last = $0 }
		!/: warning: / && !/: stdin: byte [0-9]+: (empty|the stream is cut short)/ { own = $0 }
		END { print own != "" ? own : last }' "$1"
}

# first_failure EXIT: says which step failed first. One that lost its reader only follows another's failure, as does one that lost its
# writer, which stands behind it
first_failure() {
	local name code first='' trouble stage=$NAME status=$1 message='ended without a word' said=$notes/said
	if trouble=$(no_room "$notes"); then
		failed write 74 "$trouble"
		return
	fi
	for name in $(in_order); do
		code=$(cat "$notes/status.$name" 2> /dev/null) && [ "$code" -ne 0 ] || continue
		[ -n "$first" ] || first=$name
		[ "$code" -ne 141 ] && ! grep -q -i 'broken \{0,1\}pipe' "$notes/said.$name" || continue
		first=$name
		break
	done
	[ -z "$first" ] || { stage=$first status=$(cat "$notes/status.$first") said=$notes/said.$first; }
	[ "$status" -ne 0 ] || message='made no output' status=65
	[ ! -s "$said" ] || message=$(words_of "$said")
	[ "$status" -le 128 ] || message="killed by signal $((status - 128))"
	failed "$stage" "$status" "$message"
}

failed() { # STAGE EXIT MESSAGE
	local message=${3//[[:cntrl:]]/ }
	message=${message:0:1000} # a line goes through a pipe in one piece
	if [ -f "$output" ]; then
		message+=' (what is there was made before)'
	elif [ -f "$stale/${output##*/}" ]; then
		message+=' (what was made before is now in stale/)'
	fi
	tell failed "$1" "$2" "$message"
	echo "$id: $1: $message" >&2
	bad=2
}

# tell WORD...: a line for the run
tell() {
	local IFS=$'\t'
	printf '\n%s\n' "${RUN##*/}"$'\t'"$number"$'\t'"$*"
}

# write_sidecar RECIPE INPUTS: entries for jq are triples of section, key and value
write_sidecar() {
	local kind hash name value file text
	local -a entries=()
	entry() { utf8 "$3" && entries+=("$1" "$2" "$text"); }
	for file in "$notes"/said.*; do mapfile -t -O "${#warnings[@]}" warnings < "$file"; done
	warnings=("${warnings[@]//"$path: "/}") # the same warning of two scans is the same text
	warnings=("${warnings[@]//"$work/"/}") # so is that of two runs
	for value in "${warnings[@]}"; do entry Warnings '' "$value"; done
	while read -r name hash; do
		[ -n "$name" ] || continue
		file=${!name}
		[ -z "$BIDS" ] || file=${file#"${BIDS%/}/"}
		entry Sources '' "${file#"$OUT/"}"
		entry SourcesSha256 '' "$hash"
	done <<< "$2"
	while read -r kind hash _; do [ -z "$kind" ] || entry Models "$kind" "$hash"; done <<< "$WEIGHTS"
	for name in $STAGES; do entry Stages "$name" "${!name}"; done
	for name in $OPTIONS; do entry Options "$name" "${!name-}"; done
	while IFS=$'\t' read -r name value; do entry Scores "$name" "$value"; done < <(cat "$notes/scores" 2> /dev/null)
	for file in "$work"/extra.*; do entry Others "${stem}_${file##*/extra.}" "$(hash_of "$file")"; done
	jq -n --arg name "$NAME" --arg version "$VERSION" --arg way "$(way | sha256sum | cut -d ' ' -f 1)" \
		--arg sha256 "$(hash_of "$work/output$EXT")" --arg recipe "$1" '
		($ARGS.positional as $a | [range(0; $a | length; 3) | {section: $a[.], key: $a[. + 1], value: $a[. + 2]}]) as $all
		| def list(section): [$all[] | select(.section == section) | .value];
		def object(section): [$all[] | select(.section == section) | {(.key): .value}] | add // {};
		{
			Description: "\($name), by latpipe",
			GeneratedBy: {Name: "latpipe", Version: $version, Pipeline: $name},
			Sources: list("Sources"),
			SourcesSha256: list("SourcesSha256"),
			Models: object("Models"),
			Stages: object("Stages"),
			Options: object("Options"),
			Warnings: list("Warnings"),
			Scores: ([object("Scores") | to_entries[] | {(.key): (.value | try tonumber catch null)}] | add // {}),
			Others: object("Others"),
			Way: $way,
			Sha256: $sha256,
			Recipe: $recipe
		}' --args -- "${entries[@]}" > "$work/sidecar"
}

# publish: everything is on the disk before any of it has its name; the output comes last, so that one that is there has its sidecar
publish() {
	local file
	sync "$work"/* && mkdir -p "$folder" || return
	for file in "$work"/extra.*; do mv -f -T "$file" "$folder/${stem}_${file##*/extra.}" || return; done
	rm -f "$OUT/logs/${stem}"_*.png "$stale/${stem}_"*
	(cd "$OUT" && rmdir -p "${stale#"$OUT/"}") 2> /dev/null
	mv -f -T "$work/sidecar" "$sidecar" && mv -f -T "$work/output$EXT" "$output"
}

# set_aside: what was made of the unit before, of another scan or in another way, shall not pass for what could not be made now
set_aside() {
	local file
	for file in "$folder/${stem}_"*; do
		mkdir -p "$stale" && mv -f -T "$file" "$stale/${file##*/}" || return
	done
}

# keep_pictures: what a failed unit has drawn tells more than its message; gone again when the unit is made
keep_pictures() {
	local file
	for file in "$work"/*.png; do mv -f -T "$file" "$OUT/logs/${stem}_${file##*/}"; done
}

attempt() {
	local files key code line whole
	files=$(inputs 2> "$notes/said") || { failed find 66 "$(tail -n 1 "$notes/said")"; return; }
	key=$(recipe "$files" | sha256sum | cut -d ' ' -f 1)
	if finished "$key"; then
		tell kept
		return
	fi
	whole=$output output=$work/output$EXT
	(set -e; eval "$PIPE") > /dev/null 2> "$notes/said" # in no list with && or ||: that would take -e away
	code=$?
	if [ "$code" -ne 0 ] || [ ! -s "$output" ]; then
		output=$whole
		set_aside 2> /dev/null
		first_failure "$code"
		keep_pictures
		return
	fi
	output=$whole
	if ! { write_sidecar "$key" "$files" && publish; } 2> "$notes/said"; then
		[ -d "$work" ] || echo "another run has taken the place of this one, which gave no sign of life for more than $silent seconds" > "$notes/said"
		failed write 74 "$(tail -n 1 "$notes/said")"
		return
	fi
	for line in "${warnings[@]}"; do tell warned - - "$line"; done
	tell made
}

job() { # NUMBER
	local number=$1 bad=0
	local -a warnings=()
	exec < /dev/null
	[[ $number =~ ^[1-9][0-9]*$ ]] || { echo "job: '$number' is no number of a unit" >&2; return 64; }
	unit "$number"
	place
	temporary || { failed write 73 "$trouble"; return 2; }
	notes=$scratch work=
	trap 'cat "$notes/said" >&2; rm -rf "$notes"; [ -z "$work" ] || let_go' EXIT # a mistake of this script must not go unseen
	: > "$notes/said"
	if [ -n "$reason" ]; then
		failed find 66 "$path: $reason"
	elif ! inside "$folder" "$stale" "$OUT/.latpipe/work"; then
		failed write 73 "$folder: a link leads out of $OUT"
	elif ! hold "$OUT/.latpipe/work/$stem" "$id"; then
		failed write 73 "$trouble"
	else
		work=$entry
		attempt
		let_go
		rmdir "$OUT/.latpipe" 2> /dev/null
	fi
	trap 'rm -rf "$notes"' EXIT
	return "$bad"
}
