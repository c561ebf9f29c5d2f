/* Principal components, by LAPACK from the smaller of the two Gram matrices. */
#ifndef BASELINE_PCA_H
#define BASELINE_PCA_H

#include <stddef.h>

#include "base/err.h"

typedef struct pca {
	size_t width;	/* numbers in a row */
	int k;		/* components */
	double *mean;	/* [width] */
	double *axis;	/* [k][width], orthonormal, largest variance first until pca_spread turns them */
	double *square;	/* [k], mean square of the rows' scores along each */
} pca;

/* The first k components of `rows` [n][width]. ERR_DATA when k is not in 0 .. min(width, n-1); ERR_OS. pca_free also when it fails. */
int pca_fit(pca *p, const float *rows, size_t n, size_t width, int k, err *e);
/* The same with 0 in place of the mean: a row of zeros has scores of 0. */
int pca_fit_about_zero(pca *p, const float *rows, size_t n, size_t width, int k, err *e);
void pca_free(pca *p);

/* Turns the axes within the space that they span: each becomes a sum of all of them in equal parts, the signs and sizes those of waves (the
 * real Fourier basis; the first axes enter by waves of even size). Along each the rows' scores have then nearly the same mean square, which
 * `square` tells, and stay nearly alike in a part of the rows. ERR_OS. */
int pca_spread(pca *p, err *e);

/* score [k]: the row [width] less the mean, along each axis. */
void pca_scores(const pca *p, double *score, const float *row);
/* row [width] becomes its projection: mean + sum over the components. */
void pca_project(const pca *p, float *row);

#endif
