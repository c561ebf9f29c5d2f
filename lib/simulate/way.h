/* The way from a voxel of a made scan back to where it comes from in the real one, and what is found along it. */
#ifndef SIMULATE_WAY_H
#define SIMULATE_WAY_H

#include "base/err.h"
#include "simulate/labels.h"
#include "simulate/poisson.h"
#include "volume/volume.h"
#include "volume/warp.h"

/* Euler's steps along a flow. */
enum { WAY_STEPS = 8 };

/* One after the other; each may be missing (NULL). A place is in voxels of one grid throughout. */
typedef struct way {
	const double (*turn)[4]; /* rigid, 3x4 */
	/* A stationary velocity field (Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI 2006): where
	 * it has carried a place in one unit of time is the change; this goes the other way in WAY_STEPS equal steps of Euler's. */
	const flow *by;
	const pull *towards; /* another shape */
} way;

/* Place p of the made scan becomes the one in the real scan. */
void way_back(const way *w, double p[3]);

/* out->v [X,Y,Z] from the scan, both on the same grid: cubic as grid_at, GRID_FADE, within the scan's own values and 0. Where nothing
 * moves, values are the scan's own. */
void way_scan(volume *out, const way *w, const volume *scan);
/* The nearest label; beyond the map its outermost labels go on. Returns it at each voxel as label_map's `at` does, in out [X,Y,Z]. */
void way_labels(uint16_t *out, const way *w, const label_map *m);
/* Volumes of the map's labels after the way, in voxels, [m->count]: each label's membership, linear between voxels, summed over the made
 * scan's voxels in an order that does not depend on the number of threads. ERR_OS. */
int way_volumes(double *volumes, const way *w, const label_map *m, err *e);

/* What becomes of a small volume: its size afterwards over that before, which is the inverse of the Jacobian determinant of the way back,
 * of all eight determinants of one-sided differences at each voxel. When all are above 0 no cell of the grid is turned inside out (Karacali
 * and Davatzikos, "Estimating topology preserving and smooth displacement fields", IEEE TMI 2004). */
typedef struct way_extent {
	double *least, *most; /* [m->count]: at voxels that bear this label afterwards, `at`; INFINITY and 0 where none does */
	size_t folded; /* voxels with a determinant that is not above 0 */
} way_extent;
/* ERR_OS. Freed with way_extent_free, also when it failed. */
int way_measure(way_extent *x, const way *w, const label_map *m, const uint16_t *at, err *e);
void way_extent_free(way_extent *x);

#endif
