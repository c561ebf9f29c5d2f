"""noise_by_hand.py DENOISE WEIGHTS FOLDER ID TRAIN.npy... -- Z.npy Y.npy: the lines place, unet and code of lat-learnable for one record of this id,
seed 7: noise, noisy latents and errors by hand, the network by the test tool DENOISE. FOLDER: scratch. Standard library alone."""
import ast, json, math, struct, subprocess, sys
from safetensors_file import load

def floats(b):
    return list(struct.unpack('<%df' % (len(b) // 4), b))

def load_npy(path):
    b = open(path, 'rb').read()
    at = 10 + struct.unpack('<H', b[8:10])[0]
    return b[:at], floats(b[at:])

def philox(seed, stream, i):
    """Philox4x32-10: key seed, counter i and stream."""
    c, k, m = [i & 0xFFFFFFFF, i >> 32, stream & 0xFFFFFFFF, stream >> 32], [seed & 0xFFFFFFFF, seed >> 32], 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & m, (a >> 32) ^ c[3] ^ k[1], a & m]
        k = [(k[0] + 0x9E3779B9) & m, (k[1] + 0xBB67AE85) & m]
    return c

def normal(seed, stream, i):
    c = philox(seed, stream, i)
    u, v = (((c[j] << 32 | c[j + 1]) >> 11) / 2 ** 53 for j in (0, 2))
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)

def fnv(text):
    h = 0xCBF29CE484222325
    for b in text.encode():
        h = (h ^ b) * 0x100000001B3 % 2 ** 64
    return h

split = sys.argv.index('--')
denoise, weights, folder, name = sys.argv[1:5]
head, z = load_npy(sys.argv[split + 1])
y = sys.argv[split + 2]
train = [load_npy(p)[1] for p in sys.argv[5:split]]
metadata, tensors = load(weights)
diffusion = json.loads(metadata['config'])['diffusion']
n, scale = len(z), diffusion['scale_factor']
own_mean, own_sd = [0] * n, [1] * n
place = [1] * n
if diffusion.get('standardised'):
    own_mean, own_sd = floats(tensors['latent_mean'][2]), floats(tensors['latent_sd'][2])
    square = sum(s * s for s in own_sd) / n
    place = [s * s / square for s in own_sd]

mean = [sum(v) / len(train) for v in zip(*train)]
sd = [math.sqrt(sum((a - m) ** 2 for a in v) / len(train)) for v, m in zip(zip(*train), mean)]
least = math.sqrt(sum(s * s for s in sd) / n) / 20
sd = [max(s, least) for s in sd]
m = [scale * (a - b) / s for a, b, s in zip(mean, own_mean, own_sd)]
v = [(scale * a / s) ** 2 for a, s in zip(sd, own_sd)]
x = [scale * (a - b) / s for a, b, s in zip(z, own_mean, own_sd)]
abar, product = [], 1
for t in range(1000):
    product *= 1 - (1e-4 + (.02 - 1e-4) * t / 999)
    abar.append(product)

errors = {'place': [], 'unet': [], 'code': []}
for t in range(50, 1000, 100):
    a = abar[t]
    # two streams of noise a timestep: for judging, for learning
    noise = [normal(7, fnv(name), (2 * t + 1 << 32) + i) for i in range(n)]
    noisy = [math.sqrt(a) * p + math.sqrt(1 - a) * q for p, q in zip(x, noise)]
    open(folder + '/noisy.npy', 'wb').write(head + struct.pack('<%df' % n, *noisy))
    subprocess.run([denoise, '-t', str(t), '-y', y, '-g', folder + '/g.npy', weights, folder + '/noisy.npy', folder + '/eps.npy'], check=True,
                   stdout=subprocess.DEVNULL)
    eps, g = load_npy(folder + '/eps.npy')[1], load_npy(folder + '/g.npy')[1]
    told = {'place': [math.sqrt(1 - a) * (q - math.sqrt(a) * b) / (a * c + 1 - a) for q, b, c in zip(noisy, m, v)],
            'unet': eps, 'code': [p - math.sqrt(1 - a) * q for p, q in zip(eps, g)]}
    for k in errors:
        errors[k].append(sum(w * (p - q) ** 2 for w, p, q in zip(place, noise, told[k])) / n)
weighted = {k: sum(e / math.sqrt(.001 + abar[50 + 100 * i] / (1 - abar[50 + 100 * i])) for i, e in enumerate(errors[k])) / 10 for k in errors}
for k in errors:
    fifths = [(errors[k][2 * i] + errors[k][2 * i + 1]) / 2 for i in range(5)]
    print(k, *('%.6g' % f for f in fifths + [weighted[k], weighted[k] / weighted['place']]), sep='\t')
