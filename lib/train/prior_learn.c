#include "train/prior_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"
#include "baseline/pca.h"

enum { PARTS = 5 };

/* Variance of a place, as a share of what latents there vary by, that is never gone below: other people vary where these do not. */
static const double LEAST_REST = .01;

static int part_of(const dataset_scan *s) { return (int)(philox_hash(s->subject) % PARTS); }

/* Rows of latents less their mean: those of all parts but `without`. Returns their number. */
static size_t rows_without(float *rows, int without, const scaling *s, size_t count, const dataset *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n_train; i++) {
		const dataset_scan *scan = &d->scans[d->train[i]];
		if (part_of(scan) == without)
			continue;
		for (size_t j = 0; j < count; j++)
			rows[n * count + j] = scan->z[j] - s->mean[j];
		n++;
	}
	return n;
}

/* What one part varies along the components of the others, and what is left of it: added to variance [k] and rest [count]. */
static int judge(double *variance, double *rest, int part, const pca *c, const scaling *s, size_t count, const dataset *d, err *e)
{
	double *score = NULL;
	float *left = NULL;
	int code = mem_zero(&score, (size_t)c->k, sizeof *score, "prior", e);
	if (!code)
		code = mem_zero(&left, 2 * count, sizeof *left, "prior", e);
	for (size_t i = 0; i < d->n_train && !code; i++) {
		const dataset_scan *scan = &d->scans[d->train[i]];
		float *row = left + count;
		if (part_of(scan) != part)
			continue;
		for (size_t j = 0; j < count; j++)
			left[j] = row[j] = scan->z[j] - s->mean[j];
		pca_scores(c, score, row);
		pca_project(c, left);
		for (int k = 0; k < c->k; k++)
			variance[k] += score[k] * score[k] / (double)d->n_train;
		for (size_t j = 0; j < count; j++)
			rest[j] += pow((double)row[j] - (double)left[j], 2) / (double)d->n_train;
	}
	free(score);
	free(left);
	return code;
}

int prior_learn(float *components, float *rest, int k, const scaling *s, size_t count, const dataset *d, err *e)
{
	float *rows = NULL;
	double *variance = NULL, *left = NULL;
	pca c = { 0 };
	int code = mem_zero(&rows, d->n_train * count, sizeof *rows, "prior", e);
	if (!code)
		code = mem_zero(&variance, (size_t)k, sizeof *variance, "prior", e);
	if (!code)
		code = mem_zero(&left, count, sizeof *left, "prior", e);
	for (int part = 0; part <= PARTS && !code; part++) {
		pca_free(&c);
		code = pca_fit_about_zero(&c, rows, rows_without(rows, part, s, count, d), count, k, e);
		if (!code && part < PARTS)
			code = judge(variance, left, part, &c, s, count, d, e);
	}
	for (size_t j = 0; j < count && !code; j++) {
		const double unit = s->scale / (double)s->sd[j];
		for (int m = 0; m < k; m++)
			components[(size_t)m * count + j] = (float)(sqrt(variance[m]) * c.axis[(size_t)m * count + j] * unit);
		rest[j] = (float)fmax(left[j] * unit * unit, LEAST_REST * s->scale * s->scale);
	}
	if (code == ERR_DATA)
		err_prefix(e, "diffusion.components: not enough people to train on");
	pca_free(&c);
	free(rows);
	free(variance);
	free(left);
	return code;
}
