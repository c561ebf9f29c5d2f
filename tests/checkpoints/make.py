#!/usr/bin/python3
"""make.py FOLDER: the checkpoints of this folder, as PyTorch writes them (Debian's python3-torch). The networks are as small as they can be;
every number is a function of its tensor's name, as in tests/oracle.h, in steps of 1/16 so that 16-bit floats hold it exactly."""
import sys
from collections import OrderedDict
import numpy as np
import torch

def values(name, shape):
    h = np.uint64(0xCBF29CE484222325)
    with np.errstate(over='ignore'):
        for c in ('1/' + name).encode(): h = (h ^ np.uint64(c)) * np.uint64(0x100000001B3)
        h = h + (np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ h >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ h >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        h = h ^ h >> np.uint64(31)
    u = (h >> np.uint64(40)).astype('f8') / 16777216                              # number(name, i, 0, 1)
    return torch.from_numpy((np.floor(u * 32 - 16) / 16).astype('f4').reshape(shape))

class Net(OrderedDict):
    def put(self, name, *shape): self[name] = values(name, shape)
    def layer(self, name, *shape):                                                 # weight and bias
        self.put(name + '.weight', *shape); self.put(name + '.bias', shape[0])

def autoencoder(channels=(2, 4), res=1, latent=2):
    n = Net()
    def way(at, first, steps, between, last):
        cur, i = steps[0], 1
        n.layer(at + '0.conv', cur, first, 3, 3, 3)
        for l, c in enumerate(steps):
            for _ in range(res):
                n.layer(at + '%d.norm1' % i, cur); n.layer(at + '%d.conv1.conv' % i, c, cur, 3, 3, 3)
                n.layer(at + '%d.norm2' % i, c); n.layer(at + '%d.conv2.conv' % i, c, c, 3, 3, 3)
                if cur != c: n.layer(at + '%d.nin_shortcut.conv' % i, c, cur, 1, 1, 1)
                cur, i = c, i + 1
            if l + 1 < len(steps): n.layer(at + '%d.conv.conv' % i, cur, cur, 3, 3, 3); i += 1
        n.layer(at + '%d' % i, cur); n.layer(at + '%d.conv' % (i + 1), last, cur, 3, 3, 3)
    way('encoder.blocks.', 1, channels, 'down', latent)
    way('decoder.blocks.', latent, channels[::-1], 'up', 1)
    for q in ('quant_conv_mu', 'quant_conv_log_sigma', 'post_quant_conv'): n.layer(q + '.conv', latent, latent, 1, 1, 1)
    return n

def unet(shift, base=2, mult=(1, 2), res=1, attention=(2,), channels=2, code=4):
    n, emb = Net(), 4 * base
    def res_block(at, a, b, z):
        n.layer(at + '.in_layers.0', a); n.layer(at + '.in_layers.2', b, a, 3, 3, 3); n.layer(at + '.emb_layers.1', 2 * b, emb)
        if z: n.layer(at + '.emb_z_layers.1', 2 * b, emb)
        n.layer(at + '.out_layers.0', b); n.layer(at + '.out_layers.3', b, b, 3, 3, 3)
        if a != b: n.layer(at + '.skip_connection', b, a, 1, 1, 1)
    def att(at, c): n.layer(at + '.norm', c); n.layer(at + '.qkv', 3 * c, c, 1); n.layer(at + '.proj_out', c, c, 1)
    n.layer('time_embed.0', emb, base); n.layer('time_embed.2', emb, emb)
    n.layer('input_blocks.0.0', base, channels, 3, 3, 3)
    kept, cur, i = [base], base, 1
    for l, m in enumerate(mult):
        for _ in range(res):
            res_block('input_blocks.%d.0' % i, cur, m * base, False); cur = m * base
            if 1 << l in attention: att('input_blocks.%d.1' % i, cur)
            kept.append(cur); i += 1
        if l + 1 < len(mult): res_block('input_blocks.%d.0' % i, cur, cur, False); kept.append(cur); i += 1
    for p in ('', 'shift_') if shift else ('',):
        z = bool(p); skips = list(kept); c = cur
        if z: n.layer('label_emb', emb, code)
        res_block(p + 'middle_block.0', c, c, z); att(p + 'middle_block.1', c); res_block(p + 'middle_block.2', c, c, z)
        i = 0
        for l in reversed(range(len(mult))):
            for r in range(res + 1):
                at, sub = p + 'output_blocks.%d.' % i, 1
                res_block(at + '0', c + skips.pop(), mult[l] * base, z); c = mult[l] * base
                if 1 << l in attention: att(at + '1', c); sub = 2
                if l and r == res: res_block(at + '%d' % sub, c, c, z)
                i += 1
        n.layer(p + 'out.0', c); n.layer(p + 'out.2', channels, c, 3, 3, 3)
    return n

def semantic(dims=(2, 4), depths=(1, 2), slices=16):
    n, b = Net(), 'backbone.backbone.'
    n.layer(b + 'features.0.0', dims[0], 1, 4, 4); n.layer(b + 'features.0.1', dims[0])
    for s, d in enumerate(dims):
        if s: n.layer(b + 'features.%d.0' % (2 * s), dims[s - 1]); n.layer(b + 'features.%d.1' % (2 * s), d, dims[s - 1], 2, 2)
        for j in range(depths[s]):
            at = b + 'features.%d.%d.' % (1 + 2 * s, j)
            n.put(at + 'layer_scale', d, 1, 1); n.layer(at + 'block.0', d, 1, 7, 7); n.layer(at + 'block.2', d)
            n.layer(at + 'block.3', 4 * d, d); n.layer(at + 'block.5', d, 4 * d)
    e = dims[-1]
    n.layer(b + 'classifier.0', e)
    for k in [k for k in n]: n[k.replace('backbone.', 'slice_distributed.module.', 1)] = n[k]          # twice, in one memory
    n.put('positional_encoding.pe', 1, slices, e); n.layer('soft_attention.linear', 1, e)
    for p in ('query', 'key', 'value'): n.layer(p + '_projection', e, e)
    n.put('cross_attention.in_proj_weight', 3 * e, e); n.put('cross_attention.in_proj_bias', 3 * e); n.layer('cross_attention.out_proj', e, e)
    n.layer('layer_norm_after_attention', e)
    return n

def discriminator():
    n = Net(); n.layer('initial_conv.conv', 1, 1, 4, 4, 4); n.put('0.conv.weight', 2, 1, 4, 4, 4); n.layer('0.adn.N', 2)
    n['0.adn.N.num_batches_tracked'] = torch.tensor(7)
    return n

def under(prefix, net): return OrderedDict((prefix + k, v) for k, v in net.items())
def other(net): return OrderedDict((k, v + 1) for k, v in net.items())               # what is not to be taken

def lightning(*parts):
    """A trainer's file: weights among the state of optimisers, callbacks and hyper-parameters."""
    state = OrderedDict(p for part in parts for p in part.items())
    state._metadata = OrderedDict({'': {'version': 1}})
    first = next(iter(state.values()))
    return {'epoch': 3, 'global_step': 70000, 'pytorch-lightning_version': '1.9.5', 'state_dict': state, 'lr_schedulers': [], 'loops': None,
            'callbacks': {"ModelCheckpoint{'monitor': 'val'}": {'best_model_score': torch.tensor(.5), 'best_model_path': '/a/b.ckpt', 'k': float('inf')}},
            'optimizer_states': [{'state': {0: {'step': torch.tensor(4.), 'exp_avg': torch.zeros_like(first)}}, 'param_groups': [{'lr': 1e-4, 'betas': (.9, .999), 'params': [0]}]}],
            'hyper_parameters': {'lr': 5e-5, 'big': 1 << 70, 'negative': -3, 'name': 'LDAE', 'none': None, 'on': True}}

def main(folder):
    ae = autoencoder()
    torch.save(OrderedDict(ae), folder + '/autoencoder.pth')
    # the layout before 1.6, half precision, parameters; weights with other strides; two tensors in one storage
    old = OrderedDict((k, torch.nn.Parameter(v.half())) for k, v in ae.items())
    k = 'encoder.blocks.1.conv1.conv.weight'
    old[k] = old[k].detach().contiguous(memory_format=torch.channels_last_3d)
    k = 'post_quant_conv.conv.weight'
    old[k] = old[k].detach().transpose(0, 1).contiguous().transpose(0, 1)
    both = torch.cat([torch.zeros(3).half(), old['quant_conv_mu.conv.bias'].detach(), old['quant_conv_log_sigma.conv.bias'].detach()])
    old['quant_conv_mu.conv.bias'], old['quant_conv_log_sigma.conv.bias'] = both[3:5], both[5:7]
    torch.save(old, folder + '/autoencoder-old.pth', _use_new_zipfile_serialization=False)
    torch.save(lightning(under('model.', ae), under('discriminator.', discriminator()), {'perceptual_loss.lin.weight': torch.ones(2, 2)}), folder + '/stage1.ckpt')
    u = unet(False)
    torch.save(lightning(under('vae.', OrderedDict((k, v.double()) for k, v in ae.items())), under('unet.', other(u)), under('ema_unet.', u)), folder + '/stage2.ckpt')
    half = lambda net: OrderedDict((k, v.bfloat16()) for k, v in net.items())
    s, d = semantic(), unet(True)
    torch.save(lightning(under('ema_encoder.', half(s)), under('ema_decoder.', half(d)), {'encoder.soft_attention.linear.weight': torch.zeros(1, 4)}), folder + '/stage3.ckpt',
               _use_new_zipfile_serialization=False)
    torch.save(lightning(under('a.', {k: v for k, v in ae.items()}), under('b.', ae)), folder + '/two.ckpt')

if __name__ == '__main__': main(sys.argv[1])
