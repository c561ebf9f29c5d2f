#include "nn/layer_norm.h"

#include <stdlib.h>

#include "nn/internal.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"

enum { ROWS = 128, BLOCK = 16 * ROWS }; /* voxels at once; with sums of their own: constants, so that sums do not depend on threads */

static bool takes_gradient(const param *p) { return p->g && !p->frozen; }

static size_t blocks_of(size_t n) { return (n + BLOCK - 1) / BLOCK; }

/* The voxels from..from+*m of a block, m <= ROWS; false behind its end. */
static bool next_rows(size_t n, size_t block, size_t *from, size_t *m)
{
	size_t end = (block + 1) * BLOCK < n ? (block + 1) * BLOCK : n;
	*m = end - *from < ROWS ? end - *from : ROWS;
	return *from < end;
}

void layer_norm_backward(nn *c, float *dx, bool fresh, const float *d, const float *x, size_t n, int channels, param *gain, param *offset,
			 float eps)
{
	const channel_kernels *k = nn_kernels()->channels;
	size_t ch = (size_t)channels;
	bool wanted = takes_gradient(gain) || takes_gradient(offset);
	double *parts = calloc(blocks_of(n) * 2 * ch, sizeof *parts);
	if (!parts) {
		nn_fail(c, ERR_OS, "no memory for sums");
		return;
	}
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t b = 0; b < blocks_of(n); b++) {
		double *sums = parts + b * 2 * ch;
		float stats[2 * ROWS];
		for (size_t i = b * BLOCK, m; next_rows(n, b, &i, &m); i += m) {
			k->normalise(NULL, stats, x + i * ch, m, channels, gain->v, offset->v, eps);
			if (wanted)
				k->normalise_gain(d + i * ch, x + i * ch, stats, m, channels, sums, sums + ch);
			if (dx)
				k->normalise_backward(dx + i * ch, fresh, d + i * ch, x + i * ch, stats, m, channels, gain->v);
		}
	}
	for (size_t b = 0; b < blocks_of(n); b++)
		for (size_t i = 0; i < ch; i++) {
			if (takes_gradient(gain))
				gain->g[i] += (float)parts[b * 2 * ch + i];
			if (takes_gradient(offset))
				offset->g[i] += (float)parts[b * 2 * ch + ch + i];
		}
	free(parts);
}

typedef struct norm_node {
	node base; /* in: x */
	param *gain, *offset;
	float eps;
} norm_node;

static void norm_backward(nn *c, node *base)
{
	norm_node *n = (norm_node *)base;
	tensor *x = base->in[0];
	bool fresh = false;
	float *dx = nn_gradient_raw(c, x, &fresh);
	if (nn_ok(c) && !nn_planning(c))
		layer_norm_backward(c, dx, fresh, base->out->g, x->v, shape_count(x->s) / (size_t)x->s.c, x->s.c, n->gain, n->offset,
				    n->eps);
}

bool layer_norm_fits(nn *c, const param *gain, const param *offset, int channels)
{
	if (gain->rank != 1 || gain->n[0] != channels || offset->rank != 1 || offset->n[0] != channels)
		nn_fail(c, ERR_CONFIG, "%s: has not one number for each of %d channels", gain->name, channels);
	return nn_ok(c);
}

tensor *nn_layer_norm(nn *c, tensor *x, param *gain, param *offset, double eps)
{
	if (!x || !gain || !offset || !nn_ok(c) || !layer_norm_fits(c, gain, offset, x->s.c))
		return NULL;
	tensor *out = nn_tensor(c, x->s);
	size_t ch = (size_t)x->s.c, n = shape_count(x->s) / ch;
	if (out && out->v)
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t b = 0; b < blocks_of(n); b++) {
			size_t i = b * BLOCK, m = n - i < BLOCK ? n - i : BLOCK;
			nn_kernels()->channels->normalise(out->v + i * ch, NULL, x->v + i * ch, m, x->s.c, gain->v, offset->v, (float)eps);
		}
	norm_node *n_ = nn_push(c, sizeof *n_, norm_backward, out, 1, &x, takes_gradient(gain) || takes_gradient(offset));
	if (n_) {
		n_->gain = gain;
		n_->offset = offset;
		n_->eps = (float)eps;
	}
	return out;
}
