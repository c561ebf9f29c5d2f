#include "nn/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer.h"

/* ---- means ---- */

static void mean_forward(graph *g, layer *l)
{
	const shape s = l->in[0]->s;
	const float *x = l->in[0]->v;
	size_t ch = (size_t)s.c, map = (size_t)s.y * (size_t)s.z, maps = (size_t)s.b * (size_t)s.x;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < maps * ch; i++) {
		const float *from = x + i / ch * map * ch + i % ch;
		double sum = 0;
		for (size_t j = 0; j < map; j++)
			sum += (double)from[j * ch];
		l->v[i] = (float)(sum / (double)map);
	}
}

static void mean_backward(graph *g, layer *l)
{
	const shape s = l->in[0]->s;
	const bool fresh = layer_is_fresh(l, 0);
	float *dx = layer_gradient(l, 0);
	size_t ch = (size_t)s.c, map = (size_t)s.y * (size_t)s.z, maps = (size_t)s.b * (size_t)s.x;
	if (!dx)
		return;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < maps * map; i++)
		for (size_t k = 0; k < ch; k++)
			dx[i * ch + k] = (fresh ? 0 : dx[i * ch + k]) + l->g[i / map * ch + k] / (float)map;
}

static const layer_kind mean_kind = { .name = "means of maps", .size = sizeof(layer), .forward = mean_forward, .backward = mean_backward };

layer *map_mean(graph *g, layer *x)
{
	const shape s = graph_shape(x);
	return layer_add(g, &mean_kind, (shape){ s.b, 1, 1, s.x, s.c }, 1, &x);
}

/* ---- codes of places ---- */

static void code_settle(graph *g, layer *l)
{
	(void)g;
	l->over = l->hands = 0;
}

static void code_forward(graph *g, layer *l)
{
	(void)g;
	const float *x = l->in[0]->v, *code = l->p[0]->v;
	const size_t one = (size_t)l->s.z * (size_t)l->s.c;
	for (size_t i = 0; i < shape_count(l->s); i++)
		l->v[i] = x[i] + code[i % one];
}

static void code_backward(graph *g, layer *l) { layer_pass_gradient(g, l, 0); }

static const layer_kind code_kind = {
	.name = "code of places", .size = sizeof(layer), .settle = code_settle, .forward = code_forward, .backward = code_backward
};

layer *add_code(graph *g, layer *x, int n, const char *name)
{
	const shape s = graph_shape(x);
	if (s.z > n)
		return graph_fail(g, ERR_CONFIG, "%s: made for %d slices, not for %d", name, n, s.z);
	layer *l = layer_add(g, &code_kind, s, 1, &x);
	layer_param(g, l, 0, (param_entry){ .rank = 3, .n = { 1, n, s.c }, .rule = INIT_ZEROS }, name, "");
	return l;
}

/* ---- soft attention ---- */

enum { X, SCORE };

/* w = softmax of n scores. */
static void softmax(double *w, const float *score, int n)
{
	double most = (double)score[0], sum = 0;
	for (int i = 1; i < n; i++)
		most = fmax(most, (double)score[i]);
	for (int i = 0; i < n; i++)
		sum += w[i] = exp((double)score[i] - most);
	for (int i = 0; i < n; i++)
		w[i] /= sum;
}

static void soft_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[X] = l->in[SCORE]->needs_grad;
	l->reads_in[SCORE] = true;
}

static void soft_forward(graph *g, layer *l)
{
	const float *x = l->in[X]->v;
	const int n = l->in[X]->s.z, ch = l->s.c;
	double *w = calloc((size_t)n + (size_t)ch, sizeof *w), *sum = w ? w + n : NULL;
	if (!w)
		graph_fail(g, ERR_OS, "no memory for sums");
	for (int b = 0; w && b < l->s.b; b++) {
		softmax(w, l->in[SCORE]->v + (size_t)b * n, n);
		memset(sum, 0, (size_t)ch * sizeof *sum);
		for (int s = 0; s < n; s++)
			for (int k = 0; k < ch; k++)
				sum[k] += w[s] * (double)x[((size_t)b * n + s) * ch + k];
		for (int k = 0; k < ch; k++)
			l->v[(size_t)b * ch + k] = (float)sum[k];
	}
	free(w);
}

