#include "train/coarse.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "nn/conv/conv.h"
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

layer *coarse_tell(graph *g, const coarse *k, layer *y)
{
	return conv(g, y, &(conv_spec){ .out = (int)k->blocks, .rank = 2 }, "coarse");
}

int coarse_table(const coarse *k, int width, param_table *t, err *e)
{
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	if (!g)
		return err_set(e, ERR_OS, "no memory for a network");
	coarse_tell(g, k, graph_input(g, (shape){ 1, 1, 1, 1, width }));
	const int code = graph_take_table(g, t, e);
	graph_free(g);
	return code;
}

layer *coarse_input(graph *g, const coarse *k) { return graph_input(g, (shape){ 1, 1, 1, 1, (int)k->blocks }); }

layer *coarse_loss(graph *g, layer *told, layer *wanted) { return noise_loss(g, told, NULL, wanted, NULL, NULL, NULL); }
