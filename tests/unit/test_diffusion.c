/* Schedules, solvers, noise and points between codes: against the reference implementation's golden values, and against exact predictors.
 */
#include "../unit.h"

#include "../golden.h"

#include "base/philox.h"
#include "diffusion/between.h"
#include "diffusion/noise.h"
#include "model/schedule.h"
#include "diffusion/solver.h"

static schedule linear;

static int setup(void **state)
{
	err e;
	(void)state;
	SUCCEEDS(st_open(&values, GOLDEN "values.safetensors", &e));
	model_config c = config_default();
	SUCCEEDS(schedule_new(&linear, &c.diffusion, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	schedule_free(&linear);
	st_close(values);
	return 0;
}

static void expect_golden(const char *name, const float *got, size_t n, double tolerance)
{
	double far = strays(got, golden(name, n), n);
	print_message("%s: %.1e\n", name, far);
	if (!(far <= tolerance))
		fail_msg("%s strays by %.2e, more than %.0e", name, far, tolerance);
}

/* ---- schedule ---- */

static void schedule_is_golden(void **state)
{
	(void)state;
	static const int at[8] = { 0, 1, 2, 9, 37, 100, 500, 999 };
	const float *beta = golden("schedule.beta", 8), *abar = golden("schedule.abar", 8), *c = golden("schedule.shift_coef", 8),
		    *w = golden("schedule.weight", 8);
	for (int i = 0; i < 8; i++) {
		int t = at[i];
		/* equal as floats: double on both sides */
		assert_true((float)linear.beta[t] == beta[i]);
		assert_true((float)linear.abar[t] == abar[i]);
		assert_true((float)schedule_shift_published(&linear, t) == c[i]);
		assert_true((float)schedule_loss_weight(&linear, t) == w[i]);
		double snr = linear.abar[t] / (1 - linear.abar[t]);
		assert_true(schedule_p2_weight(&linear, t, 1, 0) == 1);
		assert_true(fabs(schedule_p2_weight(&linear, t, .001, .5) * sqrt(.001 + snr) - 1) < 1e-12);
	}
}

static void cosine_schedule(void **state)
{
	(void)state;
	err e;
	schedule s;
	diffusion_config d = { .timesteps = 1000, .schedule = SCHEDULE_COSINE };
	SUCCEEDS(schedule_new(&s, &d, &e));
	/* where beta is not capped the product telescopes to f(t+1)/f(0) */
	for (int t = 0; t < 990; t += 33) {
		double f = cos(((t + 1) / 1000. + .008) / 1.008 * M_PI / 2) / cos(.008 / 1.008 * M_PI / 2);
		assert_true(fabs(s.abar[t] - f * f) < 1e-12);
	}
	assert_true(s.beta[999] == .999);
	schedule_free(&s);
}

static void times_are_golden(void **state)
{
	(void)state;
	err e;
	static const int steps[2] = { 100, 7 };
	for (int k = 0; k < 2; k++) {
		int *times, n;
		char name[40];
		snprintf(name, sizeof name, "ddim.timesteps.%d", steps[k]);
		SUCCEEDS(schedule_times(&linear, SPACING_TIME, steps[k], &times, &n, &e));
		assert_int_equal(n, steps[k] + 1);
		const st_tensor *t = st_find(values, name);
		assert_non_null(t);
		for (int i = 0; i < n; i++)
			assert_int_equal(times[i],
					 t->dtype == DTYPE_F32 ? (int64_t)((const float *)t->data)[i] : ((const int64_t *)t->data)[i]);
		free(times);
	}
	/* a quotient of whole numbers would give another list: 123 * (999/123.) is below 999 */
	int *times, n;
	SUCCEEDS(schedule_times(&linear, SPACING_TIME, 123, &times, &n, &e));
	for (int i = 0; i < n; i++)
		assert_int_equal(times[i], i == 123 ? 999 : (int)(i * (999. / 123)));
	free(times);
}

static void times_in_log_snr(void **state)
{
	(void)state;
	err e;
	int *times, n;
	SUCCEEDS(schedule_times(&linear, SPACING_SNR, 10, &times, &n, &e));
	assert_int_equal(n, 11);
	assert_int_equal(times[0], 0);
	assert_int_equal(times[10], 999);
	double step = (schedule_lambda(&linear, 999) - schedule_lambda(&linear, 0)) / 10;
	for (int i = 0; i <= 10; i++) {
		double want = schedule_lambda(&linear, 0) + i * step, here = fabs(schedule_lambda(&linear, times[i]) - want);
		/* none is nearer, anywhere */
		for (int t = 0; t < 1000; t++)
			assert_true(fabs(schedule_lambda(&linear, t) - want) >= here);
	}
	free(times);
	SUCCEEDS(schedule_times(&linear, SPACING_SNR, 100, &times, &n, &e));
	assert_int_equal(n, 95); /* the rest fell together */
	for (int i = 1; i < n; i++)
		assert_true(times[i] > times[i - 1]);
	free(times);
	SUCCEEDS(schedule_times(&linear, SPACING_TIME, 999, &times, &n, &e));
	assert_int_equal(n, 1000);
	free(times);
	FAILS(ERR_USAGE, "0 steps", schedule_times(&linear, SPACING_TIME, 0, &times, &n, &e));
	FAILS(ERR_USAGE, "1000 steps", schedule_times(&linear, SPACING_SNR, 1000, &times, &n, &e));
}

/* ---- steps ---- */

static void steps_are_golden(void **state)
{
	(void)state;
	enum { N = 2 * 3 * 8 * 10 * 8 };
	static float out[N];
	const float *z = golden("z", N), *eps = golden("eps", N);
	static const struct {
		const char *name;
		int from, to;
		double clip;
	} cases[] = { { "step.down.clip", 249, 124, 1 },
		      { "step.up.clip", 124, 249, 1 },
		      { "step.down.free", 249, 124, INFINITY },
		      { "step.up.free", 124, 249, INFINITY } };
	for (int i = 0; i < 4; i++) {
		ddim_step(&linear, cases[i].from, cases[i].to, cases[i].clip, out, z, eps, N);
		expect_golden(cases[i].name, out, N, 1e-7);
	}
}

static void lerp_and_slerp(void **state)
{
	(void)state;
	enum { N = 3 * 8 * 10 * 8, D = 64 };
	static float out[N], far[N], b[N];
	const float *y = golden("y", 2 * D), *z = golden("z", 2 * N), *eps = golden("eps", 2 * N);
	between_lerp(out, y, y + D, D, .3);
	expect_golden("lerp", out, D, 1e-7);
	between_slerp(out, z, eps + N, N, .3);
	expect_golden("slerp", out, N, 2e-7);
	/* the ends, bit for bit, not a number computed: -0 and NaN survive */
	memcpy(b, z, sizeof b);
	b[3] = -0.f;
	b[4] = NAN;
	between_slerp(out, z, b, N, 1);
	assert_memory_equal(out, b, sizeof b);
	between_slerp(out, b, z, N, 0);
	assert_memory_equal(out, b, sizeof b);
	between_lerp(out, b, z, N, 0);
	assert_memory_equal(out, b, sizeof b);
	/* parallel, opposite, zero: the line */
	for (int i = 0; i < N; i++) {
		b[i] = 2 * z[i];
		far[i] = -z[i];
	}
	between_slerp(out, z, b, N, .25);
	for (int i = 0; i < N; i++)
		assert_true(fabsf(out[i] - 1.25f * z[i]) <= 1e-6f * fabsf(z[i]));
	between_slerp(out, z, far, N, .25);
	for (int i = 0; i < N; i++)
		assert_true(fabsf(out[i] - .5f * z[i]) <= 1e-6f * fabsf(z[i]));
	memset(b, 0, sizeof b);
	between_slerp(out, b, z, N, .5);
	for (int i = 0; i < N; i++)
		assert_true(out[i] == .5f * z[i]);
	/* of one length and at right angles: the length stays */
	const float p[2] = { 3, 0 }, q[2] = { 0, 3 };
	between_slerp(out, p, q, 2, 1. / 3);
	assert_true(fabs((double)out[0] - 3 * cos(M_PI / 6)) < 1e-6 && fabs((double)out[1] - 1.5) < 1e-6);
}

static void noise_is_a_function(void **state)
{
	(void)state;
	enum { N = 40000 };
	static float a[N], b[N];
	noise_draw(a, N, 1, "sub-01", 0);
	noise_draw(b, N, 1, "sub-01", 0);
	assert_memory_equal(a, b, sizeof a);
	double mean = 0, square = 0;
	for (int i = 0; i < N; i++) {
		mean += (double)a[i] / N;
		square += (double)a[i] * (double)a[i] / N;
	}
	assert_true(fabs(mean) < .02 && fabs(square - 1) < .03);
	for (int k = 0; k < 4; k++) {
		double product = 0;
		noise_draw(b, N, k == 0 ? 2 : 1, k == 1 ? "sub-02" : "sub-01", k == 2 ? 1 : 0);
		philox posterior = philox_make(1, philox_hash("sub-01"));
		for (int i = 0; k == 3 && i < N; i++) /* a draw from the posterior with the same seed */
			b[i] = (float)philox_normal(posterior, (uint64_t)i);
		for (int i = 0; i < N; i++)
			product += (double)a[i] * (double)b[i] / N;
		assert_true(fabs(product) < .025);
	}
}

/* ---- exact predictors: E[noise | x] in closed form ---- */

enum { DIMENSIONS = 8, MODES = 3, MOST = 8000 };

/* Data that is Gaussian of sd `width` round one of `modes` centres (round 0: modes 0). */
struct world {
	double width;
	int modes;
	double centre[MODES][DIMENSIONS];
	float data[MOST];
	int n, calls, with_g, last_t;
	int fail_at; /* this call fails; 0: none */
};

static void make_world(struct world *w, double width, int modes)
{
	philox p = philox_make(3, 0);
	memset(w, 0, sizeof *w);
	w->width = width;
	w->modes = modes;
	w->n = MOST;
	for (int k = 0; k < modes * DIMENSIONS; k++)
		w->centre[k / DIMENSIONS][k % DIMENSIONS] = .9 * philox_normal(p, (uint64_t)(1 << 20) + (uint64_t)k);
	for (int i = 0; i < w->n; i++)
		w->data[i] =
			(float)((modes ? w->centre[i / DIMENSIONS % modes][i % DIMENSIONS] : 0) + width * philox_normal(p, (uint64_t)i));
}

/* E[clean | x] of the point x[DIMENSIONS]. */
static void posterior_mean(const struct world *w, double *mean, const float *x, double signal, double variance)
{
	double log_weight[MODES], most = -INFINITY, sum = 0, total = signal * signal * w->width * w->width + variance;
	double gain = signal * w->width * w->width / total;
	for (int k = 0; k < w->modes; k++) {
		double d = 0;
		for (int i = 0; i < DIMENSIONS; i++)
			d += pow((double)x[i] - signal * w->centre[k][i], 2);
		log_weight[k] = -d / (2 * total);
		most = fmax(most, log_weight[k]);
	}
	for (int i = 0; i < DIMENSIONS; i++)
		mean[i] = w->modes ? 0 : gain * (double)x[i];
	for (int k = 0; k < w->modes; k++)
		sum += exp(log_weight[k] - most);
	for (int k = 0; k < w->modes; k++)
		for (int i = 0; i < DIMENSIONS; i++)
			mean[i] += exp(log_weight[k] - most) / sum * (w->centre[k][i] + gain * ((double)x[i] - signal * w->centre[k][i]));
}

static int exact(void *of, float *eps, float *g, const float *x, int t, const float *y, err *e)
{
	struct world *w = of;
	double signal = schedule_signal(&linear, t), noise = schedule_noise(&linear, t), mean[DIMENSIONS];
	w->calls++;
	w->last_t = t;
	if (w->calls == w->fail_at)
		return err_set(e, ERR_OS, "no more");
	for (int i = 0; i < w->n; i += DIMENSIONS) {
		posterior_mean(w, mean, x + i, signal, noise * noise);
		for (int k = 0; k < DIMENSIONS; k++)
			eps[i + k] = (float)(((double)x[i + k] - signal * mean[k]) / noise);
	}
	/* half of it by way of the gradient: eps - sqrt(1-a) G is the same again */
	for (int i = 0; g && i < w->n; i++) {
		g[i] = (float)(-.5 * (double)eps[i] / noise);
		eps[i] *= .5f;
	}
	w->with_g += g != NULL;
	assert_true((g != NULL) <= (y != NULL));
	return 0;
}

static double rms(const float *v, const float *from, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += pow((double)v[i] - (from ? (double)from[i] : 0), 2);
	return sqrt(sum / n);
}

/* clean -> noise -> clean: rms error in units of the data's rms; *noise: the rms on the way. */
static double round_trip(struct world *w, enum solver_kind kind, int steps, double *noise)
{
	err e = { 0 };
	solver s;
	static float x[MOST];
	predictor p = { exact, w, (size_t)w->n, NULL };
	SUCCEEDS(solver_new(&s, kind, &linear, steps, &e));
	memcpy(x, w->data, sizeof x);
	SUCCEEDS(solver_invert(&s, &p, x, &e));
	*noise = rms(x, NULL, w->n);
	SUCCEEDS(solver_sample(&s, &p, x, &e));
	solver_free(&s);
	return rms(x, w->data, w->n) / rms(w->data, NULL, w->n);
}

static void round_trips(void **state)
{
	(void)state;
	static struct world w;
	static const double width[3] = { 1, .1, .3 };
	static const int modes[3] = { 0, 0, MODES };
	static const struct {
		enum solver_kind kind;
		int steps;
		double most[3]; /* the table of diffusion/solver.h, rounded up */
	} rows[] = { { SOLVER_DDIM, 10, { .315, .87, .25 } },	   { SOLVER_DDIM, 20, { .175, .69, .165 } },
		     { SOLVER_DDIM, 50, { .072, .375, .072 } },	   { SOLVER_DDIM, 100, { .037, .206, .046 } },
		     { SOLVER_DPMPP2M, 10, { .018, .044, .068 } }, { SOLVER_DPMPP2M, 20, { .001, .0018, .018 } },
		     { SOLVER_DPMPP2M, 50, { 4e-5, .0008, .002 } } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int k = 0; k < 3; k++) {
			double noise;
			make_world(&w, width[k], modes[k]);
			double error = round_trip(&w, rows[i].kind, rows[i].steps, &noise);
			print_message("%s %d, sd %g, %d modes: %.5f, noise %.3f\n", rows[i].kind ? "dpmpp2m" : "ddim", rows[i].steps,
				      width[k], modes[k], error, noise);
			assert_true(error <= rows[i].most[k]);
			/* and not much smaller either: the table is what it says */
			assert_true(error >= rows[i].most[k] / 3);
			if (rows[i].kind == SOLVER_DPMPP2M && rows[i].steps >= 20)
				assert_true(fabs(noise - 1) < .05);
		}
}

/* Against the exact flow of Gaussian data: noise/data is the ratio of standard deviations at the ends. First and second order. */
static void orders(void **state)
{
	(void)state;
	static struct world w;
	static float x[MOST];
	for (int kind = 0; kind < 2; kind++) {
		double last = 0;
		for (int steps = 10; steps <= 40; steps *= 2) {
			err e = { 0 };
			solver s;
			make_world(&w, 1, 0);
			predictor p = { exact, &w, (size_t)w.n, NULL };
			SUCCEEDS(solver_new(&s, (enum solver_kind)kind, &linear, steps, &e));
			memcpy(x, w.data, sizeof x);
			SUCCEEDS(solver_sample(&s, &p, x, &e));
			solver_free(&s);
			double error = rms(x, w.data, w.n); /* sd 1 is 1 at all times: the flow stands still */
			print_message("kind %d, %d steps: %.2e\n", kind, steps, error);
			if (last > 0) {
				double order = log2(last / error);
				assert_true(order > (kind ? 1.3 : .8) && order < (kind ? 3 : 1.3));
			}
			last = error;
		}
	}
}

static void guidance(void **state)
{
	(void)state;
	err e = { 0 };
	static struct world w;
	static float plain[MOST], shifted[MOST];
	float y = 1;
	for (int kind = 0; kind < 2; kind++) {
		solver s;
		make_world(&w, .3, MODES);
		SUCCEEDS(solver_new(&s, (enum solver_kind)kind, &linear, 8, &e));
		memcpy(plain, w.data, sizeof plain);
		memcpy(shifted, w.data, sizeof shifted);
		predictor p = { exact, &w, (size_t)w.n, NULL };
		SUCCEEDS(solver_sample(&s, &p, plain, &e));
		assert_int_equal(w.calls, 8);
		assert_int_equal(w.with_g, 0);
		p.y = &y;
		SUCCEEDS(solver_sample(&s, &p, shifted, &e));
		assert_int_equal(w.with_g, 8);
		assert_true(rms(plain, shifted, w.n) < 1e-4);
		s.stop = .3; /* int(.3 * 8) = 2 calls without */
		w.with_g = 0;
		SUCCEEDS(solver_sample(&s, &p, shifted, &e));
		assert_int_equal(w.with_g, 6);
		w.with_g = 0;
		SUCCEEDS(solver_invert(&s, &p, shifted, &e));
		assert_int_equal(w.with_g, 8);
		solver_free(&s);
	}
}

static void clip_bounds_the_clean_latent(void **state)
{
	(void)state;
	err e = { 0 };
	static struct world w;
	static float x[MOST];
	for (int kind = 0; kind < 2; kind++) {
		solver s;
		make_world(&w, 1, 0);
		predictor p = { exact, &w, (size_t)w.n, NULL };
		SUCCEEDS(solver_new(&s, (enum solver_kind)kind, &linear, 50, &e));
		s.clip = .5;
		memcpy(x, w.data, sizeof x);
		SUCCEEDS(solver_sample(&s, &p, x, &e));
		double most = 0;
		for (int i = 0; i < w.n; i++)
			most = fmax(most, fabs((double)x[i]));
		assert_true(most < .56);
		solver_free(&s);
	}
}

static void count_steps(void *of, int done, int steps)
{
	int *seen = of;
	assert_int_equal(steps, 6);
	assert_int_equal(done, ++*seen);
}

/* What lies beside a latent in one run does not change it; an error of the predictor ends a run; progress. */
static void batches_and_errors(void **state)
{
	(void)state;
	err e = { 0 };
	static struct world w, half;
	static float x[MOST], first[MOST];
	int seen = 0;
	for (int kind = 0; kind < 2; kind++) {
		solver s;
		make_world(&w, .3, MODES);
		half = w;
		half.n = MOST / 2;
		predictor p = { exact, &w, MOST, NULL }, q = { exact, &half, MOST / 2, NULL };
		SUCCEEDS(solver_new(&s, (enum solver_kind)kind, &linear, 6, &e));
		s.progress = count_steps;
		s.progress_of = &seen;
		memcpy(x, w.data, sizeof x);
		memcpy(first, w.data, sizeof first);
		seen = 0;
		SUCCEEDS(solver_invert(&s, &p, x, &e));
		assert_int_equal(seen, 6);
		assert_int_equal(w.last_t, s.times[5]); /* the last timestep is only arrived at */
		s.progress = NULL;
		SUCCEEDS(solver_invert(&s, &q, first, &e));
		assert_memory_equal(x, first, MOST / 2 * sizeof *x);
		w.fail_at = w.calls + 3;
		FAILS(ERR_OS, "no more", solver_sample(&s, &p, x, &e));
		assert_int_equal(w.calls, w.fail_at);
		solver_free(&s);
	}
	solver s;
	FAILS(ERR_USAGE, "1 to 999", solver_new(&s, SOLVER_DDIM, &linear, 0, &e));
	solver_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedule_is_golden),
		cmocka_unit_test(cosine_schedule),
		cmocka_unit_test(times_are_golden),
		cmocka_unit_test(times_in_log_snr),
		cmocka_unit_test(steps_are_golden),
		cmocka_unit_test(lerp_and_slerp),
		cmocka_unit_test(noise_is_a_function),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(orders),
		cmocka_unit_test(guidance),
		cmocka_unit_test(clip_bounds_the_clean_latent),
		cmocka_unit_test(batches_and_errors),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
