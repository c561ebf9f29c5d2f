#include "nn/conv/conv.h"

#include <string.h>

#include "nn/affine_act.h"
#include "nn/channel_sums.h"
#include "nn/conv/algorithm.h"

typedef struct conv_layer {
	layer base; /* in: x, norm, add; p: weight, bias */
	conv_shape shape;
	const conv_algorithm *algorithm;
	conv_room room;
} conv_layer;

enum { X, NORM, ADD };
enum { WEIGHT, BIAS };

static conv_layer *of(layer *l) { return (conv_layer *)l; }

/* ---- what it needs ---- */

static bool transforms_input(const layer *l) { return l->in[NORM] || ((const conv_layer *)l)->shape.act != ACT_NONE; }

/* Is a gradient at the input wanted, or at what normalises it? */
static bool passes_on(const layer *l) { return l->in[X]->needs_grad || (l->in[NORM] && l->in[NORM]->needs_grad); }

/* The data gradient is made where the input's lies, if it is the first to add to that. */
static size_t own_floats(const layer *l) { return passes_on(l) && !layer_is_fresh(l, X) ? up_to_vector(shape_count(l->in[X]->s)) : 0; }

static void settle(graph *g, layer *l)
{
	conv_layer *c = of(l);
	const bool alone = !l->in[NORM] && !l->in[ADD] && !l->needs_grad;
	c->shape.volumes = graph_use(g) == GRAPH_TRAIN ? l->s.b : 1;
	c->algorithm = conv_choose(&c->shape);
	c->algorithm->room(g, &c->shape, l->p[WEIGHT], l->needs_grad, &c->room);
	l->flop = 2. * conv_taps(&c->shape) * c->shape.in.c * (double)shape_count(l->s);
	l->over = l->in[ADD] ? ADD : alone && c->algorithm->in_place && c->algorithm->in_place(&c->shape) ? X : -1;
	l->hands = l->in[ADD] ? ADD : -1;
	l->reads_in[X] = layer_trains(l, WEIGHT) || (passes_on(l) && transforms_input(l));
	l->reads_in[NORM] = l->reads_in[X];
	l->work = c->room.forward;
	l->work_back = own_floats(l) + (c->room.data > c->room.weight ? c->room.data : c->room.weight);
	l->lasting = c->room.lasting;
	l->wants_sums = l->wants_sums && c->algorithm->takes_sums;
}

/* ---- there ---- */

static conv_task task_of(const graph *g, layer *l)
{
	const conv_layer *c = of(l);
	conv_task t = {
		.shape = &c->shape,
		.in = conv_input(&c->shape, l->in[X]->v, l->in[NORM] ? l->in[NORM]->v : NULL),
		.weight = l->p[WEIGHT],
		.bias = l->p[BIAS] ? l->p[BIAS]->v : NULL,
		.add = l->in[ADD] ? l->in[ADD]->v : NULL,
		.out = l->v,
		.sums = l->sums,
		.work = graph_work(g),
		.lasts = l->lasts,
	};
	t.in_place = t.out == t.in.v;
	return t;
}

static void forward(graph *g, layer *l)
{
	const conv_task t = task_of(g, l);
	of(l)->algorithm->forward(g, &t);
}

/* ---- and back ---- */

static void backward(graph *g, layer *l)
{
	const conv_algorithm *a = of(l)->algorithm;
	conv_task t = task_of(g, l);
	conv_gradients to = { .dout = l->g };
	if (layer_trains(l, BIAS))
		bias_gradient(g, l->g, l->s, l->p[BIAS]);
	if (layer_trains(l, WEIGHT)) {
		to.dw = l->p[WEIGHT]->g;
		a->weight_gradient(g, &t, &to);
	}
	if (passes_on(l)) {
		const size_t own = own_floats(l);
		to.d = own ? t.work : l->in[X]->g;
		t.work += own;
		a->data_gradient(g, &t, &to);
		affine_act_backward(g, l, of(l)->shape.act, to.d);
	}
	layer_pass_gradient(g, l, ADD);
}

static const char *algorithm(const layer *l) { return ((const conv_layer *)l)->algorithm->name; }

static const layer_kind conv_kind = { .name = "convolution",
				      .size = sizeof(conv_layer),
				      .settle = settle,
				      .forward = forward,
				      .backward = backward,
				      .algorithm = algorithm,
				      .takes_sums = true };

