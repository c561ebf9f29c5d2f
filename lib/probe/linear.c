#include "probe/linear.h"

#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/blas.h"
#include "base/mem.h"

/* LAPACK's own interface: everything by address, columns contiguous; the lengths of the texts come last, as Fortran passes them. */
typedef void decompose(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu,
		       double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info, size_t job_length);
typedef void solve(const char *half, const int *n, const int *columns, double *a, const int *lda, double *b, const int *ldb, int *info,
		   size_t half_length);
typedef void product(const char *half, const char *transposed, const int *n, const int *k, const double *alpha, const double *a,
		     const int *lda, const double *beta, double *c, const int *ldc, size_t half_length, size_t transposed_length);

/* ---- standardised codes and their decomposition ---- */

/* Mean and standard deviation in two passes. A constant feature is recognised by its values: the rounding of its mean is no spread. */
static void standardise(basis *b, double *x, const float *codes, const size_t *rows)
{
	for (size_t j = 0; j < b->p; j++) {
		const double first = codes[rows[0] * b->p + j];
		double sum = 0, squares = 0;
		bool constant = true;
		for (size_t i = 0; i < b->n; i++) {
			double v = codes[rows[i] * b->p + j];
			constant = constant && v == first;
			sum += v - first;
		}
		b->mean[j] = first + sum / (double)b->n;
		for (size_t i = 0; i < b->n; i++) {
			double d = codes[rows[i] * b->p + j] - b->mean[j];
			squares += d * d;
		}
		b->std[j] = constant ? 1 : sqrt(squares / (double)b->n);
		if (!(b->std[j] > 0)) /* squares of spreads below 1e-162 */
			b->std[j] = 1;
		for (size_t i = 0; i < b->n; i++)
			x[i * b->p + j] = (codes[rows[i] * b->p + j] - b->mean[j]) / b->std[j];
	}
}

/* x [n,p] by rows is, to LAPACK, its transpose by columns: its left vectors are ours of the features. x is destroyed. */
static int decompose_codes(basis *b, double *x, err *e)
{
	decompose *dgesdd;
	int p = (int)b->p, n = (int)b->n, r = (int)b->r, info = 0, lwork = -1, *iwork = NULL;
	double wanted = 0, *work = NULL;
	int code = blas_function(&dgesdd, "dgesdd_", e);
	if (code)
		return code;
	dgesdd("S", &p, &n, x, &p, b->s, b->v, &p, b->u, &r, &wanted, &lwork, NULL, &info, 1);
	if (info || !(wanted < INT_MAX))
		return err_set(e, ERR_DATA, "%zu records of %zu features are too many to decompose", b->n, b->p);
	lwork = (int)wanted;
	code = mem_zero(&work, (size_t)lwork, sizeof *work, "singular values", e);
	if (!code)
		code = mem_zero(&iwork, 8 * b->r, sizeof *iwork, "singular values", e);
	if (!code)
		dgesdd("S", &p, &n, x, &p, b->s, b->v, &p, b->u, &r, work, &lwork, iwork, &info, 1);
	if (!code && info)
		code = err_set(e, ERR_BUG, "singular values: LAPACK's dgesdd returned %d", info);
	free(work);
	free(iwork);
	return code;
}

/* Leaves out directions that are rounding alone; u keeps its rows together. */
static void cut_rank(basis *b)
{
	double least = b->s[0] * DBL_EPSILON * (double)(b->n > b->p ? b->n : b->p);
	size_t all = b->r;
	while (b->r && b->s[b->r - 1] <= least)
		b->r--;
	for (size_t i = 1; i < b->n; i++)
		memmove(b->u + i * b->r, b->u + i * all, b->r * sizeof *b->u);
}

