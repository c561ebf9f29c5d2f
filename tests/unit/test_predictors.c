/* The simplest predictors of noise, on latents for which their errors are known. */
#include "../unit.h"

#include <math.h>
#include <stdbool.h>

#include "base/blas.h"
#include "base/philox.h"
#include "base/threads.h"
#include "baseline/linear_map.h"
#include "baseline/places.h"
#include "baseline/predictors.h"
#include "diffusion/noise.h"

enum { MOST = 400 };

/* Latents of one shape with their ids. */
struct set {
	size_t n, count;
	float *z[MOST];
	char name[MOST][16], *id[MOST];
	trial_latents latents;
};

static void make(struct set *s, const char *prefix, size_t n, size_t count)
{
	*s = (struct set){ .n = n, .count = count };
	for (size_t r = 0; r < n; r++) {
		s->z[r] = calloc(count, sizeof *s->z[r]);
		assert_non_null(s->z[r]);
		snprintf(s->name[r], sizeof s->name[r], "%s%zu", prefix, r);
		s->id[r] = s->name[r];
	}
	s->latents = (trial_latents){ n, (const float *const *)s->z, (const char *const *)s->id };
}

static void drop(struct set *s)
{
	for (size_t r = 0; r < s->n; r++)
		free(s->z[r]);
}

/* Standard normal, of its own for each seed, latent and place. */
static float drawn(uint64_t seed, size_t r, size_t i) { return (float)philox_normal(philox_make(seed, r), i); }

/* +1 for the first half, -1 for the second: mean 0 and variance 1, exactly. */
static float side(const struct set *s, size_t r) { return r < s->n / 2 ? 1 : -1; }

static schedule linear(void)
{
	err e;
	schedule s;
	const diffusion_config d = config_default().diffusion;
	SUCCEEDS(schedule_new(&s, &d, &e));
	return s;
}

static trial trial_of(const schedule *s, const int64_t shape[4])
{
	trial t = { .scaling.scale = 1, .schedule = s };
	t.count = 1;
	for (int i = 0; i < 4; i++) {
		t.shape[i] = shape[i];
		t.count *= (size_t)shape[i];
	}
	return t;
}

enum { PLACE, PCA, SITE, AROUND, ALL };

/* The errors of place, one component, and both maps. */
static void judge(double error[ALL][TRIAL_TIMES], const trial *t, const struct set *train, const struct set *judged)
{
	err e;
	predictors p;
	static const int one = 1;
	SUCCEEDS(predictors_learn(&p, t, &train->latents, &one, 1, &e));
	assert_int_equal(predictors_count(&p), ALL);
	SUCCEEDS(predictors_judge(&p, &judged->latents, error, &e));
	predictors_free(&p);
}

/* The ridge takes 2 thousandths of a map that says that all is noise, and so leaves their square. */
static const double RIDGE = 5e-6;

/* got = want but for `tolerance` of it */
static void near(double got, double want, double tolerance, const char *what, int i)
{
	if (!(fabs(got - want) <= tolerance * want + (strstr(what, "lin") ? RIDGE : 0)))
		fail_msg("%s: timestep %d: %.6g, not %.6g", what, i, got, want);
}