/* ---- description ---- */

static int one_if_unset(int n) { return n ? n : 1; }

/* Sizes from the input's and the spec's; an output of no voxels where the grid is too small. */
static conv_shape shape_of(shape x, const conv_spec *s)
{
	const int rank = s->rank ? s->rank : 5, in[3] = { x.x, x.y, x.z };
	conv_shape c = { .in = x, .stride = one_if_unset(s->stride), .pad = s->pad_low, .act = s->act };
	int out[3];
	for (int a = 0; a < 3; a++) {
		c.k[a] = rank <= 3 || (rank == 4 && a == 0) ? 1 : one_if_unset(s->k);
		c.up[a] = one_if_unset(s->up[a]);
		c.virt[a] = in[a] * c.up[a];
		const int room = c.k[a] > 1 ? c.virt[a] + s->pad_low + s->pad_high - c.k[a] : c.virt[a] - 1;
		out[a] = room < 0 ? 0 : room / (c.k[a] > 1 ? c.stride : 1) + 1;
	}
	c.out = (shape){ x.b, out[0], out[1], out[2], s->out };
	return c;
}

static bool fits(graph *g, const conv_shape *c, const conv_spec *s, const char *at)
{
	const shape norm = { c->in.b, 1, 1, 1, 2 * c->in.c };
	char name[LAYER_NAME];
	layer_use(g, name, at);
	if (!c->out.x || !c->out.y || !c->out.z)
		graph_fail(g, ERR_DATA, "%s: a grid of %dx%dx%d is too small", name, c->in.x, c->in.y, c->in.z);
	else if (s->norm && !shape_equal(graph_shape(s->norm), norm))
		graph_fail(g, ERR_BUG, "%s: the normalisation has another shape", name);
	else if (s->add && !shape_equal(graph_shape(s->add), c->out))
		graph_fail(g, ERR_BUG, "%s: the residual has another shape", name);
	return graph_ok(g);
}

/* Where a parameter's name ends: at "AT.LEAF". */
typedef struct param_name {
	const char *at, *leaf;
} param_name;

/* Of l; NULL: of a convolution that is described later. */
static void name_parameters(graph *g, layer *l, int in, const conv_spec *s, param_name weight, param_name bias)
{
	const int rank = s->rank ? s->rank : 5, k = one_if_unset(s->k);
	const int taps = rank <= 3 ? 1 : rank == 4 ? k * k : k * k * k;
	param_entry w = { .rank = rank, .n = { s->out, in }, .rule = s->begins };
	w.fan_in = s->fan_in ? s->fan_in : (int64_t)in * taps;
	for (int i = 2; i < rank; i++)
		w.n[i] = rank == 3 ? 1 : k;
	const param_entry b = {
		.rank = 1, .n = { s->out }, .fan_in = w.fan_in, .rule = s->begins == INIT_ZEROS ? INIT_ZEROS : s->bias_begins
	};
	layer_param(g, l, WEIGHT, w, weight.at, weight.leaf);
	if (!s->no_bias)
		layer_param(g, l, BIAS, b, bias.at, bias.leaf);
}

static layer *described(graph *g, layer *x, const conv_spec *s, param_name weight, param_name bias)
{
	const conv_shape c = shape_of(graph_shape(x), s);
	if (!graph_ok(g) || !fits(g, &c, s, weight.at))
		return NULL;
	layer *l = layer_add(g, &conv_kind, c.out, 3, (layer *[]){ x, s->norm, s->add });
	if (!l)
		return NULL;
	of(l)->shape = c;
	name_parameters(g, l, c.in.c, s, weight, bias);
	return graph_ok(g) ? l : NULL;
}

void conv_parameters(graph *g, int in, const conv_spec *s, const char *at)
{
	name_parameters(g, NULL, in, s, (param_name){ at, "weight" }, (param_name){ at, "bias" });
}

layer *conv(graph *g, layer *x, const conv_spec *s, const char *at)
{
	return described(g, x, s, (param_name){ at, "weight" }, (param_name){ at, "bias" });
}

layer *conv_named(graph *g, layer *x, const conv_spec *s, const char *weight, const char *bias)
{
	return described(g, x, s, (param_name){ weight, "" }, (param_name){ bias, "" });
}