int basis_make(basis *b, const float *codes, size_t p, const size_t *rows, size_t n, err *e)
{
	double *x = NULL;
	*b = (basis){ .n = n, .p = p, .r = n < p ? n : p };
	if (!n || !p)
		return err_set(e, ERR_DATA, "no records to fit on");
	if (b->r > BASIS_LARGEST || n > INT_MAX || p > INT_MAX)
		return err_set(e, ERR_DATA, "%zu records of %zu features are too many to decompose", n, p);
	int code = blas_open(1, e);
	if (!code)
		code = mem_zero(&b->mean, p, sizeof *b->mean, "probe", e);
	if (!code)
		code = mem_zero(&b->std, p, sizeof *b->std, "probe", e);
	if (!code)
		code = mem_zero(&b->s, b->r, sizeof *b->s, "probe", e);
	if (!code)
		code = mem_zero(&b->v, b->r * p, sizeof *b->v, "probe", e);
	if (!code)
		code = mem_zero(&b->u, b->r * n, sizeof *b->u, "probe", e);
	if (!code)
		code = mem_zero(&x, n * p, sizeof *x, "probe", e);
	if (!code) {
		standardise(b, x, codes, rows);
		code = decompose_codes(b, x, e);
	}
	if (!code)
		cut_rank(b);
	free(x);
	return code;
}

void basis_free(basis *b)
{
	free(b->mean);
	free(b->std);
	free(b->s);
	free(b->v);
	free(b->u);
	*b = (basis){ 0 };
}

/* a [r] in the basis and the bias, as weights of features. */
static int leave_basis(linear *out, const basis *b, const double *a, double bias, err *e)
{
	*out = (linear){ .bias = bias };
	int code = mem_zero(&out->weight, b->p, sizeof *out->weight, "probe", e);
	for (size_t k = 0; !code && k < b->r; k++)
		for (size_t j = 0; j < b->p; j++)
			out->weight[j] += a[k] * b->v[k * b->p + j];
	return code;
}

double linear_value(const linear *l, const basis *b, const float *code)
{
	double sum = 0;
	for (size_t j = 0; j < b->p; j++)
		sum += l->weight[j] * ((code[j] - b->mean[j]) / b->std[j]);
	return sum + l->bias;
}

/* ---- ridge ---- */

int ridge_fit(linear *out, const basis *b, const double *value, double lambda, err *e)
{
	double *a = NULL, mean = 0;
	int code = mem_zero(&a, b->r, sizeof *a, "probe", e);
	if (code)
		return code;
	for (size_t i = 0; i < b->n; i++)
		mean += value[i] / (double)b->n;
	for (size_t i = 0; i < b->n; i++)
		for (size_t k = 0; k < b->r; k++)
			a[k] += b->u[i * b->r + k] * (value[i] - mean);
	for (size_t k = 0; k < b->r; k++)
		a[k] *= b->s[k] / (b->s[k] * b->s[k] + lambda);
	code = leave_basis(out, b, a, mean, e);
	free(a);
	return code;
}

/* ---- logistic ---- */

double logistic_loss(double m) { return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m; }

typedef struct newton {
	size_t n, q; /* records; unknowns, r + 1 */
	const bool *positive;
	double c[2]; /* C times the class weight: negative, positive */
	double *z; /* [n,q]: records in the basis, 1 for the bias */
	double *scaled; /* [n,q]: rows of z by the root of the curvature */
	double *f, *g, *h, *step, *trial; /* [n], [q], [q,q], [q], [q] */
	solve *dposv;
	product *dsyrk;
} newton;

static double dot(const double *x, const double *y, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i] * y[i];
	return sum;
}

/* The objective at a; f becomes the records' values. */
static double objective(const newton *w, const double *a)
{
	double sum = dot(a, a, w->q - 1) / 2;
	for (size_t i = 0; i < w->n; i++) {
		w->f[i] = dot(w->z + i * w->q, a, w->q);
		sum += w->c[w->positive[i]] * logistic_loss(w->positive[i] ? w->f[i] : -w->f[i]);
	}
	return sum;
}

