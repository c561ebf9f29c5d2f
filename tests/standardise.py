"""standardise.py IN OUT Z X BACK: the U-Net in file IN as one on standardised latents, OUT, with a mean and a standard deviation for each place. X: the
NumPy file Z on its way in, so that IN makes of X what OUT makes of Z; BACK: Z on its way out. Standard library alone."""
import array, ast, json, math, struct, sys

def load(path):
    b = open(path, 'rb').read()
    at = 10 + struct.unpack('<H', b[8:10])[0]
    a = array.array('f')
    a.frombytes(b[at:])
    return b[:at], a

source, target, z, x, back = sys.argv[1:]
head, v = load(z)
shape = ast.literal_eval(head[10:].decode().strip())['shape'][-4:]
count = math.prod(shape)
mean = array.array('f', [(i * 37 % 101) / 64 - .75 for i in range(count)])
sd = array.array('f', [(1 + i * 13 % 7) / 4 for i in range(count)])
open(x, 'wb').write(head + array.array('f', [(a - m) / s for a, m, s in zip(v, mean, sd)]).tobytes())
open(back, 'wb').write(head + array.array('f', [a * s + m for a, m, s in zip(v, mean, sd)]).tobytes())

b = open(source, 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
index, data = json.loads(b[8:8 + n]), b[8 + n:]
meta = index['__metadata__']
config = json.loads(meta['config'])
config.setdefault('diffusion', {})['standardised'] = True
meta['config'] = json.dumps(config)
del meta['identity']
for name, values in ('latent_mean', mean), ('latent_sd', sd):
    index[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [len(data), len(data) + 4 * count]}
    data += values.tobytes()
text = json.dumps(index).encode()
text += b' ' * (-len(text) % 8)
open(target, 'wb').write(struct.pack('<Q', len(text)) + text + data)
