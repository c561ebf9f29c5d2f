#!/usr/bin/python3
"""step.py autoencoder|diffusion CONFIG DRAWS THREADS: seconds of one training step in plain PyTorch, float32, after a first one: loss, gradients and
Adam as train-ae (without its discriminator) and train-ldm (DRAWS timesteps of one latent) do it. What tests/bench/networks measures the project's own
beside."""
import json, os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import torch
import ldae_oracle as reference

stage, path, draws, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
cfg = reference.load_config(path)
x = torch.rand([1, 1] + cfg["volume"])
p = reference.trainable(reference.random_weights("autoencoder" if stage == "autoencoder" else "unet", cfg, 1), torch.float32)


def autoencoder():
    mean, sigma = reference.autoencoder_encode(p, cfg, x)
    made = reference.autoencoder_decode(p, cfg, mean + sigma * torch.randn_like(mean))
    kl = .5 * (mean ** 2 + sigma ** 2 - torch.log(sigma ** 2) - 1).sum((1, 2, 3, 4)).mean()
    return (made - x).abs().mean() + cfg["losses"]["kl_weight"] * kl


def diffusion():
    z = torch.randn([1] + reference.latent_shape(cfg)).repeat(int(draws), 1, 1, 1, 1)
    return reference.diffusion_loss(p, cfg, z, torch.randint(1000, (int(draws),)), torch.randn_like(z))


state = {}
for i in range(2):
    start = time.perf_counter()
    loss = autoencoder() if stage == "autoencoder" else diffusion()
    reference.adam_step(p, reference.gradients(loss, p), state, 1e-5)
    took = time.perf_counter() - start
print("%.4f" % took)
