#include "nn/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/internal.h"

struct gaussian {
	shape s;		/* of one latent */
	size_t count;
	int k;			/* components */
	float *components;	/* L [k][count], channels last */
	float *rest;		/* r [count], channels last */
	double *left;		/* v [k] */
	int levels;
	double *abar;		/* [levels], and 1 */
	struct solver {
		double *free, *told;	/* [k,k]: without and with the scores known; NULL until they are needed */
	} *solvers;		/* [levels], and one for clean latents */
	int planes;		/* that the solvers are for */
};

/* Of a component's variance, however well it is told. */
static const double LEAST_LEFT = 1e-4;

/* From the field's order to channels last. */
static void channels_last(float *out, const float *in, shape s)
{
	const size_t voxels = (size_t)s.x * s.y * s.z, ch = (size_t)s.c;
	for (size_t i = 0; i < voxels; i++)
		for (size_t k = 0; k < ch; k++)
			out[i * ch + k] = in[k * voxels + i];
}

int gaussian_new(gaussian **out, const gaussian_spec *spec, err *e)
{
	gaussian *p = NULL;
	int code = mem_zero(&p, 1, sizeof *p, "expected noise", e);
	*out = NULL;
	if (code)
		return code;
	p->s = spec->s;
	p->count = shape_count(spec->s);
	p->k = spec->k;
	p->levels = spec->levels;
	p->planes = spec->s.x;
	code = mem_zero(&p->components, (size_t)p->k * p->count, sizeof *p->components, "expected noise", e);
	if (!code)
		code = mem_zero(&p->rest, p->count, sizeof *p->rest, "expected noise", e);
	if (!code)
		code = mem_zero(&p->left, (size_t)p->k, sizeof *p->left, "expected noise", e);
	if (!code)
		code = mem_zero(&p->abar, (size_t)p->levels + 1, sizeof *p->abar, "expected noise", e);
	if (!code)
		code = mem_zero(&p->solvers, (size_t)p->levels + 1, sizeof *p->solvers, "expected noise", e);
	if (code) {
		gaussian_free(p);
		return code;
	}
	memcpy(p->abar, spec->abar, (size_t)p->levels * sizeof *p->abar);
	p->abar[p->levels] = 1;
	channels_last(p->rest, spec->rest, p->s);
	for (int k = 0; k < p->k; k++) {
		channels_last(p->components + (size_t)k * p->count, spec->components + (size_t)k * p->count, p->s);
		p->left[k] = spec->left ? (double)spec->left[k] : 1;
	}
	*out = p;
	return 0;
}

static void forget_solvers(gaussian *p)
{
	for (int t = 0; p->solvers && t <= p->levels; t++) {
		free(p->solvers[t].free); /* and what is told, behind it */
		p->solvers[t] = (struct solver){ 0 };
	}
}

void gaussian_free(gaussian *p)
{
	if (!p)
		return;
	forget_solvers(p);
	free(p->solvers);
	free(p->left);
	free(p->components);
	free(p->rest);
	free(p->abar);
	free(p);
}

double gaussian_noise(const gaussian *p, double t) { return sqrt(1 - p->abar[(int)t]); }

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
static double weight(const gaussian *p, double a, size_t i) { return 1 / (a * (double)p->rest[i] + 1 - a); }

/* What has to be solved at a timestep, by Woodbury's identity: Cholesky's factors of G + I and of G + 1/v, G = a_t L W L', W the weights,
 * of the first n places. */
static struct solver *solver_at(nn *c, gaussian *p, int t, size_t n)
{
	const double a = p->abar[t];
	const int k = p->k;
	const size_t all = (size_t)k * (size_t)k;
	struct solver *s = &p->solvers[t];
	if (s->free)
		return s;
	if (!(s->free = malloc(2 * all * sizeof *s->free)))
		return nn_fail(c, ERR_OS, "no memory for the expected noise");
	s->told = s->free + all;
#pragma omp parallel for schedule(dynamic) num_threads(nn_threads(c))
	for (int i = 0; i < k; i++)
		for (int j = 0; j <= i; j++) {
			const float *u = p->components + (size_t)i * p->count, *v = p->components + (size_t)j * p->count;
			double sum = 0;
			for (size_t m = 0; m < n; m++)
				sum += (double)u[m] * (double)v[m] * weight(p, a, m);
			s->free[i * k + j] = a * sum + (i == j);
			s->told[i * k + j] = a * sum + (i == j ? 1 / fmax(p->left[i], LEAST_LEFT) : 0);
		}
	cholesky(s->free, k);
	cholesky(s->told, k);
	return s;
}

enum { BLOCK = 512 }; /* places that are done together */

/* out [n] -= by L'score */
static void take_away(nn *c, const gaussian *p, float *out, double by, const double *score, size_t n)
{
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t first = 0; first < n; first += BLOCK) {
		const size_t many = n - first < BLOCK ? n - first : BLOCK;
		double sum[BLOCK] = { 0 };
		for (int k = 0; k < p->k; k++)
			for (size_t i = 0; i < many; i++)
				sum[i] += score[k] * (double)p->components[(size_t)k * p->count + first + i];
		for (size_t i = 0; i < many; i++)
			out[first + i] = (float)((double)out[first + i] - by * sum[i]);
	}
}

/* score [k] = L x */
static void along(nn *c, const gaussian *p, double *score, const float *x, size_t n)
{
#pragma omp parallel for num_threads(nn_threads(c))
	for (int k = 0; k < p->k; k++) {
		const float *u = p->components + (size_t)k * p->count;
		score[k] = 0;
		for (size_t i = 0; i < n; i++)
			score[k] += (double)u[i] * (double)x[i];
	}
}

