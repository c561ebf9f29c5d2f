# Locks that hold across hosts, for subjects.sh and job.sh. flock(2) does not do for that: on NFS it may be local to a host, on Lustre it may
# be missing.
#
# Who holds a folder has an entry in it whose name tells who that is, by.HOST.PROCESS.START.RANDOM, and this entry is a folder of the
# holder's own to work in. A folder is taken by renaming one that has such an entry to its name: that works where there is none or an empty
# one, and gives it its content in the same moment. It is free when the entry is removed, by its holder, or by another when the holder is gone.
# On the same host the process is asked for; of another host the entry's date tells, which a holder renews as long as it lives. No name is
# used twice. So who clears away a holder that is gone never clears away one who was quicker, and what may be left of the gone one's
# processes has no folder any more to do harm in.
beat=20    # seconds between two signs of life
silent=200 # seconds without one: a holder on another host is gone

# Process numbers mean the same where the kernel and the space of numbers are the same
host=$(uname -n | tr -c 'A-Za-z0-9\n' -)-$({ cat /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/pid; } 2> /dev/null | cksum | cut -d ' ' -f 1)

# start_of PROCESS: when it was started, in ticks; `ended`, when it only waits to be asked for its exit status; nothing, when there is none
start_of() {
	local stat IFS=$' \t\n' # a trap may interrupt a `read` that has another
	{ IFS= read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
	set -f
	set -- ${stat##*) }
	set +f
	if [ "$1" = Z ]; then echo ended; else echo "${20:-}"; fi
}

# name_it: a new `name` for an entry of this process
name_it() {
	local pid=$BASHPID
	name=by.$host.$pid.$(start_of "$pid").$RANDOM$RANDOM
}

# silence ENTRY FILE: for how many seconds there was no sign of life. FILE is on the same disk, whose clock alone counts
silence() {
	local now then
	touch "$2" && now=$(stat -c %Y "$2") && then=$(stat -c %Y "$1" 2> /dev/null) || return
	echo $((now - then))
}

# gone ENTRY FILE: is its holder no more? FILE as for silence; without, holders on other hosts live
gone() {
	local its pid start now
	IFS=. read -r _ its pid start _ <<< "by.${1##*by.}"
	if [ "$its" = "$host" ]; then
		now=$(start_of "$pid")
		if [ -n "$now" ]; then
			[ "$now" != "$start" ]
			return $? # in a trap, without a number, it would tell of what was before
		fi
		# a process of another user may be hidden
		[[ $(LC_ALL=C kill -0 "$pid" 2>&1) == *permitted* ]] || return 0
	fi
	[ -n "${2:-}" ] && [ "$(silence "$1" "$2")" -gt "$silent" ] 2> /dev/null
}

# live_on ENTRY: renews its date as long as this process lives. `heart` is the process that does it
live_on() {
	local pid=$BASHPID start
	start=$(start_of "$pid")
	{
		trap - EXIT INT TERM HUP
		exec {never}<> <(:) # nothing ever comes: a way to sleep without another process
		while
			read -r -t "$beat" -u "$never"
			[ "$(start_of "$pid")" = "$start" ]
		do touch -c "$1" || exit; done
	} < /dev/null > /dev/null 2>&1 &
	heart=$!
	disown "$heart"
}

# hold FOLDER WHAT: waits until the folder is ours; `entry` is then our own folder in it. That WHAT has to wait is told once. What is in the
# folder and nobody's is removed. When the folder cannot be had, `trouble` tells why
hold() {
	local folder=$1 name new other taken told='' tries=0 pause=.05
	name_it
	entry=$folder/$name new=${folder%/*}/new.$name
	while [ "$tries" -lt 60 ]; do
		# whoever ends just now may take away a parent that is empty
		if trouble=$(mkdir -p "$new/$name" 2>&1) && { trouble=$(mv -T "$new" "$folder" 2>&1) || [ -d "$entry" ]; }; then
			live_on "$entry"
			return
		fi
		taken=
		[ -L "$folder" ] || for other in "$folder"/*; do
			if [[ ${other##*/} == by.* ]] && ! gone "$other" "$new/$name"; then
				taken=1
				[ -n "$told" ] || tell_of "$2: waits for" "$other"
				told=1
			else
				[[ ${other##*/} == by."$host".* || ${other##*/} != by.* ]] || tell_of "$2: there is no sign of life any more from" "$other"
				rm -rf "$other" 2> /dev/null
			fi
		done
		[ -n "$taken" ] || tries=$((tries + 1))
		sleep "$pause"
		[ "$pause" = 1 ] || [ -z "$taken" ] || pause=$([ "$pause" = .05 ] && echo .3 || echo 1)
	done
	rm -rf "$new"
	return 1
}

# tell_of TEXT ENTRY: who that is
tell_of() {
	local its pid
	IFS=. read -r _ its pid _ <<< "${2##*/}"
	echo "$1 another run (process $pid on ${its%-*})" >&2
}

# let_go: what `hold` took; our own folder goes with it
let_go() {
	kill "$heart" 2> /dev/null
	rm -rf "$entry"
	rmdir "${entry%/*}" "${entry%/*/*}" 2> /dev/null
}

# clear_away PREFIX [FILE]: folders PREFIXby.* that those who are gone have left. FILE as for silence; without, those of other hosts stay
clear_away() {
	local other
	for other in "$1"by.*; do
		[ -L "$other" ] || [ ! -d "$other" ] || ! gone "$other" "${2:-}" || rm -rf "$other" 2> /dev/null
	done
}

# ---- temporary files ----

# reason_of WORDS: of what a program says, the reason at the end
reason_of() { printf '%s' "${1##*: }"; }

# no_room FOLDER: prints why nothing can be written in this folder of temporary files; fails when it can
no_room() {
	local words
	words=$({ head -c 8192 /dev/zero > "$1/latpipe.room" && rm "$1/latpipe.room"; } 2>&1) && return 1
	rm -f "$1/latpipe.room" 2> /dev/null
	about_temporary "$words"
}
about_temporary() { echo "${TMPDIR:-/tmp}, the folder for temporary files: $(reason_of "$1")"; }

# temporary: makes the folder `scratch` among the temporary files, for this process alone, and removes those of processes that were killed.
# When it cannot be had, `trouble` tells why
temporary() {
	local name
	name_it
	scratch=$(realpath -m -- "${TMPDIR:-/tmp}")
	clear_away "$scratch/latpipe."
	scratch+=/latpipe.$name
	if trouble=$(mkdir -m 700 "$scratch" 2>&1); then
		trouble=$(no_room "$scratch") || return 0
		rm -rf "$scratch"
	else
		trouble=$(about_temporary "$trouble")
	fi
	return 1
}
