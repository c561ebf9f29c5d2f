/* For tests of layers: a graph around some of them, from inputs whose numbers are given, in memory's order, to one number, sum of r y,
 * from which the way back gives y the gradient r. Include after unit.h. */
#ifndef TESTS_NN_LAYERS_H
#define TESTS_NN_LAYERS_H

#include "base/philox.h"
#include "nn/graph_private.h"

/* ---- layers of the tests' own ---- */

static inline void copy_forward(graph *g, layer *l)
{
	(void)g;
	memcpy(l->v, l->in[0]->v, shape_count(l->s) * sizeof(float));
}

static inline void copy_backward(graph *g, layer *l) { layer_pass_gradient(g, l, 0); }

static const layer_kind copy_kind = { .name = "copy", .size = sizeof(layer), .forward = copy_forward, .backward = copy_backward };

/* x in a place that others may take, which they may not take of an input. */
static inline layer *copied(graph *g, layer *x) { return layer_add(g, &copy_kind, graph_shape(x), 1, &x); }

static inline void weighed_forward(graph *g, layer *l)
{
	(void)g;
	double sum = 0;
	for (size_t i = 0; i < shape_count(l->in[0]->s); i++)
		sum += (double)l->in[0]->v[i] * (double)l->in[1]->v[i];
	l->v[0] = (float)sum + (l->in[2] ? l->in[2]->v[0] : 0);
}

static inline void weighed_backward(graph *g, layer *l)
{
	float *d = layer_gradient(l, 0);
	for (size_t i = 0; d && i < shape_count(l->in[0]->s); i++)
		d[i] = (layer_is_fresh(l, 0) ? 0 : d[i]) + l->g[0] * l->in[1]->v[i];
	layer_pass_gradient(g, l, 2);
}

static inline void weighed_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[1] = true;
}

static const layer_kind weighed_kind = {
	.name = "weighed", .size = sizeof(layer), .settle = weighed_settle, .forward = weighed_forward, .backward = weighed_backward
};

/* sum of r y, and another such number; NULL: none. No gradient passes to r. */
static inline layer *weighed_and(graph *g, layer *y, layer *r, layer *before)
{
	layer *l = layer_add(g, &weighed_kind, (shape){ 1, 1, 1, 1, 1 }, 3, (layer *[]){ y, r, before });
	if (l)
		l->constant[1] = true;
	return l;
}

static inline layer *weighed(graph *g, layer *y, layer *r) { return weighed_and(g, y, r, NULL); }

/* ---- numbers ---- */

/* An input whose gradient is wanted. */
static inline layer *learnt_input(graph *g, shape s)
{
	layer *l = graph_input(g, s);
	graph_want_gradient(l);
	return l;
}

static inline void give(layer *input, const float *v) { memcpy(input->v, v, shape_count(input->s) * sizeof *v); }

/* NULL of NULL. */
static inline float *copy_of(const float *v, size_t n)
{
	float *to = v ? malloc(n * sizeof *to) : NULL;
	if (to)
		memcpy(to, v, n * sizeof *to);
	return to;
}

/* Finds parameters in n sets, settles and takes memory; apart: each block's by itself (graph_private.h). */
static inline void made_of(graph *g, params *const *sets, int n, bool apart)
{
	err e;
	SUCCEEDS(graph_bind(g, sets, n, &e));
	SUCCEEDS(graph_settle(g, &e));
	SUCCEEDS(apart ? graph_open_apart(g, &e) : graph_open(g, &e));
}

static inline void made(graph *g, params *ps, bool apart) { made_of(g, (params *const[]){ ps }, 1, apart); }

/* Apart where sanitizers watch, else each second time: who reads what it did not say finds nothing, and the results are the same. */
static inline void made_ready_of(graph *g, params *const *sets, int n)
{
#if defined __SANITIZE_ADDRESS__
	made_of(g, sets, n, true);
#else
	static unsigned turn;
	made_of(g, sets, n, turn++ % 2);
#endif
}

static inline void made_ready(graph *g, params *ps) { made_ready_of(g, (params *const[]){ ps }, 1); }

/* Does the value of b lie where that of a did? */
static inline bool takes_place_of(const layer *b, const layer *a) { return b->place[PLACE_VALUE] == a->place[PLACE_VALUE]; }

/* Draws from (*seed, use). */
static inline philox random_of(const void *seed, const char *use) { return philox_make(*(const uint64_t *)seed, philox_hash(use)); }

#endif
