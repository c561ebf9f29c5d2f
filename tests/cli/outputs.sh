# How every tool that writes binary data treats its output: whole or not at all, never to a terminal, never by accident.
. tests/lib.sh
python3 tests/small.py "$T"
mkdir "$T/o"
declare -A run=(
	[npy2lat]="--id ball x=$T/x.npy"
	[lat-cut]="-n x $T/ball.lat"
	[lat2npy]="-n x $T/ball.lat"
	[nii2lat]="--grid-only -q $T/ball.nii"
	[lat2nii]="--grid-only $T/grid.lat"
	[nii2png]="$T/ball.nii"
	[nii-mask]="--above .5 --largest --fill $T/ball.nii"
	[nii-mean]="$T/ball.nii"
	[nii-transform]="--spacing 2.5 $T/ball.nii"
)
npy2lat --id ball x="$T/x.npy" > "$T/ball.lat"
for t in npy2lat lat-cut lat2npy nii2lat lat2nii nii2png nii-mask nii-mean nii-transform; do
	[ -e "tools/$t.c" ] || continue
	[ $t = lat2nii ] && nii2lat --grid-only -q "$T/ball.nii" > "$T/grid.lat"
	# shellcheck disable=SC2206
	args=(${run[$t]})
	expect_exit 0 "$t: to a pipe" "$t" "${args[@]}"
	is "$t: silent" "$(cat "$T/err")" ''
	cp "$T/out" "$T/piped"
	expect_exit 0 "$t: to a file" "$t" "${args[@]}" -o "$T/o/f"
	if cmp -s "$T/piped" "$T/o/f"; then ok "$t: the same bytes"; else not_ok "$t: the same bytes" "$(ls -l "$T/piped" "$T/o/f")"; fi
	expect_exit 0 "$t: two threads" "$t" -j 2 "${args[@]}" -o "$T/o/g"
	expect_exit 0 "$t: one thread" "$t" -j 1 "${args[@]}" -fo "$T/o/f"
	if cmp -s "$T/o/f" "$T/o/g"; then ok "$t: threads do not change bytes"; else not_ok "$t: threads do not change bytes"; fi
	echo mine > "$T/o/f"
	refuses 73 "$t: does not overwrite" "$t" "${args[@]}" -o "$T/o/f"
	is "$t: leaves the file alone" "$(cat "$T/o/f")" mine
	expect_exit 0 "$t: overwrites with -f" "$t" "${args[@]}" -f -o "$T/o/f"
	if cmp -s "$T/piped" "$T/o/f"; then ok "$t: with the new bytes"; else not_ok "$t: with the new bytes"; fi
	refuses 73 "$t: output in a folder that is not there" "$t" "${args[@]}" -o "$T/none/f"
	refuses 74 "$t: full disk" bash -c "exec -a $t $BUILD/$t ${args[*]} > /dev/full"
	expect_exit 64 "$t: binary to a terminal" script -qec "$t ${args[*]}" /dev/null
	like "$t: says why" "$(cat "$T/out")" "^$t: stdout: .*terminal"
	expect_exit 141 "$t: closed pipe" bash -c "{ sleep .2; exec $t ${args[*]}; } | true; exit \${PIPESTATUS[0]}"
	is "$t: leaves nothing else behind" "$(ls -A "$T/o" | tr '\n' ' ')" 'f g '
	rm "$T/o/f" "$T/o/g"
done
finish
