#include "volume/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"

/* ---- smoothing ---- */

/* Voxels that are 100 times smaller than the grid's are no scan's; they shall not take hours either. */
enum { MAX_RADIUS = 256 };

/* Weights 0..radius of a Gaussian of `sigma` samples cut at 4 sigma, normalised. *w is NULL when the neighbours' weights vanish in float.
 */
static int gaussian(float **w, int *radius, double sigma, int n, err *e)
{
	int r = sigma < .05 ? 0 : (int)fmin(ceil(4 * sigma), n < MAX_RADIUS ? n : MAX_RADIUS);
	double sum = 1;
	*w = NULL;
	*radius = 0;
	if (r == 0)
		return 0;
	int code = mem_zero(w, (size_t)r + 1, sizeof **w, "smoothing", e);
	if (code)
		return code;
	for (int k = 1; k <= r; k++)
		sum += 2 * exp(-.5 * k * k / (sigma * sigma));
	for (int k = 0; k <= r; k++)
		(*w)[k] = (float)(exp(-.5 * k * k / (sigma * sigma)) / sum);
	*radius = r;
	return 0;
}

static int clamp(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* out = in smoothed along the middle axis of [outer, n, inner]. Opposite neighbours are added first: a mirrored scan gives the same sums.
 */
static void smooth_axis(float *out, const float *in, long outer, int n, long inner, const float *w, int radius)
{
#pragma omp parallel for schedule(static) num_threads(threads_count())
	for (long row = 0; row < outer * n; row++) {
		const float *from = in + row / n * n * inner;
		float *to = out + row * inner;
		int i = (int)(row % n);
		for (long x = 0; x < inner; x++)
			to[x] = w[0] * from[i * inner + x];
		for (int k = 1; k <= radius; k++) {
			const float *a = from + clamp(i - k, n) * inner, *b = from + clamp(i + k, n) * inner;
#pragma omp simd
			for (long x = 0; x < inner; x++)
				to[x] += w[k] * (a[x] + b[x]);
		}
	}
}

/* The same along the last axis, [rows, n]. line: n + 2 radius floats for each thread's own use. */
static int smooth_lines(float *out, const float *in, long rows, int n, const float *w, int radius, err *e)
{
	bool failed = false;
#pragma omp parallel num_threads(threads_count())
	{
		float *line = malloc(((size_t)n + 2 * (size_t)radius) * sizeof *line);
		if (!line) {
#pragma omp atomic write
			failed = true;
		}
#pragma omp for schedule(static)
		for (long row = 0; row < rows; row++) {
			if (!line)
				continue;
			const float *from = in + row * n;
			float *to = out + row * n;
			for (int i = -radius; i < n + radius; i++)
				line[i + radius] = from[clamp(i, n)];
			for (int i = 0; i < n; i++)
				to[i] = w[0] * from[i];
			for (int k = 1; k <= radius; k++)
#pragma omp simd
				for (int i = 0; i < n; i++)
					to[i] += w[k] * (line[i + radius - k] + line[i + radius + k]);
		}
		free(line);
	}
	return failed ? err_set(e, ERR_OS, "smoothing: no memory") : 0;
}

/* src smoothed for sampling at steps of step[] of its voxels. *out is src->v itself when no axis needs it; otherwise freed by the caller.
 */
static int smooth(float **out, const volume *src, const double step[3], err *e)
{
	float *a = src->v, *b = NULL;
	int code = 0;
	for (int axis = 0; axis < 3 && !code; axis++) {
		float *w;
		int radius;
		double sigma = step[axis] > 1 ? sqrt(step[axis] * step[axis] - 1) / (2 * sqrt(2 * log(2))) : 0;
		code = gaussian(&w, &radius, sigma, src->n[axis], e);
		if (code || !w)
			continue;
		if (!b)
			code = mem_zero(&b, volume_count(src->n), sizeof *b, "smoothing", e);
		if (!code && axis == 2) {
			code = smooth_lines(b, a, (long)src->n[0] * src->n[1], src->n[2], w, radius, e);
		} else if (!code) {
			long inner = axis == 0 ? (long)src->n[1] * src->n[2] : src->n[2];
			smooth_axis(b, a, axis == 0 ? 1 : src->n[0], src->n[axis], inner, w, radius);
		}
		free(w);
		if (!code) {
			float *done = b;
			b = a == src->v ? NULL : a;
			a = done;
		}
	}
	free(b);
	if (code && a != src->v)
		free(a);
	*out = a;
	return code;
}

/* ---- interpolation ---- */

/* Keys' weights of the four voxels round a place, f (0..1) behind the second. */
static void keys(double w[4], double f)
{
	w[0] = f * (-.5 + f * (1 - .5 * f));
	w[1] = 1 + f * f * (-2.5 + 1.5 * f);
	w[2] = f * (.5 + f * (2 - 1.5 * f));
	w[3] = f * f * (-.5 + .5 * f);
}

/* Voxels and weights round place p of an axis of n voxels that repeats its ends. */
static void taps(int at[4], double w[4], double p, int n)
{
	double whole = floor(p);
	for (int k = 0; k < 4; k++)
		at[k] = clamp((int)whole + k - 1, n);
	keys(w, p - whole);
}

/* The share with which place p of an axis counts. Written so that NaN and places far away are outside. */
static double presence(double p, int n, enum grid_edge edge)
{
	double beyond = fmax(-p, p - (n - 1));
	if (edge == GRID_CUT)
		return beyond <= .5 + 1e-6 ? 1 : 0;
	return !(beyond < 1) ? 0 : beyond <= 0 ? 1 : 1 - beyond;
}

static float sample(const float *v, const int n[3], const double p[3], enum grid_edge edge)
{
	double share = 1, w[3][4], sum = 0;
	int at[3][4];
	for (int a = 0; a < 3; a++)
		share *= presence(p[a], n[a], edge);
	if (share == 0)
		return 0;
	for (int a = 0; a < 3; a++)
		taps(at[a], w[a], p[a], n[a]);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) {
			const float *line = v + ((size_t)at[0][i] * (size_t)n[1] + (size_t)at[1][j]) * (size_t)n[2];
			double s = 0;
			for (int k = 0; k < 4; k++)
				s += w[2][k] * (double)line[at[2][k]];
			sum += w[0][i] * w[1][j] * s;
		}
	return (float)(share * sum);
}

