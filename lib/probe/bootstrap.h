/* The percentile bootstrap over subjects (Efron and Tibshirani 1993, ch. 13). */
#ifndef PROBE_BOOTSTRAP_H
#define PROBE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* Resample number b: as many of the `subjects` as there are, drawn with replacement; times [subjects]: how often each of them was. A
 * function of seed and b. */
void bootstrap_draw(uint32_t *times, size_t subjects, uint64_t seed, int64_t b);
/* The 95 % interval of a figure, from what the resamples gave, column [n], which is sorted. NAN, where a resample gave none, is left out;
 * all of them NAN: NAN. */
void bootstrap_interval(double *lo, double *hi, double *column, size_t n);

#endif
