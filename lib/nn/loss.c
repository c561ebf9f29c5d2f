#include "nn/loss.h"

#include <math.h>
#include <stdlib.h>

#include "nn/internal.h"

static const shape SCALAR = { 1, 1, 1, 1, 1 };

enum { BLOCK = 1 << 16 }; /* elements summed on their own, whatever the number of threads */

typedef double term(const float *x, const float *other, float value, size_t i);

/* Sum of f over n elements: per block, merged in block order. */
static double total(nn *c, term *f, const float *x, const float *other, float value, size_t n)
{
	size_t blocks = (n + BLOCK - 1) / BLOCK;
	double *parts = calloc(blocks, sizeof *parts), sum = 0;
	if (!parts) {
		nn_fail(c, ERR_OS, "no memory for sums");
		return 0;
	}
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = b * BLOCK; i < n && i < (b + 1) * BLOCK; i++)
			parts[b] += f(x, other, value, i);
	for (size_t b = 0; b < blocks; b++)
		sum += parts[b];
	free(parts);
	return sum;
}

typedef struct loss_node {
	node base; /* in: x, other */
	float value;
} loss_node;

static double absolute(const float *x, const float *other, float value, size_t i)
{
	(void)value;
	return fabs((double)x[i] - (double)other[i]);
}

static void l1_backward(nn *c, node *n)
{
	tensor *x = n->in[0];
	const float *t = n->in[1]->v;
	size_t count = shape_count(x->s);
	float *g = nn_gradient(c, x), step = n->out->g[0] / (float)count;
	if (g && !nn_planning(c))
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < count; i++)
			g[i] += x->v[i] > t[i] ? step : x->v[i] < t[i] ? -step : 0;
}

/* False, the error noted, when a and b differ in shape; false too when one is NULL. */
static bool alike(nn *c, const tensor *a, const tensor *b, const char *what)
{
	if (a && b && !shape_equal(a->s, b->s))
		nn_fail(c, ERR_BUG, "%s: tensors of different shapes", what);
	return a && b && nn_ok(c);
}

tensor *nn_l1(nn *c, tensor *x, const tensor *target)
{
	tensor *out = alike(c, x, target, "L1") ? nn_tensor(c, SCALAR) : NULL;
	if (!out)
		return NULL;
	if (out->v)
		out->v[0] = (float)(total(c, absolute, x->v, target->v, 0, shape_count(x->s)) / (double)shape_count(x->s));
	nn_push(c, sizeof(node), l1_backward, out, 2, (tensor *[]){ x, (tensor *)target }, false);
	return out;
}

static double squared(const float *x, const float *other, float value, size_t i)
{
	(void)other;
	double d = (double)x[i] - (double)value;
	return d * d;
}

static void squared_backward(nn *c, node *base)
{
	loss_node *n = (loss_node *)base;
	tensor *x = base->in[0];
	size_t count = shape_count(x->s);
	float *g = nn_gradient(c, x), step = 2 * base->out->g[0] / (float)count;
	for (size_t i = 0; g && !nn_planning(c) && i < count; i++)
		g[i] += step * (x->v[i] - n->value);
}

tensor *nn_squared_to(nn *c, tensor *x, float value)
{
	tensor *out = x ? nn_tensor(c, SCALAR) : NULL;
	if (!out)
		return NULL;
	if (out->v)
		out->v[0] = (float)(total(c, squared, x->v, NULL, value, shape_count(x->s)) / (double)shape_count(x->s));
	loss_node *n = nn_push(c, sizeof *n, squared_backward, out, 1, &x, false);
	if (n)
		n->value = value;
	return out;
}

/* noise - eps - coefficient g at element i. */
static double miss(const tensor *eps, const tensor *g, const tensor *noise, const double *coefficient, size_t i, size_t b)
{
	return (double)noise->v[i] - (double)eps->v[i] - (g ? coefficient[b] * (double)g->v[i] : 0);
}

/* in: eps, noise, g, place; owned: weight [b], coefficient [b] */
static void noise_backward(nn *c, node *n)
{
	tensor *eps = n->in[0], *noise = n->in[1], *g = n->in[2], *place = n->in[3];
	size_t count = shape_count(eps->s), each = count / (size_t)eps->s.b;
	const double *weight = n->owned, *coefficient = weight + eps->s.b;
	float *ge = nn_gradient(c, eps), *gg = g ? nn_gradient(c, g) : NULL;
	if (!nn_ok(c) || nn_planning(c))
		return;
	double step = -2 * (double)n->out->g[0] / (double)count;
	for (size_t i = 0; i < count; i++) {
		size_t b = i / each;
		double d = step * weight[b] * (place ? (double)place->v[i % each] : 1) * miss(eps, g, noise, coefficient, i, b);
		if (ge)
			ge[i] += (float)d;
		if (gg)
			gg[i] += (float)(coefficient[b] * d);
	}
}

