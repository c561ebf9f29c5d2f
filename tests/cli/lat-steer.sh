# lat-steer: codes moved along a probe's direction, by golden values; what it refuses.
. tests/lib.sh
python3 tests/small-codes.py "$T" short=5:1 zT=3x2x2x2:3
# the golden codes and probe, as files of ours
python3 - "$T" << 'END'
import array, json, struct, sys
T = sys.argv[1]
b = open('tests/oracle/golden/values.safetensors', 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
head = json.loads(b[8:8 + n])
def floats(name):
    lo, hi = head[name]['data_offsets']
    return array.array('f', b[8 + n + lo:8 + n + hi])
def npy(name, values):
    h = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % len(values)
    h += ' ' * (63 - (10 + len(h)) % 64) + '\n'
    open(T + name, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(h)) + h.encode() + array.array('f', values).tobytes())
npy('/y0.npy', floats('y')[:64])
npy('/y1.npy', floats('y')[64:])
npy('/w0.npy', floats('manipulate')[:64])
npy('/w1.npy', floats('manipulate')[64:])
def probe(name, meta, **change):
    v = {'weight': floats('probe.weight'), 'bias': [0.], 'mean': floats('probe.mean'), 'std': floats('probe.std')}
    v.update(change)
    h, data = {'__metadata__': {'kind': 'probe', 'task': 'regression', 'target': 'age', 'tensor': 'y', **meta}}, b''
    for k, x in v.items():
        d = array.array('d', x).tobytes()
        h[k] = {'dtype': 'F64', 'shape': [len(x)], 'data_offsets': [len(data), len(data) + len(d)]}
        data += d
    h = json.dumps(h).encode()
    h += b' ' * (-len(h) % 8)
    open(T + name, 'wb').write(struct.pack('<Q', len(h)) + h + data)
probe('/p', {})
probe('/mine', {'encoder_kind': 'semantic', 'encoder': 'ab' * 32})
probe('/zero', {}, weight=[0.] * 64)
probe('/ranged', {'least': '20', 'most': '82'})
probe('/class', {'task': 'classification', 'positive': 'AD', 'negative': '["CN"]'})
END
npy2lat --id a y="$T/y0.npy" zT="$T/zT.npy" x="$T/zT.npy" z="$T/zT.npy" > "$T/a.lat"
npy2lat --id b y="$T/y1.npy" > "$T/b.lat"
cat "$T/a.lat" "$T/b.lat" > "$T/both.lat"
(npy2lat --id a y="$T/w0.npy"; npy2lat --id b y="$T/w1.npy") > "$T/want.lat"

expect_exit 0 'codes are moved' lat-steer --probe "$T/p" --by 2.5 -o "$T/o.lat" "$T/both.lat"
holds 'to where the reference moves them' lat-diff -t 2e-7 "$T/want.lat" <(lat-cut -n y "$T/o.lat")
is 'x and z are dropped, zT stays' "$(lat-info "$T/o.lat" | cut -f1,3 | tr '\t\n' ' ;')" 'id tensor;a y;a zT;b y;'
like 'the record says by which probe' "$(lat-info --json "$T/o.lat" | head -n 1)" '"steered":\[\{"by":2.5,"from":[-0-9.e]+,"probe":"[0-9a-f]{64}","to":[-0-9.e]+\}\]'
is 'history' "$(lat-info --history "$T/o.lat" | tail -n 1 | cut -f2,4)" 'lat-steer	{"by": 2.5}'
lat-steer --probe "$T/p" --by -2.5 "$T/o.lat" > "$T/back.lat"
holds 'and back' lat-diff -t 1e-6 <(lat-cut -n y "$T/both.lat") <(lat-cut -n y "$T/back.lat")
is 'moved twice: both are said' "$(lat-info --json "$T/back.lat" | head -n 1 | grep -o '"steered":[^]]*' | grep -o '"by":[-0-9.]*' | tr '\n' ' ')" '"by":2.5 "by":-2.5 '

