"""load and store: a safetensors file as its metadata and {name: (dtype, shape, bytes)}; nothing is read before it is used. Standard library alone.
safetensors_file.py IN OUT: OUT is IN with an identity, as our own files carry one (of zeros: nobody hashes the tensors again)."""
import json, mmap, struct, sys

def load(path):
    with open(path, 'rb') as f:
        b = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
    n = struct.unpack('<Q', b[:8])[0]
    index, data = json.loads(bytes(b[8:8 + n])), b[8 + n:]
    metadata = index.pop('__metadata__')
    return metadata, {k: (t['dtype'], t['shape'], data[slice(*t['data_offsets'])]) for k, t in index.items()}

def store(path, metadata, tensors):
    index, at = {'__metadata__': metadata}, 0
    for name, (dtype, shape, raw) in tensors.items():
        index[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(index).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        f.writelines(raw for _, _, raw in tensors.values())

if __name__ == '__main__':
    metadata, tensors = load(sys.argv[1])
    store(sys.argv[2], dict(metadata, identity='0' * 64), tensors)