static void times_and_noise(void **state)
{
	(void)state;
	schedule s = linear();
	trial t = trial_of(&s, (const int64_t[]){ 1, 2, 3, 4 });
	const float mean[24] = { [3] = 2 };
	float sd[24], z[24], v[24], noise[24], again[24], plain[24];
	for (int i = 0; i < TRIAL_TIMES; i++)
		assert_int_equal(trial_time(&t, i), 50 + 100 * i);
	for (int i = 0; i < 24; i++) {
		sd[i] = .5f;
		z[i] = (float)i;
	}
	t.scaling = (scaling){ 3, mean, sd };
	t.seed = 5;
	trial_set(&t, v, noise, z, "sub-01", 250, TRIAL_JUDGES);
	const double signal = sqrt(s.abar[250]), rest = sqrt(1 - s.abar[250]);
	for (int i = 0; i < 24; i++) {
		double x = 3 * (i - (i == 3 ? 2 : 0)) / .5;
		assert_true(fabs((double)v[i] - (signal * x + rest * (double)noise[i])) < 1e-5 * (1 + fabs(x)));
	}
	/* of seed, id, timestep and use, and of nothing else */
	t.scaling = (scaling){ .scale = 1 };
	trial_set(&t, v, again, z, "sub-01", 250, TRIAL_JUDGES);
	assert_memory_equal(noise, again, sizeof noise);
	trial_set(&t, v, again, z, "sub-01", 250, TRIAL_TEACHES);
	assert_true(memcmp(noise, again, sizeof noise));
	trial_set(&t, v, again, z, "sub-02", 250, TRIAL_JUDGES);
	assert_true(memcmp(noise, again, sizeof noise));
	trial_set(&t, v, again, z, "sub-01", 251, TRIAL_JUDGES);
	assert_true(memcmp(noise, again, sizeof noise));
	t.seed = 6;
	trial_set(&t, v, again, z, "sub-01", 250, TRIAL_JUDGES);
	assert_true(memcmp(noise, again, sizeof noise));
	noise_draw(plain, 24, 5, "sub-01", 500);
	assert_memory_equal(noise, plain, sizeof noise);
	schedule_free(&s);
}

static void sums(void **state)
{
	(void)state;
	schedule s = linear();
	trial t = trial_of(&s, (const int64_t[]){ 4, 1, 1, 1 });
	const float noise[4] = { 1, 2, 3, 4 }, told[4] = { 1, 4, 0, 4 }, weight[4] = { 9, .5f, 1, 9 };
	assert_true(fabs(trial_error(&t, noise, told) - 13. / 4) < 1e-12);
	t.weight = weight;
	assert_true(fabs(trial_error(&t, noise, told) - 11. / 4) < 1e-12);
	double error[TRIAL_TIMES], want = 0;
	for (int i = 0; i < TRIAL_TIMES; i++) {
		double a = s.abar[50 + 100 * i];
		error[i] = 1 + i;
		want += (1 + i) / sqrt(.001 + a / (1 - a)) / 10;
	}
	const trial_score score = trial_sum(&t, error);
	for (int i = 0; i < TRIAL_FIFTHS; i++)
		assert_true(fabs(score.fifth[i] - (1.5 + 2 * i)) < 1e-12);
	assert_true(fabs(score.weighted - want) < 1e-9 * want);
	schedule_free(&s);
}

static void places(void **state)
{
	(void)state;
	err e;
	float mean[3], sd[3], weight[3];
	const float a[3] = { 1, 5, .1f }, b[3] = { 3, 5, .1f };
	SUCCEEDS(places_learn(mean, sd, (const float *const[]){ a, b }, 2, 3, &e));
	const double least = .05 * sqrt(1. / 3);
	const double want[3][2] = { { 2, 1 }, { 5, least }, { .1, least } };
	for (int i = 0; i < 3; i++) {
		assert_true(fabs((double)mean[i] - want[i][0]) < 1e-6);
		assert_true(fabs((double)sd[i] - want[i][1]) < 1e-6);
	}
	places_weigh(weight, sd, 3);
	for (int i = 0; i < 3; i++)
		assert_true(fabs((double)weight[i] - want[i][1] * want[i][1] * 3 / (1 + 2 * least * least)) < 1e-6);
	/* three times a number whose third is rounded */
	FAILS(ERR_DATA, "the latents are all the same", places_learn(mean, sd, (const float *const[]){ b, b, b }, 3, 3, &e));
}

