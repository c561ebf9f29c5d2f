/* Ranks among values. */
#ifndef VOLUME_PERCENTILE_H
#define VOLUME_PERCENTILE_H

#include <stddef.h>

#include "base/err.h"

/* Percentile q (0..1) of n > 0 values, linear between ranks; v is reordered. */
double percentile(float *v, size_t n, double q);

/* Where the values of a scan lie, but for a few: from the .1th percentile of those that are not 0, or from 0 if that is less, up to their
 * 99.9th percentile. Both 0 when all are 0. v is left as it is. ERR_OS. */
int span_of(double span[2], const float *v, size_t n, err *e);

#endif
