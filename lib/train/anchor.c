#include "train/anchor.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "baseline/pca.h"
#include "model/autoencoder.h"

enum { MOST_BLOCKS = 40000 }; /* to learn from: more change nothing that could be seen */

/* Block `at` of scan x [n] in the order of autoencoder.h. Is there anything in it? */
static bool block_of(float *out, const float *x, const int n[3], const int at[3], int factor, int patch)
{
	bool any = false;
	for (int i = 0, of = factor * factor * factor, inner = patch * patch * patch; i < of; i++) {
		const int k = factor / patch, outer = i / inner, within = i % inner;
		const int v[3] = { outer / (k * k) * patch + within / (patch * patch), outer / k % k * patch + within / patch % patch,
				   outer % k * patch + within % patch };
		out[i] = x[((size_t)(at[0] * factor + v[0]) * n[1] + (at[1] * factor + v[1])) * n[2] + at[2] * factor + v[2]];
		any = any || out[i] != 0;
	}
	return any;
}

/* rows [MOST_BLOCKS][width], every so many blocks of the scans that are trained on. Returns how many there are. */
static size_t collect(float *rows, size_t width, const dataset *d, const ae_config *a)
{
	const int f = ae_factor(a), g[3] = { d->n[0] / f, d->n[1] / f, d->n[2] / f };
	const size_t blocks = (size_t)g[0] * g[1] * g[2], all = blocks * d->n_train, every = (all + MOST_BLOCKS - 1) / MOST_BLOCKS;
	size_t n = 0;
	/* the blocks taken of a scan begin at another place each time, so that all places have their turn */
	for (size_t i = 0; i < all; i += every) {
		const size_t b = i % blocks;
		const int at[3] = { (int)(b / g[2] / g[1]), (int)(b / g[2] % g[1]), (int)(b % g[2]) };
		n += block_of(rows + n * width, d->scans[d->train[i / blocks]].x, d->n, at, f, a->patch);
	}
	return n;
}

int anchor_learn(params *p, const model_config *m, const dataset *d, err *e)
{
	const ae_config *a = &m->autoencoder;
	const size_t width = (size_t)autoencoder_block(a), k = (size_t)a->latent_channels;
	param *encode = params_find(p, AUTOENCODER_ENCODE ".weight"), *decode = params_find(p, AUTOENCODER_DECODE ".weight");
	float *rows = NULL;
	pca c = { 0 };
	int code = mem_zero(&rows, MOST_BLOCKS * width, sizeof *rows, "blocks", e);
	if (!code)
		code = pca_fit_about_zero(&c, rows, collect(rows, width, d, a), width, (int)k, e);
	double square = 0;
	for (size_t j = 0; !code && j < k; j++)
		square += c.square[j] / (double)k;
	if (!code && !(square > 0))
		code = err_set(e, ERR_DATA, "the scans to train on are empty");
	for (size_t j = 0; !code && j < k; j++)
		for (size_t i = 0; i < width; i++) {
			encode->v[j * width + i] = (float)(c.axis[j * width + i] / sqrt(square));
			decode->v[i * k + j] = (float)(c.axis[j * width + i] * sqrt(square));
		}
	param_touch(encode);
	param_touch(decode);
	pca_free(&c);
	free(rows);
	return code;
}
