#include "nn/loss.h"

#include <math.h>
#include <stdlib.h>

#include "nn/layer.h"

static const shape SCALAR = { 1, 1, 1, 1, 1 };

enum { BLOCK = 1 << 16 }; /* elements summed on their own, whatever the number of threads */

typedef double term(const float *x, const float *other, float value, size_t i);

/* Sum of f over n elements: per block, merged in block order. */
static double total(graph *g, term *f, const float *x, const float *other, float value, size_t n)
{
	size_t blocks = (n + BLOCK - 1) / BLOCK;
	double *parts = calloc(blocks, sizeof *parts), sum = 0;
	if (!parts) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return 0;
	}
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = b * BLOCK; i < n && i < (b + 1) * BLOCK; i++)
			parts[b] += f(x, other, value, i);
	for (size_t b = 0; b < blocks; b++)
		sum += parts[b];
	free(parts);
	return sum;
}

/* False, the error noted, when a and b differ in shape. */
static bool alike(graph *g, const layer *a, const layer *b, const char *what)
{
	if (graph_ok(g) && !shape_equal(graph_shape(a), graph_shape(b)))
		graph_fail(g, ERR_BUG, "%s: values of different shapes", what);
	return graph_ok(g);
}

/* ---- L1 ---- */

enum { X, TARGET };

static double absolute(const float *x, const float *other, float value, size_t i)
{
	(void)value;
	return fabs((double)x[i] - (double)other[i]);
}

static void l1_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[X] = l->reads_in[TARGET] = true;
}

static void l1_forward(graph *g, layer *l)
{
	const size_t n = shape_count(l->in[X]->s);
	l->v[0] = (float)(total(g, absolute, l->in[X]->v, l->in[TARGET]->v, 0, n) / (double)n);
}

static void l1_backward(graph *g, layer *l)
{
	const float *x = l->in[X]->v, *t = l->in[TARGET]->v;
	const size_t n = shape_count(l->in[X]->s);
	const bool fresh = layer_is_fresh(l, X);
	float *d = layer_gradient(l, X), step = l->g[0] / (float)n;
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < n; i++)
		d[i] = (fresh ? 0 : d[i]) + (x[i] > t[i] ? step : x[i] < t[i] ? -step : 0);
}

static const layer_kind l1_kind = {
	.name = "L1", .size = sizeof(layer), .settle = l1_settle, .forward = l1_forward, .backward = l1_backward
};

layer *l1(graph *g, layer *x, layer *target)
{
	layer *l = alike(g, x, target, "L1") ? layer_add(g, &l1_kind, SCALAR, 2, (layer *[]){ x, target }) : NULL;
	if (l)
		l->constant[TARGET] = true;
	return l;
}

/* ---- squares ---- */

typedef struct squared_layer {
	layer base; /* in: x */
	float value;
} squared_layer;

static float value_of(const layer *l) { return ((const squared_layer *)l)->value; }

static double squared(const float *x, const float *other, float value, size_t i)
{
	(void)other;
	double d = (double)x[i] - (double)value;
	return d * d;
}

static void squared_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[X] = true;
}

static void squared_forward(graph *g, layer *l)
{
	const size_t n = shape_count(l->in[X]->s);
	l->v[0] = (float)(total(g, squared, l->in[X]->v, NULL, value_of(l), n) / (double)n);
}

static void squared_backward(graph *g, layer *l)
{
	(void)g;
	const float *x = l->in[X]->v, value = value_of(l);
	const size_t n = shape_count(l->in[X]->s);
	const bool fresh = layer_is_fresh(l, X);
	float *d = layer_gradient(l, X), step = 2 * l->g[0] / (float)n;
	for (size_t i = 0; i < n; i++)
		d[i] = (fresh ? 0 : d[i]) + step * (x[i] - value);
}

static const layer_kind squared_kind = {
	.name = "squares", .size = sizeof(squared_layer), .settle = squared_settle, .forward = squared_forward, .backward = squared_backward
};

layer *squared_to(graph *g, layer *x, float value)
{
	layer *l = layer_add(g, &squared_kind, SCALAR, 1, &x);
	if (l)
		((squared_layer *)l)->value = value;
	return l;
}

/* ---- noise ---- */

enum { EPS, NOISE, SHIFT, COEFFICIENT, PLACE, WEIGHT };

/* Of volume b: its weight, and what the shift is multiplied by; and of element i the weight of its place. */
static double weight_of(const layer *l, size_t b) { return l->in[WEIGHT] ? (double)l->in[WEIGHT]->v[b] : 1; }

static double coefficient_of(const layer *l, size_t b) { return l->in[COEFFICIENT] ? (double)l->in[COEFFICIENT]->v[b] : 0; }

