#!/bin/bash
# The published size of the semantic encoder, ldae.json on 1x128x160x128 with generated weights, against an independent implementation in
# float64; and what sem-encode takes for it, against its plan. Some five minutes on one core; 4 GB.
. tests/lib.sh
. tests/parity.sh
need_reference 'semantic encoder at full size'

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
smooth_scan "$T/x.npy"
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
within 'semantic encoder' ours y 1e-5
if [ "$took" -le 800000000 ]; then ok "sem-encode takes $((took / 1000000)) MB"; else not_ok 'memory' "$took bytes, more than 800 MB"; fi
planned=$(sem-encode --plan -j2 -m "$model" "$T/scan.lat" | python3 -c 'import json, sys; print("%.0f" % json.load(sys.stdin)["peak_bytes"])')
# a plan knows nothing of what OpenBLAS holds for itself, some 10 MB a thread
if [ $((planned + 32000000)) -ge "$took" ] && [ "$planned" -le $((took * 14 / 10)) ]; then ok "and plans $((planned / 1000000))"; else
	not_ok 'plan' "$planned bytes planned, $took taken"; fi
sem-encode -j1 -m "$model" "$T/scan.lat" > "$T/one.lat"
holds 'the same bytes on one thread' cmp "$T/ours.lat" "$T/one.lat"
finish
