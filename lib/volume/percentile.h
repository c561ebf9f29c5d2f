/* Ranks among values. */
#ifndef VOLUME_PERCENTILE_H
#define VOLUME_PERCENTILE_H

#include <stddef.h>

/* Percentile q (0..1) of n > 0 values, linear between ranks; v is reordered. */
double percentile(float *v, size_t n, double q);

#endif
