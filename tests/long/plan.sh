#!/bin/bash
# What --plan says of one scan at the published size, ldae.json with generated weights, against what the tool then takes: memory within a
# tenth; time is printed, for it depends on what else the machine does. Some minutes on two cores, 6 GB.
. tests/lib.sh
. tests/parity.sh
need_reference 'plans'
# with an identity, as our own files have: without one the file is hashed, and is resident before anything is planned
for net in autoencoder semantic shift_unet; do
	reference init tests/oracle/ldae.json "$T/plain.safetensors" --net $net --seed "$seed"
	/usr/bin/python3 tests/safetensors_file.py "$T/plain.safetensors" "$T/$net.safetensors"
done
rm "$T/plain.safetensors"
smooth_scan "$T/x.npy"
npy2lat --id scan x="$T/x.npy" > "$T/x.lat"

# check NAME COMMAND...: the command, which reads records, with and without --plan
check() {
	local name=$1 planned seconds peak took
	shift
	read -r planned seconds < <("$@" --plan | python3 -c 'import json, sys; p = json.load(sys.stdin); print("%.0f %.2f" % (p["peak_bytes"], p["seconds"]))')
	/usr/bin/time -o "$T/time" -f '%M %e' "$@" > "$T/$name.lat"
	read -r peak took < "$T/time"
	peak=$((peak * 1024))
	if [ $((planned * 10)) -ge $((peak * 9)) ] && [ $((planned * 10)) -le $((peak * 11)) ]; then
		ok "$name: $((planned / 1000000)) MB planned, $((peak / 1000000)) taken; $seconds s planned, $took taken"
	else
		not_ok "$name: memory" "$planned bytes planned, $peak taken"
	fi
}
check sem sem-encode -q -j2 -m "$T/semantic.safetensors" "$T/x.lat"
/usr/bin/python3 -c '
import sys, numpy as np
np.save(sys.argv[1], np.random.default_rng(1).standard_normal((3, 16, 20, 16)).astype("f4"))' "$T/z.npy"
npy2lat --onto "$T/sem.lat" z="$T/z.npy" > "$T/z.lat"
check invert lat-denoise -q -j2 --any-model -m "$T/shift_unet.safetensors" --invert -s 3 "$T/z.lat"
check decode lat2nii -q -j2 --any-model -m "$T/autoencoder.safetensors" "$T/z.lat"
mv "$T/decode.lat" "$T/scan.nii"
check encode nii2lat -q -j2 -m "$T/autoencoder.safetensors" "$T/scan.nii"
finish
