#include "model/unet.h"

#include <stdio.h>
#include <string.h>

#include "model/scaling.h"
#include "nn/attention.h"
#include "nn/combine.h"
#include "nn/conv/conv.h"
#include "nn/dropout.h"
#include "nn/norm.h"
#include "nn/resample.h"

static const double EPS = 1e-5;
static const int HALF[3] = { 1, 2, 2 }; /* of Y and Z */

enum { MOST_KEPT = CONFIG_MAX_LEVELS * (CONFIG_MAX_RES_BLOCKS + 1), NAME = 64 };

/* How the shift branch is shown what the scores that a code tells change about the noise to be expected. */
#define SHIFT_KNOWN "shift_known"

/* The network while it is described. */
typedef struct unet {
	graph *g;
	const unet_config *u;
	layer *time, *code; /* embeddings [b,1,1,1,4*base]; code NULL: no second modulation */
	double dropout;
	layer *kept[MOST_KEPT]; /* what the way down leaves for the way up */
	int n_kept;
} unet;

enum how { SAME, DOWN, UP };

static layer *linear(graph *g, layer *x, int out, enum act act, const char *at)
{
	return conv(g, x, &(conv_spec){ .out = out, .rank = 2, .act = act }, at);
}

/* From codes to scores, which begin as zeros. */
static layer *linear_from_zero(graph *g, layer *x, int out, const char *at)
{
	return conv(g, x, &(conv_spec){ .out = out, .rank = 2, .begins = INIT_ZEROS }, at);
}

/* ---- blocks ---- */

/* The scale and shift of so many channels that layer "LEAF" makes of SiLU(embedding). */
static layer *scale_and_shift(unet *n, layer *embedding, int channels, const char *leaf)
{
	return linear(n->g, embedding, 2 * channels, ACT_SILU, leaf);
}

/* x + conv(SiLU(modulated norm(conv(SiLU(norm(x)))))), on half or twice the grid if wished; x through a 1x1x1 convolution where channels
 * change. */
static layer *residual(unet *n, layer *x, int channels, enum how how)
{
	graph *g = n->g;
	const conv_spec around = { .out = channels, .k = 3, .pad_low = 1, .pad_high = 1 };
	layer *norm = group_norm(g, x, n->u->groups, EPS, "in_layers.0"), *h = x;
	conv_spec first = around, second = around;
	if (how == DOWN) {
		h = mean_pool(g, x, norm, ACT_SILU, HALF);
		x = mean_pool(g, x, NULL, ACT_NONE, HALF);
	} else {
		first.norm = norm;
		first.act = ACT_SILU;
	}
	if (how == UP) {
		memcpy(first.up, HALF, sizeof first.up);
		x = upsample(g, x, HALF);
	}
	h = conv(g, h, &first, "in_layers.2");
	layer *by_time = scale_and_shift(n, n->time, channels, "emb_layers.1");
	layer *by_code = n->code ? scale_and_shift(n, n->code, channels, "emb_z_layers.1") : NULL;
	norm = modulate(g, group_norm(g, h, n->u->groups, EPS, "out_layers.0"), by_time);
	if (by_code)
		norm = modulate(g, norm, by_code);
	if (n->dropout > 0) {
		h = dropout(g, h, norm, ACT_SILU, n->dropout, "");
	} else {
		second.norm = norm;
		second.act = ACT_SILU;
	}
	second.begins = INIT_ZEROS;
	conv_parameters(g, channels, &second, "out_layers.3");
	second.add = graph_shape(x).c == channels ? x : conv(g, x, &(conv_spec){ .out = channels }, "skip_connection");
	return conv(g, h, &second, "out_layers.3");
}

/* x + the attention of every voxel to every other. The rows of qkv: q, k and v of the first head, then of the second .. */
static layer *attention_block(unet *n, layer *x)
{
	const int channels = graph_shape(x).c, width = channels / n->u->heads;
	conv_spec s = { .out = 3 * channels, .rank = 3, .norm = group_norm(n->g, x, n->u->groups, EPS, "norm") };
	layer *qkv = conv(n->g, x, &s, "qkv");
	layer *h = attention(n->g, &(attention_spec){ .q = { qkv, 0, 3 * width },
						      .k = { qkv, width, 3 * width },
						      .v = { qkv, 2 * width, 3 * width },
						      .heads = n->u->heads,
						      .width = width });
	return conv(n->g, h, &(conv_spec){ .out = channels, .rank = 3, .add = x, .begins = INIT_ZEROS }, "proj_out");
}

/* Part number `part` of the block that is entered. */
static layer *residual_part(unet *n, int part, layer *x, int channels, enum how how)
{
	graph_enter(n->g, "%d", part);
	layer *h = residual(n, x, channels, how);
	graph_leave(n->g);
	return h;
}

static layer *attention_part_of(unet *n, int part, layer *x)
{
	graph_enter(n->g, "%d", part);
	layer *h = attention_block(n, x);
	graph_leave(n->g);
	return h;
}

