/* How alike two volumes are. */
#ifndef VOLUME_SCORE_H
#define VOLUME_SCORE_H

#include <stddef.h>

#include "base/err.h"

/* All sums are in double; results do not depend on the number of threads. a (the reference), b: [X,Y,Z], n = X, Y, Z. */

typedef struct ssim_result {
	double whole; /* mean of the map */
	double brain; /* mean where the window's weighted mean of a exceeds 2 % of the range; NAN when nowhere */
	double masked; /* mean over windows whose middle voxel lies in the mask; NAN without a mask or when nowhere */
} ssim_result;

/* SSIM as MONAI's: Gaussian window (sigma 1.5) cut to `window` voxels an axis and normalised, no padding, so that the map is smaller than
 * the volume by window - 1; C1 = (.01 range)^2, C2 = (.03 range)^2, variances E[x^2] - E[x]^2. Wang et al., "Image quality assessment:
 * from error visibility to structural similarity", IEEE TIP 2004. mask: [X,Y,Z], inside where not 0, or NULL. The middle of an even
 * window is voxel window/2. ERR_DATA when the window does not fit, ERR_USAGE when it or the range is not positive; ERR_OS. */
int score_ssim(ssim_result *out, const float *a, const float *b, const float *mask, const int n[3], int window, double range, err *e);

/* MS-SSIM with windows of 3: weights .0448 .2856 .3001 .2363 .1333; contrast at scales 1 to 4, SSIM at 5, negative means to 0; means of
 * 2x2x2 voxels between scales. Wang et al., "Multiscale structural similarity for image quality assessment", Asilomar 2003.
 * ERR_DATA when an axis is too short (n/16, whole division, must exceed 2), ERR_USAGE, ERR_OS. */
int score_ms_ssim(double *out, const float *a, const float *b, const int n[3], double range, err *e);

/* MS-SSIM of the first `scales` (1 to 5) scales alone, with their weights divided by the sum of these, and windows of `window`: for volumes
 * that are too small for five scales with windows as large as SSIM's. Errors as score_ms_ssim's: an axis must have
 * window * 2^(scales - 1) voxels. */
int score_ms_ssim_of(double *out, const float *a, const float *b, const int n[3], int scales, int window, double range, err *e);

/* Fills mask [X,Y,Z] with 1 at the middles of the windows that ssim_result.brain counts, 0 elsewhere. Errors as score_ssim. */
int score_brain(float *mask, const float *a, const int n[3], int window, double range, err *e);

/* Mean of (a-b)^2 over the voxels where mask is not 0 (all when NULL); NAN when there are none. */
double score_mse(const float *a, const float *b, const float *mask, size_t count);
/* 10 log10(range^2 / mse); INFINITY for mse 0. */
double score_psnr(double mse, double range);

#endif
