#include "model/unet.h"

#include <stdio.h>
#include <string.h>

#include "model/layer.h"
#include "model/scaling.h"
#include "nn/attention.h"
#include "nn/combine.h"
#include "nn/resample.h"

static const double EPS = 1e-5;
static const int HALF[3] = { 1, 2, 2 }; /* of Y and Z */

enum kind { CONV, RES, ATTENTION };
enum how { SAME, DOWN, UP };

typedef struct layer {
	enum kind kind;
	int in, out;
	enum how how;
} layer;

typedef struct block {
	layer layer[3];
	int n;
} block;

enum { MOST_BLOCKS = CONFIG_MAX_LEVELS * (CONFIG_MAX_RES_BLOCKS + 1) };

/* The network as the state dict numbers it. */
typedef struct plan {
	block input[MOST_BLOCKS], middle, output[MOST_BLOCKS];
	int inputs, outputs;
} plan;

static void put(block *b, layer l) { b->layer[b->n++] = l; }

static bool attends(const unet_config *u, int factor)
{
	for (int i = 0; i < u->attentions; i++)
		if (u->attention_at[i] == factor)
			return true;
	return false;
}

static void plan_make(const model_config *m, plan *p)
{
	const unet_config *u = &m->unet;
	int c = u->base_channels * u->multipliers[0], factor = 1, kept[MOST_BLOCKS], n = 0;
	memset(p, 0, sizeof *p);
	put(&p->input[p->inputs++], (layer){ CONV, (m->diffusion.components ? 2 : 1) * u->in_channels, c, SAME });
	kept[n++] = c;
	for (int level = 0; level < u->levels; level++) {
		for (int r = 0; r < u->res_blocks; r++) {
			block *b = &p->input[p->inputs++];
			put(b, (layer){ RES, c, u->base_channels * u->multipliers[level], SAME });
			kept[n++] = c = b->layer[0].out;
			if (attends(u, factor))
				put(b, (layer){ ATTENTION, c, c, SAME });
		}
		if (level + 1 == u->levels)
			break;
		put(&p->input[p->inputs++], (layer){ RES, c, c, DOWN });
		kept[n++] = c;
		factor *= 2;
	}
	put(&p->middle, (layer){ RES, c, c, SAME });
	put(&p->middle, (layer){ ATTENTION, c, c, SAME });
	put(&p->middle, (layer){ RES, c, c, SAME });
	for (int level = u->levels - 1; level >= 0; level--)
		for (int r = 0; r <= u->res_blocks; r++) {
			block *b = &p->output[p->outputs++];
			put(b, (layer){ RES, c + kept[--n], u->base_channels * u->multipliers[level], SAME });
			c = b->layer[0].out;
			if (attends(u, factor))
				put(b, (layer){ ATTENTION, c, c, SAME });
			if (level && r == u->res_blocks) {
				put(b, (layer){ RES, c, c, UP });
				factor /= 2;
			}
		}
}

/* ---- parameters ---- */

typedef struct lister {
	param_table *t;
	int embedding;
	int code;
	err *e;
} lister;

static void list_layer(lister *l, enum init_rule rule, int rank, const char *at, const char *leaf, int in, int out, int k)
{
	char name[LAYER_NAME];
	if (!l->code)
		l->code = table_add_layer(l->t, rule, rank, layer_under(name, at, leaf), in, out, k, l->e);
}

static void list_norm(lister *l, const char *at, const char *leaf, int channels)
{
	char name[LAYER_NAME];
	if (!l->code)
		l->code = table_add_norm(l->t, layer_under(name, at, leaf), channels, l->e);
}

