#include "volume/mask.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "volume/percentile.h"

void mask_above(float *v, size_t count, double above)
{
	for (size_t i = 0; i < count; i++)
		v[i] = (double)v[i] > above;
}

/* ---- what surrounds it ---- */

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* The middle of the values in the fullest of 256 equal bins from the least to the largest of v [n], which is sorted here. */
static double commonest(float *v, size_t n)
{
	enum { BINS = 256 };
	size_t in[BINS] = { 0 }, full = 0, before = 0;
	qsort(v, n, sizeof *v, compare);
	double least = v[0], width = ((double)v[n - 1] - least) / BINS;
	for (size_t i = 0; i < n && width > 0; i++) {
		size_t bin = (size_t)(((double)v[i] - least) / width);
		in[bin < BINS ? bin : BINS - 1]++;
	}
	if (!(width > 0))
		return least;
	for (size_t bin = 1; bin < BINS; bin++)
		if (in[bin] > in[full])
			full = bin;
	for (size_t bin = 0; bin < full; bin++)
		before += in[bin];
	return v[before + in[full] / 2];
}

int mask_background(background *b, const volume *v, err *e)
{
	const int *n = v->n;
	size_t count = volume_count(n), faces = 0, voxel = 0;
	float *values;
	int code = mem_zero(&values, count, sizeof *values, "background", e);
	if (code)
		return code;
	for (int i = 0; i < n[0]; i++)
		for (int j = 0; j < n[1]; j++)
			for (int k = 0; k < n[2]; k++, voxel++)
				if (i == 0 || i == n[0] - 1 || j == 0 || j == n[1] - 1 || k == 0 || k == n[2] - 1)
					values[faces++] = v->v[voxel];
	b->value = commonest(values, faces);
	for (size_t i = 0; i < count; i++)
		values[i] = (float)fabs((double)v->v[i] - b->value);
	b->reach = percentile(values, count, .999);
	free(values);
	return 0;
}

void mask_apart(float *v, size_t count, const background *b, double share)
{
	for (size_t i = 0; i < count; i++)
		v[i] = fabs((double)v[i] - b->value) > share * b->reach;
}

/* ---- connected parts ---- */

struct flood {
	int n[3];
	const float *mask;
	unsigned char *seen; /* [voxels] */
	size_t *queue; /* [voxels]: voxels of the parts found so far, in the order they were reached */
	size_t found;
};

static int flood_new(struct flood *f, const float *mask, const int n[3], err *e)
{
	size_t count = volume_count(n);
	*f = (struct flood){ .n = { n[0], n[1], n[2] }, .mask = mask };
	int code = mem_zero(&f->seen, count, sizeof *f->seen, "mask", e);
	if (!code)
		code = mem_zero(&f->queue, count, sizeof *f->queue, "mask", e);
	return code;
}

static void flood_free(struct flood *f)
{
	free(f->seen);
	free(f->queue);
}

static void reach(struct flood *f, size_t voxel, float value)
{
	if (f->seen[voxel] || f->mask[voxel] != value)
		return;
	f->seen[voxel] = 1;
	f->queue[f->found++] = voxel;
}

/* From queue[next] on: everything of this value that is connected. */
static void spread(struct flood *f, size_t next, float value)
{
	size_t stride[3] = { (size_t)f->n[1] * (size_t)f->n[2], (size_t)f->n[2], 1 };
	for (; next < f->found; next++) {
		size_t voxel = f->queue[next];
		for (int a = 0; a < 3; a++) {
			size_t at = voxel / stride[a] % (size_t)f->n[a];
			if (at > 0)
				reach(f, voxel - stride[a], value);
			if (at + 1 < (size_t)f->n[a])
				reach(f, voxel + stride[a], value);
		}
	}
}

int mask_largest(float *mask, const int n[3], err *e)
{
	struct flood f;
	size_t count = volume_count(n), best = 0, size = 0;
	int code = flood_new(&f, mask, n, e);
	for (size_t i = 0; i < count && !code; i++) {
		size_t from = f.found;
		reach(&f, i, 1);
		spread(&f, from, 1);
		if (f.found - from > size) {
			best = from;
			size = f.found - from;
		}
	}
	if (!code) {
		memset(mask, 0, count * sizeof *mask);
		for (size_t i = best; i < best + size; i++)
			mask[f.queue[i]] = 1;
	}
	flood_free(&f);
	return code;
}

int mask_fill(float *mask, const int n[3], err *e)
{
	struct flood f;
	size_t count = volume_count(n);
	int code = flood_new(&f, mask, n, e);
	for (size_t i = 0; i < count && !code; i++) {
		int k = (int)(i % (size_t)n[2]), j = (int)(i / (size_t)n[2] % (size_t)n[1]), x = (int)(i / (size_t)n[2] / (size_t)n[1]);
		if (k == 0 || k == n[2] - 1 || j == 0 || j == n[1] - 1 || x == 0 || x == n[0] - 1)
			reach(&f, i, 0);
	}
	if (!code)
		spread(&f, 0, 0);
	for (size_t i = 0; i < count && !code; i++)
		mask[i] = !f.seen[i];
	flood_free(&f);
	return code;
}

/* ---- figures ---- */

double mask_litres(const volume *v)
{
	const double(*a)[4] = v->affine;
	size_t inside = 0, count = volume_count(v->n);
	for (size_t i = 0; i < count; i++)
		inside += v->v[i] != 0;
	double mm3 = fabs(a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
			  a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]));
	return (double)inside * mm3 * 1e-6;
}

double mask_dice(const float *a, const float *b, size_t count)
{
	size_t both = 0, sum = 0;
	for (size_t i = 0; i < count; i++) {
		both += a[i] != 0 && b[i] != 0;
		sum += (size_t)(a[i] != 0) + (size_t)(b[i] != 0);
	}
	return 2. * (double)both / (double)sum;
}

double mask_correlation(const float *a, const float *b, size_t count)
{
	double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (a[i] == 0 && b[i] == 0)
			continue;
		n++;
		/* Welford's recurrence */
		double da = (double)a[i] - ma, db = (double)b[i] - mb;
		ma += da / (double)n;
		mb += db / (double)n;
		aa += da * ((double)a[i] - ma);
		bb += db * ((double)b[i] - mb);
		ab += da * ((double)b[i] - mb);
	}
	return ab / sqrt(aa * bb);
}
