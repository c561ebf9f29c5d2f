#include "probe/means.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "probe/bootstrap.h"

/* own [subjects]: the means of those that have a value, closed up. */
static int means_of_each(double **own, subject_mean *out, const double *value, const size_t *subject, size_t n, size_t subjects, err *e)
{
	size_t *rows = NULL;
	int code = mem_zero(own, subjects, sizeof **own, "means", e);
	if (!code)
		code = mem_zero(&rows, subjects, sizeof *rows, "means", e);
	for (size_t i = 0; i < n && !code; i++)
		if (!isnan(value[i])) {
			(*own)[subject[i]] += (value[i] - (*own)[subject[i]]) / (double)++rows[subject[i]];
			out->rows++;
		}
	for (size_t s = 0; s < subjects && !code; s++)
		if (rows[s])
			(*own)[out->subjects++] = (*own)[s];
	free(rows);
	return code;
}

int subject_mean_of(subject_mean *out, const double *value, const size_t *subject, size_t n, size_t subjects, int64_t resamples,
		    uint64_t seed, err *e)
{
	double *own = NULL, *drawn = NULL;
	uint32_t *times = NULL;
	*out = (subject_mean){ .value = NAN, .lo = NAN, .hi = NAN };
	int code = means_of_each(&own, out, value, subject, n, subjects, e);
	const size_t m = out->subjects;
	if (!code)
		code = mem_zero(&times, m, sizeof *times, "bootstrap", e);
	if (!code)
		code = mem_zero(&drawn, (size_t)resamples, sizeof *drawn, "bootstrap", e);
	if (!code && m) {
		out->value = 0;
		for (size_t s = 0; s < m; s++)
			out->value += own[s] / (double)m;
	}
	for (int64_t b = 0; b < resamples && m > 1 && !code; b++) {
		bootstrap_draw(times, m, seed, b);
		for (size_t s = 0; s < m; s++)
			drawn[b] += times[s] * own[s] / (double)m;
	}
	if (!code && m > 1)
		bootstrap_interval(&out->lo, &out->hi, drawn, (size_t)resamples);
	free(own);
	free(drawn);
	free(times);
	return code;
}