static void list_block(lister *l, const char *at, const block *b, bool shift)
{
	for (int i = 0; i < b->n; i++) {
		char name[LAYER_NAME];
		const layer *x = &b->layer[i];
		snprintf(name, sizeof name, "%s.%d", at, i);
		if (x->kind == CONV) {
			if (!l->code)
				l->code = table_add_layer(l->t, INIT_UNIFORM, 5, name, x->in, x->out, 3, l->e);
		} else if (x->kind == ATTENTION) {
			list_norm(l, name, "norm", x->in);
			list_layer(l, INIT_UNIFORM, 3, name, "qkv", x->in, 3 * x->in, 1);
			list_layer(l, INIT_ZEROS, 3, name, "proj_out", x->in, x->in, 1);
		} else {
			list_norm(l, name, "in_layers.0", x->in);
			list_layer(l, INIT_UNIFORM, 5, name, "in_layers.2", x->in, x->out, 3);
			list_layer(l, INIT_UNIFORM, 2, name, "emb_layers.1", l->embedding, 2 * x->out, 1);
			if (shift)
				list_layer(l, INIT_UNIFORM, 2, name, "emb_z_layers.1", l->embedding, 2 * x->out, 1);
			list_norm(l, name, "out_layers.0", x->out);
			list_layer(l, INIT_ZEROS, 5, name, "out_layers.3", x->out, x->out, 3);
			if (x->in != x->out)
				list_layer(l, INIT_UNIFORM, 5, name, "skip_connection", x->in, x->out, 1);
		}
	}
}

static const char *const MIDDLE[] = { "middle_block", "shift_middle_block" }, *const OUTPUT[] = { "output_blocks", "shift_output_blocks" },
			 *const OUT[] = { "out", "shift_out" };

/* How the shift branch is shown what the scores that a code tells change about the noise to be expected. */
#define SHIFT_KNOWN "shift_known"

/* The latents' mean and standard deviation, in a latent's shape, and their prior. */
static void list_known(lister *l, const model_config *m, bool shift)
{
	int f = ae_factor(&m->autoencoder);
	const int64_t n[4] = { m->unet.in_channels, m->volume[0] / f, m->volume[1] / f, m->volume[2] / f };
	const int64_t components[4] = { m->diffusion.components * n[0], n[1], n[2], n[3] };
	if (!l->code && m->diffusion.standardised)
		l->code = table_add(l->t, INIT_ZEROS, 0, 4, n, l->e, SCALING_MEAN);
	if (!l->code && m->diffusion.standardised)
		l->code = table_add(l->t, INIT_ONES, 0, 4, n, l->e, SCALING_SD);
	if (!l->code && m->diffusion.components)
		l->code = table_add(l->t, INIT_ZEROS, 0, 4, components, l->e, PRIOR_COMPONENTS);
	if (!l->code && m->diffusion.components)
		l->code = table_add(l->t, INIT_ONES, 0, 4, n, l->e, PRIOR_REST);
	if (!shift || !m->diffusion.components)
		return;
	list_layer(l, INIT_ZEROS, 2, "prior", "scores", m->latent_dim, m->diffusion.components, 1);
	if (!l->code)
		l->code = table_add(l->t, INIT_ONES, 0, 1, (int64_t[]){ m->diffusion.components }, l->e, PRIOR_LEFT);
	if (!l->code)
		l->code = table_add_layer(l->t, INIT_ZEROS, 5, SHIFT_KNOWN, m->unet.in_channels,
					  m->unet.base_channels * m->unet.multipliers[0], 3, l->e);
}

int unet_table(const model_config *m, bool shift, param_table *t, err *e)
{
	const unet_config *u = &m->unet;
	int branches = shift ? 2 : 1;
	lister l = { .t = t, .embedding = 4 * u->base_channels, .e = e };
	char at[LAYER_NAME];
	plan p;
	plan_make(m, &p);
	list_layer(&l, INIT_UNIFORM, 2, "time_embed", "0", u->base_channels, l.embedding, 1);
	list_layer(&l, INIT_UNIFORM, 2, "time_embed", "2", l.embedding, l.embedding, 1);
	if (shift && !l.code)
		l.code = table_add_layer(t, INIT_UNIFORM, 2, "label_emb", m->latent_dim, l.embedding, 1, e);
	for (int i = 0; i < p.inputs; i++) {
		snprintf(at, sizeof at, "input_blocks.%d", i);
		list_block(&l, at, &p.input[i], false);
	}
	for (int s = 0; s < branches; s++)
		list_block(&l, MIDDLE[s], &p.middle, s);
	for (int s = 0; s < branches; s++)
		for (int i = 0; i < p.outputs; i++) {
			snprintf(at, sizeof at, "%s.%d", OUTPUT[s], i);
			list_block(&l, at, &p.output[i], s);
		}
	for (int s = 0; s < branches; s++) {
		list_norm(&l, OUT[s], "0", u->base_channels * u->multipliers[0]);
		list_layer(&l, INIT_ZEROS, 5, OUT[s], "2", u->base_channels * u->multipliers[0], u->in_channels, 3);
	}
	list_known(&l, m, shift);
	return l.code;
}

