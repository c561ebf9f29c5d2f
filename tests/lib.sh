# For test scripts: `. tests/lib.sh` (they are started in the project's root). T is a folder that goes away at the end;
# SHARED may hold data that not every machine has (need_shared skips). Lines are TAP.
set -u -o pipefail
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
FAILED=0

ok() { echo "ok - $1"; }
not_ok() { # NAME [DETAIL]
	echo "not ok - $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | head -n 10 | sed 's/^/# /'
	FAILED=1
}
skip() { echo "ok - $1 # SKIP $2"; }

# is NAME GOT WANT
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got  '$2'"$'\n'"want '$3'"; fi; }
# like NAME GOT EXTENDED-REGEX
like() { if [[ $2 =~ $3 ]]; then ok "$1"; else not_ok "$1" "got  '$2'"$'\n'"want  $3"; fi; }
# holds NAME COMMAND...: the command succeeds
holds() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* -> $?: $out"; fi
}

# expect_exit CODE NAME COMMAND...: exit status; stdout and stderr stay in $T/out and $T/err
expect_exit() {
	local want=$1 name=$2 got
	shift 2
	"$@" > "$T/out" 2> "$T/err"
	got=$?
	if [ "$got" -eq "$want" ]; then ok "$name"; else not_ok "$name" "$*: status $got, not $want: $(head -n 3 "$T/err")"; fi
}
# refuses CODE NAME COMMAND...: exit status, exactly one line on stderr that starts with the tool's name, nothing on stdout
refuses() {
	local want=$1 name=$2 got lines
	shift 2
	"$@" > "$T/out" 2> "$T/err"
	got=$?
	lines=$(wc -l < "$T/err")
	if [ "$got" -eq "$want" ] && [ "$lines" -eq 1 ] && [ ! -s "$T/out" ] && grep -q "^[a-z0-9-]*: " "$T/err"; then
		ok "$name"
	else
		not_ok "$name" "$*: status $got, not $want; $lines lines: $(head -n 3 "$T/err"); $(wc -c < "$T/out") bytes on stdout"
	fi
}

# with_fault ENV=VALUE... COMMAND...: with tests/preload/faults.c in the tool (what it does is told there)
with_fault() { env LD_PRELOAD="$BUILD/tests/preload/faults.so" "$@"; }
# need_faults NAME: true when tools can be preloaded, else prints a skip
need_faults() {
	! grep -q -e -fsanitize "$BUILD/flags" || { skip "$1" 'sanitizers want to be loaded first'; return 1; }
}

# need_shared PATH NAME: true when $SHARED/PATH exists, else prints a skip
need_shared() {
	[ -e "$SHARED/$1" ] && return 0
	skip "$2" "no $1 in the shared folder"
	return 1
}

# comma_locale NAME: `comma` is a locale with a decimal comma, else prints a skip
comma_locale() {
	comma=de_DE.UTF-8
	export LOCPATH=$T/locale
	mkdir -p "$LOCPATH"
	localedef -i de_DE -f UTF-8 "$LOCPATH/$comma" 2> /dev/null
	[ "$(LC_ALL=$comma /usr/bin/printf %.1f 1,5 2> /dev/null)" != 1,5 ] || return 0
	skip "$1" 'no locale with a decimal comma can be made (localedef, package locales)'
	return 1
}

# at the end of each script
finish() { exit "$FAILED"; }
