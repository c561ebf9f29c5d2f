"""poke_weight.py FILE TENSOR ELEMENT VALUE: one number of a safetensors file becomes another, in place: nan, inf. Identities stay what they say."""
import json, struct, sys
path, name, at, value = sys.argv[1:]
b = bytearray(open(path, 'rb').read())
n = struct.unpack('<Q', b[:8])[0]
t = json.loads(b[8:8 + n])[name]
form = {'F32': '<f', 'F16': '<e', 'F64': '<d'}[t['dtype']]
struct.pack_into(form, b, 8 + n + t['data_offsets'][0] + int(at) * struct.calcsize(form), float(value))
open(path, 'wb').write(b)