/* Output channel `row` of layer NAME becomes input channel `plus` less input channel `minus`; -1: none. */
static void pass_through(params *p, const char *name, int row, int plus, int minus)
{
	char leaf[LAYER_NAME];
	param *w = params_find(p, layer_under(leaf, name, "weight")), *bias = params_find(p, layer_under(leaf, name, "bias"));
	size_t taps = w->count / (size_t)(w->n[0] * w->n[1]), wide = taps * (size_t)w->n[1];
	float *centre = w->v + (size_t)row * wide + taps / 2;
	memset(w->v + (size_t)row * wide, 0, wide * sizeof *w->v);
	if (plus >= 0)
		centre[(size_t)plus * taps] = 1;
	if (minus >= 0)
		centre[(size_t)minus * taps] = -1;
	bias->v[row] = 0;
	param_touch(w);
	param_touch(bias);
}

void unet_begin(const model_config *m, params *p)
{
	int n = m->unet.in_channels, first = m->unet.base_channels * m->unet.multipliers[0];
	char skip[LAYER_NAME];
	plan net;
	plan_make(m, &net);
	if (first < 2 * n || m->diffusion.components)
		return;
	snprintf(skip, sizeof skip, "output_blocks.%d.0.skip_connection", net.outputs - 1);
	int behind = net.output[net.outputs - 1].layer[0].in - first; /* channels of the way up, which lie before those kept */
	for (int k = 0; k < n; k++) {
		pass_through(p, "input_blocks.0.0", k, k, -1);
		pass_through(p, "input_blocks.0.0", n + k, -1, k);
		pass_through(p, skip, k, behind + k, -1);
		pass_through(p, skip, n + k, behind + n + k, -1);
		pass_through(p, "out.2", k, k, n + k);
	}
}

bool unet_is_shift(const char *name)
{
	static const char *const front[] = { "label_emb.",  "shift_middle_block.", "shift_output_blocks.",
					     "shift_out.", SHIFT_KNOWN ".",       PRIOR_SCORES ".", PRIOR_LEFT };
	for (size_t i = 0; i < sizeof front / sizeof *front; i++)
		if (!strncmp(name, front[i], strlen(front[i])))
			return true;
	return false;
}

/* ---- the way through ---- */

/* One pass, or one branch of it. */
typedef struct pass {
	nn *c;
	const unet_config *u;
	const params *p;
	tensor *time, *code; /* embeddings [b,1,1,1,4*base]; code NULL: no second modulation */
	bool places; /* does the shift branch learn where a voxel lies? */
	unet_dropout *drop;
	const void *of;
	tensor *known; /* what the prior says of the noise; NULL: nothing */
	tensor *told; /* what the scores that a code tells add to G; NULL: nothing */
} pass;

static const conv_spec AROUND = { .pad_low = 1, .pad_high = 1 };

/* affine, then the scale and shift that layer "AT.LEAF" makes of SiLU(embedding). Takes over affine. */
static tensor *modulate(const pass *q, const char *at, const char *leaf, tensor *embedding, tensor *affine)
{
	char name[LAYER_NAME];
	tensor *by = layer_conv(q->c, q->p, layer_under(name, at, leaf), embedding, (conv_spec){ .act = ACT_SILU });
	tensor *out = nn_modulate(q->c, affine, by);
	nn_drop(q->c, by);
	nn_drop(q->c, affine);
	return out;
}

/* The first convolution behind norm and SiLU, on the grid that the block leaves behind; *x, the input, comes to that grid too. */
static tensor *first_half(const pass *q, const char *at, enum how how, tensor **x)
{
	char name[LAYER_NAME];
	conv_spec s = AROUND;
	tensor *affine = layer_group_norm(q->c, q->p, layer_under(name, at, "in_layers.0"), *x, q->u->groups, EPS), *from, *other = NULL;
	if (how == DOWN) {
		from = nn_mean_pool(q->c, *x, affine, ACT_SILU, HALF);
		other = nn_mean_pool(q->c, *x, NULL, ACT_NONE, HALF);
	} else {
		from = nn_keep(*x);
		s.affine = affine;
		s.act = ACT_SILU;
	}
	if (how == UP) {
		memcpy(s.up, HALF, sizeof s.up);
		other = nn_upsample(q->c, *x, HALF);
	}
	tensor *h = layer_conv(q->c, q->p, layer_under(name, at, "in_layers.2"), from, s);
	nn_drop(q->c, affine);
	nn_drop(q->c, from);
	if (how != SAME) {
		nn_drop(q->c, *x);
		*x = other;
	}
	return h;
}