/* A field's own channels and those of its neighbours, mixed by known numbers: the maps find them, and the border counts as 0. */
static void maps(void **state)
{
	(void)state;
	err e;
	enum { X = 3, Y = 4, Z = 5, SITES = X * Y * Z, FIELDS = 40 };
	linear_map *m;
	double field[2 * SITES], target[2 * SITES], weight[SITES], told[2 * SITES];
	SUCCEEDS(blas_open(1, &e));
	for (int around = 0; around < 2; around++) {
		SUCCEEDS(linear_map_new(&m, (const int64_t[]){ 2, X, Y, Z }, &e));
		for (int f = 0; f < FIELDS + 1; f++) {
			for (int i = 0; i < SITES; i++) {
				field[i] = (double)drawn(1, (size_t)f, (size_t)i);
				field[SITES + i] = (double)drawn(2, (size_t)f, (size_t)i);
			}
			for (int i = 0; i < SITES; i++) {
				int x = i / (Y * Z), y = i / Z % Y, z = i % Z;
				double before = x && y + 1 < Y ? field[SITES + i - Y * Z + Z] : 0; /* the site at x-1, y+1 */
				double behind = z + 1 < Z ? field[i + 1] : 0;
				target[i] = 2 * field[i] - field[SITES + i] + around * (.5 * before - 3 * behind);
				target[SITES + i] = 4 * field[SITES + i] + around * behind;
				weight[i] = 1;
				if (f == 7 && i == 3) { /* what weighs nothing is not looked at */
					weight[i] = 0;
					target[i] = 1e9;
				}
			}
			if (f < FIELDS)
				linear_map_learn(m, field, target, weight);
		}
		SUCCEEDS(linear_map_solve(m, 1e-12, &e));
		linear_map_apply(m, around ? LINEAR_MAP_AROUND : LINEAR_MAP_SITE, field, told);
		for (int i = 0; i < 2 * SITES; i++)
			assert_true(fabs(told[i] - target[i]) < 1e-6);
		linear_map_free(m);
	}
	/* one number and its ridge: 2 x in place of x is told as 2 x / (1 + ridge) */
	SUCCEEDS(linear_map_new(&m, (const int64_t[]){ 1, 1, 1, 1 }, &e));
	linear_map_learn(m, (const double[]){ 3 }, (const double[]){ 6 }, (const double[]){ 1 });
	SUCCEEDS(linear_map_solve(m, .25, &e));
	linear_map_apply(m, LINEAR_MAP_SITE, (const double[]){ 1 }, told);
	assert_true(fabs(told[0] - 1.6) < 1e-12);
	linear_map_free(m);
	/* nothing but zeros says nothing */
	SUCCEEDS(linear_map_new(&m, (const int64_t[]){ 1, 1, 1, 1 }, &e));
	linear_map_learn(m, (const double[]){ 0 }, (const double[]){ 6 }, (const double[]){ 1 });
	FAILS(ERR_DATA, "have no solution", linear_map_solve(m, .25, &e));
	linear_map_free(m);
}

/* White noise of variance v_i and mean m_i: nothing is known but each number's own, and the error of `place` is a v / (a v + 1 - a),
 * weighed by place. The maps, which know s_i, can do no better; one component is noise. */
static void white(void **state)
{
	(void)state;
	enum { COUNT = 2 * 4 * 5 * 5 };
	struct set train, judged;
	schedule s = linear();
	trial t = trial_of(&s, (const int64_t[]){ 2, 4, 5, 5 });
	double error[ALL][TRIAL_TIMES];
	float weight[COUNT];
	make(&train, "train", MOST, COUNT);
	make(&judged, "judged", MOST, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		const float sd = i % 3 ? 1 : 3, mean = (float)(i % 7);
		weight[i] = i % 2 ? 1.5f : .5f;
		for (size_t r = 0; r < MOST; r++) {
			train.z[r][i] = mean + sd * drawn(1, r, i);
			judged.z[r][i] = mean + sd * drawn(2, r, i);
		}
	}
	t.scaling.scale = .5;
	t.weight = weight;
	judge(error, &t, &train, &judged);
	for (int i = 0; i < TRIAL_TIMES; i++) {
		double a = s.abar[50 + 100 * i], want = 0;
		for (int k = 0; k < COUNT; k++) {
			double v = k % 3 ? .25 : 2.25;
			want += (double)weight[k] * a * v / (a * v + 1 - a) / COUNT;
		}
		near(error[PLACE][i], want, .02, "white: place", i);
		near(error[SITE][i], want, .02, "white: lin0", i);
		near(error[AROUND][i], want, .04, "white: lin1", i);
		near(error[PCA][i], want, .1, "white: pca", i);
		assert_true(error[PLACE][i] < error[PCA][i]);
	}
	drop(&train);
	drop(&judged);
	schedule_free(&s);
}

