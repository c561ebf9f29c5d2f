#include "realism/spectrum.h"

#include <stdlib.h>

#include "volume/smooth.h"

const double spectrum_sigma[SPECTRUM_BANDS] = { 1, 2, 4, 8 };

/* Of fine - coarse, inside. */
static double variance_of(const float *fine, const float *coarse, const inside *b)
{
	double sum = 0, squares = 0, n = (double)b->count;
	for (size_t i = 0; i < b->count; i++) {
		double d = (double)fine[b->voxel[i]] - (double)coarse[b->voxel[i]];
		sum += d;
		squares += d * d;
	}
	return squares / n - sum / n * (sum / n);
}

int spectrum_of(double variance[SPECTRUM_BANDS], float *x, const int n[3], const inside *b, err *e)
{
	float *fine = x, *coarse = NULL;
	int code = 0;
	for (int i = 0; !code && i < SPECTRUM_BANDS; i++) {
		const double sigma = spectrum_sigma[i];
		code = smooth(&coarse, x, n, (const double[3]){ sigma, sigma, sigma }, e);
		if (code)
			break;
		variance[i] = variance_of(fine, coarse, b);
		if (fine != x)
			free(fine);
		fine = coarse;
	}
	if (fine != x)
		free(fine);
	return code;
}

static int means_of(double mean[SPECTRUM_BANDS], const scans *s, const inside *b, err *e)
{
	double variance[SPECTRUM_BANDS];
	int code = 0;
	for (size_t i = 0; !code && i < s->count; i++) {
		code = spectrum_of(variance, s->x + i * s->voxels, s->n, b, e);
		for (int k = 0; !code && k < SPECTRUM_BANDS; k++)
			mean[k] += variance[k] / (double)s->count;
	}
	return code;
}

int spectrum_compare(double ratio[SPECTRUM_BANDS], const scans *real, const scans *drawn, const inside *b, err *e)
{
	double theirs[SPECTRUM_BANDS] = { 0 }, ours[SPECTRUM_BANDS] = { 0 };
	if (!real->count || !drawn->count)
		return err_set(e, ERR_DATA, "no scans");
	int code = means_of(theirs, real, b, e);
	if (!code)
		code = means_of(ours, drawn, b, e);
	for (int k = 0; !code && k < SPECTRUM_BANDS; k++) {
		if (!(theirs[k] > 0))
			return err_set(e, ERR_DATA, "the real scans have no structure finer than %g voxels", spectrum_sigma[k]);
		ratio[k] = ours[k] / theirs[k];
	}
	return code;
}
