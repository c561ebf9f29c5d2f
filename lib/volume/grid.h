/* Sampling one grid of voxels at the places of another. */
#ifndef VOLUME_GRID_H
#define VOLUME_GRID_H

#include "base/err.h"
#include "volume/volume.h"

/* How the surroundings of the source count. Voxel i covers [i-1/2, i+1/2]. */
enum grid_edge {
	/* The outermost voxels repeat, and fade linearly to 0 one voxel beyond their centres: no jump, so that a rounding error in a
	 * header moves no value much. */
	GRID_FADE,
	/* The outermost voxels repeat up to their outer faces; 0 beyond. */
	GRID_CUT,
};

/* Fills dst->v (dst->n is given, dst->affine is not read) from src: voxel (i,j,k) of dst lies at voxel map(i,j,k) of src.
 *
 * Interpolation is cubic: Keys' kernel with a = -1/2 along each of src's axes ("Cubic convolution interpolation for digital image
 * processing", IEEE ASSP 1981), exact at src's voxel centres; the result is kept within src's own range, so that it does not ring.
 * Where dst is coarser than src, src is smoothed first with a Gaussian along each of its axes: full width at half maximum
 * sqrt(D^2 - 1) voxels of src, D being the distance of dst's neighbours in voxels of src along that axis (the point spread of a voxel
 * D wide less that of src's own); edges repeat. Both work in src's index space, so that neither axis order, obliqueness nor shear
 * matters. The values do not depend on the number of threads. ERR_OS. */
int grid_sample(volume *dst, double map[3][4], const volume *src, enum grid_edge edge, err *e);

/* The value at place p of v [X,Y,Z], n = X, Y, Z: the interpolation of grid_sample, with no smoothing; it may lie beyond v's range. */
float grid_at(const float *v, const int n[3], const double p[3], enum grid_edge edge);

#endif
