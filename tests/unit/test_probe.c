/* Linear probes: fits against closed forms and their own conditions of a minimum, metrics by hand, folds, labels, the file. */
#include "../unit.h"

#include <math.h>

#include "base/philox.h"
#include "base/threads.h"
#include "probe/cases.h"
#include "probe/cross.h"
#include "probe/division.h"
#include "probe/doubts.h"
#include "probe/labelled.h"
#include "probe/labels.h"
#include "probe/linear.h"
#include "probe/metrics.h"
#include "probe/probe.h"

static const size_t in_order[64] = { 0,	 1,  2,	 3,  4,	 5,  6,	 7,  8,	 9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
				     22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
				     44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.17g is not %.17g within %g", got, want, tolerance);
}

/* n codes of p numbers, the same for a seed. */
static float *random_codes(size_t n, size_t p, uint64_t seed)
{
	float *v = malloc(n * p * sizeof *v);
	assert_non_null(v);
	for (size_t i = 0; i < n * p; i++)
		v[i] = (float)(philox_normal(philox_make(seed, 1), i) * (1 + (double)(i % p)) + (double)(i % p));
	return v;
}

/* ---- ridge ---- */

/* One feature: w = z.v / (n + lambda), since z.z = n; two equal features share it: z.v / (2 n + lambda) each. */
static void ridge_of_one_feature(void **state)
{
	(void)state;
	const float one[4] = { 1, 2, 3, 6 }, twice[8] = { 1, 1, 2, 2, 3, 3, 6, 6 };
	const double value[4] = { 3, -1, 4, 10 }, sd = sqrt(3.5); /* mean 3, squares 4 1 0 9 */
	const double zv = (-2 * 3 + -1 * -1 + 0 * 4 + 3 * 10) / sd;
	err e = { 0 };
	basis b;
	linear l;
	SUCCEEDS(basis_make(&b, one, 1, in_order, 4, &e));
	near(b.mean[0], 3, 0);
	near(b.std[0], sd, 1e-15);
	for (double lambda = 0; lambda < 3; lambda += 1.5) {
		SUCCEEDS(ridge_fit(&l, &b, value, lambda, &e));
		near(l.weight[0], zv / (4 + lambda), 1e-13);
		near(l.bias, 4, 1e-14);
		near(linear_value(&l, &b, one + 3), 4 + zv / (4 + lambda) * 3 / sd, 1e-13);
		free(l.weight);
	}
	basis_free(&b);
	SUCCEEDS(basis_make(&b, twice, 2, in_order, 4, &e));
	assert_int_equal(b.r, 1);
	SUCCEEDS(ridge_fit(&l, &b, value, 1.5, &e));
	near(l.weight[0], zv / (8 + 1.5), 1e-13);
	near(l.weight[1], l.weight[0], 1e-14);
	free(l.weight);
	basis_free(&b);
}

/* At the minimum the gradient is zero: sum_i z_i (f_i - v_i) + lambda w = 0, sum_i (f_i - v_i) = 0; both shapes of X. */
static void ridge_gradient(void **state)
{
	(void)state;
	const struct {
		size_t n, p;
	} shape[] = { { 40, 7 }, { 9, 50 } };
	for (size_t s = 0; s < 2; s++) {
		size_t n = shape[s].n, p = shape[s].p;
		float *codes = random_codes(n, p, s + 1);
		double value[64], sum = 0;
		err e = { 0 };
		basis b;
		linear l;
		for (size_t i = 0; i < n; i++)
			value[i] = 50 + 10 * philox_normal(philox_make(3, 0), i);
		SUCCEEDS(basis_make(&b, codes, p, in_order, n, &e));
		SUCCEEDS(ridge_fit(&l, &b, value, 2.5, &e));
		for (size_t j = 0; j < p; j++) {
			double g = 2.5 * l.weight[j];
			for (size_t i = 0; i < n; i++)
				g += (codes[i * p + j] - b.mean[j]) / b.std[j] * (linear_value(&l, &b, codes + i * p) - value[i]);
			near(g, 0, 1e-9);
		}
		for (size_t i = 0; i < n; i++)
			sum += linear_value(&l, &b, codes + i * p) - value[i];
		near(sum, 0, 1e-9);
		free(l.weight);
		basis_free(&b);
		free(codes);
	}
}

/* ---- logistic ---- */

/* A feature of two values and almost no penalty: the odds are those counted. A constant feature has std 1 and weight 0. */
static void logistic_of_counts(void **state)
{
	(void)state;
	/* x = 0: 1 of 4 positive; x = 1: 3 of 5 */
	const float codes[18] = { 0, 7.1f, 0, 7.1f, 0, 7.1f, 0, 7.1f, 1, 7.1f, 1, 7.1f, 1, 7.1f, 1, 7.1f, 1, 7.1f };
	const bool positive[9] = { true, false, false, false, true, true, true, false, false };
	double a[3] = { 0 };
	err e = { 0 };
	basis b;
	linear l;
	SUCCEEDS(basis_make(&b, codes, 2, in_order, 9, &e));
	near(b.mean[1], (double)7.1f, 0);
	near(b.std[1], 1, 0);
	SUCCEEDS(logistic_fit(&l, &b, positive, 1e10, false, a, &e));
	near(linear_value(&l, &b, codes), log(1. / 3), 1e-7);
	near(linear_value(&l, &b, codes + 8), log(3. / 2), 1e-7);
	near(l.weight[1], 0, 0);
	free(l.weight);
	basis_free(&b);
}