/* Gradient and Newton step at a, whose values are in f. */
static int newton_step(const newton *w, const double *a, err *e)
{
	const int q = (int)w->q, n = (int)w->n, one = 1;
	const double alpha = 1, beta = 0;
	int info = 0;
	memcpy(w->g, a, w->q * sizeof *a);
	w->g[w->q - 1] = 0;
	for (size_t i = 0; i < w->n; i++) {
		double t = w->positive[i] ? 1 : -1, miss = 1 / (1 + exp(t * w->f[i])), c = w->c[w->positive[i]];
		double root = sqrt(c * miss * (1 - miss));
		for (size_t k = 0; k < w->q; k++) {
			w->g[k] -= c * t * miss * w->z[i * w->q + k];
			w->scaled[i * w->q + k] = root * w->z[i * w->q + k];
		}
	}
	w->dsyrk("L", "N", &q, &n, &alpha, w->scaled, &q, &beta, w->h, &q, 1, 1);
	for (size_t k = 0; k + 1 < w->q; k++)
		w->h[k * w->q + k] += 1;
	/* where all records are beyond doubt the bias has no curvature left: this shortens its step and moves no minimum */
	w->h[w->q * w->q - 1] += DBL_MIN + 1e-12 * w->h[w->q * w->q - 1];
	memcpy(w->step, w->g, w->q * sizeof *a);
	w->dposv("L", &q, &one, w->h, &q, w->step, &q, &info, 1);
	return info ? err_set(e, ERR_BUG, "logistic regression: LAPACK's dposv returned %d", info) : 0;
}

/* Steps until the decrease that Newton's model promises is below rounding. The objective is convex, and strictly so: halving ends. */
static int minimise(const newton *w, double *a, err *e)
{
	enum { STEPS = 200, HALVINGS = 60 };
	double value = objective(w, a);
	for (int i = 0; i < STEPS; i++) {
		int code = newton_step(w, a, e);
		if (code)
			return code;
		double decrease = dot(w->g, w->step, w->q), share = 1, next = INFINITY;
		for (int k = 0; k < HALVINGS; k++, share /= 2) {
			for (size_t j = 0; j < w->q; j++)
				w->trial[j] = a[j] - share * w->step[j];
			next = objective(w, w->trial);
			if (next <= value - 1e-4 * share * decrease)
				break;
		}
		if (!(next < value)) { /* rounding: nothing is gained any more */
			if (decrease <= 1e-8 * (1 + value))
				return 0;
			break;
		}
		memcpy(a, w->trial, w->q * sizeof *a);
		value = next;
		if (decrease <= 1e-16 * (1 + value))
			return 0;
	}
	return err_set(e, ERR_DATA, "logistic regression: no convergence");
}

static int newton_make(newton *w, const basis *b, err *e)
{
	int code = blas_function(&w->dposv, "dposv_", e);
	if (!code)
		code = blas_function(&w->dsyrk, "dsyrk_", e);
	struct {
		double **p;
		size_t n;
	} room[] = { { &w->z, w->n * w->q }, { &w->scaled, w->n * w->q }, { &w->f, w->n },    { &w->g, w->q },
		     { &w->h, w->q * w->q }, { &w->step, w->q },	  { &w->trial, w->q } };
	for (size_t i = 0; !code && i < sizeof room / sizeof *room; i++)
		code = mem_zero(room[i].p, room[i].n, sizeof(double), "logistic regression", e);
	for (size_t i = 0; !code && i < w->n; i++) {
		for (size_t k = 0; k < b->r; k++)
			w->z[i * w->q + k] = b->u[i * b->r + k] * b->s[k];
		w->z[i * w->q + b->r] = 1;
	}
	return code;
}

static void newton_free(newton *w)
{
	free(w->z);
	free(w->scaled);
	free(w->f);
	free(w->g);
	free(w->h);
	free(w->step);
	free(w->trial);
}

int logistic_fit(linear *out, const basis *b, const bool *positive, double C, bool balanced, double *a, err *e)
{
	newton w = { .n = b->n, .q = b->r + 1, .positive = positive };
	size_t of[2] = { 0, 0 };
	for (size_t i = 0; i < b->n; i++)
		of[positive[i]]++;
	if (!of[0] || !of[1])
		return err_set(e, ERR_DATA, "all %zu records are of one class", b->n);
	for (int k = 0; k < 2; k++)
		w.c[k] = balanced ? C * (double)b->n / (2 * (double)of[k]) : C;
	int code = newton_make(&w, b, e);
	if (!code)
		code = minimise(&w, a, e);
	if (!code)
		code = leave_basis(out, b, a, a[b->r], e);
	newton_free(&w);
	return code;
}
