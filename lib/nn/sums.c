#include "nn/sums.h"

#include <stdlib.h>

enum { BLOCK = 1 << 15 }; /* numbers; a constant, so that sums do not depend on the number of threads */

/* Volumes of n voxels in blocks of `each`: `per` a volume, `count` in all. */
typedef struct blocks {
	size_t n, each, per, count;
} blocks;

static blocks blocks_of(int volumes, size_t n, int channels)
{
	size_t each = BLOCK / (size_t)channels + 1, per = (n + each - 1) / each;
	return (blocks){ n, each, per, per * (size_t)volumes };
}

/* Block i: its first voxel, counted through all volumes, and how many there are. */
static size_t start(const blocks *b, size_t i) { return i / b->per * b->n + i % b->per * b->each; }
static size_t length(const blocks *b, size_t i)
{
	size_t left = b->n - i % b->per * b->each;
	return left < b->each ? left : b->each;
}

static double *parts_of(graph *g, const blocks *b, size_t width)
{
	double *p = calloc(b->count * width, sizeof *p);
	return p ? p : graph_fail(g, ERR_OS, "no memory for sums");
}

/* parts [count][width], block by block, to sums [volumes][width]. */
static void merge(const double *parts, const blocks *b, size_t width, double *sums)
{
	for (size_t i = 0; i < b->count; i++)
		for (size_t k = 0; k < width; k++)
			sums[i / b->per * width + k] += parts[i * width + k];
}

void sums_of(graph *g, const float *x, int volumes, size_t n, int channels, bool squares, double *sums)
{
	size_t ch = (size_t)channels, width = squares ? 2 * ch : ch;
	const blocks b = blocks_of(volumes, n, channels);
	double *parts = parts_of(g, &b, width);
	if (!parts)
		return;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < b.count; i++)
		nn_kernels()->moments(x + start(&b, i) * ch, length(&b, i), channels, parts + i * width,
				      squares ? parts + i * width + ch : NULL);
	merge(parts, &b, width, sums);
	free(parts);
}

void sums_to_bias(graph *g, const float *dout, shape s, param *bias)
{
	double *sum = calloc(bias->count, sizeof *sum);
	if (!sum) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	sums_of(g, dout, 1, shape_count(s) / bias->count, s.c, false, sum);
	for (size_t k = 0; k < bias->count; k++)
		bias->g[k] += (float)sum[k];
	free(sum);
}

void sums_of_prologue(graph *g, float *dx, bool fresh, const float *d, const float *x, int volumes, size_t n, int channels,
		      const prologue *p, double *sums)
{
	size_t ch = (size_t)channels;
	const blocks b = blocks_of(volumes, n, channels);
	double *parts = parts_of(g, &b, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < b.count; i++) {
		double *mine = sums ? parts + i * 2 * ch : NULL;
		size_t at = start(&b, i) * ch;
		nn_kernels()->load_backward(dx ? dx + at : NULL, fresh, d + at, x + at, length(&b, i), channels, p + i / b.per, mine,
					    mine ? mine + ch : NULL);
	}
	if (sums)
		merge(parts, &b, 2 * ch, sums);
	free(parts);
}
