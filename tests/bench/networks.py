#!/usr/bin/python3
"""networks.py encode|decode WEIGHTS IN.npy OUT.npy RUNS THREADS: the autoencoder in plain PyTorch, float32; runs once to warm up, then
RUNS times, and prints the seconds of each. What tests/bench/networks measures the project's own beside."""
import json, sys, time
import numpy as np, torch, torch.nn.functional as F


def load(path):
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        head, data = json.loads(f.read(size)), f.read()
    meta = head.pop("__metadata__")
    return json.loads(meta["config"])["autoencoder"], {
        n: torch.from_numpy(np.frombuffer(data[t["data_offsets"][0]:t["data_offsets"][1]], "<f4").reshape(t["shape"]).copy()) for n, t in head.items()}


def conv(w, at, x, **how):
    return F.conv3d(x, w[at + ".weight"], w[at + ".bias"], **how)


def norm(w, at, x, groups):
    return F.group_norm(x, groups, w[at + ".weight"], w[at + ".bias"], 1e-6)


def residual(w, at, x, groups):
    h = conv(w, at + ".conv1.conv", F.silu(norm(w, at + ".norm1", x, groups)), padding=1)
    h = conv(w, at + ".conv2.conv", F.silu(norm(w, at + ".norm2", h, groups)), padding=1)
    return h + (conv(w, at + ".nin_shortcut.conv", x) if at + ".nin_shortcut.conv.weight" in w else x)


def side(w, which, a, x):
    levels, i = len(a["channels"]), 0
    x, i = conv(w, which + ".blocks.0.conv", x, padding=1), 1
    for level in range(levels):
        for _ in range(a["res_blocks"]):
            x, i = residual(w, "%s.blocks.%d" % (which, i), x, a["groups"]), i + 1
        if level + 1 < levels:
            at, i = "%s.blocks.%d.conv.conv" % (which, i), i + 1
            if which == "encoder":
                x = conv(w, at, F.pad(x, (0, 1) * 3), stride=2)
            else:
                x = conv(w, at, F.interpolate(x, scale_factor=2.0, mode="nearest"), padding=1)
    return conv(w, "%s.blocks.%d.conv" % (which, i + 1), norm(w, "%s.blocks.%d" % (which, i), x, a["groups"]), padding=1)


def encode(w, a, x):
    h = side(w, "encoder", a, x)
    return conv(w, "quant_conv_mu.conv", h)


def decode(w, a, z):
    return side(w, "decoder", a, conv(w, "post_quant_conv.conv", z))


def main():
    stage, weights, source, target, runs, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    a, w = load(weights)
    x = torch.from_numpy(np.load(source))[None]
    with torch.no_grad():
        for i in range(int(runs) + 1):
            start = time.perf_counter()
            y = {"encode": encode, "decode": decode}[stage](w, a, x)
            if i:
                print("%.4f" % (time.perf_counter() - start))
    np.save(target, y[0].numpy())


main()
