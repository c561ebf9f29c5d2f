"""rounded.py IN HALF ROUNDED: the matrices and convolutions of a safetensors file IN in 16 bits, in file HALF, and these numbers in 32 bits again, in
ROUNDED. Standard library alone."""
import struct, sys
from safetensors_file import load, store

metadata, tensors = load(sys.argv[1])
del metadata['identity']
half, full = {}, {}
for name, (dtype, shape, raw) in tensors.items():
    half[name] = full[name] = dtype, shape, raw
    if len(shape) > 1:
        values = struct.unpack('<%df' % (len(raw) // 4), raw)
        short = struct.pack('<%de' % len(values), *values)
        half[name] = 'F16', shape, short
        full[name] = 'F32', shape, struct.pack('<%df' % len(values), *struct.unpack('<%de' % len(values), short))
store(sys.argv[2], metadata, half)
store(sys.argv[3], metadata, full)