/* Nothing but constant features: the intercept alone is left, log(N1 / N0), and 0 when classes are balanced. */
static void logistic_of_constants(void **state)
{
	(void)state;
	const float codes[10] = { 2, 3, 2, 3, 2, 3, 2, 3, 2, 3 };
	const bool positive[5] = { true, false, false, false, false };
	double a[3] = { 0 };
	err e = { 0 };
	basis b;
	linear l;
	SUCCEEDS(basis_make(&b, codes, 2, in_order, 5, &e));
	assert_int_equal(b.r, 0);
	SUCCEEDS(logistic_fit(&l, &b, positive, 1, false, a, &e));
	near(l.bias, log(1. / 4), 1e-9);
	free(l.weight);
	SUCCEEDS(logistic_fit(&l, &b, positive, 1, true, a, &e));
	near(l.bias, 0, 1e-9);
	free(l.weight);
	basis_free(&b);
}

/* At the minimum w = C sum_i c_i t_i q_i z_i and 0 = sum_i c_i t_i q_i, with q the probability of the other class; also where the classes
 * can be told apart entirely and the penalty is weak. */
static void logistic_gradient(void **state)
{
	(void)state;
	const struct {
		size_t n, p;
		double C;
	} shape[] = { { 50, 6, .3 }, { 12, 40, 1 }, { 12, 40, 1e6 }, { 60, 3, 1e-5 } };
	for (size_t s = 0; s < 4; s++)
		for (int balanced = 0; balanced < 2; balanced++) {
			size_t n = shape[s].n, p = shape[s].p, positives = 0;
			float *codes = random_codes(n, p, 10 + s);
			bool positive[64];
			double a[64] = { 0 }, sum = 0, largest = 0;
			err e = { 0 };
			basis b;
			linear l;
			for (size_t i = 0; i < n; i++)
				positives += positive[i] = i % 3 == 0 || codes[i * p] > 1;
			SUCCEEDS(basis_make(&b, codes, p, in_order, n, &e));
			SUCCEEDS(logistic_fit(&l, &b, positive, shape[s].C, balanced, a, &e));
			double q[64];
			for (size_t i = 0; i < n; i++) {
				double t = positive[i] ? 1 : -1, of = (double)(positive[i] ? positives : n - positives);
				q[i] = shape[s].C * (balanced ? (double)n / (2 * of) : 1) * t *
				       probe_logistic(-t * linear_value(&l, &b, codes + i * p));
				sum += q[i];
				largest = fmax(largest, fabs(q[i]));
			}
			near(sum, 0, 1e-7 * (1 + largest));
			for (size_t j = 0; j < p; j++) {
				double g = l.weight[j];
				for (size_t i = 0; i < n; i++)
					g -= q[i] * (codes[i * p + j] - b.mean[j]) / b.std[j];
				near(g, 0, 1e-7 * (1 + largest));
			}
			free(l.weight);
			basis_free(&b);
			free(codes);
		}
}

static void one_class_alone(void **state)
{
	(void)state;
	const float codes[3] = { 1, 2, 3 };
	const bool positive[3] = { true, true, true };
	double a[2] = { 0 };
	err e = { 0 };
	basis b;
	linear l;
	SUCCEEDS(basis_make(&b, codes, 1, in_order, 3, &e));
	FAILS(ERR_DATA, "all 3 records are of one class", logistic_fit(&l, &b, positive, 1, false, a, &e));
	basis_free(&b);
}

/* ---- metrics ---- */

static void metrics_by_hand(void **state)
{
	(void)state;
	/* called positive: 1 1 1 0 0 0; f 0 is a call of "negative"; one tie of the two classes */
	const double truth[6] = { 1, 1, 0, 1, 0, 0 }, f[6] = { 2, .5, .5, -1, 0, -3 };
	const size_t subject[6] = { 0, 1, 2, 3, 4, 5 };
	interval m[METRICS];
	err e = { 0 };
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_CLASSIFY, 6, 6, 1, truth, f, subject }, 500, 1, &e));
	near(m[METRIC_ACCURACY].value, 4. / 6, 1e-15); /* tp 2 fp 1 fn 1 tn 2 */
	near(m[METRIC_BALANCED_ACCURACY].value, 2. / 3, 1e-15);
	near(m[METRIC_PRECISION].value, 2. / 3, 1e-15);
	near(m[METRIC_RECALL].value, 2. / 3, 1e-15);
	near(m[METRIC_F1].value, 2. / 3, 1e-15);
	near(m[METRIC_MCC].value, (2 * 2 - 1) / 9., 1e-15);
	near(m[METRIC_AUC].value, (3 + 2.5 + 1) / 9, 1e-15);
	assert_true(isnan(m[METRIC_MAE].value));
	for (int i = 0; i <= METRIC_AUC; i++)
		assert_true(m[i].lo <= m[i].value && m[i].value <= m[i].hi && m[i].lo < m[i].hi);

	const double value[4] = { 1, 2, 3, 6 }, g[4] = { 1, 3, 3, 4 };
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_REGRESS, 4, 4, 1, value, g, subject }, 500, 1, &e));
	near(m[METRIC_MAE].value, .75, 1e-15);
	near(m[METRIC_RMSE].value, sqrt(5. / 4), 1e-15);
	near(m[METRIC_R2].value, 1 - 5. / 14, 1e-15);
	assert_true(isnan(m[METRIC_AUC].value));
}

