#include "volume/stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"

/* One axis: which samples at the model's spacing are kept, and how they are padded. */
struct axis {
	double step; /* voxels of the scan per sample */
	bool resampled;
	int start, count; /* of the samples: the first kept one, how many */
	int low; /* padding in front */
};

static int plan_axis(struct axis *a, double mm, int n, int size, double spacing, err *e)
{
	a->resampled = fabs(mm - spacing) > 1e-3;
	a->step = a->resampled ? spacing / mm : 1;
	double samples = a->resampled ? nearbyint((n - 1) * mm / spacing + 1) : n;
	if (!(samples >= 1 && samples < 1e9))
		return err_set(e, ERR_DATA, "voxels of %g mm make no grid of %g mm", mm, spacing);
	int m = (int)samples;
	a->start = m / 2 - size / 2 > 0 ? m / 2 - size / 2 : 0;
	a->count = m - a->start < size ? m - a->start : size;
	a->low = (size - a->count) / 2;
	return 0;
}

/* The kept samples of the middle axis of in [outer, n, inner], linear between voxels, ends repeated. */
static void resample_axis(double *out, const double *in, long outer, int n, long inner, const struct axis *a, double mm, double spacing)
{
#pragma omp parallel for schedule(static) num_threads(threads_count())
	for (long row = 0; row < outer * a->count; row++) {
		int m = a->start + (int)(row % a->count);
		double at = a->resampled ? fmin(fmax(m * spacing / mm, 0), n - 1) : m, f = at - floor(at);
		int i = (int)at, j = i + 1 < n ? i + 1 : n - 1;
		const double *from = in + row / a->count * n * inner;
		for (long x = 0; x < inner; x++)
			out[row * inner + x] = a->resampled ? from[i * inner + x] * (1 - f) + from[j * inner + x] * f : from[i * inner + x];
	}
}

/* in [outer, count, inner] continued along the middle axis to `size` samples with each line's own minimum. */
static void pad_axis(float *out, const float *in, long outer, int count, long inner, int low, int size)
{
	for (long o = 0; o < outer; o++)
		for (long x = 0; x < inner; x++) {
			const float *from = in + o * count * inner + x;
			float *to = out + o * size * inner + x, least = from[0];
			for (int i = 1; i < count; i++)
				least = fminf(least, from[i * inner]);
			for (int i = 0; i < size; i++)
				to[i * inner] = i >= low && i < low + count ? from[(i - low) * inner] : least;
		}
}

/* All axes resampled and cropped, in double, rounded to float at the end: *out of n[]. */
static int resample(float **out, int n[3], const volume *scan, const struct axis plan[3], const double mm[3], double spacing, err *e)
{
	double *a, *b = NULL;
	size_t count = volume_count(n);
	int code = mem_zero(&a, count, sizeof *a, "volume", e);
	if (code)
		return code;
	for (size_t i = 0; i < count; i++)
		a[i] = scan->v[i];
	for (int k = 0; k < 3; k++) {
		int next[3] = { n[0], n[1], n[2] };
		long outer = k == 0 ? 1 : k == 1 ? n[0] : (long)n[0] * n[1], inner = k == 0 ? (long)n[1] * n[2] : k == 1 ? n[2] : 1;
		next[k] = plan[k].count;
		code = mem_zero(&b, volume_count(next), sizeof *b, "volume", e);
		if (code)
			goto done;
		resample_axis(b, a, outer, n[k], inner, &plan[k], mm[k], spacing);
		free(a);
		a = b;
		n[k] = next[k];
	}
	count = volume_count(n);
	code = mem_zero(out, count, sizeof **out, "volume", e);
	for (size_t i = 0; !code && i < count; i++)
		(*out)[i] = (float)a[i];
done:
	free(a);
	return code;
}

int prepare_stored(volume *x, prepared *how, const preparation *p, const volume *scan, err *e)
{
	volume s = *scan;
	struct axis plan[3];
	double mm[3];
	int n[3] = { s.n[0], s.n[1], s.n[2] }, code = 0;
	float *v = NULL;
	affine_spacing(mm, s.affine);
	for (int k = 0; k < 3 && !code; k++)
		code = plan_axis(&plan[k], mm[k], n[k], p->n[k], p->spacing, e);
	if (!code)
		code = resample(&v, n, scan, plan, mm, p->spacing, e);
	for (int k = 0; k < 3 && !code; k++) {
		long outer = k == 0 ? 1 : k == 1 ? n[0] : (long)n[0] * n[1], inner = k == 0 ? (long)n[1] * n[2] : k == 1 ? n[2] : 1;
		int next[3] = { n[0], n[1], n[2] };
		float *padded;
		next[k] = p->n[k];
		code = mem_zero(&padded, volume_count(next), sizeof *padded, "volume", e);
		if (code)
			break;
		pad_axis(padded, v, outer, n[k], inner, plan[k].low, p->n[k]);
		free(v);
		v = padded;
		n[k] = next[k];
	}
	if (code) {
		free(v);
		return code;
	}
	size_t count = volume_count(n);
	float low = v[0], high = v[0];
	for (size_t i = 1; i < count; i++) {
		low = fminf(low, v[i]);
		high = fmaxf(high, v[i]);
	}
	for (size_t i = 0; i < count; i++)
		v[i] = high > low ? (v[i] - low) / (high - low) : 0;
	how->scale = high > low ? (double)(high - low) : 1;
	how->offset = low;
	for (int k = 0; k < 3; k++) {
		how->to_source[k][k] = plan[k].step;
		how->to_source[k][3] = (plan[k].start - plan[k].low) * plan[k].step;
	}
	*x = (volume){ .n = { n[0], n[1], n[2] }, .v = v };
	affine_multiply(x->affine, s.affine, how->to_source);
	return 0;
}
