# What the steps of prepare share: one job is one thread (jobs run beside one another), transforms that refer to each other by bare names.
threads=${OMP_NUM_THREADS:-1} threads=${threads%%,*}
parameters=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

fail() { # CODE REASON
	echo "prepare: $2" >&2
	exit "$1"
}

needs() { # FILE...: of mricron-data, and elastix itself
	local file
	for file; do [ -r "$file" ] || fail 66 "$file: cannot be read (Debian package mricron-data)"; done
	command -v elastix > /dev/null && command -v transformix > /dev/null || fail 66 'elastix: not installed (Debian package elastix)'
}

complaint() { # LOG: what ITK says of an error, on one line
	grep -a -i -A 3 'description\|error' "$1" | tr -s '\n\t -' ' ' | cut -c -200
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
