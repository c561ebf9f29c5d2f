#include "volume/score.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"

enum { SCALES = 5, MS_WINDOW = 3, SLAB = 16 };

/* What SSIM is taken with: a normalised Gaussian of sigma 1.5 cut to k samples an axis, w, freed with free(); and the range of the values.
 */
struct window {
	double *w;
	int k;
	double range;
};

/* For volumes of n voxels. */
static int make_window(struct window *out, int k, const int n[3], double range, err *e)
{
	double sum = 0;
	*out = (struct window){ .k = k, .range = range };
	if (k < 1)
		return err_set(e, ERR_USAGE, "a window of %d voxels", k);
	if (!(range > 0))
		return err_set(e, ERR_USAGE, "a range of %g", range);
	if (k > n[0] || k > n[1] || k > n[2])
		return err_set(e, ERR_DATA, "%dx%dx%d voxels are too few for a window of %d", n[0], n[1], n[2], k);
	int code = mem_zero(&out->w, (size_t)k, sizeof *out->w, "window", e);
	if (code)
		return code;
	for (int i = 0; i < k; i++) {
		double x = (i - (k - 1) / 2.) / 1.5;
		sum += out->w[i] = exp(-.5 * x * x);
	}
	for (int i = 0; i < k; i++)
		out->w[i] /= sum;
	return 0;
}

/* out [X',Y',Z'] = window-weighted means of a (times b, unless NULL) [X,Y,Z], X' = X-k+1 ..; t1 [X,Y,Z'] and t2 [X,Y',Z'] are scratch. */
static void blur(double *out, double *t1, double *t2, const double *a, const double *b, const int n[3], const struct window *window)
{
	const double *w = window->w;
	const int k = window->k;
	long rows = (long)n[0] * n[1], nz = n[2] - k + 1, ny = n[1] - k + 1, nx = n[0] - k + 1;
#pragma omp parallel num_threads(threads_count())
	{
#pragma omp for schedule(static)
		for (long r = 0; r < rows; r++) {
			double *to = t1 + r * nz;
			for (long z = 0; z < nz; z++)
				to[z] = 0;
			for (int i = 0; i < k; i++)
#pragma omp simd
				for (long z = 0; z < nz; z++)
					to[z] += w[i] * a[r * n[2] + z + i] * (b ? b[r * n[2] + z + i] : 1);
		}
#pragma omp for schedule(static)
		for (long r = 0; r < n[0] * ny; r++) {
			double *to = t2 + r * nz;
			const double *from = t1 + (r / ny * n[1] + r % ny) * nz;
			for (long z = 0; z < nz; z++)
				to[z] = 0;
			for (int i = 0; i < k; i++)
#pragma omp simd
				for (long z = 0; z < nz; z++)
					to[z] += w[i] * from[i * nz + z];
		}
#pragma omp for schedule(static)
		for (long r = 0; r < nx * ny; r++) {
			double *to = out + r * nz;
			const double *from = t2 + r * nz;
			for (long z = 0; z < nz; z++)
				to[z] = 0;
			for (int i = 0; i < k; i++)
#pragma omp simd
				for (long z = 0; z < nz; z++)
					to[z] += w[i] * from[i * ny * nz + z];
		}
	}
}

/* Window-weighted means of a, b, aa, bb, ab; each [X',Y',Z']. */
struct moments {
	double *a, *b, *aa, *bb, *ab;
	double *all; /* the memory of them all */
};

static int make_moments(struct moments *m, const double *a, const double *b, const int n[3], const struct window *w, err *e)
{
	const int k = w->k;
	size_t whole = (size_t)n[0] * (size_t)n[1] * (size_t)n[2],
	       part = (size_t)(n[0] - k + 1) * (size_t)(n[1] - k + 1) * (size_t)(n[2] - k + 1);
	double *scratch = NULL;
	int code = mem_zero(&m->all, 5 * part, sizeof *m->all, "score", e);
	if (!code)
		code = mem_zero(&scratch, 2 * whole, sizeof *scratch, "score", e);
	if (code) {
		free(m->all);
		m->all = NULL;
		return code;
	}
	double **out[5] = { &m->a, &m->b, &m->aa, &m->bb, &m->ab };
	const double *first[5] = { a, b, a, b, a }, *second[5] = { NULL, NULL, a, b, b };
	for (int i = 0; i < 5; i++) {
		*out[i] = m->all + (size_t)i * part;
		blur(*out[i], scratch, scratch + whole, first[i], second[i], n, w);
	}
	free(scratch);
	return 0;
}

