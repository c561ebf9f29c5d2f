#include "nn/dropout.h"

#include "nn/prologue.h"

float dropout_factor(const dropout *d, uint64_t i)
{
	double u = d->number ? d->number(d->random, i) : philox_uniform(d->random, i);
	return u >= d->rate ? (float)(1 / (1 - d->rate)) : 0;
}

typedef struct dropout_node {
	node base; /* in: x, affine */
	enum act act;
	dropout drop;
} dropout_node;

/* to = from times the factors of s, both in nn's order; may be one. */
static void multiply(nn *c, shape s, const dropout *d, const float *from, float *to)
{
	size_t voxels = (size_t)s.x * s.y * s.z;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t i = 0; i < (size_t)s.b * voxels; i++)
		for (size_t k = 0; k < (size_t)s.c; k++)
			to[i * s.c + k] = from[i * s.c + k] * dropout_factor(d, (i / voxels * s.c + k) * voxels + i % voxels);
}

static void dropout_backward(nn *c, node *base)
{
	dropout_node *n = (dropout_node *)base;
	shape s = base->out->s;
	float *d = nn_take(c, shape_count(s));
	if (d)
		multiply(c, s, &n->drop, base->out->g, d);
	if (nn_ok(c))
		prologue_gradient(c, base->in[0], base->in[1], n->act, d);
	nn_give(c, d, shape_count(s));
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
