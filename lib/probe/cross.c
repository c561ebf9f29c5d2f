#include "probe/cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/blas.h"
#include "base/mem.h"
#include "base/threads.h"

enum { GRID = 15 };

/* Strength g of those tried, from the one that shrinks most. */
static double grid(enum probe_task task, int g) { return task == PROBE_CLASSIFY ? pow(10, -5 + g / 2.) : pow(10, 6 - g / 2.); }

/* The labels of some cases as the fits want them. */
typedef struct labels {
	double *value;
	bool *positive;
	double *start; /* of Newton's method */
} labels;

static int labels_take(labels *l, const cases *c, const size_t *rows, size_t n, err *e)
{
	*l = (labels){ 0 };
	int code = mem_zero(&l->value, n, sizeof *l->value, "labels", e);
	if (!code)
		code = mem_zero(&l->positive, n, sizeof *l->positive, "labels", e);
	if (!code)
		code = mem_zero(&l->start, (n < c->p ? n : c->p) + 1, sizeof *l->start, "labels", e);
	for (size_t i = 0; !code && i < n; i++) {
		l->value[i] = c->value[rows[i]];
		l->positive[i] = l->value[i] > .5;
	}
	return code;
}

static void labels_drop(labels *l)
{
	free(l->value);
	free(l->positive);
	free(l->start);
}

static int fit(linear *out, const basis *b, labels *l, const fit_options *how, double strength, err *e)
{
	return how->task == PROBE_CLASSIFY ? logistic_fit(out, b, l->positive, strength, how->balanced, l->start, e)
					   : ridge_fit(out, b, l->value, strength, e);
}

/* The cases rows [n], and the fold of each subject. */
typedef struct split {
	const cases *c;
	const size_t *rows;
	size_t n;
	const int *fold;
} split;

/* Those of the rows whose subject is in fold k, or is not. */
static int part(size_t **out, size_t *m, const split *s, int k, bool inside, err *e)
{
	*m = 0;
	int code = mem_zero(out, s->n, sizeof **out, "folds", e);
	for (size_t i = 0; !code && i < s->n; i++)
		if ((s->fold[s->c->subject[s->rows[i]]] == k) == inside)
			(*out)[(*m)++] = s->rows[i];
	return code;
}

/* Sums of the losses of the cases in fold k, for every strength; weight: of negative and positive cases. */
static int try_fold(double loss[GRID], const split *s, int k, const fit_options *how, const double weight[2], err *e)
{
	const cases *c = s->c;
	size_t *train = NULL, *test = NULL, n_train = 0, n_test = 0;
	basis b = { 0 };
	labels l = { 0 };
	int code = part(&train, &n_train, s, k, false, e);
	if (!code)
		code = part(&test, &n_test, s, k, true, e);
	if (!code)
		code = basis_make(&b, c->codes, c->p, train, n_train, e);
	if (!code)
		code = labels_take(&l, c, train, n_train, e);
	for (int g = 0; !code && g < GRID; g++) {
		linear f = { 0 };
		code = fit(&f, &b, &l, how, grid(how->task, g), e);
		for (size_t i = 0; !code && i < n_test; i++) {
			double value = c->value[test[i]], is = linear_value(&f, &b, c->codes + test[i] * c->p);
			bool positive = value > .5;
			loss[g] += how->task == PROBE_CLASSIFY ? weight[positive] * logistic_loss(positive ? is : -is)
							       : (value - is) * (value - is);
		}
		free(f.weight);
	}
	labels_drop(&l);
	basis_free(&b);
	free(train);
	free(test);
	return code;
}

/* The first error of those that folds had, in their order. */
static int first_error(const err *of, int k, err *e)
{
	for (int i = 0; i < k; i++)
		if (of[i].code)
			return err_set(e, of[i].code, "fold %d of the cross-validation: %s", i + 1, of[i].text);
	return 0;
}

