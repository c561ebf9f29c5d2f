#include "nn/conv.h"

#include <string.h>

#include "nn/conv_job.h"
#include "nn/pack.h"
#include "nn/prologue.h"
#include "nn/resample.h"
#include "nn/sums.h"

typedef struct conv_node {
	node base;	/* in: x, affine, add */
	conv_job job;
	param *weight, *bias;
	bool winograd;
	wino_tile tile;
} conv_node;

enum { X, AFFINE, ADD };

static int one_if_unset(int n) { return n ? n : 1; }

static int taps_of(const conv_job *j) { return j->k[0] * j->k[1] * j->k[2]; }

static bool takes_gradient(const param *p) { return p && p->g && !p->frozen; }

/* Fills *j; false (with the error noted) when shapes do not fit. */
static bool job_of(nn *c, const tensor *x, const conv_spec *s, conv_job *j)
{
	const param *w = s->weight;
	*j = (conv_job){ .in = x->s, .stride = one_if_unset(s->stride), .pad = s->pad_low, .act = s->act };
	j->volumes = nn_recording(c) ? x->s.b : 1;
	int skip = w->rank == 4 ? 1 : 0, in[3] = { x->s.x, x->s.y, x->s.z }, out[3];
	for (int a = 0; a < 3; a++) {
		j->k[a] = w->rank <= 3 || a < skip ? 1 : (int)w->n[2 + a - skip];
		j->up[a] = one_if_unset(s->up[a]);
		j->virt[a] = in[a] * j->up[a];
		int room = j->k[a] > 1 ? j->virt[a] + s->pad_low + s->pad_high - j->k[a] : j->virt[a] - 1;
		out[a] = room < 0 ? 0 : room / (j->k[a] > 1 ? j->stride : 1) + 1;
	}
	j->out = (shape){ x->s.b, out[0], out[1], out[2], (int)w->n[0] };
	if (w->rank < 2 || w->n[1] != x->s.c || (w->rank == 3 && w->n[2] != 1))
		nn_fail(c, ERR_CONFIG, "%s: takes %ld channels, got %d", w->name, w->rank < 2 ? 0L : (long)w->n[1], x->s.c);
	else if (s->bias && (s->bias->rank != 1 || s->bias->n[0] != w->n[0]))
		nn_fail(c, ERR_CONFIG, "%s: has not one number per output channel", s->bias->name);
	else if (!out[0] || !out[1] || !out[2])
		nn_fail(c, ERR_DATA, "%s: a grid of %dx%dx%d is too small", w->name, x->s.x, x->s.y, x->s.z);
	return nn_ok(c);
}

static void add_weight_gradient(nn *c, const conv_node *n)
{
	const conv_job *j = &n->job;
	param *w = n->weight;
	if (axis_fits(j)) {
		axis_backward_weight(c, j, n->base.in[X]->v, n->base.out->g, w->g);
		return;
	}
	if (n->winograd) {
		if (wino_is_wide(j))
			wino_wide_backward_weight(c, j, n->tile, n->base.in[X]->v, n->base.out->g, w->g);
		else
			wino_backward_weight(c, j, n->tile, n->base.in[X]->v, n->base.out->g, w->g);
		return;
	}
	float *dw = nn_take(c, w->count);
	if (nn_ok(c))
		conv_tiles_backward_weight(c, j, n->base.in[X]->v, n->base.out->g, dw);
	int taps = taps_of(j), in = j->in.c, out = j->out.c;
	for (int t = 0; nn_ok(c) && dw && t < taps; t++)
		for (int i = 0; i < in; i++)
			for (int o = 0; o < out; o++)
				w->g[((size_t)o * in + i) * taps + t] += dw[((size_t)t * in + i) * out + o];
	nn_give(c, dw, w->count);
}

/* Weights for conv_tiles_*: a single tap's as they are, for the products read them transposed. */
static const float *tiles_take(nn *c, const conv_job *j, param *w)
{
	return taps_of(j) == 1 ? weights_take(c, w) : pack_taps(c, w, j->out.c, j->in.c, taps_of(j));
}