/* dx_s += w_s dout; dscore_s += w_s (<dout, x_s> - sum over r of w_r <dout, x_r>), of volume b. w, along: room for a number of each slice.
 */
static void soft_volume(layer *l, int b, double *w, double *along)
{
	const int n = l->in[X]->s.z, ch = l->s.c;
	const bool fresh = layer_is_fresh(l, X), fresh_score = layer_is_fresh(l, SCORE);
	const float *x = l->in[X]->v, *d = l->g + (size_t)b * ch;
	float *dx = layer_gradient(l, X), *dscore = layer_gradient(l, SCORE);
	double mean = 0;
	softmax(w, l->in[SCORE]->v + (size_t)b * n, n);
	for (int s = 0; s < n; s++) {
		const size_t at = ((size_t)b * n + s) * ch;
		along[s] = 0;
		for (int k = 0; dscore && k < ch; k++)
			along[s] += (double)d[k] * (double)x[at + k];
		for (int k = 0; dx && k < ch; k++)
			dx[at + k] = (fresh ? 0 : dx[at + k]) + (float)(w[s] * (double)d[k]);
		mean += w[s] * along[s];
	}
	for (int s = 0; dscore && s < n; s++) {
		float *to = &dscore[(size_t)b * n + s];
		*to = (fresh_score ? 0 : *to) + (float)(w[s] * (along[s] - mean));
	}
}

static void soft_backward(graph *g, layer *l)
{
	const int n = l->in[X]->s.z;
	double *w = calloc(2 * (size_t)n, sizeof *w);
	if (!w)
		graph_fail(g, ERR_OS, "no memory for sums");
	for (int b = 0; w && b < l->s.b; b++)
		soft_volume(l, b, w, w + n);
	free(w);
}

static const layer_kind soft_kind = {
	.name = "soft attention", .size = sizeof(layer), .settle = soft_settle, .forward = soft_forward, .backward = soft_backward
};

layer *soft_pool(graph *g, layer *x, layer *score)
{
	const shape s = graph_shape(x), slices = { s.b, 1, 1, s.z, s.c }, scores = { s.b, 1, 1, s.z, 1 };
	if (!shape_equal(s, slices) || !shape_equal(graph_shape(score), scores))
		return graph_fail(g, ERR_BUG, "soft attention: scores and slices do not fit together");
	return layer_add(g, &soft_kind, (shape){ s.b, 1, 1, 1, s.c }, 2, (layer *[]){ x, score });
}

/* ---- cut ---- */

typedef struct cut_layer {
	layer base;
	int axis;
} cut_layer;

static void cut_forward(graph *g, layer *l)
{
	const layer *x = l->in[0];
	const size_t steps[3] = { (size_t)x->s.y * (size_t)x->s.z, (size_t)x->s.z, 1 }, volume = shape_voxels(x->s);
	const int axis = ((const cut_layer *)l)->axis, first = axis == 0 ? 1 : 0, second = axis == 2 ? 1 : 2;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < l->s.b * l->s.x; i++) {
		const float *from = x->v + (size_t)(i / l->s.x) * volume + (size_t)(i % l->s.x) * steps[axis];
		float *to = l->v + (size_t)i * l->s.y * l->s.z;
		for (int y = 0; y < l->s.y; y++)
			for (int z = 0; z < l->s.z; z++)
				*to++ = from[(size_t)y * steps[first] + (size_t)z * steps[second]];
	}
}

static const layer_kind cut_kind = { .name = "slices", .size = sizeof(cut_layer), .forward = cut_forward };

layer *cut(graph *g, layer *x, int axis)
{
	const shape s = graph_shape(x);
	const int n[3] = { s.x, s.y, s.z };
	layer *l = layer_add(g, &cut_kind, (shape){ s.b, n[axis], n[axis == 0 ? 1 : 0], n[axis == 2 ? 1 : 2], s.c }, 1, &x);
	if (l)
		((cut_layer *)l)->axis = axis;
	return l;
}
