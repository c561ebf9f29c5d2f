/* Means over subjects, with 95 % intervals. */
#ifndef PROBE_MEANS_H
#define PROBE_MEANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct subject_mean {
	size_t subjects, rows; /* that have a value */
	double value, lo, hi; /* NAN: no value; of the interval also: fewer than two subjects */
} subject_mean;

/* The mean over subjects of the mean of each one's rows: value [n], NAN where a row has none, subject [n] below `subjects`. So each subject
 * counts once, however many rows it has. The interval is that of bootstrap.h, over the subjects that have a value. ERR_OS. */
int subject_mean_of(subject_mean *out, const double *value, const size_t *subject, size_t n, size_t subjects, int64_t resamples,
		    uint64_t seed, err *e);

#endif
