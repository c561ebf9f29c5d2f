#include "realism/layers.h"

#include <math.h>

#include "nn/layer.h"
#include "realism/boxes.h"

/* ---- ReLU ---- */

static void relu_settle(graph *g, layer *l)
{
	(void)g;
	l->over = 0;
}

static void relu_forward(graph *g, layer *l)
{
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < shape_count(l->s); i++)
		l->v[i] = fmaxf(l->in[0]->v[i], 0);
}

static const layer_kind relu_kind = { .name = "ReLU", .size = sizeof(layer), .settle = relu_settle, .forward = relu_forward };

layer *relu(graph *g, layer *x) { return layer_add(g, &relu_kind, graph_shape(x), 1, &x); }

/* ---- boxes ---- */

typedef struct boxes_layer {
	layer base;
	int side, step;
} boxes_layer;

static void boxes_forward(graph *g, layer *l)
{
	const boxes_layer *b = (const boxes_layer *)l;
	const shape s = l->in[0]->s;
	const size_t from = shape_count(s) / (size_t)s.b, to = shape_count(l->s) / (size_t)s.b;
	(void)g;
	for (size_t i = 0; i < (size_t)s.b; i++)
		boxes_mean(l->v + i * to, l->in[0]->v + i * from, (const int[3]){ s.x, s.y, s.z }, s.c, b->side, b->step);
}

static const layer_kind boxes_kind = { .name = "means over boxes", .size = sizeof(boxes_layer), .forward = boxes_forward };

layer *box_means(graph *g, layer *x, int side, int step)
{
	shape s = graph_shape(x);
	s.x = boxes_along(s.x, side, step);
	s.y = boxes_along(s.y, side, step);
	s.z = boxes_along(s.z, side, step);
	layer *l = layer_add(g, &boxes_kind, s, 1, &x);
	if (l) {
		((boxes_layer *)l)->side = side;
		((boxes_layer *)l)->step = step;
	}
	return l;
}