static int choose(double *strength, const cases *c, const size_t *rows, size_t n, const fit_options *how, err *e)
{
	bool *use = NULL;
	int *fold = NULL, k = how->folds;
	double(*loss)[GRID] = NULL, sum[GRID] = { 0 }, weight[2] = { 1, 1 };
	size_t subjects = 0, of[2] = { 0, 0 };
	err *errors = NULL;
	int code = mem_zero(&use, c->subjects, sizeof *use, "folds", e);
	if (!code)
		code = mem_zero(&fold, c->subjects, sizeof *fold, "folds", e);
	for (size_t i = 0; !code && i < n; i++) {
		subjects += !use[c->subject[rows[i]]];
		use[c->subject[rows[i]]] = true;
		of[c->value[rows[i]] > .5]++;
	}
	for (int i = 0; i < 2 && how->balanced && of[i]; i++)
		weight[i] = (double)n / (2 * (double)of[i]);
	if (!code && subjects < 2)
		code = err_set(e, ERR_DATA, "a strength cannot be chosen on %zu subject%s: give one", subjects, subjects == 1 ? "" : "s");
	if ((size_t)k > subjects)
		k = (int)subjects;
	if (!code)
		code = folds_make(fold, c, use, k, how->task == PROBE_CLASSIFY, how->seed, e);
	if (!code)
		code = mem_zero(&loss, (size_t)k, sizeof *loss, "folds", e);
	if (!code)
		code = mem_zero(&errors, (size_t)k, sizeof *errors, "folds", e);
	if (!code) {
		const split s = { c, rows, n, fold };
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
		for (int i = 0; i < k; i++)
			try_fold(loss[i], &s, i, how, weight, &errors[i]);
		code = first_error(errors, k, e);
	}
	int best = 0;
	for (int g = 0; !code && g < GRID; g++) {
		for (int i = 0; i < k; i++)
			sum[g] += loss[i][g];
		best = sum[g] < sum[best] ? g : best;
	}
	*strength = grid(how->task, best);
	free(use);
	free(fold);
	free(loss);
	free(errors);
	return code;
}

int cross_fit(linear *out, basis *b, double *strength, const cases *c, const size_t *rows, size_t n, const fit_options *how, err *e)
{
	labels l = { 0 };
	size_t *all = NULL;
	int code = blas_open(threads_count(), e);
	*out = (linear){ 0 };
	*b = (basis){ 0 };
	if (!code && !rows) {
		n = c->n;
		code = mem_zero(&all, n, sizeof *all, "cases", e);
		for (size_t i = 0; !code && i < n; i++)
			all[i] = i;
		rows = all;
	}
	*strength = how->strength;
	if (!code)
		code = labels_take(&l, c, rows, n, e);
	if (!code && isnan(how->strength))
		code = choose(strength, c, rows, n, how, e);
	if (!code)
		code = basis_make(b, c->codes, c->p, rows, n, e);
	if (!code)
		code = fit(out, b, &l, how, *strength, e);
	labels_drop(&l);
	free(all);
	return code;
}

/* Fits without fold k and predicts it. */
static int predict_fold(double *f, double *strength, const split *s, int k, const fit_options *how, err *e)
{
	const cases *c = s->c;
	size_t *train = NULL, n_train;
	basis b = { 0 };
	linear l = { 0 };
	int code = part(&train, &n_train, s, k, false, e);
	if (!code)
		code = cross_fit(&l, &b, strength, c, train, n_train, how, e);
	for (size_t i = 0; !code && i < c->n; i++)
		if (s->fold[c->subject[i]] == k)
			f[i] = linear_value(&l, &b, c->codes + i * c->p);
	free(l.weight);
	basis_free(&b);
	free(train);
	return code;
}

int cross_predict(double *f, double *strength, const cases *c, const int *fold, int k, const fit_options *how, err *e)
{
	size_t *all = NULL;
	err *errors = NULL;
	int code = blas_open(threads_count(), e);
	if (!code)
		code = mem_zero(&all, c->n, sizeof *all, "cases", e);
	if (!code)
		code = mem_zero(&errors, (size_t)k, sizeof *errors, "folds", e);
	for (size_t i = 0; !code && i < c->n; i++)
		all[i] = i;
	if (!code) {
		const split s = { c, all, c->n, fold };
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
		for (int i = 0; i < k; i++)
			predict_fold(f, &strength[i], &s, i, how, &errors[i]);
		code = first_error(errors, k, e);
	}
	free(all);
	free(errors);
	return code;
}
