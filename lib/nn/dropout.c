#include "nn/dropout.h"

#include <string.h>

#include "nn/affine_act.h"

void drop_factors(const drop *d, uint64_t first, size_t n, float *factors)
{
	const float kept = (float)(1 / (1 - d->rate));
	uint32_t word[4];
	for (size_t k = 0; k < n; k++) {
		uint64_t i = first + k;
		if (!d->number && (k == 0 || i % 4 == 0))
			philox_block(d->random, i / 4, word);
		double u = d->number ? d->number(d->random, i) : word[i % 4] * 0x1p-32;
		factors[k] = u >= d->rate ? kept : 0;
	}
}

float drop_factor(const drop *d, uint64_t i)
{
	float factor;
	drop_factors(d, i, 1, &factor);
	return factor;
}

dropper dropper_of(graph *g, double rate, const char *use, const char *what)
{
	dropper d = { .rate = rate };
	if (!(rate >= 0 && rate < 1))
		graph_fail(g, ERR_BUG, "%s: a rate of %g", what, rate);
	else if (rate > 0)
		layer_use(g, d.use, use);
	return d;
}

drop drop_now(const graph *g, const dropper *d)
{
	drop now = { 0 };
	if (d->rate > 0 && layer_draws(g)) {
		now.rate = d->rate;
		now.random = layer_random(g, d->use, &now.number);
	}
	return now;
}

/* ---- the layer ---- */

typedef struct dropout_layer {
	layer base; /* in: x, norm */
	enum act act;
	dropper dropper;
	drop now;
} dropout_layer;

enum { X, NORM };

static dropout_layer *of(layer *l) { return (dropout_layer *)l; }

enum { RUN = 64 }; /* voxels whose factors are made together */

/* to = from times the factors of s, both in memory's order; may be one. */
static void multiply(const graph *g, shape s, const drop *d, const float *from, float *to)
{
	size_t voxels = (size_t)s.x * s.y * s.z, ch = (size_t)s.c, runs = (voxels + RUN - 1) / RUN;
	if (!(d->rate > 0)) {
		if (to != from)
			memcpy(to, from, shape_count(s) * sizeof *to);
		return;
	}
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < (size_t)s.b * runs; i++) {
		size_t b = i / runs, first = i % runs * RUN, at = (b * voxels + first) * ch;
		size_t n = voxels - first < RUN ? voxels - first : RUN;
		for (size_t k = 0; k < ch; k++) {
			float factors[RUN];
			drop_factors(d, (b * ch + k) * voxels + first, n, factors);
			for (size_t v = 0; v < n; v++)
				to[at + v * ch + k] = from[at + v * ch + k] * factors[v];
		}
	}
}

/* A gradient that goes through norm or activation reads x. */
static void settle(graph *g, layer *l)
{
	(void)g;
	const bool wanted = l->in[X]->needs_grad || (l->in[NORM] && l->in[NORM]->needs_grad);
	l->reads_in[X] = l->reads_in[NORM] = wanted && (l->in[NORM] || of(l)->act != ACT_NONE);
	l->hands = X; /* multiplied in its place */
	l->work_back = layer_is_fresh(l, X) ? 0 : shape_count(l->s);
}

static void forward(graph *g, layer *l)
{
	dropout_layer *n = of(l);
	const layer *x = l->in[X];
	size_t one = shape_count(x->s) / (size_t)x->s.b, ch = (size_t)x->s.c;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < (size_t)x->s.b * x->s.x; i++) {
		const affine_act p = affine_act_of(l->in[NORM] ? l->in[NORM]->v : NULL, n->act, (int)(i / (size_t)x->s.x), x->s.c);
		size_t some = one / (size_t)x->s.x, at = i * some;
		nn_kernels()->load(l->v + at, x->v + at, some / ch, x->s.c, x->s.c, &p);
	}
	n->now = drop_now(g, &n->dropper);
	multiply(g, x->s, &n->now, l->v, l->v);
}

static void backward(graph *g, layer *l)
{
	const dropout_layer *n = of(l);
	float *d = layer_is_fresh(l, X) ? l->in[X]->g : graph_work(g);
	multiply(g, l->s, &n->now, l->g, d);
	affine_act_backward(g, l, n->act, d);
}

static const layer_kind kind = {
	.name = "dropout", .size = sizeof(dropout_layer), .settle = settle, .forward = forward, .backward = backward
};

layer *dropout(graph *g, layer *x, layer *norm, enum act act, double rate, const char *use)
{
	const shape s = graph_shape(x);
	const dropper d = dropper_of(g, rate, use, "dropout");
	if (norm && !shape_equal(graph_shape(norm), (shape){ s.b, 1, 1, 1, 2 * s.c }))
		return graph_fail(g, ERR_BUG, "dropout: the normalisation has another shape");
	layer *l = layer_add(g, &kind, s, 2, (layer *[]){ x, norm });
	if (l) {
		of(l)->act = act;
		of(l)->dropper = d;
	}
	return l;
}
