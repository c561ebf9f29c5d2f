#include "realism/components.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "baseline/pca.h"

/* Of this share of the first component's variance or less, there is none but for rounding. */
static const double NOTHING = 1e-10;

/* Fills mean [k] and variance [k] of the scores, taking `score` [k] for work. */
static void spread(double *mean, double *variance, double *score, const pca *p, const scans *s)
{
	double n = (double)s->count;
	for (size_t i = 0; i < s->count; i++) {
		pca_scores(p, score, scans_at(s, i));
		for (int j = 0; j < p->k; j++) {
			mean[j] += score[j] / n;
			variance[j] += score[j] * score[j] / n;
		}
	}
	for (int j = 0; j < p->k; j++)
		variance[j] -= mean[j] * mean[j];
}

int components_compare(components *out, const scans *real, const scans *drawn, int k, err *e)
{
	pca p = { 0 };
	double *work = NULL, all = 0, ours = 0;
	*out = (components){ 0 };
	if (k < 1 || real->count < (size_t)k + 1 || !drawn->count)
		return err_set(e, ERR_DATA, "%zu real scans and %zu drawn ones for %d components", real->count, drawn->count, k);
	int code = pca_fit(&p, real->x, real->count, real->voxels, k, e);
	if (!code && !(p.square[k - 1] > NOTHING * p.square[0]))
		code = err_set(e, ERR_DATA, "the real scans differ along fewer than %d components", k);
	if (!code)
		code = mem_zero(&work, 3 * (size_t)k, sizeof *work, "principal components", e);
	if (!code) {
		double *mean = work, *variance = work + k;
		spread(mean, variance, work + 2 * k, &p, drawn);
		for (int j = 0; j < k; j++) {
			ours += variance[j];
			all += p.square[j];
			out->bias = fmax(out->bias, fabs(mean[j]) / sqrt(p.square[j]));
		}
		out->share = ours / all;
	}
	free(work);
	pca_free(&p);
	return code;
}
