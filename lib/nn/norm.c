#include "nn/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/channel_sums.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* Both norms are one thing: statistics over sets of channels and voxels; group norm has a set per volume and group, batch norm one per
 * channel over all volumes. scale = gamma r, shift = beta - mean scale, r = 1/sqrt(var + eps). */
typedef struct norm_layer {
	layer base; /* in: x; kept: double [sets] mean, [sets] r */
	int groups; /* per volume; 0: batch norm */
	double eps, momentum;
	bool fixed; /* batch norm by its running statistics: in graphs that do not train, which have no way back */
	int sets, per_set; /* per_set: channels in a set */
	double count; /* values in a set */
} norm_layer;

enum { GAMMA, BETA, MEAN, VAR, STEPS };

static const norm_layer *of(const layer *l) { return (const norm_layer *)l; }

/* The set of channel k of volume b. */
static int set_of(const norm_layer *n, int b, int k) { return n->groups ? b * n->groups + k / n->per_set : k; }

static void settle(graph *g, layer *l)
{
	norm_layer *n = (norm_layer *)l;
	const shape s = l->in[0]->s;
	n->sets = n->groups ? s.b * n->groups : s.c;
	n->per_set = n->groups ? s.c / n->groups : 1;
	n->count = (double)shape_voxels(s) * (n->groups ? n->per_set : s.b);
	n->fixed = !n->groups && graph_use(g) != GRAPH_TRAIN;
	l->state = 2 * (size_t)n->sets * sizeof(double);
	l->reads_in[0] = l->in[0]->needs_grad;
}

/* ---- there ---- */

/* mean and r of every set, from the values. */
static void measure(graph *g, const layer *l, double *stats)
{
	const norm_layer *n = of(l);
	const layer *x = l->in[0];
	const int ch = x->s.c;
	double *own = x->sums ? NULL : calloc(2 * (size_t)x->s.b * (size_t)ch, sizeof *own);
	const double *sum = x->sums ? x->sums : own;
	if (!sum) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	if (own)
		channel_sums(g, x->v, x->s.b, shape_voxels(x->s), ch, true, own);
	memset(stats, 0, 2 * (size_t)n->sets * sizeof *stats);
	for (int b = 0; b < x->s.b; b++, sum += 2 * ch)
		for (int k = 0; k < ch; k++) {
			stats[set_of(n, b, k)] += sum[k];
			stats[n->sets + set_of(n, b, k)] += sum[ch + k];
		}
	free(own);
	for (int s = 0; s < n->sets; s++) {
		const double mean = stats[s] / n->count, var = stats[n->sets + s] / n->count - mean * mean;
		stats[s] = mean;
		stats[n->sets + s] = 1 / sqrt((var > 0 ? var : 0) + n->eps);
	}
}

/* The running statistics go on. */
static void track(layer *l, const double *stats)
{
	const norm_layer *n = of(l);
	for (int k = 0; k < n->sets; k++) {
		const double r = stats[n->sets + k], var = 1 / (r * r) - n->eps,
			     unbiased = var * n->count / (n->count > 1 ? n->count - 1 : 1);
		float *mean = &l->p[MEAN]->v[k], *running = &l->p[VAR]->v[k];
		*mean = (float)((1 - n->momentum) * (double)*mean + n->momentum * stats[k]);
		*running = (float)((1 - n->momentum) * (double)*running + n->momentum * unbiased);
	}
	l->p[STEPS]->v[0]++;
}

static void recall(const layer *l, double *stats)
{
	const norm_layer *n = of(l);
	for (int k = 0; k < n->sets; k++) {
		stats[k] = (double)l->p[MEAN]->v[k];
		stats[n->sets + k] = 1 / sqrt((double)l->p[VAR]->v[k] + n->eps);
	}
}

static void forward(graph *g, layer *l)
{
	const norm_layer *n = of(l);
	const int ch = l->in[0]->s.c;
	double *stats = l->kept;
	if (n->fixed)
		recall(l, stats);
	else
		measure(g, l, stats);
	if (!graph_ok(g))
		return;
	if (!n->fixed && !n->groups)
		track(l, stats);
	for (int b = 0; b < l->s.b; b++)
		for (int k = 0; k < ch; k++) {
			const int s = set_of(n, b, k);
			const double scale = (double)l->p[GAMMA]->v[k] * stats[n->sets + s];
			l->v[(size_t)b * 2 * ch + k] = (float)scale;
			l->v[(size_t)b * 2 * ch + ch + k] = (float)((double)l->p[BETA]->v[k] - stats[s] * scale);
		}
}

/* ---- and back ---- */

