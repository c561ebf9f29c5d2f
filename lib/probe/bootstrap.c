#include "probe/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

void bootstrap_draw(uint32_t *times, size_t subjects, uint64_t seed, int64_t b)
{
	const philox random = philox_make(seed, philox_hash("bootstrap"));
	for (size_t s = 0; s < subjects; s++)
		times[s] = 0;
	for (size_t s = 0; s < subjects; s++)
		times[(size_t)(philox_uniform(random, (uint64_t)b * subjects + s) * (double)subjects)]++;
}

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Linear between the values' ranks. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t i = (size_t)at;
	return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

void bootstrap_interval(double *lo, double *hi, double *column, size_t n)
{
	size_t there = 0;
	for (size_t i = 0; i < n; i++)
		if (!isnan(column[i]))
			column[there++] = column[i];
	qsort(column, there, sizeof *column, rising);
	*lo = there ? quantile(column, there, .025) : NAN;
	*hi = there ? quantile(column, there, .975) : NAN;
}
