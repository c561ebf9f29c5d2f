#!/bin/bash
# The published size, ldae.json on 1x128x160x128 with generated weights, against an independent implementation in float64:
# encoder mean and sigma, decoder, discriminator. Prints the largest difference relative to the largest value. Some ten minutes on one core; 14 GB.
. tests/lib.sh
oracle=$SHARED/oracle/ldae_oracle.py
seed=${SEED:-1}
need_shared oracle/ldae_oracle.py 'parity at full size' || finish
if ! /usr/bin/python3 -c 'import torch, numpy' 2> /dev/null; then
	skip 'parity at full size' 'no python3-torch'
	finish
fi

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
# within NAME GOT WANT TOLERANCE
within() {
	local far
	far=$(/usr/bin/python3 -c '
import sys, numpy as np
a, b = (np.load(p).astype("f8").ravel() for p in sys.argv[1:3])
d = np.abs(a - b).max() / np.abs(b).max() if a.size == b.size else np.inf
print("%.2e" % d)
sys.exit(not d <= float(sys.argv[3]))' "$T/$2.npy" "$T/$3.npy" "$4") && ok "$1, $math: $far <= $4" || not_ok "$1, $math: $far > $4"
}

for net in autoencoder discriminator; do reference init tests/oracle/ldae.json "$T/$net.safetensors" --net $net --seed "$seed"; done
# a volume in 0..1 with a background of zeros and smooth structure
/usr/bin/python3 - "$T/x.npy" "$seed" <<'END'
import sys, numpy as np
v = np.random.default_rng(int(sys.argv[2])).standard_normal((128, 160, 128))
for axis in range(3):
    for _ in range(4):
        v = (np.roll(v, 1, axis) + 2 * v + np.roll(v, -1, axis)) / 4
v = (v - v.min()) / (v.max() - v.min())
v[v < .4] = 0
np.save(sys.argv[1], v[None].astype("f4"))
END
reference run "$T/autoencoder.safetensors" "$T/x.npy" "$T/mean.npy" --stage encode --second "$T/sigma.npy" --double
reference run "$T/autoencoder.safetensors" "$T/mean.npy" "$T/volume.npy" --stage decode --double
reference run "$T/discriminator.safetensors" "$T/x.npy" "$T/logits.npy" --stage discriminate --double

for math in exact fast; do
	# fast: larger Winograd tiles; its errors are some ten times as large
	tolerance=$([ $math = exact ] && echo 1e-5 || echo 1e-4)
	net=autoencoder
	network encode x our_mean our_sigma
	within 'encoder: mean' our_mean mean "$tolerance"
	within 'encoder: sigma' our_sigma sigma "$tolerance"
	network decode mean our_volume
	within 'decoder' our_volume volume "$tolerance"
	net=discriminator
	network discriminate x our_logits
	within 'discriminator' our_logits logits "$tolerance"
done
finish
