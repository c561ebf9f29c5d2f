#include "nn/layer_norm.h"

#include <stdlib.h>

#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

enum { GAIN = LAYER_NORM_GAIN, OFFSET = LAYER_NORM_OFFSET };
enum { ROWS = 128, BLOCK = 16 * ROWS }; /* voxels at once; with sums of their own: constants, so that sums do not depend on threads */

static size_t blocks_of(size_t n) { return (n + BLOCK - 1) / BLOCK; }

/* The voxels from..from+*m of a block, m <= ROWS; false behind its end. */
static bool next_rows(size_t n, size_t block, size_t *from, size_t *m)
{
	size_t end = (block + 1) * BLOCK < n ? (block + 1) * BLOCK : n;
	*m = end - *from < ROWS ? end - *from : ROWS;
	return *from < end;
}

/* Block b of the rows; sums [2][channels]: of the gradients of gain and offset. */
static void block_backward(const layer *l, const layer_norm_rows *r, size_t b, bool wanted, double *sums)
{
	const channel_kernels *k = nn_kernels()->channels;
	const float *gain = l->p[GAIN]->v, *offset = l->p[OFFSET]->v;
	const size_t ch = (size_t)r->channels;
	float stats[2 * ROWS];
	for (size_t i = b * BLOCK, m; next_rows(r->n, b, &i, &m); i += m) {
		const float *x = r->x + i * ch, *d = r->d + i * ch;
		k->normalise(NULL, stats, x, m, r->channels, gain, offset, r->eps);
		if (wanted)
			k->normalise_gain(d, x, stats, m, r->channels, sums, sums + ch);
		if (r->dx)
			k->normalise_backward(r->dx + i * ch, r->fresh, d, x, stats, m, r->channels, gain);
	}
}

void layer_norm_backward(graph *g, layer *l, const layer_norm_rows *r)
{
	const size_t ch = (size_t)r->channels;
	const bool wanted = layer_trains(l, GAIN) || layer_trains(l, OFFSET);
	double *parts = calloc(blocks_of(r->n) * 2 * ch, sizeof *parts);
	if (!parts) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t b = 0; b < blocks_of(r->n); b++)
		block_backward(l, r, b, wanted, parts + b * 2 * ch);
	for (size_t b = 0; b < blocks_of(r->n); b++)
		for (size_t i = 0; i < ch; i++) {
			if (layer_trains(l, GAIN))
				l->p[GAIN]->g[i] += (float)parts[b * 2 * ch + i];
			if (layer_trains(l, OFFSET))
				l->p[OFFSET]->g[i] += (float)parts[b * 2 * ch + ch + i];
		}
	free(parts);
}

typedef struct norm_layer {
	layer base; /* in: x; p: gain, offset */
	float eps;
} norm_layer;

static const norm_layer *of(const layer *l) { return (const norm_layer *)l; }

static void settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[0] = true;
	l->over = l->hands = 0; /* voxel by voxel, there and back */
}

static void forward(graph *g, layer *l)
{
	const size_t ch = (size_t)l->s.c, n = shape_count(l->s) / ch;
	const float *x = l->in[0]->v, *gain = l->p[GAIN]->v, *offset = l->p[OFFSET]->v;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t b = 0; b < blocks_of(n); b++) {
		size_t i = b * BLOCK, m = n - i < BLOCK ? n - i : BLOCK;
		nn_kernels()->channels->normalise(l->v + i * ch, NULL, x + i * ch, m, l->s.c, gain, offset, of(l)->eps);
	}
}

static void backward(graph *g, layer *l)
{
	layer_norm_rows r = { .x = l->in[0]->v, .d = l->g, .channels = l->s.c, .eps = of(l)->eps };
	r.n = shape_count(l->s) / (size_t)l->s.c;
	r.dx = layer_gradient(l, 0);
	r.fresh = layer_is_fresh(l, 0);
	layer_norm_backward(g, l, &r);
}

static const layer_kind kind = {
	.name = "layer norm", .size = sizeof(norm_layer), .settle = settle, .forward = forward, .backward = backward
};

void layer_norm_params(graph *g, layer *l, int channels, const char *at, const char *weight, const char *bias)
{
	layer_param(g, l, GAIN, (param_entry){ .rank = 1, .n = { channels }, .rule = INIT_ONES }, at, weight);
	layer_param(g, l, OFFSET, (param_entry){ .rank = 1, .n = { channels }, .rule = INIT_ZEROS }, at, bias);
}

layer *layer_norm(graph *g, layer *x, double eps, const char *at)
{
	layer *l = layer_add(g, &kind, graph_shape(x), 1, &x);
	if (l)
		((norm_layer *)l)->eps = (float)eps;
	layer_norm_params(g, l, graph_shape(x).c, at, "weight", "bias");
	return l;
}
