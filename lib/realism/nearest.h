/* How far are scans from those that a model has learned from? One that was learned by heart is near. */
#ifndef REALISM_NEAREST_H
#define REALISM_NEAREST_H

#include "realism/scans.h"

typedef struct nearest {
	double *least;	/* [count] of each scan: mean square of the difference, inside, from the nearest so far; at first infinite */
	size_t count;
} nearest;

/* Freed with nearest_free, also when it fails. ERR_OS. */
int nearest_open(nearest *d, size_t count, err *e);
void nearest_free(nearest *d);

/* Another scan [X,Y,Z] of the training, clipped as those of s (scans_clip). So the training's scans need not be in memory. */
void nearest_see(nearest *d, const scans *s, const float *other, const inside *b);

/* Roots of the mean squares: their mean, and the least. */
double nearest_mean(const nearest *d);
double nearest_least(const nearest *d);

#endif
