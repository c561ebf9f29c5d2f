#include "volume/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/cubic.h"
#include "volume/smooth.h"

/* src smoothed for sampling at steps of step[] of its voxels. *out is src->v itself when no axis needs it; otherwise freed by the caller.
 */
static int smooth_for(float **out, const volume *src, const double step[3], err *e)
{
	double sigma[3];
	for (int axis = 0; axis < 3; axis++)
		sigma[axis] = step[axis] > 1 ? sqrt(step[axis] * step[axis] - 1) / (2 * sqrt(2 * log(2))) : 0;
	return smooth(out, src->v, src->n, sigma, e);
}

/* ---- interpolation ---- */

/* Voxels and weights round place p of an axis of n voxels that repeats its ends. */
static void taps(int at[4], double w[4], double p, int n)
{
	double whole = floor(p);
	for (int k = 0; k < 4; k++)
		at[k] = volume_clamp((int)whole + k - 1, n);
	cubic_weights(w, p - whole);
}

/* The share with which place p of an axis counts. Written so that NaN and places far away are outside. */
static double presence(double p, int n, enum grid_edge edge)
{
	double beyond = fmax(-p, p - (n - 1));
	if (edge == GRID_CUT)
		return beyond <= .5 + 1e-6 ? 1 : 0;
	return !(beyond < 1) ? 0 : beyond <= 0 ? 1 : 1 - beyond;
}

float grid_at(const float *v, const int n[3], const double p[3], enum grid_edge edge)
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
	int code = smooth_for(&v, src, step, e);
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
				line[k] = fminf(fmaxf(grid_at(v, src->n, p, edge), low), high);
			}
		}
	if (v != src->v)
		free(v);
	return 0;
}
