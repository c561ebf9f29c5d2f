/* Do drawn scans vary as real ones do, in what most tells these apart? */
#ifndef REALISM_COMPONENTS_H
#define REALISM_COMPONENTS_H

#include "baseline/pca.h"
#include "realism/scans.h"

/* The first k principal components of the real scans (baseline/pca.h), k + 1 volumes of doubles. Freed with pca_free, also when it fails.
 * ERR_DATA: fewer than k + 1 real scans, k < 1; real scans that differ along fewer than k components. ERR_OS. */
int components_of(pca *p, const scans *real, int k, err *e);

/* Scans along the components, one after the other, so that they need not be in memory. */
typedef struct spread {
	const pca *p;
	size_t n;		/* scans so far */
	double *sum, *square;	/* [k] of their scores and these squared */
	double *score;		/* [k] for work */
} spread;

/* p must live as long. Freed with spread_free, also when it fails. ERR_OS. */
int spread_open(spread *s, const pca *p, err *e);
void spread_free(spread *s);
/* Another scan [X,Y,Z]. */
void spread_see(spread *s, const float *x);

/* Variance of the scans along the components, about their own mean, by that of the real ones. Scans that the components do not come from
 * have less than 1 even when they are real, and the less the fewer the components come from. */
double spread_share(const spread *s);
/* The largest mean along a component, in standard deviations of the real ones along it. */
double spread_bias(const spread *s);

#endif