static void tiles_give(nn *c, const conv_job *j, const param *w, const float *v)
{
	if (taps_of(j) == 1)
		weights_give(c, w, v);
}

/* Are transformed weights kept for the next call? They take 64/27 of the weights' memory or more, which pays where transforming them is a
 * good part of the work. */
static bool keeps_weights(const nn *c, const conv_job *j)
{
	const size_t small = (size_t)1 << 16;
	return nn_reuses_weights(c) && (size_t)j->out.x * j->out.y * j->out.z < small;
}

/* The result of job j through Winograd. summed: the tensor whose values these are, or NULL; a norm is likely to follow, so its sums are
 * taken while it is stored. */
static void winograd(nn *c, const conv_job *j, wino_tile t, const float *in, param *w, bool back, const float *bias, const float *add,
		     float *out, tensor *summed)
{
	if (axis_fits(j)) {
		axis_forward(c, j, in, w, back, bias, add, out);
		return;
	}
	if (wino_is_wide(j)) {
		wino_wide_forward(c, j, t, in, w, back, bias, add, out);
		return;
	}
	bool keep = keeps_weights(c, j);
	int no = (int)w->n[0], ni = (int)w->n[1];
	const float *u = pack_wino_take(c, w, t, no, ni, back, keep);
	if (nn_ok(c))
		wino_forward(c, j, t, in, u, bias, add, out, summed ? nn_new_sums(c, summed) : NULL);
	pack_wino_give(c, t, no, ni, back, keep, u);
}

/* Is the data gradient taken at the input as it is stored, before its voxels were doubled? */
static bool gathers(const conv_node *n) { return n->winograd && wino_doubles(&n->job) && !wino_is_wide(&n->job); }

/* The gradient at the virtual input [b][virt][in.c], or at the stored one if it gathers. */
static void data_gradient(nn *c, const conv_node *n, float *d)
{
	const conv_job *j = &n->job;
	const float *dout = n->base.out->g;
	if (gathers(n)) {
		const conv_job back = { .in = j->out,
					.up = { 1, 1, 1 },
					.virt = { j->out.x, j->out.y, j->out.z },
					.out = j->in,
					.k = { 3, 3, 3 },
					.stride = 2,
					.pad = 1,
					.volumes = j->volumes };
		winograd(c, &back, wino_gathering(), dout, n->weight, true, NULL, NULL, d, NULL);
		return;
	}
	if (!n->winograd || j->stride > 1) {
		const float *w = tiles_take(c, j, n->weight);
		if (nn_ok(c))
			conv_tiles_backward_data(c, j, dout, w, d);
		tiles_give(c, j, n->weight, w);
		return;
	}
	const conv_job back = { .in = j->out,
				.up = { 1, 1, 1 },
				.virt = { j->out.x, j->out.y, j->out.z },
				.out = { j->in.b, j->virt[0], j->virt[1], j->virt[2], j->in.c },
				.k = { 3, 3, 3 },
				.stride = 1,
				.pad = 2 - j->pad,
				.volumes = j->volumes };
	winograd(c, &back, wino_choose(&back), dout, n->weight, true, NULL, NULL, d, NULL);
}