# in the target's unit
reads() { linprobe predict --probe "$T/p" "$@" | tail -n 2 | cut -f 4 | tr '\n' ' '; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { n = split(a, x, " "); split(b, y, " "); for (i = 1; i <= n; i++) if ((x[i] - y[i])^2 > 1e-8) exit 1; exit !n }'; }
reads "$T/both.lat" > "$T/was"
lat-steer --probe "$T/p" --to -3.5 "$T/both.lat" > "$T/to.lat"
holds '--to: the probe reads it' near "$(reads "$T/to.lat")" '-3.5 -3.5'
lat-steer --probe "$T/p" --add 2 "$T/both.lat" > "$T/more.lat"
holds '--add: the probe reads so much more' near "$(reads "$T/more.lat")" "$(awk '{ print $1 + 2, $2 + 2 }' "$T/was")"
holds '--add 0 is nothing' lat-diff -t 1e-6 <(lat-cut -n y "$T/both.lat") <(lat-steer --probe "$T/p" --add 0 "$T/both.lat" | lat-cut -n y)
holds '--to: the record says from where to where' near \
	"$(lat-info --json "$T/to.lat" | jq -r '.. | objects | .steered? | arrays | .[] | .from, .to' | tr '\n' ' ')" "$(awk '{ print $1, -3.5, $2, -3.5 }' "$T/was")"
is '--to: history' "$(lat-info --history "$T/to.lat" | tail -n 1 | cut -f2,4)" 'lat-steer	{"to": -3.5}'
expect_exit 0 'an older probe says no range: no warning' lat-steer --probe "$T/p" --to 500 -o "$T/o5.lat" "$T/a.lat"
is 'an older probe says no range: nothing is said' "$(cat "$T/err")" ''
expect_exit 0 'within the range' lat-steer --probe "$T/ranged" --to 82 -o "$T/o6.lat" "$T/a.lat"
is 'within the range: nothing is said' "$(cat "$T/err")" ''
expect_exit 0 'beyond it' lat-steer --probe "$T/ranged" --to 95 -o "$T/o7.lat" "$T/a.lat"
like 'beyond it: a warning' "$(cat "$T/err")" '^lat-steer: a: age 95 is beyond the 20 to 82 that the probe was fitted on'
expect_exit 0 'beyond it, by a distance' lat-steer --probe "$T/ranged" --by 100 -o "$T/o8.lat" "$T/a.lat"
like 'beyond it, by a distance: a warning' "$(cat "$T/err")" '^lat-steer: a: age [0-9.e+]+ is beyond the 20 to 82'
expect_exit 0 'a class: to a probability' lat-steer --probe "$T/class" --to .9 -o "$T/o9.lat" "$T/a.lat"
is 'a class: the probability is read' "$(linprobe predict --probe "$T/class" "$T/o9.lat" | awk 'NR == 2 { printf "%.4f", $4 }')" 0.9000
refuses 64 'a class: no probability' lat-steer --probe "$T/class" --to 1 -o "$T/no.lat" "$T/a.lat"
refuses 64 'a class: nothing to add' lat-steer --probe "$T/class" --add 1 -o "$T/no.lat" "$T/a.lat"
refuses 64 'two distances' lat-steer --probe "$T/p" --by 1 --to 2 -o "$T/no.lat" "$T/a.lat"

# whose codes: a tensor from outside names no model
expect_exit 0 'codes of no model, a probe of one' lat-steer --probe "$T/mine" --by 1 -o "$T/o2.lat" "$T/a.lat"
claim() { python3 tests/claim.py y model '{"kind": "semantic", "identity": "'"$(printf "$1%.0s" {1..32})"'"}'; }
claim ab < "$T/a.lat" > "$T/ours.lat"
claim cd < "$T/a.lat" > "$T/theirs.lat"
expect_exit 0 "codes of the probe's encoder" lat-steer --probe "$T/mine" --by 1 -o "$T/o3.lat" "$T/ours.lat"
is "they remain that encoder's" "$(lat-info "$T/o3.lat" | grep '	y	' | cut -f8)" abababababab
refuses 65 "codes of another encoder" lat-steer --probe "$T/mine" --by 1 -o "$T/no.lat" "$T/theirs.lat"
like 'codes of another encoder: the way out' "$(cat "$T/err")" '^lat-steer: a: y is of another encoder .*--any-model'
expect_exit 0 '--any-model' lat-steer --any-model --probe "$T/mine" --by 1 -o "$T/o4.lat" "$T/theirs.lat"
refuses 65 'no y' lat-steer --probe "$T/p" --by 1 -o "$T/no.lat" <(lat-cut -n zT "$T/a.lat")
refuses 65 'another length' lat-steer --probe "$T/p" --by 1 -o "$T/no.lat" <(npy2lat --id a y="$T/short.npy")
is 'another length: says so' "$(cat "$T/err")" 'lat-steer: a: y has 5 numbers, the probe 64'
refuses 65 'a probe without direction' lat-steer --probe "$T/zero" --by 1 -o "$T/no.lat" "$T/a.lat"
refuses 64 'no probe' lat-steer --by 1 -o "$T/no.lat" "$T/a.lat"
refuses 64 'no distance' lat-steer --probe "$T/p" -o "$T/no.lat" "$T/a.lat"
mkdir -p "$T/models/own"
cp "$T/p" "$T/models/own/years.safetensors"
by_name() { LATPIPE_MODELS=$T/models lat-steer -m own "$@" --by 2.5 "$T/both.lat"; }
holds "a probe of the model's, by its name" cmp "$T/o.lat" <(by_name --probe years)
refuses 66 'a name that the model does not have' by_name --probe months -o "$T/no.lat"
like 'a name that the model does not have: said' "$(cat "$T/err")" '^lat-steer: months: no such file, and no such probe in the model: .*own: has no months.safetensors'
refuses 66 'no such probe' lat-steer --probe "$T/none" --by 1 -o "$T/no.lat" "$T/a.lat"
refuses 78 'not a probe' lat-steer --probe tests/oracle/golden/autoencoder.safetensors --by 1 -o "$T/no.lat" "$T/a.lat"
expect_exit 65 '--keep-going' lat-steer --probe "$T/p" --by 1 --keep-going -o "$T/kept.lat" <(lat-cut -n zT "$T/a.lat"; cat "$T/b.lat")
is '--keep-going: the other record' "$(lat-info "$T/kept.lat" | tail -n 1 | cut -f1)" b
[ ! -e "$T/no.lat" ]
is 'nothing refused left a file' $? 0
finish