static void metrics_that_are_undefined(void **state)
{
	(void)state;
	const double truth[3] = { 0, 0, 0 }, f[3] = { -1, -2, 3 };
	const size_t subject[3] = { 0, 1, 2 }, same[3] = { 0, 0, 0 };
	interval m[METRICS];
	err e = { 0 };
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_CLASSIFY, 3, 3, 1, truth, f, subject }, 100, 1, &e));
	assert_true(isnan(m[METRIC_AUC].value) && isnan(m[METRIC_AUC].lo));
	near(m[METRIC_BALANCED_ACCURACY].value, 2. / 3, 1e-15);
	near(m[METRIC_PRECISION].value, 0, 0);
	near(m[METRIC_RECALL].value, 0, 0);
	near(m[METRIC_MCC].value, 0, 0);
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_REGRESS, 3, 1, 1, truth, f, same }, 100, 1, &e));
	assert_true(isnan(m[METRIC_R2].value));
	near(m[METRIC_MAE].value, 2, 1e-15);
	assert_true(isnan(m[METRIC_MAE].lo)); /* one subject: nothing to draw from */
	FAILS(ERR_DATA, "nothing to judge", metrics_measure(m, &(predicted){ PROBE_REGRESS, 0, 0, 1, truth, f, same }, 100, 1, &e));
}

/* The interval of a mean is nearly the normal one; records of a subject come together, so twice the records of each give the same; threads
 * change nothing, the seed does. */
static void bootstrap_of_subjects(void **state)
{
	(void)state;
	enum { N = 400 };
	double truth[2 * N], f[2 * N] = { 0 }, squares = 0;
	size_t subject[2 * N];
	interval m[METRICS], twice[METRICS], again[METRICS];
	err e = { 0 };
	for (size_t i = 0; i < 2 * N; i++) {
		truth[i] = 1 + philox_uniform(philox_make(5, 0), i % N);
		subject[i] = i % N;
	}
	threads_set(1);
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_REGRESS, N, N, 1, truth, f, subject }, 4000, 1, &e));
	for (size_t i = 0; i < N; i++)
		squares += pow(truth[i] - m[METRIC_MAE].value, 2);
	double half = 1.96 * sqrt(squares / N / N);
	near(m[METRIC_MAE].lo, m[METRIC_MAE].value - half, .05 * half);
	near(m[METRIC_MAE].hi, m[METRIC_MAE].value + half, .05 * half);
	threads_set(3);
	SUCCEEDS(metrics_measure(again, &(predicted){ PROBE_REGRESS, N, N, 1, truth, f, subject }, 4000, 1, &e));
	assert_memory_equal(m, again, sizeof m);
	SUCCEEDS(metrics_measure(twice, &(predicted){ PROBE_REGRESS, 2 * N, N, 1, truth, f, subject }, 4000, 1, &e));
	near(twice[METRIC_MAE].lo, m[METRIC_MAE].lo, 1e-12);
	SUCCEEDS(metrics_measure(again, &(predicted){ PROBE_REGRESS, N, N, 1, truth, f, subject }, 4000, 2, &e));
	assert_true(again[METRIC_MAE].lo != m[METRIC_MAE].lo);
}

/* Repeats: the mean of the metrics, not the metric of the mean, and what lies between them; the interval is that of the mean, which does
 * not know how often the same predictions were repeated. */
static void metrics_of_repeats(void **state)
{
	(void)state;
	const double value[4] = { 1, 2, 3, 6 }, g[12] = { 1, 3, 3, 4, 3, 0, 3, 8, 1, 2, 3, 6 };
	const double truth[4] = { 1, 1, 0, 0 }, f[8] = { 2, 1, -1, -2, 1, -2, -1, 2 };
	const size_t subject[4] = { 0, 1, 2, 3 };
	const double thrice[12] = { 1, 3, 3, 4, 1, 3, 3, 4, 1, 3, 3, 4 };
	interval m[METRICS], once[METRICS];
	err e = { 0 };
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_REGRESS, 4, 4, 3, value, g, subject }, 500, 1, &e));
	near(m[METRIC_MAE].value, (.75 + 1.5 + 0) / 3, 1e-15);
	near(m[METRIC_MAE].sd, .75, 1e-15); /* .75, 1.5, 0 */
	near(m[METRIC_RMSE].value, (sqrt(5. / 4) + sqrt(3) + 0) / 3, 1e-15);
	near(m[METRIC_R2].value, (1 - 5. / 14 + 1 - 12. / 14 + 1) / 3, 1e-15);
	assert_true(isnan(m[METRIC_AUC].value));
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_CLASSIFY, 4, 4, 2, truth, f, subject }, 500, 1, &e));
	near(m[METRIC_AUC].value, (1 + .25) / 2, 1e-15);
	near(m[METRIC_AUC].sd, .75 / sqrt(2), 1e-15);
	near(m[METRIC_ACCURACY].value, (1 + .5) / 2, 1e-15);
	SUCCEEDS(metrics_measure(once, &(predicted){ PROBE_REGRESS, 4, 4, 1, value, thrice, subject }, 500, 1, &e));
	SUCCEEDS(metrics_measure(m, &(predicted){ PROBE_REGRESS, 4, 4, 3, value, thrice, subject }, 500, 1, &e));
	near(m[METRIC_MAE].lo, once[METRIC_MAE].lo, 1e-15);
	near(m[METRIC_MAE].hi, once[METRIC_MAE].hi, 1e-15);
	near(m[METRIC_MAE].sd, 0, 1e-15);
	assert_true(isnan(once[METRIC_MAE].sd));
}

/* ---- cases and folds ---- */

