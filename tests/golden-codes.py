"""Golden values as NumPy files in the folder that is named: NAME=TENSOR[INDEX][/SCALE] each. Standard library alone."""
import array, json, re, struct, sys
b = open('tests/oracle/golden/values.safetensors', 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
head = json.loads(b[8:8 + n])
for item in sys.argv[2:]:
    name, tensor, index, scale = re.fullmatch(r'(\w+)=([^[]+)(?:\[(\d+)\])?(?:/([\d.]+))?', item).groups()
    lo, hi = head[tensor]['data_offsets']
    v, shape = array.array('f', b[8 + n + lo:8 + n + hi]), head[tensor]['shape']
    if index is not None:
        one, shape = len(v) // shape[0], shape[1:]
        v = v[int(index) * one:(int(index) + 1) * one]
    v = array.array('f', [x / float(scale or 1) for x in v])
    h = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (tuple(shape),)
    h += ' ' * (63 - (10 + len(h)) % 64) + '\n'
    open(sys.argv[1] + '/' + name + '.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(h)) + h.encode() + v.tobytes())
