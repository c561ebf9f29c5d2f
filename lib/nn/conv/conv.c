#include "nn/conv/conv.h"

#include <string.h>

#include "nn/conv/algorithm.h"
#include "nn/prologue.h"
#include "nn/sums.h"

typedef struct conv_node {
	node base; /* in: x, affine, add */
	conv_shape shape;
	const conv_algorithm *algorithm;
	param *weight, *bias;
} conv_node;

enum { X, AFFINE, ADD };

static int one_if_unset(int n) { return n ? n : 1; }

static bool takes_gradient(const param *p) { return p && p->g && !p->frozen; }

/* Fills *conv; false (with the error noted) when shapes do not fit. */
static bool shape_of(nn *c, const tensor *x, const conv_spec *s, conv_shape *conv)
{
	const param *w = s->weight;
	*conv = (conv_shape){ .in = x->s, .stride = one_if_unset(s->stride), .pad = s->pad_low, .act = s->act };
	conv->volumes = nn_recording(c) ? x->s.b : 1;
	int skip = w->rank == 4 ? 1 : 0, in[3] = { x->s.x, x->s.y, x->s.z }, out[3];
	for (int a = 0; a < 3; a++) {
		conv->k[a] = w->rank <= 3 || a < skip ? 1 : (int)w->n[2 + a - skip];
		conv->up[a] = one_if_unset(s->up[a]);
		conv->virt[a] = in[a] * conv->up[a];
		int room = conv->k[a] > 1 ? conv->virt[a] + s->pad_low + s->pad_high - conv->k[a] : conv->virt[a] - 1;
		out[a] = room < 0 ? 0 : room / (conv->k[a] > 1 ? conv->stride : 1) + 1;
	}
	conv->out = (shape){ x->s.b, out[0], out[1], out[2], (int)w->n[0] };
	if (w->rank < 2 || w->n[1] != x->s.c || (w->rank == 3 && w->n[2] != 1))
		nn_fail(c, ERR_CONFIG, "%s: takes %ld channels, got %d", w->name, w->rank < 2 ? 0L : (long)w->n[1], x->s.c);
	else if (s->bias && (s->bias->rank != 1 || s->bias->n[0] != w->n[0]))
		nn_fail(c, ERR_CONFIG, "%s: has not one number per output channel", s->bias->name);
	else if (!out[0] || !out[1] || !out[2])
		nn_fail(c, ERR_DATA, "%s: a grid of %dx%dx%d is too small", w->name, x->s.x, x->s.y, x->s.z);
	else if (s->add && !shape_equal(s->add->s, conv->out))
		nn_fail(c, ERR_BUG, "%s: the residual has another shape", w->name);
	else
		prologue_fits(c, x, s->affine, w->name);
	return nn_ok(c);
}

/* x as the convolution reads it. */
static conv_source source_of(const conv_shape *conv, const tensor *x, const tensor *affine)
{
	conv_source from = { .v = x->v, .s = conv->in, .affine = affine ? affine->v : NULL, .act = conv->act };
	memcpy(from.up, conv->up, sizeof from.up);
	memcpy(from.virt, conv->virt, sizeof from.virt);
	return from;
}

/* The last who reads the result's gradient hands it to the tensor that was added to the result, or adds it to that one's. */
static void pass_on(nn *c, tensor *out, tensor *add)
{
	if (nn_gradient_take(c, add, out->g)) {
		out->g = NULL;
		return;
	}
	if (nn_ok(c) && !nn_planning(c))
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < shape_count(add->s); i++)
			add->g[i] += out->g[i];
}

static void conv_backward(nn *c, node *base)
{
	conv_node *n = (conv_node *)base;
	const conv_shape *conv = &n->shape;
	tensor *out = base->out, *x = base->in[X], *affine = base->in[AFFINE], *add = base->in[ADD];
	if (takes_gradient(n->bias) && !nn_planning(c))
		sums_to_bias(c, out, n->bias);
	if (takes_gradient(n->weight)) {
		const conv_source in = source_of(conv, x, affine);
		n->algorithm->weight_gradient(c, conv, &in, out->g, n->weight);
	}
	if (x->needs_grad || (affine && affine->needs_grad)) {
		float *d = nn_take(c, shape_count(x->s));
		if (nn_ok(c))
			n->algorithm->data_gradient(c, conv, out->g, n->weight, d);
		prologue_gradient(c, x, affine, conv->act, d);
	}
	if (add && add->needs_grad)
		pass_on(c, out, add);
}

/* Whose memory the result takes: its input's, if that is the caller's last and the algorithm can; else the residual's, if the convolution
 * is its last reader and reads it as nothing else; else its own. */
typedef struct place {
	tensor *out;
	bool over_x, over_add;
} place;

static place place_of(nn *c, tensor *x, const conv_spec *s, const conv_shape *conv, const conv_algorithm *a)
{
	place p = { .over_add = s->add && s->add != x && s->add->refs == 1 };
	p.over_x = a->in_place && a->in_place(conv) && s->takes_x && x->refs == 1 && !s->add && !s->affine && !nn_recording(c);
	p.out = p.over_x ? nn_keep_memory(x) : p.over_add ? nn_keep_memory(s->add) : nn_tensor(c, conv->out);
	return p;
}

static tensor *run(nn *c, tensor *x, const conv_spec *s, const conv_shape *conv)
{
	const conv_algorithm *a = conv_choose(conv);
	const place p = place_of(c, x, s, conv, a);
	tensor *out = p.out, *add = s->add;
	if (!out)
		return NULL;
	nn_count_flop(c, 2. * conv_taps(conv) * conv->in.c * (double)shape_count(conv->out));
	a->forward(c, &(conv_task){
			      .shape = conv,
			      .in = source_of(conv, x, s->affine),
			      .weight = s->weight,
			      .bias = s->bias ? s->bias->v : NULL,
			      .add = add ? add->v : NULL,
			      .out = out->v,
			      .in_place = p.over_x,
			      .summed = out,
		      });
	out->s = conv->out;
	bool has_param = takes_gradient(s->weight) || takes_gradient(s->bias);
	conv_node *n =
		nn_ok(c) ? nn_push(c, sizeof *n, conv_backward, out, 3, (tensor *[]){ x, s->affine, p.over_add ? NULL : add }, has_param)
			 : NULL;
	if (n) {
		n->shape = *conv;
		n->algorithm = a;
		n->weight = s->weight;
		n->bias = s->bias;
	}
	if (nn_ok(c))
		return out;
	nn_drop(c, out);
	return NULL;
}

tensor *nn_conv(nn *c, tensor *x, const conv_spec *s)
{
	conv_shape conv;
	tensor *out = x && nn_ok(c) && shape_of(c, x, s, &conv) ? run(c, x, s, &conv) : NULL;
	nn_drop(c, s->add);
	if (s->takes_x)
		nn_drop(c, x);
	return out;
}
