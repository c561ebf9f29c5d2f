#include "realism/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/volume.h"

int boxes_along(int n, int side, int step) { return n < side ? 0 : (n - side) / step + 1; }

void boxes_mean(float *out, const float *in, const int n[3], int channels, int side, int step)
{
	const int to[3] = { boxes_along(n[0], side, step), boxes_along(n[1], side, step), boxes_along(n[2], side, step) };
	const float share = 1.f / (float)(side * side * side);
#pragma omp parallel for collapse(2) num_threads(threads_count())
	for (int x = 0; x < to[0]; x++)
		for (int y = 0; y < to[1]; y++)
			for (int z = 0; z < to[2]; z++) {
				float *sum = out + (((size_t)x * (size_t)to[1] + (size_t)y) * (size_t)to[2] + (size_t)z) * (size_t)channels;
				memset(sum, 0, (size_t)channels * sizeof *sum);
				for (int i = 0; i < side * side; i++) {
					size_t row = (size_t)(x * step + i / side) * (size_t)n[1] + (size_t)(y * step + i % side);
					const float *from = in + (row * (size_t)n[2] + (size_t)(z * step)) * (size_t)channels;
					for (int k = 0; k < side; k++, from += channels)
						for (int c = 0; c < channels; c++)
							sum[c] += from[c];
				}
				for (int c = 0; c < channels; c++)
					sum[c] *= share;
			}
}

/* out = sums of in [outer,n,inner] over the `side` places around each along the middle axis. */
static void sum_along(float *out, const float *in, long outer, int n, long inner, int side)
{
#pragma omp parallel for num_threads(threads_count())
	for (long row = 0; row < outer * n; row++) {
		int i = (int)(row % n), first = i < side / 2 ? 0 : i - side / 2, last = i + side / 2 < n ? i + side / 2 : n - 1;
		float *to = out + row * inner;
		memset(to, 0, (size_t)inner * sizeof *to);
		for (int k = first; k <= last; k++)
			for (long x = 0; x < inner; x++)
				to[x] += in[(row - i + k) * inner + x];
	}
}

int boxes_high_pass(float *out, const float *in, const int n[3], int side, err *e)
{
	size_t voxels = volume_count(n);
	float *sum = NULL;
	int code = mem_zero(&sum, voxels, sizeof *sum, "features", e);
	if (code)
		return code;
	sum_along(sum, in, 1, n[0], (long)n[1] * n[2], side);
	sum_along(out, sum, n[0], n[1], n[2], side);
	sum_along(sum, out, (long)n[0] * n[1], n[2], 1, side);
	for (size_t i = 0; i < voxels; i++)
		out[i] = in[i] - sum[i] / (float)(side * side * side);
	free(sum);
	return 0;
}
