#include "realism/scans.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "volume/mask.h"
#include "volume/percentile.h"
#include "volume/volume.h"

static const float MOST = 1.5f;

void scans_clip(float *x, size_t voxels)
{
	for (size_t i = 0; i < voxels; i++)
		x[i] = x[i] < 0 ? 0 : x[i] > MOST ? MOST : x[i];
}

int scans_add(scans *s, const int n[3], const float *x, err *e)
{
	if (s->count && memcmp(n, s->n, sizeof s->n))
		return err_set(e, ERR_DATA, "%dx%dx%d voxels, not %dx%dx%d", n[0], n[1], n[2], s->n[0], s->n[1], s->n[2]);
	if (!s->count) {
		memcpy(s->n, n, sizeof s->n);
		s->voxels = volume_count(n);
	}
	int code = mem_grow(&s->x, &s->cap, (s->count + 1) * s->voxels, sizeof *s->x, "scans", e);
	if (code)
		return code;
	float *to = s->x + s->count++ * s->voxels;
	memcpy(to, x, s->voxels * sizeof *x);
	scans_clip(to, s->voxels);
	return 0;
}

const float *scans_at(const scans *s, size_t i) { return s->x + i * s->voxels; }

void scans_free(scans *s)
{
	free(s->x);
	*s = (scans){ 0 };
}

/* mean [voxels], zeroed */
static void add_means(float *mean, const scans *s)
{
	for (size_t v = 0; v < s->voxels; v++) {
		double sum = 0;
		for (size_t i = 0; i < s->count; i++)
			sum += (double)s->x[i * s->voxels + v];
		mean[v] = (float)(sum / (double)s->count);
	}
}

int inside_of(inside *b, const scans *s, err *e)
{
	float *ranked = NULL;
	*b = (inside){ 0 };
	int code = mem_zero(&b->mask, s->voxels, sizeof *b->mask, "brain", e);
	if (!code)
		code = mem_zero(&ranked, s->voxels, sizeof *ranked, "brain", e);
	if (!code)
		code = mem_zero(&b->voxel, s->voxels, sizeof *b->voxel, "brain", e);
	if (!code) {
		add_means(b->mask, s);
		memcpy(ranked, b->mask, s->voxels * sizeof *ranked);
		mask_above(b->mask, s->voxels, percentile(ranked, s->voxels, .99) / 4);
		for (size_t v = 0; v < s->voxels; v++)
			if (b->mask[v] != 0)
				b->voxel[b->count++] = v;
		if (!b->count)
			code = err_set(e, ERR_DATA, "nothing is bright in the mean of the scans");
	}
	free(ranked);
	return code;
}

void inside_free(inside *b)
{
	free(b->mask);
	free(b->voxel);
	*b = (inside){ 0 };
}
