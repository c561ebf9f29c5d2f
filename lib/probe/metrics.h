/* How good predictions are, with 95 % intervals. */
#ifndef PROBE_METRICS_H
#define PROBE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/probe.h"

/* Of a classification all up to AUC, of a regression the rest. A case is called positive when f > 0. */
enum metric {
	METRIC_ACCURACY, /* share of right calls */
	METRIC_BALANCED_ACCURACY, /* mean over the classes there are of the share of right calls */
	METRIC_PRECISION, /* share of positives among those called so; 0 when none is */
	METRIC_RECALL, /* share of positives that are called so; 0 when there is none */
	METRIC_F1, /* harmonic mean of these two; 0 when neither class nor call is positive */
	METRIC_MCC, /* Matthews' correlation coefficient; 0 when a class or a call is alone */
	METRIC_AUC, /* chance that a positive case has the larger f, ties by half (Mann-Whitney); undefined with one class */
	METRIC_MAE, /* mean |value - f| */
	METRIC_RMSE, /* root of the mean of (value - f)^2 */
	METRIC_R2, /* 1 - sum (value - f)^2 / sum (value - mean)^2; undefined when all values are equal */
	METRICS
};

/* "balanced_accuracy".. */
const char *metric_name(enum metric m);
/* Does a task have it? */
bool metric_of_task(enum metric m, enum probe_task task);

typedef struct interval {
	double value, lo, hi; /* NAN: undefined */
	double sd; /* of the repeats' values (divisor repeats - 1); NAN with one */
} interval;

/* What n cases are, and what was predicted for them, once or by several repeats of a cross-validation. */
typedef struct predicted {
	enum probe_task task;
	size_t n, subjects;
	int repeats;
	const double *truth; /* [n] a value, or 1 and 0 */
	const double *f; /* [repeats][n] */
	const size_t *subject; /* [n] below `subjects` */
} predicted;

/* Every metric of the task: the mean of the repeats' values. The interval is that of the percentile bootstrap (Efron and Tibshirani 1993,
 * ch. 13) over subjects of this mean: `resamples` draws of as many subjects as there are, with replacement, a function of the seed;
 * resamples where a metric is undefined are left out; undefined with fewer than two subjects. Does not depend on the number of threads.
 * ERR_DATA without cases; ERR_OS. */
int metrics_measure(interval out[METRICS], const predicted *p, int64_t resamples, uint64_t seed, err *e);

#endif
