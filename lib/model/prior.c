#include "model/prior.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/schedule.h"

struct prior {
	schedule schedule;
	shape s;		/* of one latent */
	size_t count;
	int k;			/* components */
	float *components;	/* L [k][count], channels last */
	float *rest;		/* r [count] */
	double **factor;	/* [timesteps]: solver of a timestep, [k,k]; NULL until it is needed */
	size_t planned;		/* planes that the solvers are for */
};

/* From the field's order to channels last. */
static void channels_last(float *out, const float *in, shape s)
{
	const size_t voxels = (size_t)s.x * s.y * s.z, ch = (size_t)s.c;
	for (size_t i = 0; i < voxels; i++)
		for (size_t k = 0; k < ch; k++)
			out[i * ch + k] = in[k * voxels + i];
}

int prior_new(prior **out, const model_config *m, const params *ps, err *e)
{
	*out = NULL;
	if (!m->diffusion.components)
		return 0;
	const param *components = params_find(ps, PRIOR_COMPONENTS), *rest = params_find(ps, PRIOR_REST);
	prior *p = NULL;
	int code = mem_zero(&p, 1, sizeof *p, "prior", e);
	if (code)
		return code;
	p->s = (shape){ 1, (int)rest->n[1], (int)rest->n[2], (int)rest->n[3], (int)rest->n[0] };
	p->count = rest->count;
	p->k = m->diffusion.components;
	p->planned = (size_t)p->s.x;
	for (size_t i = 0; i < p->count && !code; i++)
		if (!(rest->v[i] > 0))
			code = err_set(e, ERR_CONFIG, PRIOR_REST ": number %zu is %g, no variance", i, (double)rest->v[i]);
	if (!code)
		code = schedule_new(&p->schedule, &m->diffusion, e);
	if (!code)
		code = mem_zero(&p->components, (size_t)p->k * p->count, sizeof *p->components, "prior", e);
	if (!code)
		code = mem_zero(&p->rest, p->count, sizeof *p->rest, "prior", e);
	if (!code)
		code = mem_zero(&p->factor, (size_t)p->schedule.timesteps, sizeof *p->factor, "prior", e);
	if (code) {
		prior_free(p);
		return code;
	}
	channels_last(p->rest, rest->v, p->s);
	for (int k = 0; k < p->k; k++)
		channels_last(p->components + (size_t)k * p->count, components->v + (size_t)k * p->count, p->s);
	*out = p;
	return 0;
}

static void forget_factors(prior *p)
{
	for (int t = 0; p->factor && t < p->schedule.timesteps; t++) {
		free(p->factor[t]);
		p->factor[t] = NULL;
	}
}

void prior_free(prior *p)
{
	if (!p)
		return;
	forget_factors(p);
	free(p->factor);
	free(p->components);
	free(p->rest);
	schedule_free(&p->schedule);
	free(p);
}

/* a [k,k], symmetric and positive definite: its lower triangle becomes Cholesky's factor. */
static void cholesky(double *a, int k)
{
	for (int i = 0; i < k; i++)
		for (int j = 0; j <= i; j++) {
			double sum = a[i * k + j];
			for (int m = 0; m < j; m++)
				sum -= a[i * k + m] * a[j * k + m];
			a[i * k + j] = i == j ? sqrt(sum) : sum / a[j * k + j];
		}
}

/* v [k] becomes the solution of factor factor' v = v. */
static void solve(const double *factor, double *v, int k)
{
	for (int i = 0; i < k; i++) {
		for (int m = 0; m < i; m++)
			v[i] -= factor[i * k + m] * v[m];
		v[i] /= factor[i * k + i];
	}
	for (int i = k - 1; i >= 0; i--) {
		for (int m = i + 1; m < k; m++)
			v[i] -= factor[m * k + i] * v[m];
		v[i] /= factor[i * k + i];
	}
}

/* One over what varies at place i of x_t besides the components. */
static double weight(const prior *p, double a, size_t i) { return 1 / (a * (double)p->rest[i] + 1 - a); }

/* The factor of I + a_t L W L', W the weights, for the first n places: by Woodbury's identity all that has to be solved. */
static const double *factor_at(nn *c, prior *p, int t, size_t n)
{
	const double a = p->schedule.abar[t];
	const int k = p->k;
	if (p->factor[t])
		return p->factor[t];
	double *f = malloc((size_t)k * (size_t)k * sizeof *f);
	if (!f)
		return nn_fail(c, ERR_OS, "no memory for the prior");
#pragma omp parallel for schedule(dynamic) num_threads(nn_threads(c))
	for (int i = 0; i < k; i++)
		for (int j = 0; j <= i; j++) {
			const float *u = p->components + (size_t)i * p->count, *v = p->components + (size_t)j * p->count;
			double sum = 0;
			for (size_t m = 0; m < n; m++)
				sum += (double)u[m] * (double)v[m] * weight(p, a, m);
			f[i * k + j] = a * sum + (i == j);
		}
	cholesky(f, k);
	return p->factor[t] = f;
}

/* eps [n] of one x [n]; score [k] is scratch. */
static void expect(nn *c, const prior *p, float *eps, const float *x, int t, size_t n, const double *factor, double *score)
{
	const double a = p->schedule.abar[t], noise = sqrt(1 - a);
#pragma omp parallel for num_threads(nn_threads(c))
	for (int k = 0; k < p->k; k++) {
		const float *u = p->components + (size_t)k * p->count;
		score[k] = 0;
		for (size_t i = 0; i < n; i++)
			score[k] += (double)u[i] * weight(p, a, i) * (double)x[i];
	}
	solve(factor, score, p->k);
	enum { BLOCK = 512 };
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t first = 0; first < n; first += BLOCK) {
		const size_t many = n - first < BLOCK ? n - first : BLOCK;
		double told[BLOCK] = { 0 };
		for (int k = 0; k < p->k; k++)
			for (size_t i = 0; i < many; i++)
				told[i] += score[k] * (double)p->components[(size_t)k * p->count + first + i];
		for (size_t i = 0; i < many; i++)
			eps[first + i] = (float)(noise * weight(p, a, first + i) * ((double)x[first + i] - a * told[i]));
	}
}

tensor *prior_noise(nn *c, prior *p, const tensor *x, const double *t)
{
	if (!p || !x)
		return NULL;
	tensor *out = nn_tensor(c, x->s);
	if (!out || !out->v)
		return out;
	const size_t n = shape_count(x->s) / (size_t)x->s.b;
	double *score = malloc((size_t)p->k * sizeof *score);
	if (!score || n > p->count || n % (p->count / (size_t)p->s.x)) {
		nn_fail(c, score ? ERR_BUG : ERR_OS, score ? "a prior for other latents" : "no memory for the prior");
		free(score);
		nn_drop(c, out);
		return NULL;
	}
	if (p->planned != (size_t)x->s.x)
		forget_factors(p);
	p->planned = (size_t)x->s.x;
	for (int b = 0; b < x->s.b; b++) {
		const int at = (int)t[b];
		const double *factor = factor_at(c, p, at, n);
		if (factor)
			expect(c, p, out->v + (size_t)b * n, x->v + (size_t)b * n, at, n, factor, score);
	}
	free(score);
	return out;
}