/* SSIM at element i, and its second factor alone. */
static double ssim_at(const struct moments *m, size_t i, double range, double *contrast)
{
	double c1 = 1e-4 * range * range, c2 = 9e-4 * range * range, pa = m->a[i], pb = m->b[i];
	double va = m->aa[i] - pa * pa, vb = m->bb[i] - pb * pb, cov = m->ab[i] - pa * pb;
	*contrast = (2 * cov + c2) / (va + vb + c2);
	return (2 * pa * pb + c1) / (pa * pa + pb * pb + c1) * *contrast;
}

/* A new array of doubles. */
static int widen(double **out, const float *v, size_t count, err *e)
{
	int code = mem_zero(out, count, sizeof **out, "score", e);
	for (size_t i = 0; !code && i < count; i++)
		(*out)[i] = (double)v[i];
	return code;
}

/* Sums over SSIM's map: of all of it, of its second factor alone, where a is bright, where the middle voxel is in the mask. */
struct tally {
	double all, contrast, bright, masked;
	size_t n, n_bright, n_masked;
};

static void tally_slab(struct tally *t, const struct moments *m, const float *mask, int first, int planes, const int n[3],
		       const struct window *w)
{
	const int k = w->k;
	size_t i = 0, middle = (size_t)k / 2;
	double contrast;
	for (int x = first; x < first + planes; x++)
		for (int y = 0; y <= n[1] - k; y++)
			for (int z = 0; z <= n[2] - k; z++, i++) {
				double s = ssim_at(m, i, w->range, &contrast);
				size_t at = (((size_t)x + middle) * (size_t)n[1] + (size_t)y + middle) * (size_t)n[2] + (size_t)z + middle;
				t->all += s;
				t->contrast += contrast;
				t->n++;
				if (m->a[i] > .02 * w->range) {
					t->bright += s;
					t->n_bright++;
				}
				if (mask && mask[at] != 0) {
					t->masked += s;
					t->n_masked++;
				}
			}
}

/* In slabs along X, so that memory stays small. */
static int tally_map(struct tally *t, const double *a, const double *b, const float *mask, const int n[3], const struct window *w, err *e)
{
	const int k = w->k;
	int code = 0;
	*t = (struct tally){ .n = 0 };
	for (int x = 0; x <= n[0] - k && !code; x += SLAB) {
		int planes = n[0] - k + 1 - x < SLAB ? n[0] - k + 1 - x : SLAB, part[3] = { planes + k - 1, n[1], n[2] };
		size_t offset = (size_t)x * (size_t)n[1] * (size_t)n[2];
		struct moments m = { .all = NULL };
		code = make_moments(&m, a + offset, b + offset, part, w, e);
		if (!code)
			tally_slab(t, &m, mask, x, planes, n, w);
		free(m.all);
	}
	return code;
}

int score_ssim(ssim_result *out, const float *a, const float *b, const float *mask, const int n[3], int window, double range, err *e)
{
	size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
	double *wa = NULL, *wb = NULL;
	struct window w = { .w = NULL };
	struct tally t;
	int code = make_window(&w, window, n, range, e);
	if (!code)
		code = widen(&wa, a, count, e);
	if (!code)
		code = widen(&wb, b, count, e);
	if (!code)
		code = tally_map(&t, wa, wb, mask, n, &w, e);
	/* 0/0 is NAN */
	if (!code)
		*out = (ssim_result){ t.all / (double)t.n, t.bright / (double)t.n_bright, t.masked / (double)t.n_masked };
	free(w.w);
	free(wa);
	free(wb);
	return code;
}

