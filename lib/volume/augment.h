/* Random variations of a volume for training: flip left-right, a small affine, a smooth deformation, the way to another subject's shape,
 * intensity. */
#ifndef VOLUME_AUGMENT_H
#define VOLUME_AUGMENT_H

#include "base/err.h"
#include "base/philox.h"
#include "volume/warp.h"

typedef struct augmentation {
	double flip; /* probability of a mirror image along flip_axis */
	int flip_axis; /* of the array: left-right of the model's grid */
	double rotation; /* sd, degrees about each axis */
	double scaling; /* sd of log(scale) along each axis */
	double shift; /* sd, voxels along each axis */
	double warp; /* sd of the displacement's B-spline coefficients, voxels; 0: no deformation */
	double towards; /* the way to another subject's shape at most, 0..1: it is uniform below that; 0: none */
	int spacing; /* voxels between control points of the B-splines (deformation and bias field), >= 2 */
	double gain; /* sd of log(gain) */
	double gamma; /* sd of log(gamma); values become v^gamma where v > 0 */
	double bias; /* sd of the B-spline coefficients of the log of a multiplicative field */
	double noise; /* sd of noise, in units of the data, where v > 0 */
} augmentation;

/* Mild settings for a 64x80x64 grid at 3 mm. */
augmentation augmentation_default(void);

/* Warps of the subject and of another one (warp.h), of the same spacing; NULL: not known, and the shape stays. */
typedef struct augment_shape {
	const float *own, *other;
	int spacing;
} augment_shape;

/* out [X,Y,Z] from in [X,Y,Z] (another array), n = X, Y, Z, Z fastest. Geometry in one cubic interpolation, 0 outside; then intensity.
 * A function of the settings, the inputs and r alone: the same bytes for any number of threads. ERR_OS. */
int augment(float *out, const float *in, const int n[3], const augmentation *a, const augment_shape *shape, philox r, err *e);

#endif
