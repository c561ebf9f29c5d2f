/* Masks: volumes of 0 (outside) and 1 (inside). Voxels are neighbours when they share a face. */
#ifndef VOLUME_MASK_H
#define VOLUME_MASK_H

#include <stddef.h>

#include "base/err.h"
#include "volume/volume.h"

/* v [count] becomes 1 where it is greater than `above`, 0 elsewhere. */
void mask_above(float *v, size_t count, double above);
/* What surrounds the object of a scan: the commonest value of its outermost voxels (the middle of those in the fullest of 256 bins), and
 * how far the scan's values go from there: the 99.9th percentile of |v - value|. ERR_OS. */
typedef struct background {
	double value, reach;
} background;
int mask_background(background *b, const volume *v, err *e);
/* v [count] becomes 1 where it differs from b->value by more than `share` of b->reach, 0 elsewhere. */
void mask_apart(float *v, size_t count, const background *b, double share);
/* Keeps the largest connected part of a mask [X,Y,Z], n = X, Y, Z; of equal ones the first. ERR_OS. */
int mask_largest(float *mask, const int n[3], err *e);
/* Fills what is outside and not connected with the volume's faces. ERR_OS. */
int mask_fill(float *mask, const int n[3], err *e);
/* Litres inside: v [X,Y,Z] other than 0, voxels as v->affine says (mm). */
double mask_litres(const volume *v);

/* Twice what is in both over the sum of both sizes (Dice, "Measures of the amount of ecologic association between species", Ecology 1945);
 * NAN when both are empty. */
double mask_dice(const float *a, const float *b, size_t count);
/* Pearson's correlation of a and b over the voxels where either is not 0; NAN when there are none or one of them is constant there. */
double mask_correlation(const float *a, const float *b, size_t count);

#endif
