#include "nn/dropout.h"

#include "nn/prologue.h"

void dropout_factors(const dropout *d, uint64_t first, size_t n, float *factors)
{
	const float kept = (float)(1 / (1 - d->rate));
	uint32_t word[4];
	for (size_t k = 0; k < n; k++) {
		uint64_t i = first + k;
		if (!d->number && (k == 0 || i % 4 == 0))
			philox_block(d->random, i / 4, word);
		double u = d->number ? d->number(d->random, i) : word[i % 4] * 0x1p-32;
		factors[k] = u >= d->rate ? kept : 0;
	}
}

float dropout_factor(const dropout *d, uint64_t i)
{
	float factor;
	dropout_factors(d, i, 1, &factor);
	return factor;
}

typedef struct dropout_node {
	node base; /* in: x, affine */
	enum act act;
	dropout drop;
} dropout_node;

enum { RUN = 64 }; /* voxels whose factors are made together */

/* to = from times the factors of s, both in nn's order; may be one. */
static void multiply(nn *c, shape s, const dropout *d, const float *from, float *to)
{
	size_t voxels = (size_t)s.x * s.y * s.z, ch = (size_t)s.c, runs = (voxels + RUN - 1) / RUN;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t i = 0; i < (size_t)s.b * runs; i++) {
		size_t b = i / runs, first = i % runs * RUN, at = (b * voxels + first) * ch;
		size_t n = voxels - first < RUN ? voxels - first : RUN;
		for (size_t k = 0; k < ch; k++) {
			float factors[RUN];
			dropout_factors(d, (b * ch + k) * voxels + first, n, factors);
			for (size_t v = 0; v < n; v++)
				to[at + v * ch + k] = from[at + v * ch + k] * factors[v];
		}
	}
}

static void dropout_backward(nn *c, node *base)
{
	dropout_node *n = (dropout_node *)base;
	shape s = base->out->s;
	float *d = nn_take(c, shape_count(s));
	if (d)
		multiply(c, s, &n->drop, base->out->g, d);
	prologue_gradient(c, base->in[0], base->in[1], n->act, d);
}

tensor *nn_dropout(nn *c, tensor *x, tensor *affine, enum act act, const dropout *d)
{
	if (!x || !nn_ok(c) || !prologue_fits(c, x, affine, "dropout"))
		return NULL;
	if (!(d->rate >= 0 && d->rate < 1))
		return nn_fail(c, ERR_BUG, "dropout: a rate of %g", d->rate);
	tensor *out = nn_tensor(c, x->s);
	size_t one = shape_count(x->s) / (size_t)x->s.b, ch = (size_t)x->s.c;
	if (out && out->v) {
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < (size_t)x->s.b * x->s.x; i++) {
			const prologue p = prologue_of(affine, act, (int)(i / (size_t)x->s.x), x->s.c);
			size_t n = one / (size_t)x->s.x, at = i * n;
			nn_kernels()->load(out->v + at, x->v + at, n / ch, x->s.c, x->s.c, &p);
		}
		multiply(c, x->s, d, out->v, out->v);
	}
	dropout_node *n = nn_push(c, sizeof *n, dropout_backward, out, 2, (tensor *[]){ x, affine }, false);
	if (n) {
		n->act = act;
		n->drop = *d;
	}
	return out;
}
