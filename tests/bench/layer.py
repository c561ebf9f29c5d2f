#!/usr/bin/python3
"""layer.py THREADS plain|up|down IN OUT X Y Z: GFLOP/s of one 3x3x3 convolution in plain PyTorch, float32, as tests/tools/layer does it; median of three
calls after a first one. layer.py THREADS peak: of a product of matrices of 3072 x 3072, the best of ten."""
import sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
kind = sys.argv[2]


def seconds(call, runs):
    call()
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return sorted(took)


with torch.no_grad():
    if kind == "peak":
        n = 3072
        a, b = torch.randn(n, n), torch.randn(n, n)
        print("%.0f" % (2 * n ** 3 / seconds(lambda: a @ b, 10)[0] / 1e9))
        sys.exit()
    cin, cout, *grid = map(int, sys.argv[3:])
    x, w, bias = torch.randn(1, cin, *grid), torch.randn(cout, cin, 3, 3, 3) * .02, torch.randn(cout)
    scale, shift = torch.randn(1, cin, 1, 1, 1), torch.randn(1, cin, 1, 1, 1)

    def call():
        if kind == "up":
            return F.conv3d(F.interpolate(x, scale_factor=2, mode="nearest"), w, bias, padding=1)
        if kind == "down":
            return F.conv3d(F.pad(x, (0, 1) * 3), w, bias, stride=2)
        return F.conv3d(F.silu(x * scale + shift), w, bias, padding=1)

    voxels = call()[0, 0].numel()
    print("%.0f" % (54 * cin * cout * voxels / seconds(call, 3)[1] / 1e9))
