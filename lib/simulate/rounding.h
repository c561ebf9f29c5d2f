/* A label map whose counts of voxels tell the volumes. */
#ifndef SIMULATE_ROUNDING_H
#define SIMULATE_ROUNDING_H

#include "base/err.h"
#include "simulate/labels.h"
#include "simulate/way.h"

/* The labels of the made scan in out [X,Y,Z], as label_map's `at`: at each voxel one that has a share in it. The nearest label, or
 * the one with the largest share, would tell less than has changed: the borders of a label map lie half-way between voxels, and one that
 * moves by less than half a voxel would not be seen to move. So each label is given a handicap that is added to its share everywhere, found
 * in ROUNDING_ROUNDS from how many voxels it lacks to volumes [m->count], in voxels, and in how many it has a share. ERR_OS. */
enum { ROUNDING_ROUNDS = 40 };
int rounded_labels(uint16_t *out, const way *w, const label_map *m, const double *volumes, err *e);

#endif
