# Where memory ends a tool says so in one line and ends with 71; nothing hangs, crashes or comes out damaged.
. tests/lib.sh
export OMP_NUM_THREADS=2
"$BUILD/tests/tools/make-nii" "$T/sub-01_T1w.nii" mm=8
"$BUILD/tests/tools/make-nii" "$T/sub-02_T1w.nii" mm=8 scale=1.2
nii2lat "$T"/sub-0?_T1w.nii > "$T/z.lat"
sem-encode -o "$T/y.lat" "$T/z.lat"
printf 'participant_id\tage\nsub-01\t30\nsub-02\t50\n' > "$T/ages.tsv"
echo '{"volume": [16, 24, 16], "training": {"steps": 1}, "losses": {"adv_weight": 0},
 "preparation": {"name": "world", "size": [16, 24, 16], "affine": [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]},
 "autoencoder": {"channels": [4, 8], "latent_channels": 2, "res_blocks": 1, "groups": 4}}' > "$T/c.json"

# Little address space: OpenBLAS, left to itself, asks for its own again and again
small() { # NAME COMMAND...: 60 to 300 MB
	local name=$1 mb bad=
	shift
	for mb in {60..300..40}; do
		(ulimit -v $((mb << 10)) && exec timeout 60 "$@") > "$T/out" 2> "$T/err" < /dev/null
		local status=$?
		[ $status = 71 ] && [ "$(wc -l < "$T/err")" = 1 ] && [ ! -s "$T/out" ] || bad+="$mb MB: status $status: $(head -n 3 "$T/err")"$'\n'
	done
	if [ -z "$bad" ]; then ok "$name: little address space"; else not_ok "$name: little address space" "$bad"; fi
}
if grep -q -e -fsanitize "$BUILD/flags"; then
	skip 'little address space' 'sanitizers take it for themselves'
else
	small nii2lat nii2lat "$T/sub-01_T1w.nii"
	small lat2nii lat2nii "$T/z.lat"
	small sem-encode sem-encode "$T/z.lat"
	small lat-denoise lat-denoise --generate 1 -s 1
	small linprobe linprobe fit --labels "$T/ages.tsv" --target age --lambda 1 "$T/y.lat"
	small lat-baseline lat-baseline --method pca -k 1 --train "$T/z.lat" "$T/z.lat"
	small lat-learnable lat-learnable -q -k 1 --train "$T/z.lat" "$T/z.lat"
	cat "$T/z.lat" "$T/z.lat" > "$T/four.lat"
	small lat-realism lat-realism -k 1 --real "$T/four.lat" "$T/z.lat"
	small train-ae train-ae -q -c "$T/c.json" -o "$T/ae" "$T"/sub-0?_T1w.nii
	# threads that cannot be started, which OpenMP's library would end the tool for
	(ulimit -v 400000 && nii-score -j 100 "$T"/sub-0?_T1w.nii) > "$T/out" 2> "$T/err"
	is 'no threads' "$? $(cat "$T/err")" '71 nii-score: 100 threads cannot be started (Resource temporarily unavailable): -j takes fewer'
fi

# Each of the first small pieces, and some of those behind them: the same bytes as ever, or a status and a line
pieces() { # NAME COMMAND...
	local name=$1 n status bad= same=0 told=0
	shift
	"$@" > "$T/want" || bad="does not run"
	for ((n = 1; n < 2000; n += 1 + n / 50)); do
		rm -f "$T/said"
		with_fault FAULT=malloc:$n:12 FAULT_SAID="$T/said" "$@" > "$T/out" 2> "$T/err"
		status=$?
		[ -e "$T/said" ] || break
		if [ $status = 0 ] && cmp -s "$T/out" "$T/want"; then
			same=$((same + 1))
		elif [ $status = 71 ] && [ "$(wc -l < "$T/err")" = 1 ] || { [ $status = 1 ] && grep -q '^libgomp: ' "$T/err"; }; then
			told=$((told + 1))
		else
			bad+="piece $n: status $status: $(head -n 3 "$T/err")"$'\n'
		fi
	done
	if [ -z "$bad" ] && [ $told -gt 50 ]; then ok "$name: each piece of memory"; else not_ok "$name: each piece of memory" "$told told, $same the same; $bad"; fi
}
if need_faults 'each piece of memory'; then
	lat-cut -n y -r 1:1 "$T/y.lat" > "$T/one.lat"
	/usr/bin/env python3 -c 'import struct, sys; h = b"{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2, 3), }"
sys.stdout.buffer.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + h.ljust(117) + b"\n" + struct.pack("<6f", 1, 2, 3, 4, 5, 6))' > "$T/m.npy"
	pieces lat-cut lat-cut -n y "$T/one.lat"
	pieces lat-info lat-info --json "$T/one.lat"
	pieces npy2lat npy2lat --id a z="$T/m.npy"
	pieces 'npy2lat --onto' npy2lat --onto "$T/one.lat" z="$T/m.npy"
	pieces lat2npy lat2npy -n y -o - "$T/one.lat"
	pieces lat-diff lat-diff --json "$T/one.lat" "$T/one.lat"
fi
finish
