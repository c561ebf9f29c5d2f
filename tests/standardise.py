"""standardise.py IN OUT Z X BACK: the U-Net in file IN as one on standardised latents, OUT, with a mean and a standard deviation for each place. X: the
NumPy file Z on its way in, so that IN makes of X what OUT makes of Z; BACK: Z on its way out. Standard library alone."""
import array, ast, json, math, struct, sys
from safetensors_file import load, store

def load_npy(path):
    b = open(path, 'rb').read()
    at = 10 + struct.unpack('<H', b[8:10])[0]
    a = array.array('f')
    a.frombytes(b[at:])
    return b[:at], a

source, target, z, x, back = sys.argv[1:]
head, v = load_npy(z)
shape = ast.literal_eval(head[10:].decode().strip())['shape'][-4:]
count = math.prod(shape)
mean = array.array('f', [(i * 37 % 101) / 64 - .75 for i in range(count)])
sd = array.array('f', [(1 + i * 13 % 7) / 4 for i in range(count)])
open(x, 'wb').write(head + array.array('f', [(a - m) / s for a, m, s in zip(v, mean, sd)]).tobytes())
open(back, 'wb').write(head + array.array('f', [a * s + m for a, m, s in zip(v, mean, sd)]).tobytes())

metadata, tensors = load(source)
config = json.loads(metadata['config'])
config.setdefault('diffusion', {})['standardised'] = True
metadata['config'] = json.dumps(config)
del metadata['identity']
tensors['latent_mean'] = 'F32', shape, mean.tobytes()
tensors['latent_sd'] = 'F32', shape, sd.tobytes()
store(target, metadata, tensors)
