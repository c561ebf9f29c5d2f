"""load and store: a safetensors file as its metadata and {name: (dtype, shape, bytes)}. Standard library alone."""
import json, struct

def load(path):
    b = open(path, 'rb').read()
    n = struct.unpack('<Q', b[:8])[0]
    index, data = json.loads(b[8:8 + n]), b[8 + n:]
    metadata = index.pop('__metadata__')
    return metadata, {k: (t['dtype'], t['shape'], data[slice(*t['data_offsets'])]) for k, t in index.items()}

def store(path, metadata, tensors):
    index, data = {'__metadata__': metadata}, b''
    for name, (dtype, shape, raw) in tensors.items():
        index[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(index).encode()
    text += b' ' * (-len(text) % 8)
    open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data)