/* 21 subjects, every third of them positive, the first with three records, in an order that `reversed` turns round. */
static void make_cases(cases *c, bool reversed)
{
	err e = { 0 };
	*c = (cases){ 0 };
	for (int i = 0; i < 23; i++) {
		int which = reversed ? 22 - i : i, s = which < 2 ? 0 : which - 2;
		char name[16];
		float code[2] = { (float)s, (float)(which * which % 7) };
		snprintf(name, sizeof name, "sub-%02d", s);
		SUCCEEDS(cases_add(c, name, code, 2, s % 3 == 0, &e));
	}
	SUCCEEDS(cases_finish(c, &e));
}

static void folds_by_subject(void **state)
{
	(void)state;
	cases c, r;
	int fold[21], other[21], size[5] = { 0 }, positives[5] = { 0 };
	err e = { 0 };
	make_cases(&c, false);
	make_cases(&r, true);
	assert_int_equal(c.subjects, 21);
	assert_string_equal(c.names[3], "sub-03");
	assert_int_equal(c.subject[0], 0);
	assert_int_equal(c.subject[1], 0);
	assert_int_equal(c.subject[5], 3);
	SUCCEEDS(folds_make(fold, &c, NULL, 5, true, 7, &e));
	SUCCEEDS(folds_make(other, &r, NULL, 5, true, 7, &e));
	assert_memory_equal(fold, other, sizeof fold);
	for (int s = 0; s < 21; s++) {
		size[fold[s]]++;
		positives[fold[s]] += s % 3 == 0;
	}
	for (int k = 0; k < 5; k++) {
		assert_in_range(size[k], 4, 5);
		assert_in_range(positives[k], 1, 2);
	}
	SUCCEEDS(folds_make(other, &c, NULL, 5, true, 8, &e));
	assert_memory_not_equal(fold, other, sizeof fold);
	FAILS(ERR_DATA, "21 subjects do not fill 22 folds", folds_make(other, &c, NULL, 22, true, 8, &e));
	float longer[3] = { 0 }, odd[2] = { 0, INFINITY };
	FAILS(ERR_DATA, "a code of 3 numbers, the others have 2", cases_add(&c, "a", longer, 3, 0, &e));
	FAILS(ERR_DATA, "number 1 of its code is not finite", cases_add(&c, "a", odd, 2, 0, &e));
	cases_free(&c);
	cases_free(&r);
}

/* What cv predicts for a fold is what a fit to the others predicts; one thread or three. */
static void cross_validation(void **state)
{
	(void)state;
	const fit_options ridge = { PROBE_REGRESS, 2, false, 3, 0 }, chosen = { PROBE_CLASSIFY, NAN, true, 3, 0 };
	cases c;
	int fold[21];
	double f[23], g[23], strength[5], more[5];
	size_t rows[23], n = 0;
	err e = { 0 };
	basis b;
	linear l;
	make_cases(&c, false);
	SUCCEEDS(folds_make(fold, &c, NULL, 5, true, 7, &e));
	SUCCEEDS(cross_predict(f, strength, &c, fold, 5, &ridge, &e));
	near(strength[4], 2, 0);
	for (size_t i = 0; i < c.n; i++)
		if (fold[c.subject[i]] != 2)
			rows[n++] = i;
	SUCCEEDS(cross_fit(&l, &b, strength, &c, rows, n, &ridge, &e));
	for (size_t i = 0; i < c.n; i++)
		if (fold[c.subject[i]] == 2)
			near(linear_value(&l, &b, c.codes + 2 * i), f[i], 0);
	free(l.weight);
	basis_free(&b);
	threads_set(1);
	SUCCEEDS(cross_predict(f, strength, &c, fold, 5, &chosen, &e));
	threads_set(3);
	SUCCEEDS(cross_predict(g, more, &c, fold, 5, &chosen, &e));
	assert_memory_equal(f, g, sizeof f);
	assert_memory_equal(strength, more, sizeof strength);
	cases_free(&c);
}

/* The strength that is chosen is the one of those tried that predicts best, on the folds that the seed makes. */
static void choice_of_strength(void **state)
{
	(void)state;
	fit_options how = { PROBE_REGRESS, NAN, false, 3, 0 };
	cases c;
	int fold[21];
	double f[23], strength[3], chosen, best = INFINITY, of_best = 0;
	err e = { 0 };
	basis b;
	linear l;
	make_cases(&c, false);
	for (size_t i = 0; i < c.n; i++)
		c.value[i] = c.codes[2 * i] + 3 * philox_normal(philox_make(4, 0), i);
	SUCCEEDS(folds_make(fold, &c, NULL, 3, false, 0, &e));
	SUCCEEDS(cross_fit(&l, &b, &chosen, &c, NULL, 0, &how, &e));
	free(l.weight);
	basis_free(&b);
	for (int g = 0; g < 15; g++) {
		double loss = 0;
		how.strength = pow(10, 6 - g / 2.);
		SUCCEEDS(cross_predict(f, strength, &c, fold, 3, &how, &e));
		for (size_t i = 0; i < c.n; i++)
			loss += pow(c.value[i] - f[i], 2);
		of_best = loss < best ? how.strength : of_best;
		best = fmin(best, loss);
	}
	near(chosen, of_best, 0);
	assert_true(chosen > .1 && chosen < 1e6); /* inside the grid: both sides were worse */
	cases_free(&c);
}

/* ---- labels ---- */

