/* Have drawn scans as much structure of each size as real ones? */
#ifndef REALISM_SPECTRUM_H
#define REALISM_SPECTRUM_H

#include "realism/scans.h"

/* A band is what a Gaussian of the smaller sigma leaves and that of the larger one takes away. */
enum { SPECTRUM_BANDS = 4 };
/* The larger sigma of each band in voxels, 1 2 4 8; the first band begins with the scan itself. */
extern const double spectrum_sigma[SPECTRUM_BANDS];

/* variance [SPECTRUM_BANDS] of x [X,Y,Z] in each band, over the voxels inside: differences of Gaussians (volume/smooth.h), which are
 * deviations from the scan's own smooth version. Takes up to four volumes. ERR_OS. */
int spectrum_of(double variance[SPECTRUM_BANDS], float *x, const int n[3], const inside *b, err *e);

/* ratio [SPECTRUM_BANDS]: that variance's mean over the drawn scans, by that over the real ones. ERR_DATA when there are no scans, or a
 * band of the real ones is empty; ERR_OS. */
int spectrum_compare(double ratio[SPECTRUM_BANDS], const scans *real, const scans *drawn, const inside *b, err *e);

#endif
