#include "volume/intensity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "volume/percentile.h"

/* What bounds rest on: 109 registered brains of six studies and two templates, in units of the 99.9th percentile, and the same altered.
 *
 * background   0 in all of them, up to .013 the air round whole heads; .02 when 2 % were added
 * negative     none in the brain; from .19 of it in standardised brains
 * bright       share of nonzero voxels above .35: .7 and more, .1 with a soft background; below .01 with spikes 3 times as bright
 * brightest    1.7 at most on the model's grid; 55 where one voxel was 1000 times as bright
 * surface      .5 to .78 of the median of the brain's core, most of which is white matter; from 1.25 when inverted. Parts of the white
 *              matter itself are no measure: where ventricles are wide they lie in their fluid
 * contrast     the brain's 10th percentile is .29 to .57 of its 90th, in moved brains less; .94 where all has been raised far above 0 */
static const double most_background = .015, most_negative = .05, least_bright = .03, most_brightest = 2.5, most_surface = 1,
		    most_flat = .88;

/* How far out a place in MNI space lies: 1 on an ellipsoid like the brain's surface. */
static double radius(const double at[3])
{
	double x = at[0] / 75, y = (at[1] + 18) / 93, z = (at[2] - 8) / 78;
	return sqrt(x * x + y * y + z * z);
}

/* Voxels of a part of the scan. */
struct sample {
	float *v;
	size_t n;
};

static double rank(struct sample *s, double q) { return s->n ? percentile(s->v, s->n, q) : 0; }

/* No fewer than there are voxels on the faces. */
static size_t faces(const int n[3])
{
	size_t x = (size_t)n[0], y = (size_t)n[1], z = (size_t)n[2];
	return 2 * (x * y + y * z + z * x);
}

/* The median of the scan's outermost voxels: they are background even where the image ends at the brain. */
static double edge_of(struct sample *room, const volume *scan)
{
	const int *n = scan->n;
	size_t voxel = 0;
	room->n = 0;
	for (int i = 0; i < n[0]; i++)
		for (int j = 0; j < n[1]; j++)
			for (int k = 0; k < n[2]; k++, voxel++)
				if (i == 0 || j == 0 || k == 0 || i == n[0] - 1 || j == n[1] - 1 || k == n[2] - 1)
					room->v[room->n++] = scan->v[voxel];
	return rank(room, .5);
}

static double share_of_bright(const volume *scan, double scale)
{
	size_t count = volume_count(scan->n), bright = 0, nonzero = 0;
	for (size_t i = 0; i < count; i++) {
		nonzero += scan->v[i] != 0;
		bright += (double)scan->v[i] > .35 * scale;
	}
	return nonzero ? (double)bright / (double)nonzero : 1;
}

/* What is seen on the grid. */
struct look {
	double around; /* median far outside of the brain */
	double negative; /* share of its core below -1/20 */
	double low, middle, high; /* 10th, 50th and 90th percentile of its core */
	double surface; /* median of its surface, of what is brighter than 1/20 */
	double brightest;
};

static int look_at(struct look *l, const volume *x, err *e)
{
	enum { CORE, SURFACE, AROUND, PARTS };
	struct sample part[PARTS] = { { 0 } };
	volume g = *x;
	size_t count = volume_count(x->n), voxel = 0, negative = 0;
	int code = 0;
	*l = (struct look){ 0 };
	for (int i = 0; i < PARTS && !code; i++)
		code = mem_zero(&part[i].v, count, sizeof *part[i].v, "intensities", e);
	for (int i = 0; i < x->n[0] && !code; i++)
		for (int j = 0; j < x->n[1]; j++)
			for (int k = 0; k < x->n[2]; k++) {
				double at[3];
				float v = x->v[voxel++];
				affine_apply(at, g.affine, (const double[3]){ i, j, k });
				double r = radius(at);
				l->brightest = fmax(l->brightest, (double)v);
				if (r < .75) {
					negative += (double)v < -.05;
					part[CORE].v[part[CORE].n++] = v;
				}
				if (r > 1.3)
					part[AROUND].v[part[AROUND].n++] = v;
				if (r > .85 && r < 1 && (double)v > .05)
					part[SURFACE].v[part[SURFACE].n++] = v;
			}
	if (!code) {
		l->around = rank(&part[AROUND], .5);
		l->negative = part[CORE].n ? (double)negative / (double)part[CORE].n : 0;
		l->low = rank(&part[CORE], .1);
		l->middle = rank(&part[CORE], .5);
		l->high = rank(&part[CORE], .9);
		l->surface = rank(&part[SURFACE], .5);
	}
	for (int i = 0; i < PARTS; i++)
		free(part[i].v);
	return code;
}

int intensity_concern(char text[INTENSITY_TEXT], const preparation *p, const prepared *how, const volume *scan, const volume *x, err *e)
{
	struct sample room = { 0 };
	struct look l;
	text[0] = 0;
	if (p->kind != PREPARE_WORLD)
		return 0;
	int code = look_at(&l, x, e);
	if (!code)
		code = mem_zero(&room.v, faces(scan->n), sizeof *room.v, "intensities", e);
	if (code)
		return code;
	double edge = edge_of(&room, scan), background = fabs(edge) > fabs(l.around * how->scale) ? edge : l.around * how->scale;
	free(room.v);
	/* where the brain should be there is none: the registration is judged elsewhere */
	bool placed = !prepare_concern(p, how);
	if (fabs(background) > most_background * how->scale)
		snprintf(text, INTENSITY_TEXT,
			 "its background is about %.3g, which the model knows as 0: standardised or shifted intensities, or noise?",
			 background);
	else if (l.negative > most_negative)
		snprintf(text, INTENSITY_TEXT, "%.0f %% of the brain is negative: standardised? The model knows intensities from 0 up",
			 100 * l.negative);
	else if (share_of_bright(scan, how->scale) < least_bright)
		snprintf(text, INTENSITY_TEXT,
			 "spikes? Scaled by its brightest voxels (99.9th percentile: %.3g), nearly all of it is darker than "
			 "the model knows brains",
			 how->scale);
	else if (l.brightest > most_brightest)
		snprintf(text, INTENSITY_TEXT, "spikes? Some voxels are %.3g times as bright as nearly all others", l.brightest);
	else if (placed && l.surface > most_surface * l.middle)
		snprintf(text, INTENSITY_TEXT, "the surface of the brain is brighter than its inside: inverted, or not T1-weighted?");
	else if (placed && l.low > most_flat * l.high)
		snprintf(text, INTENSITY_TEXT, "the brain has hardly any contrast: a mask, or an offset inside it?");
	return 0;
}