tensor *nn_noise_loss(nn *c, tensor *eps, tensor *g, const tensor *noise, const tensor *place, const double *weight,
		      const double *coefficient)
{
	if (!alike(c, eps, noise, "noise") || (coefficient && !alike(c, eps, g, "noise")))
		return NULL;
	size_t volumes = (size_t)eps->s.b, count = shape_count(eps->s), each = count / volumes;
	if (place && shape_count(place->s) != each)
		return nn_fail(c, ERR_BUG, "noise loss: weights of %zu places, not %zu", shape_count(place->s), each);
	tensor *out = nn_tensor(c, SCALAR), *shift = coefficient ? g : NULL;
	double *own = malloc(2 * volumes * sizeof *own), sum = 0;
	if (!own) {
		nn_drop(c, out);
		return nn_fail(c, ERR_OS, "no memory for a loss");
	}
	for (size_t b = 0; b < volumes; b++) {
		own[b] = weight ? weight[b] : 1;
		own[volumes + b] = coefficient ? coefficient[b] : 0;
	}
	for (size_t i = 0; out && out->v && i < count; i++) {
		double d = miss(eps, shift, noise, own + volumes, i, i / each);
		sum += own[i / each] * (place ? (double)place->v[i % each] : 1) * d * d;
	}
	if (out && out->v)
		out->v[0] = (float)(sum / (double)count);
	node *n = nn_push(c, sizeof *n, noise_backward, out, 4, (tensor *[]){ eps, (tensor *)noise, shift, (tensor *)place }, false);
	if (n)
		n->owned = own;
	else
		free(own);
	return out;
}

static const float LOG_VAR_MIN = -30, LOG_VAR_MAX = 20;

static float clamped(float log_var) { return fminf(fmaxf(log_var, LOG_VAR_MIN), LOG_VAR_MAX); }

static bool inside(float log_var) { return log_var >= LOG_VAR_MIN && log_var <= LOG_VAR_MAX; }

static void posterior_backward(nn *c, node *n)
{
	tensor *mean = n->in[0], *log_var = n->in[1];
	const float *noise = n->in[2]->v, *g = n->out->g;
	float *gm = nn_gradient(c, mean), *gl = nn_gradient(c, log_var);
	for (size_t i = 0; !nn_planning(c) && i < shape_count(mean->s); i++) {
		if (gm)
			gm[i] += g[i];
		if (gl && inside(log_var->v[i]))
			gl[i] += g[i] * noise[i] * 0.5f * expf(0.5f * log_var->v[i]);
	}
}

tensor *nn_posterior(nn *c, tensor *mean, tensor *log_var, const tensor *noise)
{
	tensor *out = alike(c, mean, log_var, "posterior") && alike(c, mean, noise, "posterior") ? nn_tensor(c, mean->s) : NULL;
	if (!out)
		return NULL;
	for (size_t i = 0; out->v && i < shape_count(mean->s); i++)
		out->v[i] = mean->v[i] + expf(0.5f * clamped(log_var->v[i])) * noise->v[i];
	nn_push(c, sizeof(node), posterior_backward, out, 3, (tensor *[]){ mean, log_var, (tensor *)noise }, false);
	return out;
}

static void kl_backward(nn *c, node *n)
{
	tensor *mean = n->in[0], *log_var = n->in[1];
	float *gm = nn_gradient(c, mean), *gl = nn_gradient(c, log_var), g = n->out->g[0] / (float)mean->s.b;
	for (size_t i = 0; !nn_planning(c) && i < shape_count(mean->s); i++) {
		if (gm)
			gm[i] += g * mean->v[i];
		if (gl && inside(log_var->v[i]))
			gl[i] += g * 0.5f * (expf(log_var->v[i]) - 1);
	}
}

tensor *nn_kl(nn *c, tensor *mean, tensor *log_var)
{
	tensor *out = alike(c, mean, log_var, "KL") ? nn_tensor(c, SCALAR) : NULL;
	if (!out)
		return NULL;
	double sum = 0;
	for (size_t i = 0; out->v && i < shape_count(mean->s); i++) {
		double m = (double)mean->v[i], l = (double)clamped(log_var->v[i]);
		sum += 0.5 * (m * m + exp(l) - l - 1);
	}
	if (out->v)
		out->v[0] = (float)(sum / mean->s.b);
	nn_push(c, sizeof(node), kl_backward, out, 2, (tensor *[]){ mean, log_var }, false);
	return out;
}

typedef struct weigh_node {
	node base; /* in: the scalars */
	float weight[NODE_INPUTS];
} weigh_node;

static void weigh_backward(nn *c, node *base)
{
	weigh_node *n = (weigh_node *)base;
	for (int i = 0; i < NODE_INPUTS; i++) {
		float *g = base->in[i] ? nn_gradient(c, base->in[i]) : NULL;
		if (g && !nn_planning(c))
			g[0] += n->weight[i] * base->out->g[0];
	}
}

tensor *nn_weigh(nn *c, int n, tensor *const *x, const float *weight)
{
	tensor *out = nn_tensor(c, SCALAR);
	if (!out)
		return NULL;
	double sum = 0;
	for (int i = 0; i < n; i++)
		if (out->v && x[i])
			sum += (double)weight[i] * (double)x[i]->v[0];
	if (out->v)
		out->v[0] = (float)sum;
	weigh_node *w = nn_push(c, sizeof *w, weigh_backward, out, n, x, false);
	for (int i = 0; w && i < n; i++)
		w->weight[i] = weight[i];
	return out;
}

double nn_value(const tensor *scalar) { return scalar && scalar->v ? (double)scalar->v[0] : NAN; }
