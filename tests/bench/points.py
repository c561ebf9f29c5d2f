#!/usr/bin/python3
"""points.py [CHANNELS [TERMS]]: rms error, relative to the result, of three-dimensional Winograd convolutions in float32, for tiles of 2 or 4 outputs on each axis
and several choices of the points 0, +-a, +-b, infinity of F(4,3) (lib/nn/kernels/lines.h), when TERMS (32) products are summed at a time and then these sums. Inputs are normal numbers through SiLU, as behind a norm."""
import itertools, sys
import numpy as np

channels = int(sys.argv[1]) if len(sys.argv) > 1 else 128
terms = int(sys.argv[2]) if len(sys.argv) > 2 else 32
f4 = np.float32


def transforms(points, m):
    """A^T, G, B^T of F(m,3), the rows of B^T scaled to a leading coefficient of 1."""
    n = m + 2
    powers = lambda k: np.array([[p ** j for j in range(k)] for p in points] + [[0] * (k - 1) + [1]], float)
    at, g, bt = powers(m).T, powers(3), np.linalg.inv(powers(n)).T
    for i in range(n - 1):
        by = np.prod([points[i] - points[k] for k in range(n - 1) if k != i])
        bt[i] *= by
        g[i] /= by
    return at, g, bt


def apply(matrices, d):
    """Each matrix along its axis, in float32."""
    for axis, matrix in enumerate(matrices):
        d = np.moveaxis(d, axis, 0)
        d = np.stack([sum((f4(c) * x for c, x in zip(row, d) if c), np.zeros_like(d[0])) for row in matrix.astype(f4)])
        d = np.moveaxis(d, 0, axis)
    return d


def sum_of(v, u):
    """v @ u as fused multiply-adds, one channel after the other."""
    total = np.zeros(v.shape[:-1] + u.shape[-1:], f4)
    for c in range(v.shape[-1]):
        total = (total + v[..., c:c + 1].astype(float) * u[..., c:c + 1, :]).astype(f4)
    return total


def error(forms, out=16, tiles=16):
    r = np.random.default_rng(1)
    m = [f[0].shape[0] for f in forms]
    n = [k + 2 for k in m]
    w = (r.standard_normal((3, 3, 3, channels, out)) / np.sqrt(27 * channels)).astype(f4)
    x = r.standard_normal(n + [tiles, channels])
    x = (x / (1 + np.exp(-x))).astype(f4)
    want = sum(x[i:i + m[0], j:j + m[1], k:k + m[2]].astype(float) @ w[i, j, k].astype(float) for i, j, k in itertools.product(range(3), repeat=3))
    v, u = apply([f[2] for f in forms], x), apply([f[1] for f in forms], w)
    got = apply([f[0] for f in forms], sum(sum_of(v[..., c:c + terms], u[..., c:c + terms, :]) for c in range(0, channels, terms)))
    return np.sqrt(((got - want) ** 2).mean() / (want ** 2).mean())


two = transforms([0, 1, -1], 2)
print("# %d channels, %d terms; 2,2,2 has %.2e\na\tb\t4,2,2\t4,4,2\t4,4,4" % (channels, terms, error([two] * 3)))
for a, b in [(1, 2)] + [(i / 8, j / 8) for i in range(4, 9) for j in range(9, 15)]:
    four = transforms([0, a, -a, b, -b], 4)
    print("%.3f\t%.3f\t%.2e\t%.2e\t%.2e" % ((a, b) + tuple(error([four] * k + [two] * (3 - k)) for k in (1, 2, 3))))
