/* Volumes: arrays of voxels with a place in the world. */
#ifndef VOLUME_VOLUME_H
#define VOLUME_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct volume {
	int n[3]; /* X, Y, Z: voxels along the array's axes, each >= 1 */
	double affine[3][4]; /* voxel (i,j,k) -> world mm, x to the right, y to the front, z up (as NIfTI) */
	float *v; /* [X,Y,Z], Z fastest: a stream's [1,X,Y,Z] and a network's one channel as they are */
} volume;

/* Zeroed voxels, identity affine. ERR_OS. Freed with volume_free. */
int volume_new(volume *out, const int n[3], err *e);
/* Frees the voxels; they may be NULL. */
void volume_free(volume *v);
size_t volume_count(const int n[3]);
/* The place nearest to i along an axis of n voxels: beyond a volume, its outermost voxels go on. */
static inline int volume_clamp(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* ---- affines: the upper 3 rows of a 4x4 matrix whose last row is 0 0 0 1 ---- */

/* out = a after b. out may be a or b. */
void affine_multiply(double out[3][4], double a[3][4], double b[3][4]);
void affine_apply(double out[3], double a[3][4], const double at[3]);
/* out = a^-1; false (out untouched) when a is singular or not finite. */
bool affine_inverse(double out[3][4], double a[3][4]);
/* Do they place every voxel of a head alike, to a thousandth of a millimetre in each entry? */
bool affine_same(double a[3][4], double b[3][4]);
/* Norm of each column: mm between neighbours along each axis. */
void affine_spacing(double mm[3], double a[3][4]);

#endif