static const char *put(const char *name, const char *text)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void entities(void **state)
{
	(void)state;
	bids_id who = bids_parse("sub-01_ses-M12_space-MNI_T1w");
	assert_string_equal(who.participant, "sub-01");
	assert_string_equal(who.session, "ses-M12");
	who = bids_parse("scan7_ses-2");
	assert_string_equal(who.participant, "scan7_ses-2");
	assert_string_equal(who.session, "ses-2");
	who = bids_parse("sub-A_desc-ses-1_T1w");
	assert_string_equal(who.participant, "sub-A");
	assert_string_equal(who.session, "");
	assert_string_equal(bids_label("sub-01"), "01");
	assert_string_equal(bids_label("ses-M12"), "M12");
	assert_string_equal(bids_label("scan7"), "scan7");
	double m = -1;
	assert_true(bids_months(&m, "sub-1_ses-M24_T1w"));
	assert_float_equal(m, 24, 0);
	assert_true(bids_months(&m, "ses-M006"));
	assert_float_equal(m, 6, 0);
	assert_false(bids_months(&m, "sub-1_T1w"));
	assert_false(bids_months(&m, "sub-1_ses-Mx"));
	assert_false(bids_months(&m, "sub-1_ses-M12b_T1w"));
	assert_false(bids_months(&m, "sub-1_xses-M12"));
}

static void labels_of_visits(void **state)
{
	(void)state;
	label_table t;
	err e = { 0 };
	const char *value;
	size_t line;
	const char *path = put(
		"v.tsv", "\xEF\xBB\xBFparticipant_id\tsession_id\tage \r\nsub-01\tses-1\t 70.5 \r\n\r\n01\t2\tn/a\r\nsub-02\tn/a\t\r\n");
	SUCCEEDS(labels_read(&t, path, "age", &e));
	bids_id one = bids_parse("sub-01_ses-1_T1w"), two = bids_parse("sub-01_ses-2"), none = bids_parse("sub-01"),
		other = bids_parse("sub-02_ses-9");
	SUCCEEDS(labels_find(&t, &one, &value, &line, &e));
	assert_string_equal(value, "70.5");
	assert_int_equal(line, 2);
	SUCCEEDS(labels_find(&t, &two, &value, &line, &e));
	assert_true(tsv_missing(value));
	assert_int_equal(line, 4);
	FAILS(ERR_DATA, "sub-01 is not in ", labels_find(&t, &none, &value, NULL, &e));
	SUCCEEDS(labels_find(&t, &other, &value, NULL, &e));
	assert_true(tsv_missing(value));
	labels_free(&t);

	SUCCEEDS(labels_read(&t, put("sub-07_sessions.tsv", "session_id\tgroup\nses-M00\tCN\n"), "group", &e));
	bids_id seven = bids_parse("sub-07_ses-M00");
	SUCCEEDS(labels_find(&t, &seven, &value, NULL, &e));
	assert_string_equal(value, "CN");
	labels_free(&t);
}

