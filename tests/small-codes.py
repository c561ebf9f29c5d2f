"""NumPy files of codes in the folder that is named, NAME=SHAPE:SEED each, numbers of the rule of tests/oracle.h between -1 and 1:
standard library alone."""
import array, struct, sys
M = (1 << 64) - 1
def numbers(key, n):
    h = 0xCBF29CE484222325
    for c in key.encode():
        h = (h ^ c) * 0x100000001B3 & M
    for i in range(n):
        x = h + (i + 1) * 0x9E3779B97F4A7C15 & M
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M
        x = (x ^ x >> 27) * 0x94D049BB133111EB & M
        yield -1 + 2 * (((x ^ x >> 31) >> 40) / 16777216)
for item in sys.argv[2:]:
    name, rest = item.split('=')
    shape, seed = rest.split(':')
    shape = tuple(map(int, shape.split('x')))
    n = 1
    for s in shape:
        n *= s
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    head += ' ' * (63 - (10 + len(head)) % 64) + '\n'
    with open(sys.argv[1] + '/' + name + '.npy', 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + array.array('f', numbers(seed, n)).tobytes())
