#include "nn/sums.h"

#include <stdlib.h>

enum { BLOCK = 1 << 15 };	/* numbers; a constant, so that sums do not depend on the number of threads */

/* n voxels in blocks of `each`. */
typedef struct blocks {
	size_t n, each, count;
} blocks;

static blocks blocks_of(size_t n, int channels)
{
	size_t each = BLOCK / (size_t)channels + 1;
	return (blocks){ n, each, (n + each - 1) / each };
}

static size_t length(const blocks *b, size_t i) { return b->n - i * b->each < b->each ? b->n - i * b->each : b->each; }

static double *parts_of(nn *c, const blocks *b, size_t width)
{
	double *p = calloc(b->count * width, sizeof *p);
	return p ? p : nn_fail(c, ERR_OS, "no memory for sums");
}

static void merge(const double *parts, const blocks *b, size_t stride, size_t width, double *sum)
{
	for (size_t i = 0; i < b->count; i++)
		for (size_t k = 0; k < width; k++)
			sum[k] += parts[i * stride + k];
}

void sums_of(nn *c, const float *x, size_t n, int channels, double *sum, double *square)
{
	size_t ch = (size_t)channels;
	const blocks b = blocks_of(n, channels);
	double *parts = parts_of(c, &b, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t i = 0; i < b.count; i++)
		nn_kernels()->moments(x + i * b.each * ch, length(&b, i), channels, parts + i * 2 * ch,
				      square ? parts + i * 2 * ch + ch : NULL);
	merge(parts, &b, 2 * ch, ch, sum);
	if (square)
		merge(parts + ch, &b, 2 * ch, ch, square);
	free(parts);
}

void sums_to_bias(nn *c, const tensor *out, param *bias)
{
	double *sum = calloc(bias->count, sizeof *sum);
	if (!sum) {
		nn_fail(c, ERR_OS, "no memory for sums");
		return;
	}
	sums_of(c, out->g, shape_count(out->s) / bias->count, out->s.c, sum, NULL);
	for (size_t k = 0; k < bias->count; k++)
		bias->g[k] += (float)sum[k];
	free(sum);
}

void sums_of_prologue(nn *c, float *dx, bool fresh, const float *d, const float *x, size_t n, int channels, const prologue *p, double *sums)
{
	size_t ch = (size_t)channels;
	const blocks b = blocks_of(n, channels);
	double *parts = parts_of(c, &b, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t i = 0; i < b.count; i++) {
		double *mine = sums ? parts + i * 2 * ch : NULL;
		size_t at = i * b.each * ch;
		nn_kernels()->load_backward(dx ? dx + at : NULL, fresh, d + at, x + at, length(&b, i), channels, p, mine,
					    mine ? mine + ch : NULL);
	}
	if (sums)
		merge(parts, &b, 2 * ch, 2 * ch, sums);
	free(parts);
}
