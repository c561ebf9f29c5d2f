/* Means over boxes of voxels. */
#ifndef REALISM_BOXES_H
#define REALISM_BOXES_H

#include "base/err.h"

/* How many boxes of `side` voxels, `step` apart, there are along n voxels: 0 when none fits. */
int boxes_along(int n, int side, int step);

/* in [X,Y,Z,channels], n = X, Y, Z -> out [X',Y',Z',channels]: means over boxes of side^3 voxels, `step` apart, X' = boxes_along(X, ..);
 * voxels behind the last box are left out. */
void boxes_mean(float *out, const float *in, const int n[3], int channels, int side, int step);

/* out [X,Y,Z] = in less its mean over the side^3 voxels (an odd side) around each, zeros lying around the volume. ERR_OS. */
int boxes_high_pass(float *out, const float *in, const int n[3], int side, err *e);

#endif
