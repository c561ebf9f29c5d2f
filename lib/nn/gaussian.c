#include "nn/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/layer.h"

struct gaussian {
	shape s; /* of one latent */
	size_t count;
	int k; /* components */
	float *components; /* L [k][count], channels last */
	float *rest; /* r [count], channels last */
	double *left; /* v [k] */
	int levels;
	double *abar; /* [levels], and 1 */
	struct solver {
		double *free, *told; /* [k,k]: without and with the scores known; NULL until they are needed */
	} * solvers; /* [levels], and one for clean latents */
	int planes; /* that the solvers are for */
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

/* sqrt(1-a_t) */
static double noise_at(const gaussian *p, double t) { return sqrt(1 - p->abar[(int)t]); }

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

/* From now on solvers are for grids of so many planes. */
static void make_for(gaussian *p, int planes)
{
	if (p->planes != planes)
		forget_solvers(p);
	p->planes = planes;
}

/* What has to be solved at a timestep, by Woodbury's identity: Cholesky's factors of G + I and of G + 1/v, G = a_t L W L', W the weights,
 * of the first n places. */
static struct solver *solver_at(graph *g, gaussian *p, int t, size_t n)
{
	const double a = p->abar[t];
	const int k = p->k;
	const size_t all = (size_t)k * (size_t)k;
	struct solver *s = &p->solvers[t];
	if (s->free)
		return s;
	if (!(s->free = malloc(2 * all * sizeof *s->free)))
		return graph_fail(g, ERR_OS, "no memory for the expected noise");
	s->told = s->free + all;
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
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
static void take_away(const graph *g, const gaussian *p, float *out, double by, const double *score, size_t n)
{
#pragma omp parallel for num_threads(graph_threads(g))
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
static void along(const graph *g, const gaussian *p, double *score, const float *x, size_t n)
{
#pragma omp parallel for num_threads(graph_threads(g))
	for (int k = 0; k < p->k; k++) {
		const float *u = p->components + (size_t)k * p->count;
		score[k] = 0;
		for (size_t i = 0; i < n; i++)
			score[k] += (double)u[i] * (double)x[i];
	}
}

/* score [k] = S L W v for S the inverse of what `factor` is of; weighted [n] is scratch. */
static void solve_along(const graph *g, const gaussian *p, double *score, const float *v, float *weighted, int t, size_t n,
			const double *factor)
{
	for (size_t i = 0; i < n; i++)
		weighted[i] = (float)(weight(p, p->abar[t], i) * (double)v[i]);
	along(g, p, score, weighted, n);
	solve(factor, score, p->k);
}

/* v [n] becomes sqrt(1-a_t) (a_t S + (1-a_t) I)^-1 v, S what `factor` is of; score [k] and weighted [n] are scratch. */
static void whiten(const graph *g, const gaussian *p, float *v, int t, size_t n, const double *factor, double *score, float *weighted)
{
	const double a = p->abar[t], noise = sqrt(1 - a);
	solve_along(g, p, score, v, weighted, t, n, factor);
	take_away(g, p, v, a, score, n);
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(noise * weight(p, a, i) * (double)v[i]);
}

/* ---- layers ---- */

typedef struct gaussian_layer {
	layer base; /* in: x, times, scores */
	gaussian *p;
} gaussian_layer;

enum { X, TIMES, SCORES };

static gaussian *of(const layer *l) { return ((const gaussian_layer *)l)->p; }

/* Numbers of one volume. */
static size_t each(const layer *l) { return shape_count(l->s) / (size_t)l->s.b; }

static int time_of(const layer *l, int b) { return (int)l->in[TIMES]->v[b]; }

static void settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[TIMES] = true;
	l->over = X;
	l->work = each(l);
	l->work_back = 2 * each(l);
}

static void one_volume(graph *g, layer *l, int b, double *score)
{
	gaussian *p = of(l);
	const size_t n = each(l);
	const int t = time_of(l, b);
	const layer *scores = l->in[SCORES];
	float *eps = l->v + (size_t)b * n;
	const struct solver *s = solver_at(g, p, t, n);
	if (!s)
		return;
	if (l->v != l->in[X]->v)
		memcpy(eps, l->in[X]->v + (size_t)b * n, n * sizeof *eps);
	for (int k = 0; scores && k < p->k; k++)
		score[k] = (double)scores->v[b * p->k + k];
	if (scores)
		take_away(g, p, eps, sqrt(p->abar[t]), score, n);
	whiten(g, p, eps, t, n, scores ? s->told : s->free, score, graph_work(g));
}

static double *room_for_scores(graph *g, const gaussian *p)
{
	double *score = malloc((size_t)p->k * sizeof *score);
	if (!score)
		graph_fail(g, ERR_OS, "no memory for the expected noise");
	return score;
}

static void forward(graph *g, layer *l)
{
	double *score = room_for_scores(g, of(l));
	make_for(of(l), l->s.x);
	for (int b = 0; score && b < l->s.b; b++)
		one_volume(g, l, b, score);
	free(score);
}

/* The noise is linear in the scores: -sqrt(a_t) times what whiten() makes of L'. */
static void backward(graph *g, layer *l)
{
	gaussian *p = of(l);
	const size_t n = each(l);
	const bool fresh = layer_is_fresh(l, SCORES);
	float *d = layer_gradient(l, SCORES), *v = graph_work(g);
	double *score = room_for_scores(g, p);
	make_for(p, l->s.x);
	for (int b = 0; b < l->s.b && score; b++, d += p->k) {
		const int t = time_of(l, b);
		const struct solver *s = solver_at(g, p, t, n);
		if (!s)
			break;
		memcpy(v, l->g + (size_t)b * n, n * sizeof *v);
		whiten(g, p, v, t, n, s->told, score, v + n);
		along(g, p, score, v, n);
		for (int k = 0; k < p->k; k++)
			d[k] = (fresh ? 0 : d[k]) - (float)(sqrt(p->abar[t]) * score[k]);
	}
	free(score);
}

static const layer_kind noise_kind = {
	.name = "expected noise", .size = sizeof(gaussian_layer), .settle = settle, .forward = forward, .backward = backward
};

layer *expected_noise(graph *g, gaussian *p, layer *x, layer *t, layer *scores)
{
	const shape s = graph_shape(x);
	if (!p || !x || !graph_ok(g))
		return NULL;
	const size_t n = shape_count(s) / (size_t)s.b;
	if (n > p->count || n % (p->count / (size_t)p->s.x) || !shape_equal(graph_shape(t), (shape){ s.b, 1, 1, 1, 1 }) ||
	    (scores && !shape_equal(graph_shape(scores), (shape){ s.b, 1, 1, 1, p->k })))
		return graph_fail(g, ERR_BUG, "expected noise: the distribution is of other latents");
	layer *l = layer_add(g, &noise_kind, s, 3, (layer *[]){ x, t, scores });
	if (!l)
		return NULL;
	((gaussian_layer *)l)->p = p;
	l->constant[X] = l->constant[TIMES] = true;
	return l;
}

static void settle_scores(graph *g, layer *l)
{
	(void)g;
	l->work = of(l)->count;
}

static void forward_scores(graph *g, layer *l)
{
	gaussian *p = of(l);
	double *score = room_for_scores(g, p);
	make_for(p, p->s.x);
	const struct solver *s = score ? solver_at(g, p, p->levels, p->count) : NULL;
	for (int b = 0; s && b < l->s.b; b++) {
		solve_along(g, p, score, l->in[X]->v + (size_t)b * p->count, graph_work(g), p->levels, p->count, s->free);
		for (int k = 0; k < p->k; k++)
			l->v[b * p->k + k] = (float)score[k];
	}
	free(score);
}

static const layer_kind scores_kind = {
	.name = "expected scores", .size = sizeof(gaussian_layer), .settle = settle_scores, .forward = forward_scores
};

layer *expected_scores(graph *g, gaussian *p, layer *x)
{
	const shape s = graph_shape(x);
	if (!p || !x || !graph_ok(g))
		return NULL;
	if (shape_count(s) != p->count * (size_t)s.b)
		return graph_fail(g, ERR_BUG, "expected scores: the distribution is of other latents");
	layer *l = layer_add(g, &scores_kind, (shape){ s.b, 1, 1, 1, p->k }, 1, &x);
	if (l)
		((gaussian_layer *)l)->p = p;
	return l;
}

/* ---- the noise itself ---- */

typedef struct inverse_layer {
	layer base;
	gaussian *p;
} inverse_layer;

static void inverse_forward(graph *g, layer *l)
{
	(void)g;
	for (int b = 0; b < l->s.b; b++)
		l->v[b] = (float)(1 / noise_at(((inverse_layer *)l)->p, (double)l->in[0]->v[b]));
}

static const layer_kind inverse_kind = { .name = "inverse noise", .size = sizeof(inverse_layer), .forward = inverse_forward };

layer *inverse_noise(graph *g, gaussian *p, layer *t)
{
	layer *l = layer_add(g, &inverse_kind, graph_shape(t), 1, &t);
	if (l)
		((inverse_layer *)l)->p = p;
	return l;
}
