#!/bin/bash
# The published size, ldae.json on 1x128x160x128 with generated weights, against an independent implementation in float64:
# encoder mean and sigma, decoder, discriminator. Prints the largest difference relative to the largest value. Some ten minutes on one core; 14 GB.
. tests/lib.sh
. tests/parity.sh
need_reference 'parity at full size'

# PyTorch unfolds the whole input of a float64 convolution, 36 GB here: planes are handed to it one by one, and malloc keeps what it has
cat > "$T/reference.py" <<'END'
import os, runpy, sys, torch, torch.nn.functional as F
whole = F.conv3d
def by_planes(x, w, b=None, stride=1, padding=0):
    k, n, out = w.shape[2], (x.shape[2] + 2 * padding - w.shape[2]) // stride + 1, None
    for i in range(n):
        lo, hi = i * stride - padding, i * stride - padding + k
        y = whole(F.pad(x[:, :, max(lo, 0):hi], [padding] * 4 + [max(-lo, 0), max(hi - x.shape[2], 0)]), w, b, stride)
        out = y.new_empty(y.shape[:2] + (n,) + y.shape[3:]) if out is None else out
        out[:, :, i] = y[:, :, 0]
    return out
F.conv3d = by_planes
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
END
reference() {
	MALLOC_MMAP_THRESHOLD_=8000000000 MALLOC_TRIM_THRESHOLD_=16000000000 /usr/bin/python3 "$T/reference.py" "$oracle" "$@" --threads 1 ||
		not_ok "reference: $*"
}
# network STAGE IN OUT [SECOND]: ours
network() { "$BUILD/tests/tools/network" -m "$math" -j 2 "$1" "$T/$net.safetensors" "$T/$2.npy" "$T/$3.npy" ${4:+"$T/$4.npy"}; }

for net in autoencoder discriminator; do reference init tests/oracle/ldae.json "$T/$net.safetensors" --net $net --seed "$seed"; done
smooth_scan "$T/x.npy"
reference run "$T/autoencoder.safetensors" "$T/x.npy" "$T/mean.npy" --stage encode --second "$T/sigma.npy" --double
reference run "$T/autoencoder.safetensors" "$T/mean.npy" "$T/volume.npy" --stage decode --double
reference run "$T/discriminator.safetensors" "$T/x.npy" "$T/logits.npy" --stage discriminate --double

for math in exact fast; do
	# fast: larger Winograd tiles; its errors are some ten times as large
	tolerance=$([ $math = exact ] && echo 1e-5 || echo 1e-4)
	net=autoencoder
	network encode x our_mean our_sigma
	within "encoder: mean, $math" our_mean mean "$tolerance"
	within "encoder: sigma, $math" our_sigma sigma "$tolerance"
	network decode mean our_volume
	within "decoder, $math" our_volume volume "$tolerance"
	net=discriminator
	network discriminate x our_logits
	within "discriminator, $math" our_logits logits "$tolerance"
done
finish
