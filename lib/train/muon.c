#include "train/muon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/matmul.h"

static const float MOMENTUM = .9f;
/* The network's only output is an image in 0..1, whose root mean square is some quarter of the features', and one row has no other
 * direction to share the step with. */
static const double SINGLE_ROW = .25;

/* x [r,c] -> nearly (x x')^(-1/2) x, all singular values near 1. r <= c; a, b [r,r] and y [r,c] are scratch. */
static void orthogonalise(float *x, int r, int c, float *a, float *b, float *y)
{
	double sum = 0;
	size_t n = (size_t)r * (size_t)c, square = (size_t)r * (size_t)r;
	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	float by = (float)(1 / (sqrt(sum) + 1e-20));
	for (size_t i = 0; i < n; i++)
		x[i] *= by;
	for (int step = 0; step < 5; step++) {
		matmul(r, r, c, plain(x, c), transposed(x, c), 0, a, r);
		matmul(r, r, r, plain(a, r), plain(a, r), 0, b, r);
		for (size_t i = 0; i < square; i++)
			b[i] = 2.0315f * b[i] - 4.7750f * a[i];
		for (size_t i = 0; i < square; i += (size_t)r + 1)
			b[i] += 3.4445f;
		matmul(r, c, r, plain(b, r), plain(x, c), 0, y, c);
		memcpy(x, y, n * sizeof *x);
	}
}

static void transpose(float *to, const float *from, int rows, int cols)
{
	for (int i = 0; i < rows; i++)
		for (int k = 0; k < cols; k++)
			to[(size_t)k * (size_t)rows + (size_t)i] = from[(size_t)i * (size_t)cols + (size_t)k];
}

int muon_update(param *p, float *m, double lr, double scale, err *e)
{
	int rows = (int)p->n[0], cols = (int)(p->count / (size_t)rows);
	int r = rows < cols ? rows : cols, c = rows < cols ? cols : rows;
	size_t square = (size_t)r * (size_t)r;
	float *work = NULL, k = (float)scale, rate = (float)(lr * sqrt((double)rows / cols) * (rows == 1 ? SINGLE_ROW : 1));
	int code = mem_zero(&work, 2 * p->count + 2 * square, sizeof *work, p->name, e);
	if (code)
		return code;
	float *x = work, *y = x + p->count, *a = y + p->count, *b = a + square;
	for (size_t i = 0; i < p->count; i++) {
		m[i] = MOMENTUM * m[i] + k * p->g[i];
		y[i] = k * p->g[i] + MOMENTUM * m[i];
	}
	if (rows > cols)
		transpose(x, y, rows, cols);
	else
		memcpy(x, y, p->count * sizeof *x);
	orthogonalise(x, r, c, a, b, y);
	if (rows > cols)
		transpose(y, x, cols, rows);
	for (size_t i = 0; i < p->count; i++)
		p->v[i] -= rate * y[i];
	free(work);
	return 0;
}
