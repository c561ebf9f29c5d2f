# For the tests of parity at full size: `. tests/parity.sh`, then need_reference NAME. `seed`: of all that is drawn.
oracle=tests/oracle/ldae_oracle.py
seed=${SEED:-1}

# need_reference NAME: ends the script, with a skip of this name, where the independent implementation cannot run
need_reference() {
	/usr/bin/python3 -c 'import torch, numpy' 2> /dev/null && return
	skip "$1" 'no python3-torch'
	finish
}

# reference ARGUMENT...: the independent implementation
reference() { /usr/bin/python3 "$oracle" "$@" || not_ok "reference: $*"; }

# smooth_scan FILE: a volume of the published size in 0..1 with a background of zeros and smooth structure
smooth_scan() {
	/usr/bin/python3 - "$1" "$seed" <<'END'
import sys, numpy as np
v = np.random.default_rng(int(sys.argv[2])).standard_normal((128, 160, 128))
for axis in range(3):
    for _ in range(4):
        v = (np.roll(v, 1, axis) + 2 * v + np.roll(v, -1, axis)) / 4
v = (v - v.min()) / (v.max() - v.min())
v[v < .4] = 0
np.save(sys.argv[1], v[None].astype("f4"))
END
}

# within NAME GOT WANT TOLERANCE: $T/GOT.npy against $T/WANT.npy, the largest difference relative to the largest value
within() {
	local far
	far=$(/usr/bin/python3 -c '
import sys, numpy as np
a, b = (np.load(p).astype("f8").ravel() for p in sys.argv[1:3])
d = np.abs(a - b).max() / np.abs(b).max() if a.size == b.size else np.inf
print("%.2e" % d)
sys.exit(not d <= float(sys.argv[3]))' "$T/$2.npy" "$T/$3.npy" "$4") && ok "$1: $far <= $4" || not_ok "$1: $far > $4"
}