static void tables_refused(void **state)
{
	(void)state;
	label_table t;
	err e = { 0 };
	double v;
	const struct {
		const char *text, *part;
	} bad[] = {
		{ "", "empty" },
		{ "participant_id\tage\nsub-01\n", "line 2: 1 cells where there are 2 columns" },
		{ "participant_id\tage\nsub-01\t3\t4\n", "line 2: 3 cells where there are 2 columns" },
		{ "participant_id\tage\tage\n", "line 1: column age appears twice" },
		{ "participant_id\t\tage\n", "line 1: column 2 has no name" },
		{ "participant_id\tsex\nsub-01\tF\n", "has no column age" },
		{ "id\tage\nsub-01\t3\n", "has no column participant_id" },
		{ "session_id\tage\nses-1\t3\n", "has no column participant_id" },
		{ "participant_id\tage\nsub-01\t3\nsub-02\t4\n01\t5\n", "line 4: 01 appears twice (visits" },
		{ "participant_id\tage\nn/a\t3\n", "line 2: no participant_id" },
		{ "participant_id\tage\n\xFF\t3\n", "line 2: no UTF-8" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		FAILS(ERR_DATA, bad[i].part, labels_read(&t, put("bad.tsv", bad[i].text), "age", &e));
		labels_free(&t);
	}
	FAILS(ERR_NOINPUT, "none.tsv", labels_read(&t, test_path("none.tsv"), "age", &e));
	labels_free(&t);
	FAILS(ERR_DATA, "'7 years' is no number", tsv_number(&v, "7 years", &e));
	FAILS(ERR_DATA, "'inf' is no number", tsv_number(&v, "inf", &e));
	FAILS(ERR_DATA, "'0x41' is no number", tsv_number(&v, "0x41", &e));
	FAILS(ERR_DATA, "'65,5' is no number (a decimal comma?", tsv_number(&v, "65,5", &e));
	FAILS(ERR_DATA, "'>89' is no number", tsv_number(&v, ">89", &e));
	SUCCEEDS(tsv_number(&v, "-7.25e1", &e));
	near(v, -72.5, 0);
}

/* ---- the file ---- */

static void file_there_and_back(void **state)
{
	(void)state;
	double weight[3] = { 1, -2e-300, 1. / 3 }, mean[3] = { 0, 1e9, -1 }, std[3] = { 1, .5, 2 };
	probe p = { .task = PROBE_CLASSIFY,
		    .target = (char *)"group",
		    .positive = (char *)"AD",
		    .negative = json_pack("[s,s]", "CN", "a,b \"c\""),
		    .tensor = (char *)"y",
		    .encoder_kind = (char *)"semantic",
		    .strength = .1,
		    .balanced = true,
		    .records = 12,
		    .subjects = 7,
		    .n = 3,
		    .bias = -.7,
		    .weight = weight,
		    .mean = mean,
		    .std = std },
	      q;
	const float y[3] = { 2, 1e9f, 3 };
	const char *path = test_path("p.safetensors");
	err e = { 0 };
	memset(p.encoder, 'c', SHA_TEXT - 1);
	SUCCEEDS(probe_write(path, false, &p, &e));
	FAILS(ERR_CREATE, "exists", probe_write(path, false, &p, &e));
	SUCCEEDS(probe_read(&q, path, &e));
	assert_int_equal(q.task, PROBE_CLASSIFY);
	assert_string_equal(q.target, "group");
	assert_string_equal(q.positive, "AD");
	assert_true(json_equal(q.negative, p.negative));
	assert_string_equal(q.encoder, p.encoder);
	assert_true(q.balanced && q.records == 12 && q.subjects == 7 && q.n == 3);
	near(q.strength, .1, 0);
	near(q.bias, -.7, 0);
	assert_memory_equal(q.weight, weight, sizeof weight);
	assert_memory_equal(q.mean, mean, sizeof mean);
	assert_memory_equal(q.std, std, sizeof std);
	near(probe_value(&q, y), 2 + 2. / 3 - .7, 1e-15);
	probe_free(&q);
	std[1] = 0;
	SUCCEEDS(probe_write(path, true, &p, &e));
	FAILS(ERR_CONFIG, "std: a value is not positive", probe_read(&q, path, &e));
	probe_free(&q);
	std[1] = NAN;
	FAILS(ERR_DATA, "std: element 1 is nan, no finite number", probe_write(path, true, &p, &e));
	FAILS(ERR_CONFIG, "no probe: it holds a model of kind autoencoder",
	      probe_read(&q, "tests/oracle/golden/autoencoder.safetensors", &e));
	probe_free(&q);
	json_decref(p.negative);
	/* a regression tells between which values it was fitted; an older one does not */
	std[1] = 1;
	p = (probe){ .task = PROBE_REGRESS,
		     .target = (char *)"age",
		     .tensor = (char *)"y",
		     .least = -1.5,
		     .most = 82.25,
		     .n = 3,
		     .weight = weight,
		     .mean = mean,
		     .std = std };
	SUCCEEDS(probe_write(path, true, &p, &e));
	SUCCEEDS(probe_read(&q, path, &e));
	near(q.least, -1.5, 0);
	near(q.most, 82.25, 0);
	probe_free(&q);
	p.least = p.most = NAN;
	SUCCEEDS(probe_write(path, true, &p, &e));
	SUCCEEDS(probe_read(&q, path, &e));
	assert_true(isnan(q.least) && isnan(q.most));
	probe_free(&q);
	near(probe_logistic(-800), 0, 0);
	near(probe_logistic(800), 1, 0);
	near(probe_logistic(log(3)), .75, 1e-15);
}

/* ---- records with labels ---- */

/* A record whose code y has n numbers, all `value`; made by the semantic encoder `maker` repeated, 0: by nobody known. */
static lat_record *record_of(const char *id, int64_t n, float value, char maker)
{
	err e = { 0 };
	lat_record *r;
	lat_tensor *t;
	float v[8];
	char identity[SHA_TEXT] = "";
	for (int i = 0; i < 8; i++)
		v[i] = value;
	memset(identity, maker, sizeof identity - 1);
	SUCCEEDS(lat_new(&r, id, &e));
	SUCCEEDS(lat_set_floats(r, "y", DTYPE_F32, 1, &n, v, &t, &e));
	if (maker)
		SUCCEEDS(lat_set_model(t, "semantic", identity, &e));
	return r;
}

static int add(labelled *l, probe *p, const char *negative, const char *id, int64_t n, char maker, err *e)
{
	lat_record *r = record_of(id, n, 1, maker);
	int code = labelled_add(l, p, negative, r, e);
	lat_free(r);
	return code;
}

static void records_to_cases(void **state)
{
	(void)state;
	err e = { 0 };
	labelled l = { .ids = NULL };
	probe p = { .task = PROBE_CLASSIFY, .target = "group", .positive = "AD", .negative = json_array(), .tensor = "y" };
	const char *path = put("v.tsv", "participant_id\tgroup\nsub-1\tAD\nsub-2\tCN\nsub-3\tMCI\nsub-4\tn/a\nsub-5\tFTD\n");
	SUCCEEDS(labels_read(&l.table, path, "group", &e));
	SUCCEEDS(add(&l, &p, NULL, "sub-1_ses-1", 4, 0, &e));
	FAILS(ERR_DATA, "group: each of the 1 records is AD", labelled_classes(&l, &p, &e));
	SUCCEEDS(add(&l, &p, NULL, "sub-2_ses-1", 4, 'a', &e));
	SUCCEEDS(add(&l, &p, NULL, "sub-2_ses-2", 4, 'a', &e));
	SUCCEEDS(add(&l, &p, "CN", "sub-3", 4, 'a', &e));
	SUCCEEDS(add(&l, &p, NULL, "sub-4", 4, 'a', &e));
	SUCCEEDS(add(&l, &p, NULL, "sub-5", 4, 'a', &e));
	FAILS(ERR_DATA, "sub-6 is not in", add(&l, &p, NULL, "sub-6", 4, 'a', &e));
	FAILS(ERR_DATA, "y was made by the model semantic bbbbbbbbbbbb, not by semantic aaaaaaaaaaaa",
	      add(&l, &p, NULL, "sub-1_ses-2", 4, 'b', &e));
	FAILS(ERR_DATA, "a code of 5 numbers, the others have 4", add(&l, &p, NULL, "sub-1_ses-2", 5, 'a', &e));
	l.maker.any = true;
	SUCCEEDS(add(&l, &p, NULL, "sub-1_ses-2", 4, 'b', &e));
	SUCCEEDS(labelled_classes(&l, &p, &e));
	static const char *const ids[] = { "sub-1_ses-1", "sub-2_ses-1", "sub-2_ses-2", "sub-5", "sub-1_ses-2" };
	static const double values[] = { 1, 0, 0, 0, 1 };
	assert_int_equal(l.c.n, 5);
	for (int i = 0; i < 5; i++) {
		assert_string_equal(l.ids[i], ids[i]);
		near(l.c.value[i], values[i], 0);
	}
	assert_int_equal(tally_records(&l.values, LABEL_MISSING), 1);
	assert_int_equal(tally_records(&l.values, LABEL_OTHER), 1);
	char *said = NULL;
	SUCCEEDS(tally_text(&said, &l.values, LABEL_POSITIVE | LABEL_NEGATIVE, &e));
	assert_string_equal(said, "AD (2), CN (2), FTD (1)");
	free(said);
	assert_int_equal(json_array_size(p.negative), 2);
	assert_string_equal(json_string_value(json_array_get(p.negative, 1)), "FTD");
	/* a probe that is there takes the classes and the length that it was fitted on */
	p.n = 4;
	SUCCEEDS(add(&l, &p, NULL, "sub-3", 4, 'a', &e));
	assert_int_equal(l.c.n, 5);
	assert_int_equal(tally_records(&l.values, LABEL_OTHER), 2);
	FAILS(ERR_DATA, "y has 3 numbers, the probe 4", add(&l, &p, NULL, "sub-1", 3, 'a', &e));
	labelled_free(&l);
	json_decref(p.negative);
}

static char heard[4096];
static void hear(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void hear(const char *fmt, ...)
{
	size_t n = strlen(heard);
	va_list list;
	va_start(list, fmt);
	vsnprintf(heard + n, sizeof heard - n, fmt, list);
	va_end(list);
	strcat(heard, "\n");
}

/* A column's values, of sub-1, sub-2 .., as labels of records; what is said of them, or the error of labelled_classes. */
static const char *doubts_of(const char *const *values, const char *positive, const char *negative)
{
	err e = { 0 };
	labelled l = { .ids = NULL };
	probe p = { .task = positive ? PROBE_CLASSIFY : PROBE_REGRESS,
		    .target = "t",
		    .positive = (char *)positive,
		    .negative = json_array(),
		    .tensor = "y" };
	char text[4096] = "participant_id\tt\n", id[16];
	int n = 0;
	for (; values[n]; n++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "sub-%d\t%s\n", n + 1, values[n]);
	SUCCEEDS(labels_read(&l.table, put("v.tsv", text), "t", &e));
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof id, "sub-%d", i + 1);
		SUCCEEDS(add(&l, &p, negative, id, 4, 0, &e));
	}
	*heard = 0;
	SUCCEEDS(doubts_say(&l, &p, hear, &e));
	if (labelled_classes(&l, &p, &e))
		hear("%s", e.text);
	labelled_free(&l);
	json_decref(p.negative);
	return heard;
}
#define VALUES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void missing_values(void **state)
{
	(void)state;
	static const char *const missing[] = { "",  "n/a", "N/A", "NA",	     "na",	"NaN",	"NULL", "None",
					       "-", "?",   ".",	  "unknown", "Unknown", "#N/A", "<NA>" };
	static const char *const there[] = { "0", "F", "no", "nan1", "-1", "N", "unknowns", "--x" };
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (!tsv_missing(missing[i]))
			fail_msg("'%s' is missing", missing[i]);
	for (size_t i = 0; i < sizeof there / sizeof *there; i++)
		if (tsv_missing(there[i]))
			fail_msg("'%s' is a value", there[i]);
	assert_string_equal(doubts_of(VALUES("F", "M", "N/A", "NaN", "", "M", "N/A"), "F", NULL),
			    "t: 4 records left out, without a value: N/A (2), '' (1), NaN (1)\n");
	assert_string_equal(doubts_of(VALUES("50", "60", "null"), NULL, NULL), "t: 1 records left out, without a value: null (1)\n");
	/* whoever names it as a class means it */
	assert_string_equal(doubts_of(VALUES("mild", "none", "none", "n/a"), "none", NULL),
			    "t: 1 records left out, without a value: n/a (1)\n");
	assert_string_equal(doubts_of(VALUES("mild", "none", "severe", "n/a"), "mild", "none"),
			    "t: 1 records left out, without a value: n/a (1)\nt: 1 records left out, of neither class: severe (1)\n");
}

