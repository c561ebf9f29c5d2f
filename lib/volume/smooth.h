/* Volumes smoothed by a Gaussian. */
#ifndef VOLUME_SMOOTH_H
#define VOLUME_SMOOTH_H

#include "base/err.h"

/* in [X,Y,Z], n = X, Y, Z, smoothed along each axis with a Gaussian of sigma[axis] voxels: sampled, cut at 4 sigma (256 voxels at most),
 * its weights' sum 1; beyond the volume its outermost voxels go on. *out is `in` itself when no axis is smoothed (sigma below .05, or the
 * neighbours' weights vanish in float), otherwise freed with free(). A mirrored volume gives the mirrored result, to the bit. ERR_OS. */
int smooth(float **out, float *in, const int n[3], const double sigma[3], err *e);

#endif
