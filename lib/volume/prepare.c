#include "volume/prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "volume/grid.h"
#include "volume/percentile.h"
#include "volume/stored.h"

/* The 99.9th percentile of the scan's nonzero voxels whose centres lie in the grid's outer box, and the share of its intensity in there.
 * to_grid: voxel of the scan -> voxel of the grid. */
static int measure(prepared *how, const preparation *p, const volume *scan, double to_grid[3][4], err *e)
{
	/* a plane of voxels on the box's face must not depend on the rounding of a header */
	const double slack = 1e-3;
	float *kept;
	size_t count = 0, voxel = 0;
	double within = 0, all = 0;
	int code = mem_zero(&kept, volume_count(scan->n), sizeof *kept, "percentile", e);
	if (code)
		return code;
	for (int i = 0; i < scan->n[0]; i++)
		for (int j = 0; j < scan->n[1]; j++)
			for (int k = 0; k < scan->n[2]; k++) {
				float v = scan->v[voxel++];
				double at[3];
				bool in = true;
				if (v == 0)
					continue;
				affine_apply(at, to_grid, (const double[3]){ i, j, k });
				for (int a = 0; a < 3; a++)
					in = in && at[a] >= -.5 - slack && at[a] <= p->n[a] - .5 + slack;
				all += fabs((double)v);
				if (!in)
					continue;
				within += fabs((double)v);
				kept[count++] = v;
			}
	double top = count ? percentile(kept, count, .999) : 0;
	how->scale = top > 0 ? top : 1;
	how->inside = all > 0 ? within / all : 1;
	free(kept);
	return 0;
}

/* How much is bright on the grid, and where. */
static void look(prepared *how, const volume *x)
{
	double volume_mm3 = 0, sum[3] = { 0 }, weight = 0;
	size_t bright = 0, voxel = 0;
	volume g = *x;
	for (int i = 0; i < x->n[0]; i++)
		for (int j = 0; j < x->n[1]; j++)
			for (int k = 0; k < x->n[2]; k++) {
				double v = x->v[voxel++];
				if (v <= .05)
					continue;
				bright++;
				weight += v;
				sum[0] += v * i;
				sum[1] += v * j;
				sum[2] += v * k;
			}
	if (!bright)
		return;
	for (int a = 0; a < 3; a++)
		sum[a] /= weight;
	affine_apply(how->centre, g.affine, sum);
	volume_mm3 = fabs(g.affine[0][0] * (g.affine[1][1] * g.affine[2][2] - g.affine[1][2] * g.affine[2][1]) -
			  g.affine[0][1] * (g.affine[1][0] * g.affine[2][2] - g.affine[1][2] * g.affine[2][0]) +
			  g.affine[0][2] * (g.affine[1][0] * g.affine[2][1] - g.affine[1][1] * g.affine[2][0]));
	how->litres = (double)bright * volume_mm3 * 1e-6;
}

static int prepare_world(volume *x, prepared *how, const preparation *p, const volume *scan, err *e)
{
	volume s = *scan;
	preparation q = *p;
	double from_world[3][4], to_grid[3][4];
	if (!affine_inverse(from_world, s.affine) || !affine_inverse(to_grid, q.affine))
		return err_set(e, ERR_DATA, "the affine cannot be inverted");
	affine_multiply(how->to_source, from_world, q.affine);
	affine_multiply(to_grid, to_grid, s.affine);
	int code = measure(how, p, scan, to_grid, e);
	if (!code)
		code = volume_new(x, p->n, e);
	if (code)
		return code;
	memcpy(x->affine, p->affine, sizeof x->affine);
	code = grid_sample(x, how->to_source, scan, GRID_FADE, e);
	if (code) {
		volume_free(x);
		return code;
	}
	long count = (long)volume_count(x->n);
	for (long i = 0; i < count; i++)
		x->v[i] = (float)((double)x->v[i] / how->scale);
	look(how, x);
	return 0;
}

int prepare(volume *x, prepared *how, const preparation *p, const volume *scan, err *e)
{
	*how = (prepared){ .scale = 1 };
	return p->kind == PREPARE_WORLD ? prepare_world(x, how, p, scan, e) : prepare_stored(x, how, p, scan, e);
}

const char *prepare_concern(const preparation *p, const prepared *how)
{
	/* 95 registered brains of four studies have 2.1 to 2.5 litres, Colin27 and ICBM 152 1.9 and 2.0, all with their centre within 13 mm
	 * of this one; unregistered brains 1.2 to 1.6, whole heads from 2.9. */
	static const double centre[3] = { 0, -22, 9 };
	double off = 0;
	if (p->kind != PREPARE_WORLD)
		return NULL;
	for (int a = 0; a < 3; a++)
		off += (how->centre[a] - centre[a]) * (how->centre[a] - centre[a]);
	if (how->litres == 0)
		return "nothing bright inside the model's grid: is it registered to MNI space? (pipelines/prepare.mk does that)";
	if (how->litres > 2.75)
		return "looks like a whole head: the model knows brains without skull (pipelines/prepare.mk extracts and registers them)";
	if (how->inside < .95 || sqrt(off) > 20 || how->litres < 1.7)
		return "does not look registered to MNI space (pipelines/prepare.mk does that)";
	return NULL;
}

int prepare_undo(volume *scan, const volume *x, const prepared *how, bool unit, err *e)
{
	double map[3][4];
	prepared h = *how;
	volume values = *x, out;
	if (!affine_inverse(map, h.to_source))
		return err_set(e, ERR_DATA, "the way back to the scan's grid cannot be inverted");
	size_t count = volume_count(x->n);
	int code = mem_zero(&values.v, count, sizeof *values.v, "volume", e);
	if (code)
		return code;
	/* before sampling, for what lies outside is 0 in the scan's units, too */
	for (size_t i = 0; i < count; i++)
		values.v[i] = unit ? x->v[i] : (float)((double)x->v[i] * how->scale + how->offset);
	code = volume_new(&out, scan->n, e);
	if (!code) {
		memcpy(out.affine, scan->affine, sizeof out.affine);
		code = grid_sample(&out, map, &values, GRID_CUT, e);
		if (code)
			volume_free(&out);
		else
			*scan = out;
	}
	free(values.v);
	return code;
}
