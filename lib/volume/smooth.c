#include "volume/smooth.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/volume.h"

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
			const float *a = from + volume_clamp(i - k, n) * inner, *b = from + volume_clamp(i + k, n) * inner;
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
				line[i + radius] = from[volume_clamp(i, n)];
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

int smooth(float **out, float *in, const int n[3], const double sigma[3], err *e)
{
	float *a = in, *b = NULL;
	int code = 0;
	for (int axis = 0; axis < 3 && !code; axis++) {
		float *w;
		int radius;
		code = gaussian(&w, &radius, sigma[axis], n[axis], e);
		if (code || !w)
			continue;
		if (!b)
			code = mem_zero(&b, volume_count(n), sizeof *b, "smoothing", e);
		if (!code && axis == 2) {
			code = smooth_lines(b, a, (long)n[0] * n[1], n[2], w, radius, e);
		} else if (!code) {
			long inner = axis == 0 ? (long)n[1] * n[2] : n[2];
			smooth_axis(b, a, axis == 0 ? 1 : n[0], n[axis], inner, w, radius);
		}
		free(w);
		if (!code) {
			float *done = b;
			b = a == in ? NULL : a;
			a = done;
		}
	}
	free(b);
	if (code && a != in)
		free(a);
	*out = code ? NULL : a;
	return code;
}
