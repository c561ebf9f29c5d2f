#include "volume/warp.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"

/* Of the search for u: each takes the error to a third and less where registration does not nearly fold space. */
enum { ROUNDS = 12 };

int warp_spacing(const int64_t shape[4], const int n[3])
{
	if (shape[0] != 3)
		return 0;
	for (int spacing = 1; spacing < n[0]; spacing++) {
		int fits = 0;
		for (int i = 0; i < 3; i++)
			fits += shape[i + 1] == (n[i] - 1) / spacing + 1;
		if (fits == 3)
			return spacing;
	}
	return 0;
}

typedef struct lattice {
	int g[3], spacing;
	const float *v; /* [3,g0,g1,g2] */
} lattice;

/* Linear between its points, constant beyond them. */
static void sample(const lattice *l, const double at[3], double out[3])
{
	const size_t row = (size_t)l->g[2], plane = row * (size_t)l->g[1], all = plane * (size_t)l->g[0];
	size_t low[3], step[3];
	double f[3];
	for (int i = 0; i < 3; i++) {
		const double x = fmin(fmax(at[i] / l->spacing, 0), l->g[i] - 1);
		low[i] = (size_t)x;
		step[i] = low[i] + 1 < (size_t)l->g[i];
		f[i] = x - (double)low[i];
	}
	for (int k = 0; k < 3; k++) {
		const float *v = l->v + (size_t)k * all + low[0] * plane + low[1] * row + low[2];
		out[k] = 0;
		for (int c = 0; c < 8; c++) {
			const int i = c >> 2, j = c >> 1 & 1, m = c & 1;
			const double w = (i ? f[0] : 1 - f[0]) * (j ? f[1] : 1 - f[1]) * (m ? f[2] : 1 - f[2]);
			out[k] += w * (double)v[(i ? step[0] * plane : 0) + (j ? step[1] * row : 0) + (m ? step[2] : 0)];
		}
	}
}

/* The displacement at q, as the head of warp.h has it. */
static void displacement(const lattice *a, const lattice *b, double share, const double q[3], float out[3])
{
	double u[3] = { q[0], q[1], q[2] }, wa[3], wb[3];
	for (int round = 0; round < ROUNDS; round++) {
		sample(a, u, wa);
		sample(b, u, wb);
		for (int k = 0; k < 3; k++)
			u[k] = q[k] - (1 - share) * wa[k] - share * wb[k];
	}
	sample(a, u, wa);
	for (int k = 0; k < 3; k++)
		out[k] = (float)(u[k] + wa[k] - q[k]);
}

int pull_new(pull *p, const int n[3], int spacing, const float *a, const float *b, double share, err *e)
{
	lattice from = { .spacing = spacing, .v = a }, to = { .spacing = spacing, .v = b };
	*p = (pull){ .spacing = spacing };
	for (int i = 0; i < 3; i++) {
		from.g[i] = to.g[i] = (n[i] - 1) / spacing + 1;
		p->g[i] = (n[i] - 1) / spacing + 4; /* a cubic B-spline reaches one control point back and two ahead */
	}
	const int planes = p->g[0] * p->g[1];
	int code = mem_zero(&p->v, (size_t)planes * (size_t)p->g[2] * 4, sizeof *p->v, "warp", e);
	if (code)
		return code;
#pragma omp parallel for num_threads(threads_count())
	for (int line = 0; line < planes; line++)
		for (int z = 0; z < p->g[2]; z++) {
			const double q[3] = { (double)(line / p->g[1] - 1) * spacing, (double)(line % p->g[1] - 1) * spacing,
					      (double)(z - 1) * spacing };
			displacement(&from, &to, share, q, p->v + ((size_t)line * (size_t)p->g[2] + (size_t)z) * 4);
		}
	return 0;
}

void pull_free(pull *p)
{
	free(p->v);
	p->v = NULL;
}

/* Weights of the four control points round a place, and the first of them. */
static int spline(float w[4], float at, int spacing, int g)
{
	const float x = fminf(fmaxf(at / (float)spacing, 0), (float)(g - 4)), whole = floorf(x), f = x - whole, r = 1 - f;
	w[0] = r * r * r / 6;
	w[1] = (3 * f * f * f - 6 * f * f + 4) / 6;
	w[2] = (3 * r * r * r - 6 * r * r + 4) / 6;
	w[3] = f * f * f / 6;
	return (int)whole < g - 4 ? (int)whole : g - 4;
}

void pull_apply(const pull *w, float p[3])
{
	float weight[3][4], sum[4] = { 0 };
	size_t first[3];
	for (int i = 0; i < 3; i++)
		first[i] = (size_t)spline(weight[i], p[i], w->spacing, w->g[i]);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 4; j++) {
			const float *v = w->v + (((first[0] + i) * (size_t)w->g[1] + first[1] + j) * (size_t)w->g[2] + first[2]) * 4;
			const float of = weight[0][i] * weight[1][j];
			for (int k = 0; k < 4; k++)
				for (int c = 0; c < 4; c++)
					sum[c] += of * weight[2][k] * v[k * 4 + c];
		}
	for (int c = 0; c < 3; c++)
		p[c] += sum[c];
}