static void doubtful_classes(void **state)
{
	(void)state;
	assert_string_equal(doubts_of(VALUES("F", "M", "M"), "F", NULL), "");
	assert_string_equal(doubts_of(VALUES("F", "M", "M", "X"), "F", NULL),
			    "t: F is told from more than one other value: M (2), X (1)\n");
	assert_string_equal(doubts_of(VALUES("F", "f", "f"), "F", NULL),
			    "t: not counted as F, but perhaps another spelling of it: f (2)\n");
	assert_string_equal(doubts_of(VALUES("F", "M", "Female"), "F", "M"),
			    "t: 1 records left out, of neither class: Female (1)\nt: not counted as F, but perhaps another spelling of it: "
			    "Female (1)\n");
	assert_string_equal(doubts_of(VALUES("M", "F", "F"), "f", NULL), "t: f is told from more than one other value: F (2), M (1)\nt: "
									 "not counted as f, but perhaps another spelling of it: F (2)\n"
									 "t: none of the 3 records is f; they are F (2), M (1)\n");
	assert_string_equal(doubts_of(VALUES("1", "1.0", "2"), "1", NULL),
			    "t: 1 is told from more than one other value: 1.0 (1), 2 (1)\nt: not counted as 1, but perhaps another "
			    "spelling of it: 1.0 (1)\n");
	static const char *const same[][2] = { { "F", "f" },	   { "Female", "F" },	{ "m", "Male" },
					       { "AD", "\"AD\"" }, { "M.C.I.", "mci" }, { "01", "1" } };
	static const char *const different[][2] = { { "F", "M" },     { "Male", "Female" }, { "A+", "A-" }, { "1", "-1" },
						    { "AD", "ADHD" }, { "M", "MC" },	    { ".", "," } };
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_true(tally_same_word(same[i][0], same[i][1]));
	for (size_t i = 0; i < sizeof different / sizeof *different; i++)
		assert_false(tally_same_word(different[i][0], different[i][1]));
}

