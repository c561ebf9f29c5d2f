#include "realism/nearest.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"

int nearest_open(nearest *d, size_t count, err *e)
{
	*d = (nearest){ .count = count };
	int code = mem_zero(&d->least, count, sizeof *d->least, "distances", e);
	for (size_t i = 0; !code && i < count; i++)
		d->least[i] = INFINITY;
	return code;
}

void nearest_free(nearest *d)
{
	free(d->least);
	*d = (nearest){ 0 };
}

void nearest_see(nearest *d, const scans *s, const float *other, const inside *b)
{
#pragma omp parallel for num_threads(threads_count())
	for (size_t i = 0; i < d->count; i++) {
		const float *x = scans_at(s, i);
		double sum = 0;
		for (size_t k = 0; k < b->count; k++) {
			double difference = (double)x[b->voxel[k]] - (double)other[b->voxel[k]];
			sum += difference * difference;
		}
		d->least[i] = fmin(d->least[i], sum / (double)b->count);
	}
}

double nearest_mean(const nearest *d)
{
	double sum = 0;
	for (size_t i = 0; i < d->count; i++)
		sum += sqrt(d->least[i]);
	return sum / (double)d->count;
}

double nearest_least(const nearest *d)
{
	double least = INFINITY;
	for (size_t i = 0; i < d->count; i++)
		least = fmin(least, sqrt(d->least[i]));
	return least;
}