static bool attends(const unet_config *u, int factor)
{
	for (int i = 0; i < u->attentions; i++)
		if (u->attention_at[i] == factor)
			return true;
	return false;
}

/* ---- down ---- */

static layer *keep(unet *n, layer *h) { return n->kept[n->n_kept++] = h; }

/* From x to the lowest level. places: a code of each voxel's place is added behind the first convolution. */
static layer *way_down(unet *n, layer *x, bool places)
{
	const unet_config *u = n->u;
	graph *g = n->g;
	layer *h = conv(g, x, &(conv_spec){ .out = u->base_channels * u->multipliers[0], .k = 3, .pad_low = 1, .pad_high = 1 },
			"input_blocks.0.0");
	keep(n, h = places ? add_places(g, h) : h);
	for (int level = 0; level < u->levels; level++) {
		const int channels = u->base_channels * u->multipliers[level];
		for (int r = 0; r < u->res_blocks; r++) {
			graph_enter(g, "input_blocks.%d", n->n_kept);
			h = residual_part(n, 0, h, channels, SAME);
			if (attends(u, 1 << level))
				h = attention_part_of(n, 1, h);
			graph_leave(g);
			keep(n, h);
		}
		if (level + 1 == u->levels)
			break;
		graph_enter(g, "input_blocks.%d", n->n_kept);
		keep(n, h = residual_part(n, 0, h, channels, DOWN));
		graph_leave(g);
	}
	return h;
}

/* ---- middle, and up ---- */

/* One of the two ways up: how its names begin, what it is shown besides. */
typedef struct branch {
	const char *middle, *output, *out;
	bool places; /* is the place of each voxel added at every level? */
	layer *known; /* what the prior says of its result, which is added to it; NULL: nothing */
	bool shows_known; /* to its last block, too */
} branch;

static layer *middle(unet *n, layer *h, const char *name)
{
	const int channels = graph_shape(h).c;
	graph_enter(n->g, "%s", name);
	h = residual_part(n, 0, h, channels, SAME);
	h = attention_part_of(n, 1, h);
	h = residual_part(n, 2, h, channels, SAME);
	graph_leave(n->g);
	return h;
}

/* What the last block reads beside h: what the first convolution left, and what the prior says. */
static layer *shown(unet *n, layer *kept, const branch *b)
{
	return conv(n->g, b->known,
		    &(conv_spec){ .out = graph_shape(kept).c, .k = 3, .pad_low = 1, .pad_high = 1, .add = kept, .begins = INIT_ZEROS },
		    SHIFT_KNOWN);
}

/* From the lowest level up to noise, beside what the way down has kept. */
static layer *way_up(unet *n, const branch *b, layer *h, int out)
{
	const unet_config *u = n->u;
	graph *g = n->g;
	int left = n->n_kept, block = 0;
	h = middle(n, b->places ? add_places(g, h) : h, b->middle);
	for (int level = u->levels - 1; level >= 0; level--)
		for (int r = 0; r <= u->res_blocks; r++, block++) {
			const bool attention = attends(u, 1 << level);
			layer *beside = n->kept[--left];
			if (b->places && block && r == 0)
				h = add_places(g, h);
			if (b->shows_known && left == 0)
				beside = shown(n, beside, b);
			graph_enter(g, "%s.%d", b->output, block);
			h = residual_part(n, 0, concat(g, h, beside), u->base_channels * u->multipliers[level], SAME);
			if (attention)
				h = attention_part_of(n, 1, h);
			if (level && r == u->res_blocks)
				h = residual_part(n, 1 + attention, h, graph_shape(h).c, UP);
			graph_leave(g);
		}
	graph_enter(g, "%s", b->out);
	conv_spec last = { .out = out, .k = 3, .pad_low = 1, .pad_high = 1, .act = ACT_SILU, .add = b->known, .begins = INIT_ZEROS };
	last.norm = group_norm(g, h, u->groups, EPS, "0");
	h = conv(g, h, &last, "2");
	graph_leave(g);
	return h;
}

/* ---- all of it ---- */

static layer *embed_time(graph *g, const unet_config *u, layer *t)
{
	const int width = 4 * u->base_channels;
	layer *h = linear(g, time_embedding(g, t, u->base_channels), width, ACT_NONE, "time_embed.0");
	return linear(g, h, width, ACT_SILU, "time_embed.2");
}

/* What the prior says of the noise in x; NULL for a network without. Where there is no prior yet, something of its shape. */
static layer *known_noise(graph *g, const model_config *m, const unet_call *call, layer *scores)
{
	if (!m->diffusion.components)
		return NULL;
	return call->prior ? expected_noise(g, call->prior, call->x, call->t, scores) : graph_input(g, graph_shape(call->x));
}

/* What the scores that a code tells add to G: with them the noise to be expected is another, and G is what is taken away from the noise,
 * over sqrt(1-a_t). NULL for a network without a prior. */
