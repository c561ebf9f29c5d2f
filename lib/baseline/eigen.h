/* Eigenvalues of symmetric matrices, by LAPACK (dsyevd). */
#ifndef BASELINE_EIGEN_H
#define BASELINE_EIGEN_H

#include "base/err.h"

/* a [s,s], of which the upper triangle is read -> its eigenvectors, one a row, of length 1, that of the smallest value first; value [s].
 * blas_open must have succeeded. ERR_DATA when they do not converge, ERR_OS. */
int eigen_symmetric(double *a, double *value, int s, err *e);

#endif