static double place_of(const layer *l, size_t i)
{
	const layer *p = l->in[PLACE];
	return p ? (double)p->v[i % shape_count(p->s)] : 1;
}

/* noise - eps - coefficient shift at element i. */
static double miss(const layer *l, size_t i, size_t b)
{
	const layer *s = l->in[SHIFT];
	return (double)l->in[NOISE]->v[i] - (double)l->in[EPS]->v[i] - (s ? coefficient_of(l, b) * (double)s->v[i] : 0);
}

static void noise_settle(graph *g, layer *l)
{
	(void)g;
	for (int i = 0; i < LAYER_INPUTS; i++)
		l->reads_in[i] = true;
}

static void noise_forward(graph *g, layer *l)
{
	(void)g;
	const shape s = l->in[EPS]->s;
	const size_t n = shape_count(s), each = n / (size_t)s.b;
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		double d = miss(l, i, i / each);
		sum += weight_of(l, i / each) * place_of(l, i) * d * d;
	}
	l->v[0] = (float)(sum / (double)n);
}

static void noise_backward(graph *g, layer *l)
{
	(void)g;
	const shape s = l->in[EPS]->s;
	const size_t n = shape_count(s), each = n / (size_t)s.b;
	float *deps = layer_gradient(l, EPS), *dshift = layer_gradient(l, SHIFT);
	const bool fresh = layer_is_fresh(l, EPS), fresh_shift = layer_is_fresh(l, SHIFT);
	const double step = -2 * (double)l->g[0] / (double)n;
	for (size_t i = 0; i < n; i++) {
		const size_t b = i / each;
		const double d = step * weight_of(l, b) * place_of(l, i) * miss(l, i, b);
		if (deps)
			deps[i] = (fresh ? 0 : deps[i]) + (float)d;
		if (dshift)
			dshift[i] = (fresh_shift ? 0 : dshift[i]) + (float)(coefficient_of(l, b) * d);
	}
}

static const layer_kind noise_kind = {
	.name = "noise loss", .size = sizeof(layer), .settle = noise_settle, .forward = noise_forward, .backward = noise_backward
};

/* One number for each volume of s, or none at all. */
static bool for_each_volume(graph *g, const layer *of, shape s)
{
	if (of && !shape_equal(of->s, (shape){ s.b, 1, 1, 1, 1 }))
		graph_fail(g, ERR_BUG, "noise loss: %zu numbers for %d volumes", shape_count(of->s), s.b);
	return graph_ok(g);
}

layer *noise_loss(graph *g, layer *eps, layer *shift, layer *noise, layer *place, layer *weight, layer *coefficient)
{
	const shape s = graph_shape(eps);
	if (!alike(g, eps, noise, "noise loss") || (coefficient && !alike(g, eps, shift, "noise loss")))
		return NULL;
	if (!for_each_volume(g, weight, s) || !for_each_volume(g, coefficient, s))
		return NULL;
	if (place && shape_count(place->s) != shape_count(s) / (size_t)s.b)
		return graph_fail(g, ERR_BUG, "noise loss: weights of %zu places, not %zu", shape_count(place->s),
				  shape_count(s) / (size_t)s.b);
	layer *in[] = { eps, noise, coefficient ? shift : NULL, coefficient, place, weight };
	layer *l = layer_add(g, &noise_kind, SCALAR, 6, in);
	for (int i = 0; l && i < LAYER_INPUTS; i++)
		l->constant[i] = i != EPS && i != SHIFT;
	return l;
}

/* ---- the posterior ---- */

enum { MEAN, LOG_VAR, DRAWN };

static const float LOG_VAR_MIN = -30, LOG_VAR_MAX = 20;

static float clamped(float log_var) { return fminf(fmaxf(log_var, LOG_VAR_MIN), LOG_VAR_MAX); }

static bool inside(float log_var) { return log_var >= LOG_VAR_MIN && log_var <= LOG_VAR_MAX; }

static void posterior_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[LOG_VAR] = l->reads_in[DRAWN] = l->in[LOG_VAR]->needs_grad;
	l->over = l->hands = MEAN;
}

static void posterior_forward(graph *g, layer *l)
{
	(void)g;
	const float *mean = l->in[MEAN]->v, *log_var = l->in[LOG_VAR]->v, *noise = l->in[DRAWN]->v;
	for (size_t i = 0; i < shape_count(l->s); i++)
		l->v[i] = mean[i] + expf(0.5f * clamped(log_var[i])) * noise[i];
}