int grid_sample(volume *dst, double map[3][4], const volume *src, enum grid_edge edge, err *e)
{
	double step[3];
	float low = INFINITY, high = -INFINITY, *v;
	long count = (long)volume_count(src->n);
	for (int a = 0; a < 3; a++)
		step[a] = sqrt(map[a][0] * map[a][0] + map[a][1] * map[a][1] + map[a][2] * map[a][2]);
	int code = smooth(&v, src, step, e);
	if (code)
		return code;
#pragma omp parallel for reduction(min : low) reduction(max : high) num_threads(threads_count())
	for (long i = 0; i < count; i++) {
		low = fminf(low, src->v[i]);
		high = fmaxf(high, src->v[i]);
	}
	/* what lies outside is 0, and so may be the result */
	low = fminf(low, 0);
	high = fmaxf(high, 0);
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_count())
	for (int i = 0; i < dst->n[0]; i++)
		for (int j = 0; j < dst->n[1]; j++) {
			float *line = dst->v + ((size_t)i * (size_t)dst->n[1] + (size_t)j) * (size_t)dst->n[2];
			for (int k = 0; k < dst->n[2]; k++) {
				double p[3];
				affine_apply(p, map, (const double[3]){ i, j, k });
				line[k] = fminf(fmaxf(sample(v, src->n, p, edge), low), high);
			}
		}
	if (v != src->v)
		free(v);
	return 0;
}
