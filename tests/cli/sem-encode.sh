# sem-encode: codes against the reference's, what is refused, threads, streams of several records. The model is the small one of tests/oracle.
. tests/lib.sh
export OMP_NUM_THREADS=1
model=tests/oracle/golden/semantic.safetensors

# the reference's two scans and codes: x0.npy, x1.npy, y0, y1 (a number a line)
python3 - "$T" <<'E2'
import json, struct, sys
b = open('tests/oracle/golden/values.safetensors', 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
head = json.loads(b[8:8 + n])
def part(name, i):
    lo, hi = head[name]['data_offsets']
    size = (hi - lo) // 2
    return b[8 + n + lo + i * size:8 + n + lo + (i + 1) * size]
def npy(path, shape, data):
    text = repr({'descr': '<f4', 'fortran_order': False, 'shape': shape}).encode()
    text += b' ' * (-(len(text) + 11) % 64) + b'\n'
    open(path, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + data)
for i in range(2):
    npy('%s/x%d.npy' % (sys.argv[1], i), (1, 32, 40, 32), part('x', i))
    open('%s/y%d' % (sys.argv[1], i), 'w').writelines('%.9g\n' % v for v in struct.unpack('<64f', part('semantic', i)))
npy('%s/two.npy' % sys.argv[1], (2, 32, 40, 32), part('x', 0) * 2)
E2
# far NPY NUMBERS: the largest difference relative to the largest number, is it small?
far() {
	python3 - "$1" "$2" <<'E2'
import struct, sys
b = open(sys.argv[1], 'rb').read()
a = struct.unpack('<64f', b[10 + struct.unpack('<H', b[8:10])[0]:])
w = [float(v) for v in open(sys.argv[2])]
d = max(abs(p - q) for p, q in zip(a, w)) / max(map(abs, w))
print('near' if d <= 1e-5 else '%.1e' % d)
E2
}

for i in 0 1; do npy2lat --no-history --id "s$i" x="$T/x$i.npy" z="$T/two.npy" > "$T/s$i.lat"; done
expect_exit 0 'a record' sem-encode -m $model -o "$T/y0.lat" "$T/s0.lat"
is 'is silent' "$(cat "$T/out" "$T/err")" ''
holds 'the stream is whole' lat-check "$T/y0.lat"
is 'tensors' "$(lat-info "$T/y0.lat" | tail -n +2 | cut -f3-5 | tr '\t\n' ' ;')" 'x f32 1x32x40x32;z f32 2x32x40x32;y f32 64;'
identity=$(python3 - $model <<'E2'
import hashlib, struct, sys
b = open(sys.argv[1], 'rb').read()
print(hashlib.sha256(b[8 + struct.unpack('<Q', b[:8])[0]:]).hexdigest())
E2
)
like 'y names the encoder' "$(lat-info --json "$T/y0.lat")" "\"identity\":\"$identity\",\"kind\":\"semantic\""
like 'the history names the tool' "$(lat-info --json "$T/y0.lat")" '"history":\[\{"options":\{\},"tool":"sem-encode","version":"[0-9.]*"\}\]'
lat2npy -n y -o "$T/y0.npy" "$T/y0.lat"
is 'the code is the reference'"'"'s' "$(far "$T/y0.npy" "$T/y0")" near
lat-cut -n x,z "$T/y0.lat" > "$T/rest.lat"
holds 'other tensors are as they were' lat-diff "$T/s0.lat" "$T/rest.lat"

cat "$T/s0.lat" "$T/s1.lat" "$T/s0.lat" | sem-encode -m $model --no-history > "$T/three.lat"
is 'three records' "$(lat-info "$T/three.lat" | tail -n +2 | cut -f1,3 | tr '\t\n' ' ;')" 's0 x;s0 z;s0 y;s1 x;s1 z;s1 y;s0 x;s0 z;s0 y;'
lat-cut -r 2:2 "$T/three.lat" | lat2npy -n y -o "$T/y1.npy"
is 'the second code is the reference'"'"'s' "$(far "$T/y1.npy" "$T/y1")" near
lat-cut -r 1:1 "$T/three.lat" > "$T/first.lat"
lat-cut -r 3:3 "$T/three.lat" > "$T/third.lat"
holds 'a code does not depend on the place in the stream' cmp "$T/first.lat" "$T/third.lat"
for j in 1 2 3; do cat "$T/s0.lat" "$T/s1.lat" | sem-encode -j $j -m $model > "$T/j$j.lat"; done
is 'threads do not change bytes' "$(cmp "$T/j1.lat" "$T/j2.lat" 2>&1)$(cmp "$T/j1.lat" "$T/j3.lat" 2>&1)$(lat-check "$T/j1.lat" 2>&1)" ''
sem-encode --no-history -m $model "$T/first.lat" > "$T/again.lat"
holds 'a code that is there is replaced' cmp "$T/first.lat" "$T/again.lat"
sem-encode --math fast -m $model "$T/s0.lat" > "$T/fast.lat"
holds '--math fast: the same code' lat-diff "$T/y0.lat" "$T/fast.lat"
mkdir -p "$T/models/own"
cp $model "$T/models/own/semantic.safetensors"
LATPIPE_MODELS=$T/models sem-encode -m own "$T/s0.lat" > "$T/own.lat"
holds 'the model by its name' cmp "$T/own.lat" "$T/y0.lat"

lat-cut -n z "$T/s0.lat" > "$T/z.lat"
refuses 65 'no x' sem-encode -m $model -o "$T/no.lat" "$T/z.lat"
like 'no x: says so' "$(cat "$T/err")" '^sem-encode: s0: no tensor x '
is 'no x: writes nothing' "$(ls "$T/no.lat" 2> /dev/null)" ''
cat "$T/z.lat" "$T/s1.lat" > "$T/mixed.lat"
expect_exit 65 '--keep-going' sem-encode --keep-going -m $model -o "$T/kept.lat" "$T/mixed.lat"
is '--keep-going: the rest' "$(lat-info "$T/kept.lat" | tail -n +2 | cut -f1,3 | tr '\t\n' ' ;')" 's1 x;s1 z;s1 y;'
npy2lat --id two x="$T/two.npy" > "$T/two.lat"
refuses 65 'two channels' sem-encode -m $model "$T/two.lat"
like 'two channels: says so' "$(cat "$T/err")" '^sem-encode: two: x of 2x32x40x32 is no volume of one channel$'

# how the voxels were prepared
"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=4 type=float32
nii2lat -q --grid-only -m tests/oracle/golden/autoencoder.safetensors "$T/scan.nii" > "$T/stored.lat"
expect_exit 0 'prepared as the model says' sem-encode -m $model -o "$T/stored-y.lat" "$T/stored.lat"
nii2lat -q --grid-only "$T/scan.nii" > "$T/world.lat"
refuses 65 'prepared in another way' sem-encode -m $model "$T/world.lat"
like 'the way out' "$(cat "$T/err")" '^sem-encode: scan: prepared in another way .*--any-model'
refuses 65 'a grid that the encoder cannot take' sem-encode --any-model -m $model "$T/world.lat"
like 'says why' "$(cat "$T/err")" '^sem-encode: scan: a grid of 64x80x64 has 64 slices, the encoder takes 32$'

refuses 78 'weights of another network' sem-encode -m tests/oracle/golden/autoencoder.safetensors "$T/s0.lat"
head -c 9000 $model > "$T/cut.safetensors"
refuses 78 'weights cut short' sem-encode -m "$T/cut.safetensors" "$T/s0.lat"
mkdir -p "$T/empty/brain3mm"
refuses 66 'a default model without an encoder' env LATPIPE_MODELS="$T/empty" sem-encode "$T/s0.lat"
is 'says what is missing' "$(cat "$T/err")" "sem-encode: $T/empty/brain3mm: has no semantic.safetensors"
expect_exit 74 'full disk' bash -c "exec sem-encode -m $model '$T/s0.lat' > /dev/full"
refuses 73 'an output that exists' sem-encode -m $model -o "$T/y0.lat" "$T/s0.lat"

is '--plan' "$(cat "$T/s0.lat" "$T/s1.lat" | sem-encode --plan -m $model -o "$T/planned" | python3 -c '
import json, sys
for line in sys.stdin:
    p = json.loads(line)
    print(sorted(p), p["flop"] > 1e7, p["peak_bytes"] > 1e6, 0 < p["seconds"] < 60)' | uniq -c | tr -s ' ') $(ls "$T/planned" 2> /dev/null)" \
	" 2 ['flop', 'peak_bytes', 'seconds'] True True True "
finish
