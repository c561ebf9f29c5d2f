#include "baseline/places.h"

#include <math.h>
#include <stdbool.h>

static const double LEAST_SD = .05; /* of a place, in rms of all */

int places_learn(float *mean, float *sd, const float *const *z, size_t n, size_t count, err *e)
{
	double all = 0;
	bool varies = false; /* of equal numbers not even the rounded mean need be the same */
	for (size_t i = 0; i < count; i++) {
		double sum = 0, squares = 0;
		for (size_t k = 0; k < n; k++)
			sum += (double)z[k][i] / (double)n;
		for (size_t k = 0; k < n; k++) {
			double off = (double)z[k][i] - sum;
			squares += off * off / (double)n;
			varies |= z[k][i] != z[0][i];
		}
		mean[i] = (float)sum;
		sd[i] = (float)sqrt(squares);
		all += squares / (double)count;
	}
	for (size_t i = 0; i < count; i++)
		sd[i] = (float)fmax((double)sd[i], LEAST_SD * sqrt(all));
	return varies ? 0 : err_set(e, ERR_DATA, "the latents are all the same");
}

void places_weigh(float *weight, const float *sd, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)sd[i] * (double)sd[i];
	for (size_t i = 0; i < count; i++)
		weight[i] = (float)((double)sd[i] * (double)sd[i] * (double)count / sum);
}