static void posterior_backward(graph *g, layer *l)
{
	const bool fresh = layer_is_fresh(l, LOG_VAR);
	float *d = layer_gradient(l, LOG_VAR);
	layer_pass_gradient(g, l, MEAN);
	for (size_t i = 0; d && i < shape_count(l->s); i++) {
		const float log_var = l->in[LOG_VAR]->v[i], noise = l->in[DRAWN]->v[i];
		d[i] = (fresh ? 0 : d[i]) + (inside(log_var) ? l->g[i] * noise * 0.5f * expf(0.5f * log_var) : 0);
	}
}

static const layer_kind posterior_kind = {
	.name = "posterior", .size = sizeof(layer), .settle = posterior_settle, .forward = posterior_forward, .backward = posterior_backward
};

layer *posterior(graph *g, layer *mean, layer *log_var, layer *noise)
{
	if (!alike(g, mean, log_var, "posterior") || !alike(g, mean, noise, "posterior"))
		return NULL;
	layer *l = layer_add(g, &posterior_kind, graph_shape(mean), 3, (layer *[]){ mean, log_var, noise });
	if (l)
		l->constant[DRAWN] = true;
	return l;
}

/* ---- KL ---- */

static void kl_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[MEAN] = l->in[MEAN]->needs_grad;
	l->reads_in[LOG_VAR] = l->in[LOG_VAR]->needs_grad;
}

static void kl_forward(graph *g, layer *l)
{
	(void)g;
	const shape s = l->in[MEAN]->s;
	double sum = 0;
	for (size_t i = 0; i < shape_count(s); i++) {
		double m = (double)l->in[MEAN]->v[i], v = (double)clamped(l->in[LOG_VAR]->v[i]);
		sum += 0.5 * (m * m + exp(v) - v - 1);
	}
	l->v[0] = (float)(sum / s.b);
}

static void kl_backward(graph *g, layer *l)
{
	(void)g;
	const shape s = l->in[MEAN]->s;
	const float *mean = l->in[MEAN]->v, *log_var = l->in[LOG_VAR]->v, step = l->g[0] / (float)s.b;
	const bool fresh[] = { layer_is_fresh(l, MEAN), layer_is_fresh(l, LOG_VAR) };
	float *dmean = layer_gradient(l, MEAN), *dlog_var = layer_gradient(l, LOG_VAR);
	for (size_t i = 0; i < shape_count(s); i++) {
		if (dmean)
			dmean[i] = (fresh[MEAN] ? 0 : dmean[i]) + step * mean[i];
		if (dlog_var)
			dlog_var[i] = (fresh[LOG_VAR] ? 0 : dlog_var[i]) + (inside(log_var[i]) ? step * 0.5f * (expf(log_var[i]) - 1) : 0);
	}
}

static const layer_kind kl_kind = {
	.name = "KL", .size = sizeof(layer), .settle = kl_settle, .forward = kl_forward, .backward = kl_backward
};

layer *kl(graph *g, layer *mean, layer *log_var)
{
	return alike(g, mean, log_var, "KL") ? layer_add(g, &kl_kind, SCALAR, 2, (layer *[]){ mean, log_var }) : NULL;
}

/* ---- all together ---- */

typedef struct weigh_layer {
	layer base; /* in: the scalars */
	float weight[LAYER_INPUTS];
} weigh_layer;

static void weigh_forward(graph *g, layer *l)
{
	(void)g;
	double sum = 0;
	for (int i = 0; i < LAYER_INPUTS && l->in[i]; i++)
		sum += (double)((const weigh_layer *)l)->weight[i] * (double)l->in[i]->v[0];
	l->v[0] = (float)sum;
}

static void weigh_backward(graph *g, layer *l)
{
	(void)g;
	for (int i = 0; i < LAYER_INPUTS; i++) {
		float *d = layer_gradient(l, i);
		if (d)
			d[0] = (layer_is_fresh(l, i) ? 0 : d[0]) + ((const weigh_layer *)l)->weight[i] * l->g[0];
	}
}

static const layer_kind weigh_kind = {
	.name = "weighed losses", .size = sizeof(weigh_layer), .forward = weigh_forward, .backward = weigh_backward
};

layer *weigh(graph *g, int n, layer *const *x, const float *weight)
{
	if (n > LAYER_INPUTS)
		return graph_fail(g, ERR_BUG, "a sum of %d losses", n);
	layer *there[LAYER_INPUTS];
	float by[LAYER_INPUTS];
	int count = 0;
	for (int i = 0; i < n; i++) {
		if (x[i] && !shape_equal(x[i]->s, SCALAR))
			return graph_fail(g, ERR_BUG, "a sum of losses: number %d is more than one number", i + 1);
		if (x[i]) {
			there[count] = x[i];
			by[count++] = weight[i];
		}
	}
	layer *l = count ? layer_add(g, &weigh_kind, SCALAR, count, there) : NULL;
	for (int i = 0; l && i < count; i++)
		((weigh_layer *)l)->weight[i] = by[i];
	return l;
}
