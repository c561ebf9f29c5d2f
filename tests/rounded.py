"""rounded.py IN HALF ROUNDED: the matrices and convolutions of a safetensors file IN in 16 bits, in file HALF, and these numbers in 32 bits again, in
ROUNDED. Standard library alone."""
import json, struct, sys

def store(path, index, metadata, tensors):
    data = b''
    for name, raw in tensors.items():
        index[name]['data_offsets'] = [len(data), len(data) + len(raw)]
        data += raw
    text = json.dumps({'__metadata__': metadata, **index}).encode()
    text += b' ' * (-len(text) % 8)
    open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data)

b = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
index, data = json.loads(b[8:8 + n]), b[8 + n:]
metadata = {k: v for k, v in index.pop('__metadata__').items() if k != 'identity'}
half, full = {}, {}
for name, t in index.items():
    full[name] = half[name] = data[slice(*t['data_offsets'])]
    if len(t['shape']) > 1:
        values = struct.unpack('<%df' % (len(full[name]) // 4), full[name])
        half[name] = struct.pack('<%de' % len(values), *values)
        full[name] = struct.pack('<%df' % len(values), *struct.unpack('<%de' % len(values), half[name]))
store(sys.argv[3], {k: dict(t) for k, t in index.items()}, metadata, full)
store(sys.argv[2], {k: dict(t, dtype='F16' if len(t['shape']) > 1 else 'F32') for k, t in index.items()}, metadata, half)