/* Takes over x. */
static tensor *residual(const pass *q, const char *at, const layer *l, tensor *x)
{
	char name[LAYER_NAME];
	tensor *h = first_half(q, at, l->how, &x);
	tensor *affine = layer_group_norm(q->c, q->p, layer_under(name, at, "out_layers.0"), h, q->u->groups, EPS);
	affine = modulate(q, at, "emb_layers.1", q->time, affine);
	if (q->code)
		affine = modulate(q, at, "emb_z_layers.1", q->code, affine);
	conv_spec s = AROUND;
	if (q->drop) {
		const dropout d = q->drop(q->of, at);
		tensor *left = nn_dropout(q->c, h, affine, ACT_SILU, &d);
		nn_drop(q->c, h);
		h = left;
	} else {
		s.affine = affine;
		s.act = ACT_SILU;
	}
	if (l->in != l->out)
		x = layer_conv(q->c, q->p, layer_under(name, at, "skip_connection"), x, (conv_spec){ .takes_x = true });
	s.add = x;
	tensor *out = layer_conv(q->c, q->p, layer_under(name, at, "out_layers.3"), h, s);
	nn_drop(q->c, affine);
	nn_drop(q->c, h);
	return out;
}

/* Takes over x. */
static tensor *attention(const pass *q, const char *at, int channels, tensor *x)
{
	char name[LAYER_NAME];
	int width = channels / q->u->heads;
	tensor *affine = layer_group_norm(q->c, q->p, layer_under(name, at, "norm"), x, q->u->groups, EPS);
	tensor *qkv = layer_conv(q->c, q->p, layer_under(name, at, "qkv"), x, (conv_spec){ .affine = affine });
	/* the rows of qkv: q, k and v of the first head, then of the second .. */
	const attention_spec s = { .q = { qkv, 0, 3 * width },
				   .k = { qkv, width, 3 * width },
				   .v = { qkv, 2 * width, 3 * width },
				   .heads = q->u->heads,
				   .width = width };
	tensor *h = nn_attention(q->c, &s);
	nn_drop(q->c, affine);
	nn_drop(q->c, qkv);
	tensor *out = layer_conv(q->c, q->p, layer_under(name, at, "proj_out"), h, (conv_spec){ .add = x });
	nn_drop(q->c, h);
	return out;
}

/* Takes over x. */
static tensor *run_block(const pass *q, const char *at, const block *b, tensor *x)
{
	for (int i = 0; i < b->n; i++) {
		char name[LAYER_NAME];
		const layer *l = &b->layer[i];
		snprintf(name, sizeof name, "%s.%d", at, i);
		if (l->kind == RES) {
			x = residual(q, name, l, x);
		} else if (l->kind == ATTENTION) {
			x = attention(q, name, l->in, x);
		} else {
			tensor *y = layer_conv(q->c, q->p, name, x, AROUND);
			nn_drop(q->c, x);
			x = y;
		}
	}
	return x;
}

/* Takes over h. */
static tensor *add_places(const pass *q, tensor *h)
{
	tensor *out = nn_add_places(q->c, h);
	nn_drop(q->c, h);
	return out;
}

/* From the lowest output of the way down, h, through middle and way up; kept [inputs]: all outputs of the way down. */
static tensor *way_up(const pass *q, const plan *p, bool shift, tensor *h, tensor *const *kept)
{
	char at[LAYER_NAME];
	const bool places = shift && q->places;
	h = nn_keep(h);
	if (places)
		h = add_places(q, h);
	h = run_block(q, MIDDLE[shift], &p->middle, h);
	for (int i = 0; i < p->outputs; i++) {
		if (places && i && i % (q->u->res_blocks + 1) == 0) /* a level's first */
			h = add_places(q, h);
		tensor *beside = nn_keep(kept[p->inputs - 1 - i]);
		if (shift && q->told && i == p->outputs - 1)
			beside = layer_conv(q->c, q->p, SHIFT_KNOWN, q->told, (conv_spec){ .pad_low = 1, .pad_high = 1, .add = beside });
		tensor *both = nn_concat(q->c, h, beside);
		nn_drop(q->c, h);
		nn_drop(q->c, beside);
		snprintf(at, sizeof at, "%s.%d", OUTPUT[shift], i);
		h = run_block(q, at, &p->output[i], both);
	}
	conv_spec s = AROUND;
	s.act = ACT_SILU;
	if (shift ? q->told != NULL : q->known != NULL)
		s.add = nn_keep(shift ? q->told : q->known);
	s.affine = layer_group_norm(q->c, q->p, layer_under(at, OUT[shift], "0"), h, q->u->groups, EPS);
	tensor *out = layer_conv(q->c, q->p, layer_under(at, OUT[shift], "2"), h, s);
	nn_drop(q->c, s.affine);
	nn_drop(q->c, h);
	return out;
}

