/* The golden values in tests/oracle/golden: how tests read them and compare with them. Include after unit.h. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <math.h>

#include "format/safetensors.h"
#include "nn/param.h"
#include "nn_layers.h"

#define GOLDEN "tests/oracle/golden/"

static st_file *values; /* opened by the test's setup */

static inline void fine(int code, const err *e)
{
	if (code)
		fail_msg("%s", e->text);
}

static inline const float *golden(const char *name, size_t count)
{
	const st_tensor *t = st_find(values, name);
	assert_non_null(t);
	assert_int_equal(t->count, count);
	return t->data;
}

/* Largest difference relative to the largest golden value; infinite when a value is not finite. */
static inline double strays(const float *a, const float *golden_values, size_t n)
{
	double diff = 0, most = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(a[i]))
			return INFINITY;
		diff = fmax(diff, fabs((double)a[i] - (double)golden_values[i]));
		most = fmax(most, fabs((double)golden_values[i]));
	}
	return diff / most;
}

static inline void run_forward(graph *g)
{
	err e;
	fine(graph_forward(g, &e), &e);
}

static inline void run_backward(graph *g, layer *loss)
{
	err e;
	fine(graph_backward(g, loss, 1, &e), &e);
}

/* A kept value in the field's order; freed by the caller. */
static inline float *read_values(const graph *g, const layer *l)
{
	assert_non_null(l);
	float *v = malloc(shape_count(graph_shape(l)) * sizeof *v);
	assert_non_null(v);
	graph_read(g, l, v);
	return v;
}

static inline void expect_values(const char *what, const float *got, const float *want, size_t n, double tolerance)
{
	const double d = strays(got, want, n);
	print_message("%s: %.1e\n", what, d);
	if (!(d <= tolerance))
		fail_msg("%s strays by %.2e, more than %.0e", what, d, tolerance);
}

static inline void expect_close(const char *what, const graph *g, const layer *l, const float *want, double tolerance)
{
	float *got = read_values(g, l);
	expect_values(what, got, want, shape_count(graph_shape(l)), tolerance);
	free(got);
}

/* Compares gradients with a golden file: NAME whole; NAME@every: stride k, then every k-th value; NAME@norm: sum, 2-norm; all relative to
 * the largest value in the file. Names for which `mine` is false are left out (NULL: none is). Returns how many tensors were compared. */
static inline int expect_gradients(const char *path, const params *ps, bool (*mine)(const char *name), double tolerance)
{
	err e;
	st_file *f = NULL;
	fine(st_open(&f, path, &e), &e);
	double most = 0, worst = 0;
	int seen = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!strstr(f->tensors[i].name, "@norm"))
			for (size_t k = strstr(f->tensors[i].name, "@every") ? 1 : 0; k < f->tensors[i].count; k++)
				most = fmax(most, fabs((double)((const float *)f->tensors[i].data)[k]));
	for (size_t i = 0; i < f->n; i++) {
		const st_tensor *t = &f->tensors[i];
		const float *want = t->data;
		char name[160];
		snprintf(name, sizeof name, "%s", t->name);
		char *at = strchr(name, '@');
		if (at)
			*at++ = 0;
		if (mine && !mine(name))
			continue;
		param *p = params_find(ps, name);
		if (!p)
			fail_msg("%s: no such parameter", name);
		for (size_t k = 0; k < p->count; k++)
			if (!isfinite(p->g[k]))
				fail_msg("%s: a gradient is not finite", name);
		if (at && !strcmp(at, "norm")) {
			double sum = 0, square = 0;
			for (size_t k = 0; k < p->count; k++) {
				sum += (double)p->g[k];
				square += (double)p->g[k] * (double)p->g[k];
			}
			double far = fmax(fabs(sum - (double)want[0]), fabs(sqrt(square) - (double)want[1]));
			worst = fmax(worst, far / most / sqrt((double)p->count));
			continue;
		}
		size_t stride = at ? (size_t)want[0] : 1, skip = at ? 1 : 0;
		for (size_t k = 0; k + skip < t->count; k++)
			worst = fmax(worst, fabs((double)p->g[k * stride] - (double)want[k + skip]) / most);
		seen++;
	}
	st_close(f);
	print_message("%s: %d tensors, %.1e\n", path, seen, worst);
	assert_true(seen > 10);
	if (!(worst <= tolerance))
		fail_msg("%s: gradients stray by %.2e", path, worst);
	return seen;
}

#endif
