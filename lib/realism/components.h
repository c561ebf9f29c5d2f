/* Do drawn scans vary as real ones do, in what most tells these apart? */
#ifndef REALISM_COMPONENTS_H
#define REALISM_COMPONENTS_H

#include "realism/scans.h"

typedef struct components {
	double share;	/* variance of the drawn scans along the components, by that of the real ones */
	double bias;	/* the largest mean of the drawn ones along a component, in standard deviations of the real ones along it */
} components;

/* Along the first k principal components of the real scans (baseline/pca.h), of the same grid as the drawn ones; variances about each side's
 * own mean. It takes k + 1 volumes of doubles. ERR_DATA: fewer than k + 1 real scans, or none drawn; real scans that differ along fewer than k
 * components. ERR_OS. */
int components_compare(components *out, const scans *real, const scans *drawn, int k, err *e);

#endif
