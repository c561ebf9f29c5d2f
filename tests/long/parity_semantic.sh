#!/bin/bash
# The published size of the semantic encoder, ldae.json on 1x128x160x128 with generated weights, against an independent implementation in
# float64; and what sem-encode takes for it, against its plan. Some five minutes on one core; 4 GB.
. tests/lib.sh
oracle=$SHARED/oracle/ldae_oracle.py
seed=${SEED:-1}
need_shared oracle/ldae_oracle.py 'semantic encoder at full size' || finish
if ! /usr/bin/python3 -c 'import torch, numpy' 2> /dev/null; then
	skip 'semantic encoder at full size' 'no python3-torch'
	finish
fi
reference() { /usr/bin/python3 "$oracle" "$@" || not_ok "reference: $*"; }

model=$T/semantic.safetensors
reference init tests/oracle/ldae.json "$model" --net semantic --seed "$seed"
# with an identity, as our own files have: without one the file is hashed, and is resident before anything is planned
/usr/bin/python3 - "$model" <<'END'
import hashlib, json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
head = json.loads(b[8:8 + n])
head["__metadata__"]["identity"] = hashlib.sha256(b[8 + n:]).hexdigest()
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + b[8 + n:])
END
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
reference run "$model" "$T/x.npy" "$T/y.npy" --stage semantic --double --threads 1
npy2lat --id scan x="$T/x.npy" > "$T/scan.lat"

# bytes resident at the most, and the output in $T/ours.lat
took=$(/usr/bin/python3 - "$model" "$T" <<'END'
import resource, subprocess, sys
model, T = sys.argv[1:]
subprocess.run(["sem-encode", "-j2", "-m", model, "-o", T + "/ours.lat", T + "/scan.lat"], check=True)
print(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
)
lat2npy -n y -o "$T/ours.npy" "$T/ours.lat"
far=$(/usr/bin/python3 -c '
import sys, numpy as np
a, b = (np.load(p).astype("f8").ravel() for p in sys.argv[1:3])
d = np.abs(a - b).max() / np.abs(b).max() if a.size == b.size else np.inf
print("%.2e" % d)
sys.exit(not d <= 1e-5)' "$T/ours.npy" "$T/y.npy") && ok "semantic encoder: $far <= 1e-5" || not_ok "semantic encoder: $far > 1e-5"
if [ "$took" -le 800000000 ]; then ok "sem-encode takes $((took / 1000000)) MB"; else not_ok 'memory' "$took bytes, more than 800 MB"; fi
planned=$(sem-encode --plan -j2 -m "$model" "$T/scan.lat" | python3 -c 'import json, sys; print("%.0f" % json.load(sys.stdin)["peak_bytes"])')
# a plan knows nothing of what OpenBLAS holds for itself, some 10 MB a thread
if [ $((planned + 32000000)) -ge "$took" ] && [ "$planned" -le $((took * 14 / 10)) ]; then ok "and plans $((planned / 1000000))"; else
	not_ok 'plan' "$planned bytes planned, $took taken"; fi
sem-encode -j1 -m "$model" "$T/scan.lat" > "$T/one.lat"
holds 'the same bytes on one thread' cmp "$T/ours.lat" "$T/one.lat"
finish
