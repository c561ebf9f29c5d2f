#include "realism/frechet.h"

#include <math.h>
#include <stdlib.h>

#include "base/blas.h"
#include "base/mem.h"
#include "baseline/eigen.h"

enum { N = FEATURES };
typedef double square[N][N];

void moments_add(moments *m, const float *rows, size_t n)
{
	m->n += n;
	for (size_t r = 0; r < n; r++, rows += N)
		for (int i = 0; i < N; i++) {
			m->sum[i] += (double)rows[i];
			for (int k = 0; k < N; k++)
				m->product[i][k] += (double)rows[i] * (double)rows[k];
		}
}

void moments_join(moments *m, const moments *other)
{
	m->n += other->n;
	for (int i = 0; i < N; i++) {
		m->sum[i] += other->sum[i];
		for (int k = 0; k < N; k++)
			m->product[i][k] += other->product[i][k];
	}
}

static double covariance(const moments *m, int i, int k)
{
	double n = (double)m->n;
	return (m->product[i][k] - m->sum[i] * m->sum[k] / n) / (n - 1);
}

double moments_variance(const moments *m)
{
	double sum = 0;
	for (int i = 0; i < N; i++)
		sum += covariance(m, i, i);
	return sum;
}

/* out = root of the covariance of m. */
static int root_of(square out, const moments *m, square vector, err *e)
{
	double value[N];
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			vector[i][k] = covariance(m, i, k);
	int code = eigen_symmetric(&vector[0][0], value, N, e);
	for (int i = 0; !code && i < N; i++)
		for (int k = 0; k < N; k++) {
			out[i][k] = 0;
			for (int j = 0; j < N; j++)
				out[i][k] += sqrt(fmax(value[j], 0)) * vector[j][i] * vector[j][k];
		}
	return code;
}

/* out = root C root, C the covariance of m. */
static void between(square out, square root, const moments *m, square work)
{
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			work[i][k] = 0;
			for (int j = 0; j < N; j++)
				work[i][k] += root[i][j] * covariance(m, j, k);
		}
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			out[i][k] = 0;
			for (int j = 0; j < N; j++)
				out[i][k] += work[i][j] * root[j][k];
		}
}

int frechet_distance(double *out, const moments *a, const moments *b, err *e)
{
	square *work = NULL;
	double value[N], sum = 0;
	*out = 0;
	if (a->n < 2 || b->n < 2)
		return err_set(e, ERR_DATA, "%zu and %zu places have no covariances", a->n, b->n);
	int code = blas_open(1, e);
	if (!code)
		code = mem_zero(&work, 3, sizeof *work, "distances", e);
	if (!code)
		code = root_of(work[0], a, work[1], e);
	if (!code) {
		between(work[1], work[0], b, work[2]);
		code = eigen_symmetric(&work[1][0][0], value, N, e);
	}
	for (int i = 0; !code && i < N; i++) {
		double apart = a->sum[i] / (double)a->n - b->sum[i] / (double)b->n;
		sum += apart * apart + covariance(a, i, i) + covariance(b, i, i) - 2 * sqrt(fmax(value[i], 0));
	}
	free(work);
	/* of equal clouds rounding may leave less than nothing */
	*out = fmax(sum, 0);
	return code;
}