/* dshift, dscale -> dgamma, dbeta, and what goes through mean and r of each set. */
static void through_statistics(layer *l, double *dmean, double *dr)
{
	const norm_layer *n = of(l);
	const int ch = l->in[0]->s.c;
	const double *mean = l->kept, *r = mean + n->sets;
	for (int b = 0; b < l->s.b; b++)
		for (int k = 0; k < ch; k++) {
			const int s = set_of(n, b, k);
			const double dscale = (double)l->g[(size_t)b * 2 * ch + k], dshift = (double)l->g[(size_t)b * 2 * ch + ch + k];
			const double gamma = (double)l->p[GAMMA]->v[k], through = dscale - mean[s] * dshift;
			if (layer_trains(l, GAMMA))
				l->p[GAMMA]->g[k] += (float)(through * r[s]);
			if (layer_trains(l, BETA))
				l->p[BETA]->g[k] += (float)dshift;
			dmean[s] -= gamma * r[s] * dshift;
			dr[s] += gamma * through;
		}
}

/* dx = p + q x per channel. */
static void to_input(const graph *g, layer *l, const double *dmean, const double *dr, float *lines)
{
	const norm_layer *n = of(l);
	const layer *x = l->in[0];
	const int ch = x->s.c;
	const double *mean = l->kept, *r = mean + n->sets;
	const size_t plane = (size_t)x->s.y * x->s.z;
	float *dx = layer_gradient(l, 0);
	for (int b = 0; b < x->s.b; b++)
		for (int k = 0; k < ch; k++) {
			float *p = lines + (size_t)b * 2 * ch + k, *q = p + ch;
			const int s = set_of(n, b, k);
			const double slope = -dr[s] * r[s] * r[s] * r[s] / n->count; /* dr/dx = -r^3 (x - mean) / count */
			*q = (float)slope;
			*p = (float)(dmean[s] / n->count - slope * mean[s]);
		}
	if (layer_is_fresh(l, 0))
		memset(dx, 0, shape_count(x->s) * sizeof *dx);
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < x->s.b * x->s.x; i++) {
		const float *p = lines + (size_t)(i / x->s.x) * 2 * ch;
		nn_kernels()->channels->add_line(dx + i * plane * ch, x->v + i * plane * ch, p, p + ch, plane, ch);
	}
}

static void backward(graph *g, layer *l)
{
	const norm_layer *n = of(l);
	const layer *x = l->in[0];
	double *dmean = calloc(2 * (size_t)n->sets, sizeof *dmean), *dr = dmean ? dmean + n->sets : NULL;
	float *lines = calloc((size_t)x->s.b * 2 * (size_t)x->s.c, sizeof *lines); /* p and q of each volume */
	if (!dmean || !lines) {
		graph_fail(g, ERR_OS, "no memory for sums");
	} else {
		through_statistics(l, dmean, dr);
		if (x->needs_grad)
			to_input(g, l, dmean, dr, lines);
	}
	free(dmean);
	free(lines);
}

/* ---- description ---- */

static const layer_kind kind = { .name = "norm", .size = sizeof(norm_layer), .settle = settle, .forward = forward, .backward = backward };

static layer *norm(graph *g, layer *x, norm_layer n, enum init_rule gain, const char *at)
{
	const shape s = graph_shape(x);
	layer *l = layer_add(g, &kind, (shape){ s.b, 1, 1, 1, 2 * s.c }, 1, &x);
	if (!l)
		return NULL;
	n.base = *l;
	*(norm_layer *)l = n;
	layer_param(g, l, GAMMA, (param_entry){ .rank = 1, .n = { s.c }, .rule = gain }, at, "weight");
	layer_param(g, l, BETA, (param_entry){ .rank = 1, .n = { s.c }, .rule = INIT_ZEROS }, at, "bias");
	layer_want_sums(x);
	return l;
}

layer *group_norm(graph *g, layer *x, int groups, double eps, const char *at)
{
	const shape s = graph_shape(x);
	if (x && (groups < 1 || s.c % groups))
		return graph_fail(g, ERR_CONFIG, "%s.weight: %d channels do not fall into %d groups", at, s.c, groups);
	return norm(g, x, (norm_layer){ .groups = groups, .eps = eps }, INIT_ONES, at);
}

layer *batch_norm(graph *g, layer *x, double eps, double momentum, const char *at)
{
	const int ch = graph_shape(x).c;
	layer *l = norm(g, x, (norm_layer){ .eps = eps, .momentum = momentum }, INIT_GAIN, at);
	layer_param(g, l, MEAN, (param_entry){ .rank = 1, .n = { ch }, .rule = INIT_ZEROS }, at, "running_mean");
	layer_param(g, l, VAR, (param_entry){ .rank = 1, .n = { ch }, .rule = INIT_ONES }, at, "running_var");
	layer_param(g, l, STEPS, (param_entry){ .rule = INIT_COUNTER }, at, "num_batches_tracked");
	return l;
}
