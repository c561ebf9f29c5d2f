/* What a brain looks like from near by: features of a fixed network of random convolutions, at places inside it.
 *
 * A scan less its mean over 9^3 voxels; a convolution of 5^3 taps to 24 channels, ReLU; a mean over 2^3 voxels, a convolution of 3^3 taps
 * to 32 channels, ReLU; both on boxes of 8^3 voxels of the scan, 4 apart. The weights are random numbers with the variance
 * 2 / (taps x channels in) (He et al. 2015, "Delving deep into rectifiers", equation 10), from a seed that is part of the definition;
 * there are no biases.
 * Random convolutions know textures well enough to make them from (Ustyuzhaninov et al. 2017, "What does it take to generate natural
 * textures?", ICLR), and no model has been trained to please them. */
#ifndef REALISM_FEATURES_H
#define REALISM_FEATURES_H

#include <stddef.h>

#include "base/err.h"

enum { FEATURES_FINE = 24, FEATURES_COARSE = 32, FEATURES = FEATURES_FINE + FEATURES_COARSE };

typedef struct features features;

/* For scans [X,Y,Z], n = X, Y, Z, at the boxes of which more than nine tenths lie in mask [X,Y,Z] (0 outside, 1 inside). Freed with
 * features_close (f may be NULL), also when it fails. ERR_DATA when there is no such box, ERR_OS. */
int features_open(features **f, const int n[3], const float *mask, err *e);
void features_close(features *f);

/* Boxes. */
size_t features_places(const features *f);
/* out [places][FEATURES], those of the first convolution first, of x [X,Y,Z]. ERR_OS. */
int features_of(features *f, float *out, const float *x, err *e);

#endif
