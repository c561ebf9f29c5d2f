# Files of weights that nobody should trust: refused with one line, before time or memory is spent.
. tests/lib.sh
golden=tests/oracle/golden
"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=4
python3 - "$T" $golden/autoencoder.safetensors << 'E2'
import json, struct, sys
folder, good = sys.argv[1], open(sys.argv[2], 'rb').read()
n = struct.unpack('<Q', good[:8])[0]
header, body = json.loads(good[8:8 + n]), good[8 + n:]
def put(name, head, data=b''):
    head = head if isinstance(head, bytes) else json.dumps(head).encode()
    open(folder + '/' + name + '.safetensors', 'wb').write(struct.pack('<Q', len(head)) + head + data)
def entry(shape, a, b, dtype='F32'):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [a, b]}
open(folder + '/huge.safetensors', 'wb').write(struct.pack('<Q', 2 ** 60))
open(folder + '/empty.safetensors', 'wb')
put('text', b'{"a":')
put('beyond', {'a': entry([4], 0, 16)})
put('overflow', {'a': entry([2 ** 62, 8], 0, 16)}, bytes(16))
put('overlap', {'a': entry([4], 0, 16), 'b': entry([4], 8, 24)}, bytes(24))
put('negative', {'a': entry([-4], 0, 16)}, bytes(16))
put('deep', b'[' * 100000)
put('nested', b'{"a":' * 100000)
put('flood', b'{"a":[' + b'0,' * (7 << 20) + b'0]}')
put('many', json.dumps({'t%d' % i: entry([0], 0, 0) for i in range(100000)}).encode())
put('cut', header, body[:-4])
names = [k for k in header if k != '__metadata__']
last = names[-1]
put('missing', {k: v for k, v in header.items() if k != last}, body[:header[last]['data_offsets'][0]])
put('shape', {**header, names[0]: {**header[names[0]], 'shape': [8, 27]}}, body)
put('kind', {**header, '__metadata__': {**header['__metadata__'], 'kind': 'semantic'}}, body)
put('none', {k: v for k, v in header.items() if k != '__metadata__'}, body)
put('config', {**header, '__metadata__': {**header['__metadata__'], 'config': '{"autoencoder": {"channels": [8, 16, 16], "groups": 5}}'}}, body)
put('wide', {**header, '__metadata__': {**header['__metadata__'], 'config': '{"autoencoder": {"channels": [16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384]}, "volume": [4096, 4096, 4096]}'}}, body)
E2
for w in huge empty text beyond overflow overlap negative deep nested flood many cut missing shape kind none config wide; do
	refuses 78 "weights: $w" nii2lat -m "$T/$w.safetensors" -o "$T/out.lat" "$T/scan.nii"
	/usr/bin/time -o "$T/rss" -f '%M %U %S' nii2lat -m "$T/$w.safetensors" -o "$T/out.lat" "$T/scan.nii" 2> /dev/null
	if nm "$BUILD/nii2lat" 2> /dev/null | grep -q ' __asan_init$'; then
		skip "weights: $w: cheap" 'built with sanitizers'
	else
		holds "weights: $w: under 100 MB and 1 s" awk 'END { exit !($1 < 100000 && $2 + $3 < 1) }' "$T/rss"
	fi
done
is 'nothing is left behind' "$(ls "$T/out.lat" 2> /dev/null)" ''
refuses 66 'no such file' nii2lat -m "$T/nowhere.safetensors" "$T/scan.nii"
refuses 66 'no such model' nii2lat -m no-such-model "$T/scan.nii"
holds 'the golden file itself is taken' nii2lat -m $golden/autoencoder.safetensors -o "$T/out.lat" "$T/scan.nii"
finish