/* score [k] = S L W v for S the inverse of what `factor` is of; weighted [n] is scratch. */
static void solve_along(nn *c, const gaussian *p, double *score, const float *v, float *weighted, int t, size_t n, const double *factor)
{
	for (size_t i = 0; i < n; i++)
		weighted[i] = (float)(weight(p, p->abar[t], i) * (double)v[i]);
	along(c, p, score, weighted, n);
	solve(factor, score, p->k);
}

/* v [n] becomes sqrt(1-a_t) (a_t S + (1-a_t) I)^-1 v, S what `factor` is of; score [k] is scratch. */
static void whiten(nn *c, const gaussian *p, float *v, int t, size_t n, const double *factor, double *score)
{
	const double a = p->abar[t], noise = sqrt(1 - a);
	float *weighted = nn_take(c, n);
	if (!weighted)
		return;
	solve_along(c, p, score, v, weighted, t, n, factor);
	take_away(c, p, v, a, score, n);
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(noise * weight(p, a, i) * (double)v[i]);
	nn_give(c, weighted, n);
}

typedef struct gaussian_node {
	node base; /* in: scores; owned: the timesteps [b] */
	gaussian *p;
} gaussian_node;

/* The noise is linear in the scores: -sqrt(a_t) times what whiten() makes of L'. */
static void scores_backward(nn *c, node *base)
{
	gaussian *p = ((gaussian_node *)base)->p;
	const tensor *out = base->out;
	const int *t = base->owned;
	float *g = nn_gradient(c, base->in[0]);
	const size_t n = shape_count(out->s) / (size_t)out->s.b;
	float *v = nn_take(c, n);
	double *score = g && v && !nn_planning(c) ? malloc(2 * (size_t)p->k * sizeof *score) : NULL;
	for (int b = 0; b < out->s.b && score; b++) {
		const struct solver *s = solver_at(c, p, t[b], n);
		if (!s)
			break;
		memcpy(v, out->g + (size_t)b * n, n * sizeof *v);
		whiten(c, p, v, t[b], n, s->told, score);
		along(c, p, score, v, n);
		for (int k = 0; k < p->k; k++)
			g[b * p->k + k] -= (float)(sqrt(p->abar[t[b]]) * score[k]);
	}
	free(score);
	nn_give(c, v, n);
}

static void one_volume(nn *c, gaussian *p, float *eps, const tensor *x, int b, int t, const tensor *scores, double *score)
{
	const size_t n = shape_count(x->s) / (size_t)x->s.b;
	const struct solver *s = solver_at(c, p, t, n);
	if (!s)
		return;
	memcpy(eps, x->v + (size_t)b * n, n * sizeof *eps);
	for (int k = 0; scores && k < p->k; k++)
		score[k] = (double)scores->v[b * p->k + k];
	if (scores)
		take_away(c, p, eps, sqrt(p->abar[t]), score, n);
	whiten(c, p, eps, t, n, scores ? s->told : s->free, score);
}

tensor *nn_expected_noise(nn *c, gaussian *p, tensor *x, const double *t, tensor *scores)
{
	if (!p || !x || !nn_ok(c))
		return NULL;
	tensor *out = nn_tensor(c, x->s);
	const size_t n = shape_count(x->s) / (size_t)x->s.b;
	if (n > p->count || n % (p->count / (size_t)p->s.x) || (scores && !shape_equal(scores->s, (shape){ x->s.b, 1, 1, 1, p->k }))) {
		nn_drop(c, out);
		return nn_fail(c, ERR_BUG, "expected noise: the distribution is of other latents");
	}
	int *times = malloc((size_t)x->s.b * sizeof *times);
	double *score = malloc((size_t)p->k * sizeof *score);
	if (!times || !score)
		nn_fail(c, ERR_OS, "no memory for the expected noise");
	if (p->planes != x->s.x && !nn_planning(c))
		forget_solvers(p);
	p->planes = x->s.x;
	for (int b = 0; out && out->v && nn_ok(c) && b < x->s.b; b++) {
		times[b] = (int)t[b];
		one_volume(c, p, out->v + (size_t)b * n, x, b, times[b], scores, score);
	}
	free(score);
	gaussian_node *made = nn_push(c, sizeof *made, scores_backward, out, scores ? 1 : 0, &scores, false);
	if (made) {
		made->p = p;
		made->base.owned = times;
	} else {
		free(times);
	}
	return out;
}

tensor *nn_expected_scores(nn *c, gaussian *p, const tensor *x)
{
	if (!p || !x || !nn_ok(c))
		return NULL;
	const size_t n = p->count;
	tensor *out = nn_tensor(c, (shape){ x->s.b, 1, 1, 1, p->k });
	if (shape_count(x->s) != n * (size_t)x->s.b || p->planes != p->s.x) {
		nn_drop(c, out);
		return nn_fail(c, ERR_BUG, "expected scores: the distribution is of other latents");
	}
	const struct solver *s = nn_planning(c) ? NULL : solver_at(c, p, p->levels, n);
	float *weighted = nn_take(c, n);
	double *score = malloc((size_t)p->k * sizeof *score);
	if (!score)
		nn_fail(c, ERR_OS, "no memory for the expected scores");
	for (int b = 0; s && out && weighted && score && b < x->s.b; b++) {
		solve_along(c, p, score, x->v + (size_t)b * n, weighted, p->levels, n, s->free);
		for (int k = 0; k < p->k; k++)
			out->v[b * p->k + k] = (float)score[k];
	}
	free(score);
	nn_give(c, weighted, n);
	return out;
}
