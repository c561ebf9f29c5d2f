"""A small NumPy file x.npy and a scan ball.nii in the folder that is named: standard library alone."""
import array, struct, sys
T = sys.argv[1]
def npy(name, shape, values):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    head += ' ' * (63 - (10 + len(head)) % 64) + '\n'
    open(T + name, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + array.array('f', values).tobytes())
npy('/x.npy', (1, 8, 10, 8), [i * 37 % 101 / 100 for i in range(640)])
# a ball of 40 mm on a grid of 16x20x16 voxels of 10 mm, int16
n, mm = (16, 20, 16), 10.0
at = lambda i, k: (i - (n[k] - 1) / 2) * mm
v = [1000 + (i * 7 + j * 5 + k * 3) % 50 if at(i, 0) ** 2 + at(j, 1) ** 2 + at(k, 2) ** 2 < 6400 else 0
     for k in range(n[2]) for j in range(n[1]) for i in range(n[0])]
h = struct.pack('<i36s8h14xhh2x8ffffh2xff16x80s24shh6f12f16s4s', 348, b'', 3, *n, 1, 1, 1, 1, 4, 16, 1, mm, mm, mm, 0, 0, 0, 0, 352, 1, 0, 10,
                0, 0, b'', b'', 0, 2, 0, 0, 0, 0, 0, 0, mm, 0, 0, at(0, 0), 0, mm, 0, at(0, 1), 0, 0, mm, at(0, 2), b'', b'n+1\0')
assert len(h) == 348, len(h)
open(T + '/ball.nii', 'wb').write(h + bytes(4) + array.array('h', v).tobytes())
