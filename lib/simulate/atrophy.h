/* Regions of a brain that grow and shrink by what is wanted. */
#ifndef SIMULATE_ATROPHY_H
#define SIMULATE_ATROPHY_H

#include "base/err.h"
#include "simulate/labels.h"
#include "simulate/poisson.h"
#include "simulate/way.h"
#include "volume/warp.h"

typedef struct atrophy {
	const label_map *map;
	double mm[3]; /* of a voxel along each axis */
	const pull *towards; /* the scan is moved towards another shape before; NULL: it is not */
	const amounts *changes; /* percent of each region's volume. Regions are nested or apart: of one that holds others the volume is that
				 * of the whole */
	const amounts *fills; /* shares of what all regions lose together that these gain; apart from each other and from the changes */
	const region *rest; /* takes up what remains, evenly; what belongs to none of these keeps its volume */
} atrophy;

/* What was wanted and what has become of it, in ml. */
typedef struct atrophy_part {
	const region *of;
	double before, wanted, after;
} atrophy_part;

typedef struct atrophy_result {
	flow by; /* the change, as `way` has it; nothing in it when nothing is to change */
	atrophy_part *parts; /* [n]: changes, then fills */
	size_t n;
	double *before, *after; /* [map->count]: ml of each label, moved and changed */
	uint16_t *labels; /* [X,Y,Z]: of the moved scan, before the change */
	int rounds; /* that it took */
} atrophy_result;

/* Finds the flow: the divergence that each region needs for its volume, as the logarithm of a small volume's change (for a place that stays
 * in its region the Jacobian determinant of a stationary flow is the exponential of the divergence); Poisson's equation gives the flow
 * (Karacali & Davatzikos, "Simulation of tissue atrophy using a topology preserving transformation model", IEEE TMI 2006, have the aim, but
 * minimise a distance). As places on a region's edge leave it on their way, volumes are measured after the change, and the divergences
 * corrected by the logarithm of wanted over measured, times the share by which the last correction has fallen short (a secant), until all
 * are within a thousandth of the change (of a hundredth of themselves where that is more) or ATROPHY_ROUNDS are made.
 *
 * ERR_DATA: a region without voxels, regions that overlap, a volume that would vanish, a rest that cannot take what it has to. ERR_OS.
 * Freed with atrophy_free, also when it failed. */
enum { ATROPHY_ROUNDS = 8 };
int atrophy_solve(atrophy_result *r, const atrophy *a, err *e);
void atrophy_free(atrophy_result *r);

#endif
