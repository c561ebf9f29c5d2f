#include "nn/channel_sums.h"

#include <stdlib.h>

enum { BLOCK = 1 << 15 }; /* numbers; a constant, so that sums do not depend on the number of threads */

/* Volumes of n voxels, cut into blocks of `size` voxels. */
typedef struct blocks {
	size_t n, size, per_volume, count;
} blocks;

static blocks blocks_of(int volumes, size_t n, int channels)
{
	size_t size = BLOCK / (size_t)channels + 1, per_volume = (n + size - 1) / size;
	return (blocks){ n, size, per_volume, per_volume * (size_t)volumes };
}

/* Block i: its first voxel, counted through all volumes, and how many there are. */
static size_t start(const blocks *b, size_t i) { return i / b->per_volume * b->n + i % b->per_volume * b->size; }
static size_t length(const blocks *b, size_t i)
{
	size_t left = b->n - i % b->per_volume * b->size;
	return left < b->size ? left : b->size;
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
			sums[i / b->per_volume * width + k] += parts[i * width + k];
}

void channel_sums(graph *g, const float *x, int volumes, size_t n, int channels, bool squares, double *sums)
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

void bias_gradient(graph *g, const float *dout, shape s, param *bias)
{
	double *sum = calloc(bias->count, sizeof *sum);
	if (!sum) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	channel_sums(g, dout, 1, shape_count(s) / bias->count, s.c, false, sum);
	for (size_t k = 0; k < bias->count; k++)
		bias->g[k] += (float)sum[k];
	free(sum);
}

void channel_sums_backward(graph *g, shape s, const affine_act_gradient *to)
{
	size_t ch = (size_t)s.c;
	const blocks b = blocks_of(s.b, shape_voxels(s), s.c);
	double *parts = parts_of(g, &b, 2 * ch);
	if (!parts)
		return;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < b.count; i++) {
		double *mine = to->sums ? parts + i * 2 * ch : NULL;
		size_t at = start(&b, i) * ch;
		nn_kernels()->load_backward(to->dx ? to->dx + at : NULL, to->fresh, to->d + at, to->x + at, length(&b, i), s.c,
					    to->p + i / b.per_volume, mine, mine ? mine + ch : NULL);
	}
	if (to->sums)
		merge(parts, &b, 2 * ch, to->sums);
	free(parts);
}
