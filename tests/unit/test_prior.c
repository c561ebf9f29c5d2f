/* The prior of latents: the noise to be expected, against the formula with the whole covariance; what is learned from latents. */
#include "../unit.h"

#include <math.h>

#include "base/philox.h"
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

static void expected_noise(void **state)
{
	(void)state;
	err e = { 0 };
	params ps = random_prior();
	const model_config m = config_of(K);
	schedule s;
	gaussian *p;
	SUCCEEDS(schedule_new(&s, &m.diffusion, &e));
	SUCCEEDS(prior_new(&p, &m, &ps, &e));
	const double times[] = { 999, 0, 500, 50, 500 };
	for (int i = 0; i < 2 * 3 * 2; i++) {
		const int planes = X - i % 2, threads = 1 + i / 2 % 3, n = planes * Y * Z * C;
		const bool told = i >= 6;
		nn *c = nn_new(NN_TRAIN, NN_EXACT, threads);
		float x[5 * N], got[5 * N], score[5 * K];
		for (int k = 0; k < 5 * n; k++)
			x[k] = (float)normal(3, (uint64_t)k);
		for (int k = 0; k < 5 * K; k++)
			score[k] = (float)normal(8, (uint64_t)k);
		tensor *in = nn_from_field(c, (shape){ 5, planes, Y, Z, C }, x);
		tensor *scores = told ? nn_from_field(c, (shape){ 5, 1, 1, 1, K }, score) : NULL;
		if (scores)
			scores->needs_grad = true;
		tensor *out = nn_expected_noise(c, p, in, times, scores), *loss = nn_squared_to(c, out, .5f);
		SUCCEEDS(nn_error(c, &e));
		nn_to_field(c, out, got);
		double want[5][N];
		for (int b = 0; b < 5; b++) {
			plain(&ps, x + b * n, s.abar[(int)times[b]], planes, told ? score + b * K : NULL, want[b]);
			for (int k = 0; k < n; k++)
				assert_true(fabs((double)got[b * n + k] - want[b][k]) < 2e-6 * fmax(1, fabs(want[b][k])));
		}
		nn_backward(c, loss, 1);
		for (int k = 0; told && k < 5 * K; k++) {
			/* the noise is linear in the scores */
			const int b = k / K;
			const float before = score[k];
			double other[N], slope = 0;
			score[k] += 1;
			plain(&ps, x + b * n, s.abar[(int)times[b]], planes, score + b * K, other);
			score[k] = before;
			for (int j = 0; j < n; j++)
				slope += 2 * (want[b][j] - .5) * (other[j] - want[b][j]) / (5 * n);
			assert_true(fabs((double)scores->g[k] - slope) < 2e-6 * fmax(1, fabs(slope)));
		}
		tensor *all[] = { in, out, loss, scores };
		for (int k = 0; k < 4; k++)
			nn_drop(c, all[k]);
		nn_free(c);
	}
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(expected_noise), cmocka_unit_test(learned) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