static tensor *embed_time(const pass *q, const double *t, int n)
{
	tensor *wave = nn_time_embedding(q->c, t, n, q->u->base_channels);
	tensor *h = layer_conv(q->c, q->p, "time_embed.0", wave, (conv_spec){ 0 });
	tensor *out = layer_conv(q->c, q->p, "time_embed.2", h, (conv_spec){ .act = ACT_SILU });
	nn_drop(q->c, wave);
	nn_drop(q->c, h);
	return out;
}

/* What the prior says of the noise in call->x; NULL for a network without. */
static tensor *known_noise(nn *c, const model_config *m, const unet_call *call)
{
	if (!m->diffusion.components)
		return NULL;
	if (nn_planning(c))
		return nn_tensor(c, call->x->s);
	return call->prior ? nn_expected_noise(c, call->prior, call->x, call->t, NULL)
			   : nn_fail(c, ERR_BUG, "a network with a prior is run without it");
}

/* What the scores that a code tells add to G: with them the noise to be expected is another, and G is what is taken away from the noise,
 * over sqrt(1-a_t). NULL for a network without a prior. */
static tensor *told_noise(const pass *q, const model_config *m, const unet_call *call)
{
	if (!m->diffusion.components)
		return NULL;
	double over[call->x->s.b];
	for (int b = 0; b < call->x->s.b; b++)
		over[b] = call->t && call->prior ? 1 / gaussian_noise(call->prior, call->t[b]) : 1;
	tensor *scores = layer_conv(q->c, q->p, PRIOR_SCORES, call->y, (conv_spec){ 0 });
	tensor *expected = nn_planning(q->c) ? nn_tensor(q->c, call->x->s) : nn_expected_noise(q->c, call->prior, call->x, call->t, scores);
	tensor *out = nn_difference(q->c, q->known, expected, over);
	nn_drop(q->c, scores);
	nn_drop(q->c, expected);
	return out;
}

tensor *unet_predict(nn *c, const model_config *m, const params *p, const unet_call *call, tensor **g)
{
	if (!call->x)
		return NULL;
	pass q = { .c = c, .u = &m->unet, .p = p, .places = m->diffusion.shift_places, .of = call->of };
	tensor *kept[MOST_BLOCKS] = { 0 };
	plan net;
	plan_make(m, &net);
	q.drop = call->y ? NULL : call->drop;
	q.time = embed_time(&q, call->t, call->x->s.b);
	q.known = known_noise(c, m, call);
	tensor *h = m->diffusion.components ? nn_concat(c, call->x, q.known) : nn_keep(call->x), *first = h;
	for (int i = 0; i < net.inputs; i++) {
		char at[LAYER_NAME];
		snprintf(at, sizeof at, "input_blocks.%d", i);
		h = run_block(&q, at, &net.input[i], nn_keep(h));
		if (i == 0 && m->diffusion.places)
			h = add_places(&q, h);
		kept[i] = h;
	}
	nn_drop(c, first);
	tensor *epsilon = way_up(&q, &net, false, h, kept);
	if (call->y) {
		q.code = layer_conv(c, p, "label_emb", call->y, (conv_spec){ 0 });
		q.drop = call->drop;
		q.told = told_noise(&q, m, call);
		*g = way_up(&q, &net, true, h, kept);
	}
	for (int i = 0; i < net.inputs; i++)
		nn_drop(c, kept[i]);
	nn_drop(c, q.time);
	nn_drop(c, q.code);
	nn_drop(c, q.known);
	nn_drop(c, q.told);
	return epsilon;
}
