/* How far apart are two clouds of features? */
#ifndef REALISM_FRECHET_H
#define REALISM_FRECHET_H

#include "realism/features.h"

/* Sums over places: those of several scans are added. */
typedef struct moments {
	size_t n;
	double sum[FEATURES], product[FEATURES][FEATURES];
} moments;

/* Adds rows [n][FEATURES]. */
void moments_add(moments *m, const float *rows, size_t n);
/* Adds those of another cloud. */
void moments_join(moments *m, const moments *other);

/* Of all features together: the trace of the covariance. n >= 2. */
double moments_variance(const moments *m);

/* The Frechet distance of normal distributions that have a's and b's means and covariances (with n - 1), squared as it is everywhere given:
 * |ma - mb|^2 + trace(Ca + Cb - 2 (Ca^1/2 Cb Ca^1/2)^1/2). Dowson & Landau 1982, "The Frechet distance between multivariate normal
 * distributions", equation 16; Heusel et al. 2017, "GANs trained by a two time-scale update rule ..", equation 6. Sets up OpenBLAS.
 * ERR_DATA when either has fewer than two rows, ERR_OS. */
int frechet_distance(double *out, const moments *a, const moments *b, err *e);

#endif