int score_brain(float *mask, const float *a, const int n[3], int window, double range, err *e)
{
	size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2], middle = (size_t)window / 2, i = 0;
	double *wa = NULL, *mean = NULL;
	struct window w = { .w = NULL };
	int code = make_window(&w, window, n, range, e);
	if (!code)
		code = widen(&wa, a, count, e);
	if (!code)
		code = mem_zero(&mean, 3 * count, sizeof *mean, "score", e);
	if (code)
		goto done;
	blur(mean, mean + count, mean + 2 * count, wa, NULL, n, &w);
	for (size_t k = 0; k < count; k++)
		mask[k] = 0;
	for (int x = 0; x <= n[0] - window; x++)
		for (int y = 0; y <= n[1] - window; y++)
			for (int z = 0; z <= n[2] - window; z++)
				mask[(((size_t)x + middle) * (size_t)n[1] + (size_t)y + middle) * (size_t)n[2] + (size_t)z + middle] =
					mean[i++] > .02 * range;
done:
	free(w.w);
	free(wa);
	free(mean);
	return code;
}

/* v [n] -> means of 2x2x2 in place, n halved; a last odd voxel is dropped. */
static void halve(double *v, const int n[3])
{
	size_t i = 0, ny = (size_t)n[1], nz = (size_t)n[2];
	for (size_t x = 0; x + 1 < (size_t)n[0]; x += 2)
		for (size_t y = 0; y + 1 < ny; y += 2)
			for (size_t z = 0; z + 1 < nz; z += 2) {
				const double *p = v + (x * ny + y) * nz + z, *q = p + ny * nz;
				v[i++] = (p[0] + p[1] + p[nz] + p[nz + 1] + q[0] + q[1] + q[nz] + q[nz + 1]) / 8;
			}
}

/* The weights of the scales, whose last one has SSIM, the others its second factor alone; and the window, voxels an axis. */
struct pyramid {
	double weight[SCALES];
	int scales, window;
};

static int ms_ssim(double *out, const float *a, const float *b, const int n[3], const struct pyramid *p, double range, err *e)
{
	const int scales = p->scales, window = p->window;
	int size[3] = { n[0], n[1], n[2] };
	double *wa = NULL, *wb = NULL, product = 1;
	struct window w = { .w = NULL };
	size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
	for (int k = 0; k < 3; k++)
		if (n[k] >> (scales - 1) < window)
			return err_set(e, ERR_DATA, "%dx%dx%d voxels are too few for %d scales (%d an axis at least)", n[0], n[1], n[2],
				       scales, window << (scales - 1));
	int code = make_window(&w, window, n, range, e);
	if (!code)
		code = widen(&wa, a, count, e);
	if (!code)
		code = widen(&wb, b, count, e);
	for (int scale = 0; scale < scales && !code; scale++) {
		struct tally t;
		code = tally_map(&t, wa, wb, NULL, size, &w, e);
		if (code)
			break;
		product *= pow(fmax((scale == scales - 1 ? t.all : t.contrast) / (double)t.n, 0), p->weight[scale]);
		halve(wa, size);
		halve(wb, size);
		for (int k = 0; k < 3; k++)
			size[k] /= 2;
	}
	free(w.w);
	free(wa);
	free(wb);
	if (!code)
		*out = product;
	return code;
}

static const struct pyramid published = { { .0448, .2856, .3001, .2363, .1333 }, SCALES, MS_WINDOW };

int score_ms_ssim(double *out, const float *a, const float *b, const int n[3], double range, err *e)
{
	return ms_ssim(out, a, b, n, &published, range, e);
}

int score_ms_ssim_of(double *out, const float *a, const float *b, const int n[3], int scales, int window, double range, err *e)
{
	struct pyramid p = { .scales = scales, .window = window };
	double sum = 0;
	if (scales < 1 || scales > SCALES)
		return err_set(e, ERR_USAGE, "%d scales, not 1 to %d", scales, SCALES);
	for (int i = 0; i < scales; i++)
		sum += published.weight[i];
	for (int i = 0; i < scales; i++)
		p.weight[i] = published.weight[i] / sum;
	return ms_ssim(out, a, b, n, &p, range, e);
}

double score_mse(const float *a, const float *b, const float *mask, size_t count)
{
	double sum = 0;
	size_t voxels = 0;
	for (size_t i = 0; i < count; i++) {
		double d = (double)a[i] - (double)b[i];
		if (mask && mask[i] == 0)
			continue;
		sum += d * d;
		voxels++;
	}
	return sum / (double)voxels;
}

double score_psnr(double mse, double range) { return 10 * log10(range * range / mse); }
