# What steps that register share: one job is one thread (jobs run beside one another), transforms that refer to each other by bare names.
export LC_ALL=C
threads=${OMP_NUM_THREADS:-1} threads=${threads%%,*}
parameters=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

fail() { # CODE REASON
	echo "${NAME:-prepare}: $2" >&2
	exit "$1"
}

less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'; } # A B
litres() { nii-mask --measure "$@" | awk -F '\t' 'NR == 2 { print $2 }'; } # [OPTION...] MASK

needs() { # FILE...: of mricron-data, and elastix itself
	local file
	for file; do [ -r "$file" ] || fail 66 "$file: cannot be read (Debian package mricron-data)"; done
	command -v elastix > /dev/null && command -v transformix > /dev/null || fail 66 'elastix: not installed (Debian package elastix)'
}

complaint() { # LOG: what ITK says of an error, on one line
	grep -a -i -A 3 'description\|error' "$1" | tr -s '\n\t -' ' ' | cut -c -200
}

# turned NAME: how far upright had to turn it, in degrees
turned() { sed -n '1s/^# turned by \([0-9.]*\) .*/\1/p' "$work/$1-turn.txt"; }

# upright MEAN SCAN NAME: SCAN, set upright by what MEAN says of how it lies, as $work/NAME.nii; $work/NAME-turn.txt says how. MEAN may be ""
upright() {
	local mean=$1 scan=$2 turn=$work/$3-turn.txt out=$work/$3.nii degrees
	printf '%s\n' '1 0 0 0' '0 1 0 0' '0 0 1 0' > "$turn"
	[ -z "$mean" ] || nii-judge --turn --mean "$mean" "$scan" > "$turn" || exit
	nii-transform --linear "$turn" "$scan" | nii-transform --spacing 1 -o "$out" -
	degrees=$(turned "$3")
	# said once of a scan whose head was set upright before its brain
	if less 50 "$degrees" && { [ "$3" = head ] || [ ! -e "$work/head-turn.txt" ]; }; then
		echo "prepare: the header's orientation is wrong: the $3 lies turned by $degrees degrees, and is set upright;" \
			"which side is left cannot be seen in it, so check that" >&2
	fi
}

# register FIXED MOVING NAME STEP...: elastix through the steps; their transforms become $work/NAME-STEP.txt
register() {
	local fixed=$1 moving=$2 name=$3 step before='' k=0
	local -a steps=()
	shift 3
	for step; do steps+=(-p "$parameters/$step.txt"); done
	mkdir "$work/$name"
	elastix -f "$fixed" -m "$moving" "${steps[@]}" -out "$work/$name" -threads "$threads" > "$work/$name/stdout" 2>&1 ||
		fail 65 "elastix: $(complaint "$work/$name/stdout")"
	for step; do
		sed "s|^(InitialTransformParametersFileName .*|(InitialTransformParametersFileName \"${before:-NoInitialTransform}\")|" \
			"$work/$name/TransformParameters.$k.txt" > "$work/$name-$step.txt"
		before=$name-$step.txt k=$((k + 1))
	done
}