/* Latents of rank one, all places +x or all -x. What is left beside the component is held at a twentieth, so that the noise across it is
 * taken for (1 - a) d of what is seen, d = 1 / (a / 20 + 1 - a), and that along it for (1 - a) d / (1 + a d N). */
static void rank_one(void **state)
{
	(void)state;
	enum { N = 4 * 4 * 5 };
	struct set train, judged;
	schedule s = linear();
	const trial t = trial_of(&s, (const int64_t[]){ 1, 4, 4, 5 });
	double error[ALL][TRIAL_TIMES];
	make(&train, "train", 100, N);
	make(&judged, "judged", MOST, N);
	for (size_t i = 0; i < N; i++) {
		for (size_t r = 0; r < train.n; r++)
			train.z[r][i] = side(&train, r);
		for (size_t r = 0; r < judged.n; r++)
			judged.z[r][i] = side(&judged, r);
	}
	judge(error, &t, &train, &judged);
	for (int i = 0; i < TRIAL_TIMES; i++) {
		double a = s.abar[50 + 100 * i], b = 1 - a, d = 1 / (a / 20 + b), q = d / (1 + a * d * N);
		double across = (1 - b * d) * (1 - b * d), along = (1 - b * q) * (1 - b * q) + b * q * q * a * N;
		/* the noise along the component is one number a latent, so that its mean square strays */
		double stray = .02 + .15 * along / (across * (N - 1) + along);
		near(error[PCA][i], across * (N - 1) / N + along / N, stray, "rank one: pca", i);
		near(error[PLACE][i], a, .02, "rank one: place", i);
		near(error[SITE][i], a, .02, "rank one: lin0", i);
		/* a site of the border has fewer neighbours that say the same than one inside, which has 26 */
		assert_true(error[AROUND][i] > a / (1 + 26 * a) && error[AROUND][i] < a / (1 + a) + RIDGE);
	}
	drop(&train);
	drop(&judged);
	schedule_free(&s);
}

/* Two numbers that are the same: two channels of a site, or two sites of a channel. From both of them the noise is known to a / (1 + a). */
static void twins(void **state)
{
	(void)state;
	static const int64_t shapes[2][4] = { { 2, 1, 1, 1 }, { 1, 1, 1, 2 } };
	struct set train, judged;
	schedule s = linear();
	double error[ALL][TRIAL_TIMES];
	for (int sites = 0; sites < 2; sites++) {
		const trial t = trial_of(&s, shapes[sites]);
		double got[ALL] = { 0 }, alone = 0, both = 0;
		make(&train, "train", MOST, 2);
		make(&judged, "judged", MOST, 2);
		for (size_t r = 0; r < MOST; r++) {
			train.z[r][0] = train.z[r][1] = side(&train, r);
			judged.z[r][0] = judged.z[r][1] = side(&judged, r);
		}
		/* few numbers: the mean over several seeds */
		for (int seed = 0; seed < 20; seed++) {
			trial own = t;
			own.seed = (uint64_t)seed;
			judge(error, &own, &train, &judged);
			for (int i = 0; i < 4; i++)
				for (int p = 0; p < ALL; p++)
					got[p] += error[p][i] / 20;
		}
		for (int i = 0; i < 4; i++) {
			double a = s.abar[50 + 100 * i];
			alone += a;
			both += a / (1 + a);
		}
		near(got[PLACE], alone, .03, "twins: place", sites);
		near(got[SITE], sites ? alone : both, .03, "twins: lin0", sites);
		near(got[AROUND], both, .03, "twins: lin1", sites);
		drop(&train);
		drop(&judged);
	}
	schedule_free(&s);
}

