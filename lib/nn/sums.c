#include "nn/sums.h"

#include <stdlib.h>

enum { BLOCK = 8192 };	/* voxels; a constant, so that sums do not depend on the number of threads */

static size_t blocks(size_t n) { return (n + BLOCK - 1) / BLOCK; }

static size_t length(size_t n, size_t block) { return n - block * BLOCK < BLOCK ? n - block * BLOCK : BLOCK; }

static double *parts_of(nn *c, size_t n, size_t width)
{
	double *p = calloc(blocks(n) * width, sizeof *p);
	return p ? p : nn_fail(c, ERR_OS, "no memory for sums");
}

static void merge(const double *parts, size_t n, size_t stride, size_t width, double *sum)
{
	for (size_t b = 0; b < blocks(n); b++)
		for (size_t k = 0; k < width; k++)
			sum[k] += parts[b * stride + k];
}

void sums_of(nn *c, const float *x, size_t n, int channels, double *sum, double *square)
{
	size_t ch = (size_t)channels;
	double *parts = parts_of(c, n, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t b = 0; b < blocks(n); b++)
		nn_kernels()->moments(x + b * BLOCK * ch, length(n, b), channels, parts + b * 2 * ch,
				      square ? parts + b * 2 * ch + ch : NULL);
	merge(parts, n, 2 * ch, ch, sum);
	if (square)
		merge(parts + ch, n, 2 * ch, ch, square);
	free(parts);
}

void sums_of_prologue(nn *c, float *dx, bool fresh, const float *d, const float *x, size_t n, int channels, const prologue *p, double *sums)
{
	size_t ch = (size_t)channels;
	double *parts = parts_of(c, n, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t b = 0; b < blocks(n); b++) {
		double *mine = sums ? parts + b * 2 * ch : NULL;
		nn_kernels()->load_backward(dx ? dx + b * BLOCK * ch : NULL, fresh, d + b * BLOCK * ch, x + b * BLOCK * ch, length(n, b),
					    channels, p, mine, mine ? mine + ch : NULL);
	}
	if (sums)
		merge(parts, n, 2 * ch, 2 * ch, sums);
	free(parts);
}
