#include "nn/ranges.h"

#include <string.h>

#include "nn/layer.h"

enum { MOST = 8 };

typedef struct ranges_layer {
	layer base;
	float edge[MOST], soft;
} ranges_layer;

/* How far v lies above an edge, 0..1. */
static float above(float v, float edge, float soft)
{
	const float x = (v - edge) / soft + .5f;
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

static void forward(graph *g, layer *l)
{
	const ranges_layer *r = (const ranges_layer *)l;
	const int n = l->s.c;
	const float *x = l->in[0]->v;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < shape_count(l->in[0]->s); i++)
		for (int k = 0; k < n; k++)
			l->v[i * (size_t)n + (size_t)k] =
				above(x[i], r->edge[k], r->soft) - (k + 1 < n ? above(x[i], r->edge[k + 1], r->soft) : 0);
}

static const layer_kind kind = { .name = "ranges", .size = sizeof(ranges_layer), .forward = forward };

layer *ranges(graph *g, layer *x, const double *edges, int n, double soft)
{
	shape s = graph_shape(x);
	if (n > MOST || (x && s.c != 1))
		return graph_fail(g, ERR_BUG, "ranges: %d of them, %d channels", n, s.c);
	s.c = n;
	layer *l = layer_add(g, &kind, s, 1, &x);
	for (int k = 0; l && k < n; k++)
		((ranges_layer *)l)->edge[k] = (float)edges[k];
	if (l)
		((ranges_layer *)l)->soft = (float)soft;
	return l;
}
