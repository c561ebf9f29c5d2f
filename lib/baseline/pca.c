#include "baseline/pca.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/blas.h"
#include "base/mem.h"
#include "baseline/eigen.h"

enum { CHUNK = 4096 }; /* rows or columns that are widened to double at a time */

static void means(double *mean, const float *rows, size_t n, size_t width)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < width; k++)
			mean[k] += (double)rows[i * width + k];
	for (size_t k = 0; k < width; k++)
		mean[k] /= (double)n;
}

/* gram [s,s], upper triangle in the row-major sense: of columns (by_columns: s = width) or of rows (s = n), of the centred rows. */
static int gram_of(double *gram, bool by_columns, const pca *p, const float *rows, size_t n, err *e)
{
	__typeof__(cblas_dsyrk) *dsyrk;
	double *part = NULL;
	size_t s = by_columns ? p->width : n, all = by_columns ? n : p->width;
	int code = blas_function(&dsyrk, "cblas_dsyrk", e);
	if (!code)
		code = mem_zero(&part, s * CHUNK, sizeof *part, "principal components", e);
	for (size_t at = 0; !code && at < all; at += CHUNK) {
		size_t now = all - at < CHUNK ? all - at : CHUNK;
		for (size_t i = 0; i < now * s; i++) {
			/* part [now][s] of rows at .., or [s][now] of columns at .. */
			size_t row = by_columns ? at + i / s : i / now, column = by_columns ? i % s : at + i % now;
			part[i] = (double)rows[row * p->width + column] - p->mean[column];
		}
		dsyrk(CblasRowMajor, CblasUpper, by_columns ? CblasTrans : CblasNoTrans, (int)s, (int)now, 1, part,
		      by_columns ? (int)s : (int)now, 1, gram, (int)s);
	}
	free(part);
	return code;
}

/* Component j from an eigenvector: itself, or the rows weighed by it. */
static void make_axis(const pca *p, double *axis, const double *vector, bool by_columns, const float *rows, size_t n)
{
	double square = 0;
	if (by_columns)
		for (size_t k = 0; k < p->width; k++)
			axis[k] = vector[k];
	else
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < p->width; k++)
				axis[k] += vector[i] * ((double)rows[i * p->width + k] - p->mean[k]);
	for (size_t k = 0; k < p->width; k++)
		square += axis[k] * axis[k];
	for (size_t k = 0; square > 0 && k < p->width; k++)
		axis[k] /= sqrt(square);
}

/* Round the rows' mean (`centred`) or round 0. */
static int fit(pca *p, const float *rows, size_t n, size_t width, int k, bool centred, err *e)
{
	bool by_columns = width <= n;
	size_t s = by_columns ? width : n;
	double *gram = NULL, *value = NULL;
	*p = (pca){ .width = width, .k = k };
	if (k < 0 || (size_t)k > width || (size_t)k + 1 > n)
		return err_set(e, ERR_DATA, "%d components of %zu rows of %zu numbers", k, n, width);
	int code = blas_open(1, e);
	if (!code)
		code = mem_zero(&p->mean, width, sizeof *p->mean, "principal components", e);
	if (!code)
		code = mem_zero(&p->axis, (size_t)k * width, sizeof *p->axis, "principal components", e);
	if (!code)
		code = mem_zero(&gram, s * s, sizeof *gram, "principal components", e);
	if (!code)
		code = mem_zero(&value, s, sizeof *value, "principal components", e);
	if (!code)
		code = mem_zero(&p->square, (size_t)k, sizeof *p->square, "principal components", e);
	if (!code && centred)
		means(p->mean, rows, n, width);
	if (!code)
		code = gram_of(gram, by_columns, p, rows, n, e);
	if (!code)
		code = eigen_symmetric(gram, value, (int)s, e);
	for (size_t j = 0; !code && j < (size_t)k; j++)
		p->square[j] = value[s - 1 - j] / (double)n;
	for (size_t j = 0; !code && j < (size_t)k; j++)
		make_axis(p, p->axis + j * width, gram + (s - 1 - j) * s, by_columns, rows, n);
	free(gram);
	free(value);
	return code;
}

int pca_fit(pca *p, const float *rows, size_t n, size_t width, int k, err *e) { return fit(p, rows, n, width, k, true, e); }

int pca_fit_about_zero(pca *p, const float *rows, size_t n, size_t width, int k, err *e) { return fit(p, rows, n, width, k, false, e); }

void pca_free(pca *p)
{
	free(p->square);
	free(p->mean);
	free(p->axis);
	*p = (pca){ 0 };
}

/* Place j of n on wave k of the real Fourier basis: those that are as large at every place come first, then cosines and sines of rising
 * frequency in turn, so that two that vary alike make up for each other. */
static double wave(int k, int j, int n)
{
	const int flat = n % 2 ? 1 : 2;
	if (k < flat)
		return (k && j % 2 ? -1 : 1) / sqrt(n);
	const double angle = 2 * M_PI * ((k - flat) / 2 + 1) * j / n;
	return sqrt(2. / n) * ((k - flat) % 2 ? sin(angle) : cos(angle));
}

/* v [k], its numbers `step` apart, becomes weight [k][k] times it; room [k]. */
static void multiply(double *v, size_t step, size_t k, const double *weight, double *room)
{
	for (size_t j = 0; j < k; j++)
		room[j] = v[j * step];
	for (size_t j = 0; j < k; j++) {
		double sum = 0;
		for (size_t i = 0; i < k; i++)
			sum += weight[j * k + i] * room[i];
		v[j * step] = sum;
	}
}

int pca_spread(pca *p, err *e)
{
	const size_t k = (size_t)p->k;
	double *turn = NULL, *room = NULL;
	int code = mem_zero(&turn, k * k, sizeof *turn, "principal components", e);
	if (!code)
		code = mem_zero(&room, k, sizeof *room, "principal components", e);
	for (size_t i = 0; i < k * k && !code; i++)
		turn[i] = wave((int)(i % k), (int)(i / k), p->k);
	for (size_t x = 0; x < p->width && !code; x++)
		multiply(p->axis + x, p->width, k, turn, room);
	for (size_t i = 0; i < k * k && !code; i++)
		turn[i] *= turn[i]; /* scores along principal axes are not correlated: their squares add up */
	if (!code)
		multiply(p->square, 1, k, turn, room);
	free(turn);
	free(room);
	return code;
}

void pca_scores(const pca *p, double *score, const float *row)
{
	for (int j = 0; j < p->k; j++) {
		const double *axis = p->axis + (size_t)j * p->width;
		score[j] = 0;
		for (size_t i = 0; i < p->width; i++)
			score[j] += axis[i] * ((double)row[i] - p->mean[i]);
	}
}

void pca_project(const pca *p, float *row)
{
	double weight[p->k + 1];
	pca_scores(p, weight, row);
	for (size_t i = 0; i < p->width; i++) {
		double sum = p->mean[i];
		for (int j = 0; j < p->k; j++)
			sum += weight[j] * p->axis[(size_t)j * p->width + i];
		row[i] = (float)sum;
	}
}
