# How every tool that writes binary data treats its output: whole or not at all, never to a terminal, never by accident.
. tests/lib.sh
python3 - "$T" <<'PY'
import array, struct, sys
T = sys.argv[1]
def npy(name, shape, values):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    head += ' ' * (63 - (10 + len(head)) % 64) + '\n'
    open(T + name, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + array.array('f', values).tobytes())
npy('/x.npy', (1, 8, 10, 8), [i * 37 % 101 / 100 for i in range(640)])
# a ball of 40 mm on a grid of 16x20x16 voxels of 10 mm, int16
n, mm = (16, 20, 16), 10.0
at = lambda i, k: (i - (n[k] - 1) / 2) * mm
v = [1000 + (i * 7 + j * 5 + k * 3) % 50 if at(i, 0) ** 2 + at(j, 1) ** 2 + at(k, 2) ** 2 < 6400 else 0
     for k in range(n[2]) for j in range(n[1]) for i in range(n[0])]
h = struct.pack('<i36s8h14xhh2x8ffffh2xff16x80s24shh6f12f16s4s', 348, b'', 3, *n, 1, 1, 1, 1, 4, 16, 1, mm, mm, mm, 0, 0, 0, 0, 352, 1, 0, 10,
                0, 0, b'', b'', 0, 2, 0, 0, 0, 0, 0, 0, mm, 0, 0, at(0, 0), 0, mm, 0, at(0, 1), 0, 0, mm, at(0, 2), b'', b'n+1\0')
assert len(h) == 348, len(h)
open(T + '/ball.nii', 'wb').write(h + bytes(4) + array.array('h', v).tobytes())
PY
mkdir "$T/o"
declare -A run=(
	[npy2lat]="--id ball x=$T/x.npy"
	[lat-cut]="-n x $T/ball.lat"
	[lat2npy]="-n x $T/ball.lat"
	[nii2lat]="--grid-only -q $T/ball.nii"
	[lat2nii]="--grid-only $T/grid.lat"
	[nii2png]="$T/ball.nii"
)
npy2lat --id ball x="$T/x.npy" > "$T/ball.lat"
for t in npy2lat lat-cut lat2npy nii2lat lat2nii nii2png; do
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
