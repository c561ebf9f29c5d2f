/* The prior of latents: the noise to be expected, against the formula with the whole covariance; what is learned from latents. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "model/prior.h"
#include "model/schedule.h"
#include "nn/loss.h"
#include "train/prior_learn.h"

enum { X = 3, Y = 2, Z = 2, C = 2, N = X * Y * Z * C, K = 3 };

static double normal(uint64_t stream, uint64_t i) { return philox_normal(philox_make(4, stream), i); }

static params random_prior(void)
{
	err e;
	params ps = { 0 };
	param *p;
	SUCCEEDS(params_add(&ps, PRIOR_COMPONENTS, 4, (int64_t[]){ K * C, X, Y, Z }, &p, &e));
	for (size_t i = 0; i < p->count; i++)
		p->v[i] = (float)normal(1, i);
	SUCCEEDS(params_add(&ps, PRIOR_REST, 4, (int64_t[]){ C, X, Y, Z }, &p, &e));
	for (size_t i = 0; i < p->count; i++)
		p->v[i] = (float)exp(.7 * normal(2, i) - 1);
	SUCCEEDS(params_add(&ps, PRIOR_LEFT, 1, (int64_t[]){ K }, &p, &e));
	memcpy(p->v, (float[K]){ 1, .25, .01f }, sizeof(float[K]));
	return ps;
}

static model_config config_of(int components)
{
	model_config m = config_default();
	m.diffusion.standardised = true;
	m.diffusion.components = components;
	return m;
}

/* Solves m v = v for a full m [n][n] by elimination, both overwritten. */
static void eliminate(double m[N][N], double v[N], int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			const double by = i == j ? 0 : m[j][i] / m[i][i];
			for (int k = 0; k < n && j != i; k++)
				m[j][k] -= by * m[i][k];
			v[j] -= by * v[i];
		}
	for (int i = 0; i < n; i++)
		v[i] /= m[i][i];
}

/* The noise to be expected in x, in the field's order, of which there are the first `planes` planes; scores NULL: not known. */
static void plain(const params *ps, const float *x, double a, int planes, const float *scores, double out[N])
{
	double m[N][N] = { 0 }, v[N];
	int places[N], n = 0;
	for (int i = 0; i < N; i++)
		if (i / (Y * Z) % X < planes)
			places[n++] = i;
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < n; j++)
			for (int k = 0; k < K; k++)
				m[i][j] += a * (scores ? (double)ps->p[2].v[k] : 1) * (double)ps->p[0].v[k * N + places[i]] *
					   (double)ps->p[0].v[k * N + places[j]];
		m[i][i] += a * (double)ps->p[1].v[places[i]] + 1 - a;
		v[i] = (double)x[i];
		for (int k = 0; scores && k < K; k++)
			v[i] -= sqrt(a) * (double)scores[k] * (double)ps->p[0].v[k * N + places[i]];
	}
	eliminate(m, v, n);
	for (int i = 0; i < n; i++)
		out[i] = sqrt(1 - a) * v[i];
}

/* What 5 latents are told, and what the layer says of them. */
enum { LATENTS = 5 };

static const float times[LATENTS] = { 999, 0, 500, 50, 500 };

typedef struct prior_case {
	int planes, threads;
	bool told, copy; /* copy: the noise takes the latents' place */
	float x[LATENTS * N], score[LATENTS * K];
} prior_case;

/* The noise to be expected in the field's order, and the gradients of the loss, mean (noise - .5)^2, at the scores. Twice: what is solved
 * for a timestep is kept. */
static void run(gaussian *p, const prior_case *k, float got[LATENTS * N], float gradient[LATENTS * K])
{
	err e;
	params none = { 0 };
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, k->threads);
	layer *in = graph_input(g, (shape){ LATENTS, k->planes, Y, Z, C }), *t = graph_input(g, (shape){ LATENTS, 1, 1, 1, 1 });
	layer *scores = k->told ? learnt_input(g, (shape){ LATENTS, 1, 1, 1, K }) : NULL, *x = k->copy ? copied(g, in) : in;
	layer *out = graph_keep(expected_noise(g, p, x, t, scores)), *loss = graph_minimise(squared_to(g, out, .5f));
	made_ready(g, &none);
	assert_true(takes_place_of(out, x) == k->copy);
	for (int i = 0; i < 2; i++) {
		graph_write(g, in, k->x);
		graph_write(g, t, times);
		if (scores)
			graph_write(g, scores, k->score);
		SUCCEEDS(graph_forward(g, &e));
		SUCCEEDS(graph_backward(g, loss, 1, &e));
	}
	graph_read(g, out, got);
	if (scores)
		graph_gradient(g, scores, gradient);
	graph_free(g);
}