static void threads(void **state)
{
	(void)state;
	enum { COUNT = 3 * 3 * 4 * 5 };
	struct set train, judged;
	schedule s = linear();
	const trial t = trial_of(&s, (const int64_t[]){ 3, 3, 4, 5 });
	double one[ALL][TRIAL_TIMES], several[ALL][TRIAL_TIMES];
	make(&train, "train", 20, COUNT);
	make(&judged, "judged", 3, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t r = 0; r < train.n; r++)
			train.z[r][i] = drawn(1, r, i / 4);
		for (size_t r = 0; r < judged.n; r++)
			judged.z[r][i] = drawn(2, r, i / 4);
	}
	threads_set(1);
	judge(one, &t, &train, &judged);
	threads_set(4);
	judge(several, &t, &train, &judged);
	assert_memory_equal(one, several, sizeof one);
	drop(&train);
	drop(&judged);
	schedule_free(&s);
}

static void numbers_of_components(void **state)
{
	(void)state;
	err e;
	struct set train, judged;
	schedule s = linear();
	const trial t = trial_of(&s, (const int64_t[]){ 1, 2, 3, 4 });
	trial wide = t;
	predictors p;
	char name[32];
	const int k[] = { 3, 1, 19, 20 };
	double error[6][TRIAL_TIMES], one[ALL][TRIAL_TIMES];
	make(&train, "train", 20, 24);
	make(&judged, "judged", 3, 24);
	for (size_t i = 0; i < 24; i++)
		for (size_t r = 0; r < train.n; r++)
			train.z[r][i] = drawn(1, r, i);
	SUCCEEDS(predictors_learn(&p, &t, &train.latents, k, 3, &e));
	SUCCEEDS(predictors_judge(&p, &judged.latents, error, &e));
	assert_int_equal(predictors_count(&p), 6);
	static const char *const names[] = { "place", "pca3", "pca1", "pca19", "lin0", "lin1" };
	for (int i = 0; i < 6; i++) {
		predictors_name(&p, i, name);
		assert_string_equal(name, names[i]);
	}
	predictors_free(&p);
	judge(one, &t, &train, &judged);
	/* the others beside it change none */
	for (int i = 0; i < TRIAL_TIMES; i++)
		assert_true(fabs(error[2][i] - one[PCA][i]) < 1e-12);
	FAILS(ERR_DATA, "20 components of 20 rows", predictors_learn(&p, &t, &train.latents, k, 4, &e));
	predictors_free(&p);
	FAILS(ERR_DATA, "no latents to learn from", predictors_learn(&p, &t, &(trial_latents){ 0 }, k, 1, &e));
	predictors_free(&p);
	FAILS(ERR_DATA, "the latents are all the same", predictors_learn(&p, &t, &judged.latents, k, 1, &e));
	predictors_free(&p);
	wide.shape[0] = 257;
	FAILS(ERR_DATA, "257 channels: at most 256", predictors_learn(&p, &wide, &train.latents, k, 1, &e));
	predictors_free(&p);
	drop(&train);
	drop(&judged);
	schedule_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_noise), cmocka_unit_test(sums),	cmocka_unit_test(places),
		cmocka_unit_test(maps),		   cmocka_unit_test(white),	cmocka_unit_test(rank_one),
		cmocka_unit_test(twins),	   cmocka_unit_test(threads),	cmocka_unit_test(numbers_of_components),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