static layer *told_noise(graph *g, const model_config *m, const unet_call *call, layer *known)
{
	if (!m->diffusion.components)
		return NULL;
	layer *expected = known_noise(g, m, call, linear_from_zero(g, call->y, m->diffusion.components, PRIOR_SCORES));
	return call->prior ? difference(g, known, expected, inverse_noise(g, call->prior, call->t)) : expected;
}

layer *unet_predict(graph *g, const model_config *m, const unet_call *call, layer **shift)
{
	unet n = { .g = g, .u = &m->unet, .dropout = call->y ? 0 : call->dropout };
	layer *known = known_noise(g, m, call, NULL);
	n.time = embed_time(g, n.u, call->t);
	layer *lowest = way_down(&n, known ? concat(g, call->x, known) : call->x, m->diffusion.places);
	const branch plain = { "middle_block", "output_blocks", "out", .known = known };
	layer *epsilon = way_up(&n, &plain, lowest, m->unet.in_channels);
	if (!call->y)
		return epsilon;
	n.code = linear(g, call->y, 4 * n.u->base_channels, ACT_NONE, "label_emb");
	n.dropout = call->dropout;
	layer *told = told_noise(g, m, call, known);
	const branch shifted = { "shift_middle_block", "shift_output_blocks", "shift_out", m->diffusion.shift_places, told, told != NULL };
	*shift = way_up(&n, &shifted, lowest, m->unet.in_channels);
	return epsilon;
}

/* ---- parameters ---- */

/* The authors' state dict names what embeds first, and of each part that of the U-Net before that of the shift branch. */
static const char *const ORDER[] = {
	"time_embed.", "label_emb.", "input_blocks.", "middle_block.", "shift_middle_block.", "output_blocks.", "shift_output_blocks.",
	"out.", "shift_out.", SCALING_MEAN, SCALING_SD, PRIOR_COMPONENTS, PRIOR_REST, PRIOR_SCORES, PRIOR_LEFT, SHIFT_KNOWN, NULL,
};

/* What a network knows besides its layers: the latents' mean and standard deviation, in a latent's shape, and their prior. */
static void describe_known(graph *g, const model_config *m, bool shift)
{
	const int f = ae_factor(&m->autoencoder), k = m->diffusion.components;
	const int64_t c = m->unet.in_channels, x = m->volume[0] / f, y = m->volume[1] / f, z = m->volume[2] / f;
	const param_entry zeros = { .rank = 4, .n = { c, x, y, z }, .rule = INIT_ZEROS };
	const param_entry ones = { .rank = 4, .n = { c, x, y, z }, .rule = INIT_ONES };
	if (m->diffusion.standardised) {
		graph_parameter(g, zeros, SCALING_MEAN);
		graph_parameter(g, ones, SCALING_SD);
	}
	if (!k)
		return;
	graph_parameter(g, (param_entry){ .rank = 4, .n = { k * c, x, y, z }, .rule = INIT_ZEROS }, PRIOR_COMPONENTS);
	graph_parameter(g, ones, PRIOR_REST);
	if (shift)
		graph_parameter(g, (param_entry){ .rank = 1, .n = { k }, .rule = INIT_ONES }, PRIOR_LEFT);
}

int unet_table(const model_config *m, bool shift, param_table *t, err *e)
{
	const int f = unet_factor(&m->unet);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	if (!g)
		return err_set(e, ERR_OS, "no memory for a network");
	layer *other;
	unet_call call = { .x = graph_input(g, (shape){ 1, 1, f, f, m->unet.in_channels }), .t = graph_input(g, (shape){ 1, 1, 1, 1, 1 }) };
	if (shift)
		call.y = graph_input(g, (shape){ 1, 1, 1, 1, m->latent_dim });
	unet_predict(g, m, &call, &other);
	describe_known(g, m, shift);
	const int code = graph_take_table(g, t, e);
	graph_free(g);
	return code ? code : table_order(t, ORDER, e);
}

/* Output channel `row` of layer NAME becomes input channel `plus` less input channel `minus`; -1: none. */
static void pass_through(params *p, const char *name, int row, int plus, int minus)
{
	char leaf[2 * NAME];
	snprintf(leaf, sizeof leaf, "%s.weight", name);
	param *w = params_find(p, leaf);
	snprintf(leaf, sizeof leaf, "%s.bias", name);
	param *bias = params_find(p, leaf);
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
	char skip[NAME];
	if (first < 2 * n || m->diffusion.components)
		return;
	/* the last block is the highest level's last; channels of the way up lie before those that were kept on the way down */
	snprintf(skip, sizeof skip, "output_blocks.%d.0.skip_connection", m->unet.levels * (m->unet.res_blocks + 1) - 1);
	const int behind = first;
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
	static const char *const front[] = { "label_emb.", "shift_middle_block.", "shift_output_blocks.",
					     "shift_out.", SHIFT_KNOWN ".",	  PRIOR_SCORES ".",
					     PRIOR_LEFT };
	for (size_t i = 0; i < sizeof front / sizeof *front; i++)
		if (!strncmp(name, front[i], strlen(front[i])))
			return true;
	return false;
}