static void check_noise(const params *ps, const schedule *s, gaussian *p, prior_case *k)
{
	const int n = k->planes * Y * Z * C;
	float got[LATENTS * N], gradient[LATENTS * K];
	double want[LATENTS][N];
	for (int i = 0; i < LATENTS * n; i++)
		k->x[i] = (float)normal(3, (uint64_t)i);
	for (int i = 0; i < LATENTS * K; i++)
		k->score[i] = (float)normal(8, (uint64_t)i);
	run(p, k, got, gradient);
	for (int b = 0; b < LATENTS; b++) {
		plain(ps, k->x + b * n, s->abar[(int)times[b]], k->planes, k->told ? k->score + b * K : NULL, want[b]);
		for (int i = 0; i < n; i++)
			assert_true(fabs((double)got[b * n + i] - want[b][i]) < 2e-6 * fmax(1, fabs(want[b][i])));
	}
	for (int i = 0; k->told && i < LATENTS * K; i++) {
		/* the noise is linear in the scores */
		const int b = i / K;
		const float before = k->score[i];
		double other[N], slope = 0;
		k->score[i] += 1;
		plain(ps, k->x + b * n, s->abar[(int)times[b]], k->planes, k->score + b * K, other);
		k->score[i] = before;
		for (int j = 0; j < n; j++)
			slope += 2 * (want[b][j] - .5) * (other[j] - want[b][j]) / (LATENTS * n);
		assert_true(fabs((double)gradient[i] - slope) < 2e-6 * fmax(1, fabs(slope)));
	}
}

static void expected_noise_of(void **state)
{
	(void)state;
	err e = { 0 };
	params ps = random_prior();
	const model_config m = config_of(K);
	schedule s;
	gaussian *p;
	SUCCEEDS(schedule_new(&s, &m.diffusion, &e));
	SUCCEEDS(prior_new(&p, &m, &ps, &e));
	for (int i = 0; i < 2 * 3 * 2 * 2; i++)
		check_noise(&ps, &s, p,
			    &(prior_case){ .planes = X - i % 2, .threads = 1 + i / 2 % 3, .told = i / 6 % 2, .copy = i >= 12 });
	gaussian_free(p);
	schedule_free(&s);
	ps.p[1].v[5] = 0;
	FAILS(ERR_CONFIG, "number 5", prior_new(&p, &m, &ps, &e));
	ps.p[1].v[5] = 1;
	ps.p[2].v[1] = 1.5f;
	FAILS(ERR_CONFIG, "no share", prior_new(&p, &m, &ps, &e));
	const model_config none = config_of(0);
	SUCCEEDS(prior_new(&p, &none, &ps, &e));
	assert_null(p);
	params_free(&ps);
}

/* The scores to be expected of clean latents are what makes L'm and the rest likeliest: (I + L diag(1/r) L') m = L diag(1/r) x; a graph for
 * fewer planes that ran before does not matter. */
static void expected_scores_of(void **state)
{
	(void)state;
	err e = { 0 };
	params ps = random_prior(), none = { 0 };
	const model_config m = config_of(K);
	gaussian *p;
	SUCCEEDS(prior_new(&p, &m, &ps, &e));
	for (int threads = 1; threads <= 3; threads++) {
		prior_case k = { .planes = X - 1, .threads = threads };
		float x[2 * N], got[2 * K], ignored[LATENTS * N];
		run(p, &k, ignored, NULL);
		for (int i = 0; i < 2 * N; i++)
			x[i] = (float)normal(9, (uint64_t)i);
		graph *g = graph_new(GRAPH_ONCE, NN_EXACT, threads);
		layer *in = graph_input(g, (shape){ 2, X, Y, Z, C }), *out = graph_keep(expected_scores(g, p, in));
		made_ready(g, &none);
		graph_write(g, in, x);
		SUCCEEDS(graph_forward(g, &e));
		graph_read(g, out, got);
		for (int b = 0; b < 2; b++)
			for (int i = 0; i < K; i++) {
				const float *L = ps.p[0].v, *r = ps.p[1].v;
				double left = (double)got[b * K + i], right = 0;
				for (int j = 0; j < N; j++) {
					double all = 0;
					for (int o = 0; o < K; o++)
						all += (double)(L[o * N + j] * got[b * K + o]);
					left += (double)L[i * N + j] / (double)r[j] * all;
					right += (double)L[i * N + j] / (double)r[j] * (double)x[b * N + j];
				}
				assert_true(fabs(left - right) < 1e-4 * fmax(1, fabs(right)));
			}
		graph_free(g);
	}
	gaussian_free(p);
	params_free(&ps);
}

