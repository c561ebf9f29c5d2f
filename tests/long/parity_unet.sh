#!/bin/bash
# The published size, ldae.json with generated weights, one call: shift U-Net (epsilon and G) against an independent implementation in
# float64, and the U-Net alone, which must give the same epsilon to the byte. Prints the largest difference relative to the largest value and
# the memory of a call: the weights are mapped and never held a second time. Some ten minutes on two cores; 11 GB for the reference.
. tests/lib.sh
. tests/parity.sh
need_reference 'parity of the U-Nets at full size'

/usr/bin/python3 - "$T" "$seed" <<'END'
import sys, numpy as np
r = np.random.default_rng(int(sys.argv[2]))
np.save(sys.argv[1] + "/x.npy", r.standard_normal((3, 16, 20, 16)).astype("f4"))
np.save(sys.argv[1] + "/y.npy", r.standard_normal(768).astype("f4"))
END
reference init tests/oracle/ldae.json "$T/shift_unet.safetensors" --net shift_unet --seed "$seed"
reference run "$T/shift_unet.safetensors" "$T/x.npy" "$T/eps.npy" --stage shift --y "$T/y.npy" --t 500 --second "$T/g.npy" --double --threads 2
for math in exact fast; do
	# fast: larger Winograd tiles; its errors are some ten times as large
	tolerance=$([ $math = exact ] && echo 1e-5 || echo 1e-4)
	read -r seconds megabytes < <("$BUILD/tests/tools/denoise" -m $math -y "$T/y.npy" -g "$T/our_g.npy" "$T/shift_unet.safetensors" "$T/x.npy" \
		"$T/our_eps.npy")
	within "epsilon, $math" our_eps eps $tolerance
	within "G, $math" our_g g $tolerance
	size=$(stat -c %s "$T/shift_unet.safetensors")
	if [ "${megabytes:-99999}" -lt 4500 ]; then
		ok "$math: one call, $seconds s, holds $megabytes MB, weights of $((size >> 20)) MB among them"
	else
		not_ok "$math: one call holds $megabytes MB"
	fi
	[ $math = exact ] && mv "$T/our_eps.npy" "$T/exact_eps.npy"
done
rm "$T/shift_unet.safetensors"
reference init tests/oracle/ldae.json "$T/unet.safetensors" --net unet --seed "$seed"
holds 'U-Net' "$BUILD/tests/tools/denoise" "$T/unet.safetensors" "$T/x.npy" "$T/plain_eps.npy"
holds 'the epsilon of the shift U-Net, byte by byte' cmp "$T/plain_eps.npy" "$T/exact_eps.npy"
finish
