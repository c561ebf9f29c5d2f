#include "realism/components.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* Of this share of the first component's variance or less, there is none but for rounding. */
static const double NOTHING = 1e-10;

int components_of(pca *p, const scans *real, int k, err *e)
{
	*p = (pca){ 0 };
	if (k < 1 || real->count < (size_t)k + 1)
		return err_set(e, ERR_DATA, "%zu real scans for %d components", real->count, k);
	int code = pca_fit(p, real->x, real->count, real->voxels, k, e);
	if (!code && !(p->square[k - 1] > NOTHING * p->square[0]))
		code = err_set(e, ERR_DATA, "the real scans differ along fewer than %d components", k);
	return code;
}

int spread_open(spread *s, const pca *p, err *e)
{
	size_t k = (size_t)p->k;
	*s = (spread){ .p = p };
	int code = mem_zero(&s->sum, k, sizeof *s->sum, "principal components", e);
	if (!code)
		code = mem_zero(&s->square, k, sizeof *s->square, "principal components", e);
	if (!code)
		code = mem_zero(&s->score, k, sizeof *s->score, "principal components", e);
	return code;
}

void spread_free(spread *s)
{
	free(s->sum);
	free(s->square);
	free(s->score);
	*s = (spread){ 0 };
}

void spread_see(spread *s, const float *x)
{
	pca_scores(s->p, s->score, x);
	s->n++;
	for (int j = 0; j < s->p->k; j++) {
		s->sum[j] += s->score[j];
		s->square[j] += s->score[j] * s->score[j];
	}
}

double spread_share(const spread *s)
{
	double ours = 0, theirs = 0, n = (double)s->n;
	for (int j = 0; j < s->p->k; j++) {
		ours += s->square[j] / n - s->sum[j] / n * (s->sum[j] / n);
		theirs += s->p->square[j];
	}
	return ours / theirs;
}

double spread_bias(const spread *s)
{
	double most = 0;
	for (int j = 0; j < s->p->k; j++)
		most = fmax(most, fabs(s->sum[j]) / (double)s->n / sqrt(s->p->square[j]));
	return most;
}
