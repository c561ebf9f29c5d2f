#include "baseline/linear_map.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/blas.h"
#include "base/mem.h"

enum { LINES = 9, CUBE = 27, MIDDLE = 13 }; /* 3x3 lines of 3 sites are 3x3x3, of which the site itself is number 13 */

typedef void solve(const char *half, const int *n, const int *columns, double *a, const int *lda, double *b, const int *ldb, int *info,
		   size_t half_length);

struct linear_map {
	size_t c, n[3]; /* channels; sites along X, Y, Z */
	double *padded; /* [X+2,Y+2,Z+2,C], zero at the edge */
	double *row; /* [Y*Z,27*C], of the sites of one plane */
	double *told; /* [Y*Z,C], of the same */
	double *gram; /* [27*C,27*C], sum of the rows' products; the upper triangle */
	double *square; /* [27*C,27*C], equations that are being solved */
	double *map[LINEAR_MAPS]; /* [C,C] and [C,27*C]: of the second first the sum of the targets' products with the rows */
	__typeof__(cblas_dsyrk) *syrk;
	__typeof__(cblas_dgemm) *gemm;
	solve *posv;
};

static size_t width(const linear_map *m, enum linear_map_reach reach) { return reach == LINEAR_MAP_SITE ? m->c : CUBE * m->c; }

static size_t plane(const linear_map *m) { return m->n[1] * m->n[2]; }

int linear_map_new(linear_map **out, const int64_t shape[4], err *e)
{
	linear_map *m = NULL;
	int code = mem_zero(&m, 1, sizeof *m, "linear predictor", e);
	*out = m;
	if (code)
		return code;
	m->c = (size_t)shape[0];
	for (int i = 0; i < 3; i++)
		m->n[i] = (size_t)shape[i + 1];
	const size_t wide = CUBE * m->c;
	struct {
		double **p;
		size_t n;
	} room[] = {
		{ &m->padded, (m->n[0] + 2) * (m->n[1] + 2) * (m->n[2] + 2) * m->c },
		{ &m->row, plane(m) * wide },
		{ &m->told, plane(m) * m->c },
		{ &m->gram, wide * wide },
		{ &m->square, wide * wide },
		{ &m->map[LINEAR_MAP_SITE], m->c * m->c },
		{ &m->map[LINEAR_MAP_AROUND], m->c * wide },
	};
	for (size_t i = 0; !code && i < sizeof room / sizeof *room; i++)
		code = mem_zero(room[i].p, room[i].n, sizeof(double), "linear predictor", e);
	if (!code)
		code = blas_function(&m->syrk, "cblas_dsyrk", e);
	if (!code)
		code = blas_function(&m->gemm, "cblas_dgemm", e);
	return code ? code : blas_function(&m->posv, "dposv_", e);
}

void linear_map_free(linear_map *m)
{
	if (!m)
		return;
	free(m->padded);
	free(m->row);
	free(m->told);
	free(m->gram);
	free(m->square);
	for (int i = 0; i < LINEAR_MAPS; i++)
		free(m->map[i]);
	free(m);
}

/* The site (x,y,z) of the padded field, whose own sites are 1 .. n. */
static double *at(const linear_map *m, size_t x, size_t y, size_t z)
{
	return m->padded + ((x * (m->n[1] + 2) + y) * (m->n[2] + 2) + z) * m->c;
}

static void pad(linear_map *m, const double *field)
{
	const size_t sites = m->n[0] * plane(m);
	for (size_t x = 0; x < m->n[0]; x++)
		for (size_t y = 0; y < m->n[1]; y++)
			for (size_t z = 0; z < m->n[2]; z++) {
				double *to = at(m, x + 1, y + 1, z + 1);
				for (size_t c = 0; c < m->c; c++)
					to[c] = field[c * sites + (x * m->n[1] + y) * m->n[2] + z];
			}
}

/* Rows of the sites of plane x: the channels of 27 sites each, which lie in 9 lines of 3. */
static void gather(linear_map *m, size_t x)
{
	const size_t line = 3 * m->c;
	double *to = m->row;
	for (size_t y = 0; y < m->n[1]; y++)
		for (size_t z = 0; z < m->n[2]; z++)
			for (size_t i = 0; i < LINES; i++, to += line)
				memcpy(to, at(m, x + i / 3, y + i % 3, z), line * sizeof *to);
}

void linear_map_learn(linear_map *m, const double *field, const double *target, const double *weight)
{
	const size_t wide = CUBE * m->c, sites = m->n[0] * plane(m), n = plane(m);
	pad(m, field);
	for (size_t x = 0; x < m->n[0]; x++) {
		gather(m, x);
		for (size_t i = 0; i < n; i++) {
			const double root = sqrt(weight[x * n + i]);
			for (size_t k = 0; k < wide; k++)
				m->row[i * wide + k] *= root;
			for (size_t c = 0; c < m->c; c++)
				m->told[i * m->c + c] = root * target[c * sites + x * n + i];
		}
		m->syrk(CblasRowMajor, CblasUpper, CblasTrans, (int)wide, (int)n, 1, m->row, (int)wide, 1, m->gram, (int)wide);
		m->gemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m->c, (int)wide, (int)n, 1, m->told, (int)m->c, m->row, (int)wide, 1,
			m->map[LINEAR_MAP_AROUND], (int)wide);
	}
}

/* The q equations whose matrix begins at `first` of the gram matrix. */
static int solve_for(linear_map *m, enum linear_map_reach reach, size_t first, double ridge, err *e)
{
	const size_t wide = CUBE * m->c, q = width(m, reach);
	const int n = (int)q, columns = (int)m->c;
	double trace = 0;
	int info = 0;
	for (size_t i = 0; i < q; i++) {
		const double *row = m->gram + (first + i) * wide + first;
		memcpy(m->square + i * q, row, q * sizeof *row);
		trace += row[i];
	}
	for (size_t i = 0; i < q; i++)
		m->square[i * q + i] += ridge * trace / (double)q;
	/* LAPACK counts columns first: our upper triangle is its lower one, the rows of our map are its columns */
	m->posv("L", &n, &columns, m->square, &n, m->map[reach], &n, &info, 1);
	return info ? err_set(e, ERR_DATA, "linear predictor: the equations of %zu unknowns have no solution (%d)", q, info) : 0;
}

int linear_map_solve(linear_map *m, double ridge, err *e)
{
	const size_t wide = CUBE * m->c, middle = MIDDLE * m->c;
	for (size_t c = 0; c < m->c; c++)
		memcpy(m->map[LINEAR_MAP_SITE] + c * m->c, m->map[LINEAR_MAP_AROUND] + c * wide + middle, m->c * sizeof(double));
	int code = solve_for(m, LINEAR_MAP_SITE, middle, ridge, e);
	return code ? code : solve_for(m, LINEAR_MAP_AROUND, 0, ridge, e);
}

void linear_map_apply(linear_map *m, enum linear_map_reach reach, const double *field, double *told)
{
	const size_t wide = CUBE * m->c, sites = m->n[0] * plane(m), n = plane(m), q = width(m, reach);
	const double *row = m->row + (reach == LINEAR_MAP_SITE ? MIDDLE * m->c : 0);
	pad(m, field);
	for (size_t x = 0; x < m->n[0]; x++) {
		gather(m, x);
		m->gemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)m->c, (int)q, 1, row, (int)wide, m->map[reach], (int)q, 0,
			m->told, (int)m->c);
		for (size_t i = 0; i < n; i++)
			for (size_t c = 0; c < m->c; c++)
				told[c * sites + x * n + i] = m->told[i * m->c + c];
	}
}