static void conv_backward(nn *c, node *base)
{
	conv_node *n = (conv_node *)base;
	const conv_job *j = &n->job;
	tensor *x = base->in[X], *affine = base->in[AFFINE], *add = base->in[ADD];
	if (takes_gradient(n->bias) && !nn_planning(c))
		sums_to_bias(c, base->out, n->bias);
	if (takes_gradient(n->weight))
		add_weight_gradient(c, n);
	if (x->needs_grad || (affine && affine->needs_grad)) {
		size_t plain = shape_count(j->in), virt = gathers(n) ? plain : plain * (size_t)(j->up[0] * j->up[1] * j->up[2]);
		float *d = nn_take(c, virt);
		if (nn_ok(c))
			data_gradient(c, n, d);
		if (virt != plain) {
			float *sum = nn_take(c, plain);
			if (sum)
				nn_sum_copies(c, j->in, j->up, d, sum, true);
			nn_give(c, d, virt);
			d = sum;
		}
		prologue_gradient(c, x, affine, j->act, d);
	}
	if (!add || !add->needs_grad)
		return;
	/* the last who reads the result's gradient: it goes to whom it is added */
	tensor *out = base->out;
	if (nn_gradient_take(c, add, out->g)) {
		out->g = NULL;
		return;
	}
	size_t count = shape_count(add->s);
	if (nn_ok(c) && !nn_planning(c))
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < count; i++)
			add->g[i] += out->g[i];
}

/* May the result lie in x's own memory? One tap, no more channels than before, nobody else who reads x. */
static bool shrinks(nn *c, const tensor *x, const conv_spec *s, const conv_job *j)
{
	return s->takes_x && x->refs == 1 && !s->add && !s->affine && !nn_recording(c) && taps_of(j) == 1 &&
	       j->up[0] * j->up[1] * j->up[2] == 1 && j->out.c <= j->in.c;
}

/* x becomes its own convolution; takes over x. */
static tensor *shrink(nn *c, tensor *x, const conv_spec *s, const conv_job *j)
{
	const float *w = tiles_take(c, j, s->weight);
	if (nn_ok(c))
		conv_tiles_over(c, j, x->v, w, s->bias ? s->bias->v : NULL);
	tiles_give(c, j, s->weight, w);
	x->s = j->out;
	nn_forget_sums(x);
	return x;
}

tensor *nn_conv(nn *c, tensor *x, const conv_spec *s)
{
	tensor *add = s->add, *out = NULL;
	conv_job j;
	if (!x || !nn_ok(c) || !job_of(c, x, s, &j))
		goto done;
	if (add && !shape_equal(add->s, j.out)) {
		nn_fail(c, ERR_BUG, "%s: the residual has another shape", s->weight->name);
		goto done;
	}
	if (!prologue_fits(c, x, s->affine, s->weight->name))
		goto done;
	j.affine = s->affine ? s->affine->v : NULL;
	nn_count_flop(c, 2. * taps_of(&j) * j.in.c * (double)shape_count(j.out));
	if (shrinks(c, x, s, &j))
		return shrink(c, x, s, &j);
	/* the residual's memory becomes the result's when this is its last reader, and reads it as nothing else */
	bool in_place = add && add != x && add->refs == 1;
	out = in_place ? nn_keep_memory(add) : nn_tensor(c, j.out);
	bool by_winograd = wino_fits(&j);
	const wino_tile none = { { 0 }, { 0 }, { 0 } }, tile = by_winograd ? wino_choose(&j) : none;
	const float *bias = s->bias ? s->bias->v : NULL;
	if (out && by_winograd) {
		winograd(c, &j, tile, x->v, s->weight, false, bias, add ? add->v : NULL, out->v, out);
	} else if (out) {
		const float *w = tiles_take(c, &j, s->weight);
		conv_tiles_forward(c, &j, x->v, w, bias, add ? add->v : NULL, out->v);
		tiles_give(c, &j, s->weight, w);
	}
	if (!nn_ok(c)) {
		nn_drop(c, out);
		out = NULL;
		goto done;
	}
	bool has_param = takes_gradient(s->weight) || takes_gradient(s->bias);
	conv_node *n = nn_push(c, sizeof *n, conv_backward, out, 3, (tensor *[]){ x, s->affine, in_place ? NULL : add }, has_param);
	if (n) {
		n->job = j;
		n->weight = s->weight;
		n->bias = s->bias;
		n->winograd = by_winograd;
		n->tile = tile;
	}
done:
	nn_drop(c, add);
	if (s->takes_x)
		nn_drop(c, x);
	return out;
}
