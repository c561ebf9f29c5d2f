#include "train/coarse.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/layer.h"
#include "nn/loss.h"

int coarse_new(coarse *k, const int n[3], err *e)
{
	*k = (coarse){ .volume = { n[0], n[1], n[2] }, .blocks = 1, .sd = 1 };
	for (int a = 0; a < 3; a++)
		k->blocks *= (size_t)(n[a] / COARSE);
	return mem_zero(&k->scan, k->blocks, sizeof *k->scan, "coarse scan", e);
}

void coarse_free(coarse *k)
{
	free(k->mean);
	free(k->scan);
	k->mean = NULL;
	k->scan = NULL;
}

/* The mean of x over block i. */
static double block_mean(const coarse *k, const float *x, size_t i)
{
	const int *v = k->volume, n[3] = { v[0] / COARSE, v[1] / COARSE, v[2] / COARSE };
	int at[3] = { (int)(i / (size_t)n[2] / (size_t)n[1]), (int)(i / (size_t)n[2]) % n[1], (int)(i % (size_t)n[2]) };
	double sum = 0;
	for (int j = 0; j < COARSE * COARSE; j++) {
		size_t line = (size_t)(at[0] * COARSE + j / COARSE) * (size_t)v[1] + (size_t)(at[1] * COARSE + j % COARSE);
		for (int l = 0; l < COARSE; l++)
			sum += (double)x[line * (size_t)v[2] + (size_t)(at[2] * COARSE + l)];
	}
	return sum / (COARSE * COARSE * COARSE);
}

int coarse_learn(coarse *k, const dataset *d, err *e)
{
	double square = 0;
	if (k->mean)
		return 0;
	int code = mem_zero(&k->mean, k->blocks, sizeof *k->mean, "mean coarse scan", e);
	for (size_t i = 0; i < k->blocks && !code; i++) {
		double sum = 0, own = 0;
		for (size_t n = 0; n < d->n_train; n++) {
			double v = block_mean(k, d->scans[d->train[n]].x, i);
			sum += v;
			own += v * v;
		}
		k->mean[i] = sum / (double)d->n_train;
		square += own / (double)d->n_train - k->mean[i] * k->mean[i];
	}
	/* of a single scan there is no deviation */
	k->sd = square > 1e-12 ? sqrt(square / (double)k->blocks) : 1;
	return code;
}

void coarse_see(coarse *k, const float *x)
{
	for (size_t i = 0; i < k->blocks; i++)
		k->scan[i] = (float)((block_mean(k, x, i) - k->mean[i]) / k->sd);
}

int coarse_table(const coarse *k, int width, param_table *t, err *e)
{
	return table_add_layer(t, INIT_UNIFORM, 2, "coarse", width, (int)k->blocks, 1, e);
}

tensor *coarse_tell(nn *c, const params *p, tensor *y) { return layer_conv(c, p, "coarse", y, (conv_spec){ 0 }); }

tensor *coarse_loss(nn *c, const coarse *k, const params *p, tensor *y)
{
	tensor *told = coarse_tell(c, p, y);
	tensor *wanted = told ? nn_from_field(c, told->s, k->scan) : NULL, *loss = nn_noise_loss(c, told, NULL, wanted, NULL, NULL, NULL);
	nn_drop(c, told);
	nn_drop(c, wanted);
	return loss;
}
