#include "nn/blocks.h"

#include <string.h>

#include "nn/layer.h"

typedef struct blocks_layer {
	layer base;
	int k;
	bool gather; /* from the fine grid into boxes; else back */
} blocks_layer;

/* Copies (or adds) `from` to `to`, from the fine grid into boxes (`gather`) or back: runs of k voxels along z lie one behind the other in
 * both. fine: the shape of the fine grid. */
static void copy_runs(const graph *g, shape fine, int k, float *to, const float *from, bool gather, bool add)
{
	const size_t run = (size_t)k * fine.c, box = run * k * k, line = (size_t)(fine.z / k) * box;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < fine.b * fine.x * fine.y; i++) {
		const int y = i % fine.y, x = i / fine.y % fine.x, b = i / fine.y / fine.x;
		const size_t coarse =
			(((size_t)b * (fine.x / k) + x / k) * (fine.y / k) + y / k) * line + (size_t)(x % k * k + y % k) * run;
		for (int z = 0; z < fine.z / k; z++) {
			const size_t in_boxes = coarse + z * box, in_lines = (size_t)i * fine.z * fine.c + z * run;
			float *out = to + (gather ? in_boxes : in_lines);
			const float *in = from + (gather ? in_lines : in_boxes);
			if (!add)
				memcpy(out, in, run * sizeof *out);
			for (size_t j = 0; add && j < run; j++)
				out[j] += in[j];
		}
	}
}

static shape fine_of(const layer *l) { return ((const blocks_layer *)l)->gather ? l->in[0]->s : l->s; }

static void forward(graph *g, layer *l)
{
	const blocks_layer *b = (const blocks_layer *)l;
	copy_runs(g, fine_of(l), b->k, l->v, l->in[0]->v, b->gather, false);
}

static void backward(graph *g, layer *l)
{
	const blocks_layer *b = (const blocks_layer *)l;
	if (layer_gradient(l, 0))
		copy_runs(g, fine_of(l), b->k, layer_gradient(l, 0), l->g, !b->gather, !layer_is_fresh(l, 0));
}

static const layer_kind kind = { .name = "blocks", .size = sizeof(blocks_layer), .forward = forward, .backward = backward };

static layer *rearranged(graph *g, layer *x, shape s, int k, bool gather)
{
	layer *l = layer_add(g, &kind, s, 1, &x);
	if (l) {
		((blocks_layer *)l)->k = k;
		((blocks_layer *)l)->gather = gather;
	}
	return l;
}

layer *to_blocks(graph *g, layer *x, int k)
{
	const shape s = graph_shape(x);
	if (k == 1)
		return x;
	if (s.x % k || s.y % k || s.z % k)
		return graph_fail(g, ERR_DATA, "a grid of %dx%dx%d has no whole blocks of %d voxels a side", s.x, s.y, s.z, k);
	return rearranged(g, x, (shape){ s.b, s.x / k, s.y / k, s.z / k, s.c * k * k * k }, k, true);
}

layer *from_blocks(graph *g, layer *x, int k)
{
	const shape s = graph_shape(x);
	if (k == 1)
		return x;
	if (s.c % (k * k * k))
		return graph_fail(g, ERR_CONFIG, "%d channels are no blocks of %d voxels a side", s.c, k);
	return rearranged(g, x, (shape){ s.b, s.x * k, s.y * k, s.z * k, s.c / (k * k * k) }, k, false);
}

/* The same numbers in the same order: in the same place, if nobody else reads them. */
static void settle_flat(graph *g, layer *l)
{
	(void)g;
	l->over = l->hands = 0;
}

static void forward_flat(graph *g, layer *l)
{
	(void)g;
	if (l->v != l->in[0]->v)
		memcpy(l->v, l->in[0]->v, shape_count(l->s) * sizeof *l->v);
}

static void backward_flat(graph *g, layer *l) { layer_pass_gradient(g, l, 0); }

static const layer_kind flat = {
	.name = "flatten", .size = sizeof(layer), .settle = settle_flat, .forward = forward_flat, .backward = backward_flat
};

layer *flatten(graph *g, layer *x)
{
	const shape s = graph_shape(x);
	return layer_add(g, &flat, (shape){ s.b, 1, 1, 1, s.x * s.y * s.z * s.c }, 1, &x);
}
