#include "simulate/scanner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"

/* Which numbers of the generator are used for what. */
enum { MOVE = 0, GAIN = 8, FIELD = 64 };
#define NOISE ((uint64_t)1 << 40)

/* Half waves of the field along all axes together. */
enum { WAVES = 3, TERMS = (WAVES + 1) * (WAVES + 1) * (WAVES + 1) };

double scanner_rician(double v, double sigma, philox r, uint64_t i)
{
	const double real = v + sigma * philox_normal(r, NOISE + 2 * i), imaginary = sigma * philox_normal(r, NOISE + 2 * i + 1);
	return sqrt(real * real + imaginary * imaginary);
}

/* cos(pi k (i + 1/2) / n) for k = 0..WAVES, scaled to a mean square of 1: [n, WAVES + 1]. */
static int cosines(double **out, int n, err *e)
{
	int code = mem_zero(out, (size_t)n * (WAVES + 1), sizeof **out, "field", e);
	for (int i = 0; i < n && !code; i++)
		for (int k = 0; k <= WAVES; k++)
			(*out)[i * (WAVES + 1) + k] = (k ? sqrt(2) : 1) * cos(M_PI * k * (i + .5) / n);
	return code;
}

/* The terms' coefficients; those with too many waves, and the constant, are 0. */
static void draw_field(double c[TERMS], double bias, philox r)
{
	int used = 0;
	for (int t = 0; t < TERMS; t++) {
		const int waves = t / (WAVES + 1) / (WAVES + 1) + t / (WAVES + 1) % (WAVES + 1) + t % (WAVES + 1);
		c[t] = waves && waves <= WAVES ? philox_normal(r, FIELD + (uint64_t)t) : 0;
		used += waves && waves <= WAVES;
	}
	for (int t = 0; t < TERMS; t++)
		c[t] *= bias / sqrt(used);
}

static double log_field(const double c[TERMS], const double *x, const double *y, const double *z)
{
	double sum = 0;
	for (int i = 0; i <= WAVES; i++)
		for (int j = 0; i + j <= WAVES; j++)
			for (int k = 0; i + j + k <= WAVES; k++)
				sum += c[(i * (WAVES + 1) + j) * (WAVES + 1) + k] * x[i] * y[j] * z[k];
	return sum;
}

int scanner_expose(volume *v, const scanner *s, philox r, err *e)
{
	const int *n = v->n;
	const double gain = exp(s->gain * philox_normal(r, GAIN));
	double *wave[3] = { NULL, NULL, NULL }, c[TERMS];
	int code = 0;
	draw_field(c, s->bias, r);
	for (int a = 0; a < 3 && !code; a++)
		code = cosines(&wave[a], n[a], e);
	if (!code) {
#pragma omp parallel for schedule(static) num_threads(threads_count())
		for (long line = 0; line < (long)n[0] * n[1]; line++)
			for (int k = 0; k < n[2]; k++) {
				const long i = line * n[2] + k;
				if (v->v[i] == 0)
					continue;
				double x = gain * (double)v->v[i];
				if (s->bias > 0)
					x *= exp(log_field(c, wave[0] + line / n[1] * (WAVES + 1), wave[1] + line % n[1] * (WAVES + 1),
							   wave[2] + k * (WAVES + 1)));
				if (s->noise > 0)
					x = scanner_rician(x, s->noise, r, (uint64_t)i);
				v->v[i] = (float)x;
			}
	}
	for (int a = 0; a < 3; a++)
		free(wave[a]);
	return code;
}

bool scanner_move(double map[3][4], const volume *grid, const scanner *s, philox r)
{
	const double arm = 50; /* mm */
	double affine[3][4], back[3][4], m[3][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } }, middle[3], there[3];
	memcpy(affine, grid->affine, sizeof affine);
	for (int a = 0; a < 3; a++) {
		const int p = (a + 1) % 3, q = (a + 2) % 3;
		const double angle = s->jitter / arm * philox_normal(r, MOVE + (uint64_t)a), c = cos(angle), t = sin(angle);
		double turn[3][4] = { { 0 } };
		turn[a][a] = 1;
		turn[p][p] = turn[q][q] = c;
		turn[p][q] = -t;
		turn[q][p] = t;
		affine_multiply(m, turn, m);
		middle[a] = (grid->n[a] - 1) / 2.;
	}
	affine_apply(middle, affine, (const double[3]){ middle[0], middle[1], middle[2] });
	affine_apply(there, m, middle);
	for (int a = 0; a < 3; a++)
		m[a][3] = middle[a] - there[a] + s->jitter * philox_normal(r, MOVE + 3 + (uint64_t)a);
	if (!affine_inverse(back, affine))
		return false;
	affine_multiply(map, m, affine);
	affine_multiply(map, back, map);
	return true;
}