static void other_latents(void **state)
{
	(void)state;
	err e = { 0 };
	params ps = random_prior();
	const model_config m = config_of(K);
	gaussian *p;
	SUCCEEDS(prior_new(&p, &m, &ps, &e));
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, (shape){ 2, X, Y, Z, C }), *t = graph_input(g, (shape){ 2, 1, 1, 1, 1 }),
	      *one = graph_input(g, (shape){ 1, 1, 1, 1, 1 }), *large = graph_input(g, (shape){ 2, X + 1, Y, Z, C });
	assert_null(expected_noise(g, NULL, x, t, NULL));
	assert_null(expected_scores(g, NULL, x));
	assert_int_equal(graph_error(g, &e), 0);
	assert_null(expected_noise(g, p, large, t, NULL));
	FAILS(ERR_BUG, "expected noise", graph_error(g, &e));
	assert_null(expected_noise(g, p, x, one, NULL));
	FAILS(ERR_BUG, "expected noise", graph_error(g, &e));
	assert_null(expected_noise(g, p, x, t, t));
	FAILS(ERR_BUG, "expected noise", graph_error(g, &e));
	assert_null(expected_scores(g, p, large));
	FAILS(ERR_BUG, "expected scores", graph_error(g, &e));
	graph_free(g);
	gaussian_free(p);
	params_free(&ps);
}

/* Many people that vary along one direction by sd 2, and at each place by sd .5: that is what is found, in latents' own weight. */
static void learned(void **state)
{
	(void)state;
	enum { PEOPLE = 400 };
	static float z[PEOPLE][N], mean[N], sd[N], components[N], rest[N];
	static dataset_scan scans[PEOPLE];
	static size_t train[PEOPLE];
	static char names[PEOPLE][8];
	double direction[N], length = 0, along = 0, left = 0;
	err e = { 0 };
	for (int i = 0; i < N; i++) {
		direction[i] = normal(5, (uint64_t)i);
		length += direction[i] * direction[i];
		mean[i] = (float)i;
		sd[i] = 1 + (float)(i % 3);
	}
	for (int p = 0; p < PEOPLE; p++) {
		snprintf(names[p], sizeof names[p], "s%d", p);
		scans[p] = (dataset_scan){ .subject = names[p], .z = z[p] };
		train[p] = (size_t)p;
		for (int i = 0; i < N; i++)
			z[p][i] = (float)((double)mean[i] + 2 * normal(6, (uint64_t)p) * direction[i] / sqrt(length) +
					  .5 * normal(7, (uint64_t)(p * N + i)));
	}
	const dataset d = { .scans = scans, .count = PEOPLE, .train = train, .n_train = PEOPLE };
	const scaling s = { .scale = 2, .mean = mean, .sd = sd };
	SUCCEEDS(prior_learn(components, rest, 1, &s, N, &d, &e));
	for (int i = 0; i < N; i++) {
		/* back to the latents' own units */
		const double own = (double)(components[i] * sd[i]) / 2;
		along += own * direction[i] / sqrt(length);
		left += (double)rest[i] * pow((double)sd[i] / 2, 2) / N;
	}
	assert_true(fabs(fabs(along) - sqrt(4.25)) < .15);
	assert_true(fabs(left - .25 * (N - 1) / N) < .02);
	FAILS(ERR_DATA, "not enough people",
	      prior_learn(components, rest, 1, &s, N, &(dataset){ .scans = scans, .train = train, .n_train = 1 }, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(expected_noise_of), cmocka_unit_test(expected_scores_of),
					    cmocka_unit_test(other_latents), cmocka_unit_test(learned) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