static void codes_for_missing_numbers(void **state)
{
	(void)state;
	const char *said = "t: taken as numbers, but perhaps codes for a missing value (which is n/a): ";
	assert_string_equal(doubts_of(VALUES("60", "71", "99", "80.5"), NULL, NULL), "");
	assert_string_equal(doubts_of(VALUES("-3", "-9", "4"), NULL, NULL), "");
	assert_string_equal(doubts_of(VALUES("60", "-999", "71", "-999"), NULL, NULL) + strlen(said), "-999 (2)\n");
	assert_string_equal(doubts_of(VALUES("60", "-9.0", "71", "999"), NULL, NULL) + strlen(said), "-9.0 (1), 999 (1)\n");
	assert_string_equal(doubts_of(VALUES("28", "30", "99"), NULL, NULL) + strlen(said), "99 (1)\n");
}

static void divisions(void **state)
{
	(void)state;
	err e = { 0 };
	division d;
	cases c = { 0 };
	int drawn[4];
	for (int i = 0; i < 4; i++)
		SUCCEEDS(cases_add(&c, (const char *const[]){ "sub-4", "sub-1", "sub-3", "sub-2" }[i], (float[]){ 1 }, 1, i, &e));
	SUCCEEDS(cases_finish(&c, &e));
	SUCCEEDS(division_read(&d, &c, put("v.tsv", "participant_id\tfold\nsub-2\tx\nsub-1\ty\nsub-3\ty\nsub-4\tx\n"), &e));
	assert_int_equal(d.k, 2);
	assert_string_equal(d.names[0], "y"); /* of sub-1, the first subject */
	assert_string_equal(d.names[1], "x");
	assert_memory_equal(d.fold, ((int[]){ 0, 1, 0, 1 }), 4 * sizeof *d.fold);
	division_free(&d);
	FAILS(ERR_DATA, "sub-3 has no fold",
	      division_read(&d, &c, put("v.tsv", "participant_id\tfold\nsub-2\tx\nsub-1\ty\nsub-3\tn/a\nsub-4\tx\n"), &e));
	division_free(&d);
	FAILS(ERR_DATA, "all subjects are in one fold",
	      division_read(&d, &c, put("v.tsv", "participant_id\tfold\nsub-2\tx\nsub-1\tx\nsub-3\tx\nsub-4\tx\n"), &e));
	division_free(&d);
	SUCCEEDS(division_draw(&d, &c, 4, false, 7, &e));
	SUCCEEDS(folds_make(drawn, &c, NULL, 4, false, 7, &e));
	assert_memory_equal(d.fold, drawn, sizeof drawn);
	assert_string_equal(d.names[3], "4");
	division_free(&d);
	FAILS(ERR_DATA, "4 subjects do not fill 5 folds", division_draw(&d, &c, 5, false, 7, &e));
	division_free(&d);
	cases_free(&c);
}

static int clean(void **state)
{
	(void)state;
	for (const char *const *name = (const char *const[]){ "v.tsv", "sub-07_sessions.tsv", "bad.tsv", "p.safetensors", NULL }; *name;
	     name++)
		unlink(test_path(*name));
	return rmdir(test_folder());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ridge_of_one_feature),
		cmocka_unit_test(ridge_gradient),
		cmocka_unit_test(logistic_of_counts),
		cmocka_unit_test(logistic_of_constants),
		cmocka_unit_test(logistic_gradient),
		cmocka_unit_test(one_class_alone),
		cmocka_unit_test(metrics_by_hand),
		cmocka_unit_test(metrics_of_repeats),
		cmocka_unit_test(metrics_that_are_undefined),
		cmocka_unit_test(bootstrap_of_subjects),
		cmocka_unit_test(folds_by_subject),
		cmocka_unit_test(cross_validation),
		cmocka_unit_test(choice_of_strength),
		cmocka_unit_test(entities),
		cmocka_unit_test(labels_of_visits),
		cmocka_unit_test(tables_refused),
		cmocka_unit_test(file_there_and_back),
		cmocka_unit_test(records_to_cases),
		cmocka_unit_test(missing_values),
		cmocka_unit_test(doubtful_classes),
		cmocka_unit_test(codes_for_missing_numbers),
		cmocka_unit_test(divisions),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
