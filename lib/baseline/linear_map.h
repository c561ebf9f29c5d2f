/* Linear maps from the numbers around a site to those at the site, the same at all sites of a field: by least squares with a ridge. */
#ifndef BASELINE_LINEAR_MAP_H
#define BASELINE_LINEAR_MAP_H

#include <stdint.h>

#include "base/err.h"

/* How far a map looks. */
enum linear_map_reach {
	LINEAR_MAP_SITE,   /* the channels of the site itself */
	LINEAR_MAP_AROUND, /* those of the 3x3x3 sites around it, 0 beyond the field */
	LINEAR_MAPS
};

/* One map of each reach, learned together. Of one thread: its memory is used by every call. */
typedef struct linear_map linear_map;

/* For fields of this shape [C,X,Y,Z]; what is learned so far is nothing. blas_open comes before. ERR_OS. Freed with linear_map_free. */
int linear_map_new(linear_map **out, const int64_t shape[4], err *e);
void linear_map_free(linear_map *m);

/* Adds a field [C,X,Y,Z], the numbers that are to be told from it, target [C,X,Y,Z], and what each site's squared error weighs, weight
 * [X,Y,Z], not negative. */
void linear_map_learn(linear_map *m, const double *field, const double *target, const double *weight);
/* Ends learning: the maps that minimise weighted squared error + ridge * mean diagonal of the equations * squared coefficients. ERR_DATA
 * when they have no solution. */
int linear_map_solve(linear_map *m, double ridge, err *e);
/* told [C,X,Y,Z]: what a map makes of a field. */
void linear_map_apply(linear_map *m, enum linear_map_reach reach, const double *field, double *told);

#endif
