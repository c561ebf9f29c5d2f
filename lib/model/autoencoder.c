#include "model/autoencoder.h"

#include "nn/blocks.h"
#include "nn/conv/conv.h"
#include "nn/norm.h"

static const double EPS = 1e-6;

static const conv_spec AROUND = { .k = 3, .pad_low = 1, .pad_high = 1 };
static const conv_spec DOWN = { .k = 3, .stride = 2, .pad_high = 1 }; /* one layer of zeros behind each axis, none in front */
static const conv_spec UP = { .k = 3, .pad_low = 1, .pad_high = 1, .up = { 2, 2, 2 } };

static layer *conv_to(graph *g, layer *x, int channels, conv_spec s, const char *at)
{
	s.out = channels;
	return conv(g, x, &s, at);
}

/* x + conv2(SiLU(norm2(conv1(SiLU(norm1(x)))))), x through a 1x1x1 convolution where channels change. */
static layer *residual(graph *g, const ae_config *a, layer *x, int channels)
{
	conv_spec s = AROUND;
	s.act = ACT_SILU;
	s.norm = group_norm(g, x, a->groups, EPS, "norm1");
	layer *h = conv_to(g, x, channels, s, "conv1.conv");
	s.norm = group_norm(g, h, a->groups, EPS, "norm2");
	s.out = channels;
	conv_parameters(g, channels, &s, "conv2.conv");
	s.add = graph_shape(x).c == channels ? x : conv_to(g, x, channels, (conv_spec){ 0 }, "nin_shortcut.conv");
	return conv_to(g, h, channels, s, "conv2.conv");
}

/* How layers begin whose results are added to what the components say: with nothing. */
static enum init_rule what_is_added(const ae_config *a) { return a->anchored ? INIT_ZEROS : INIT_UNIFORM; }

/* The next block of a side, as the state dict numbers them: names of layers are its own until the one after. */
static void next(graph *g, const char *side, int *block)
{
	if (*block)
		graph_leave(g);
	graph_enter(g, "%s.blocks.%d", side, (*block)++);
}

/* One side: a convolution, for each level its residual blocks and (but for the last level) a resampling, then norm and convolution with no
 * activation between them. `add` is added to the result; NULL: nothing. */
static layer *side(graph *g, const ae_config *a, bool decoder, layer *h, int out, layer *add)
{
	const char *name = decoder ? "decoder" : "encoder";
	conv_spec last = AROUND;
	int block = 0;
	next(g, name, &block);
	h = conv_to(g, h, a->channels[decoder ? a->levels - 1 : 0], AROUND, "conv");
	for (int i = 0; i < a->levels; i++) {
		const int channels = a->channels[decoder ? a->levels - 1 - i : i];
		for (int r = 0; r < a->res_blocks; r++) {
			next(g, name, &block);
			h = residual(g, a, h, channels);
		}
		if (i + 1 < a->levels) {
			next(g, name, &block);
			h = conv_to(g, h, channels, decoder ? UP : DOWN, "conv.conv");
		}
	}
	next(g, name, &block);
	last.norm = group_norm(g, h, a->groups, EPS, "");
	last.add = add;
	last.begins = decoder ? what_is_added(a) : INIT_UNIFORM;
	next(g, name, &block);
	h = conv_to(g, h, out, last, "conv");
	graph_leave(g);
	return h;
}

static int patch_numbers(const ae_config *a) { return a->image_channels * a->patch * a->patch * a->patch; }

int64_t autoencoder_block(const ae_config *a)
{
	const int64_t f = ae_factor(a);
	return f * f * f * a->image_channels;
}

/* A matrix of components, which is learned otherwise. */
static layer *components(graph *g, layer *x, int out, const char *at)
{
	return conv(g, x, &(conv_spec){ .out = out, .rank = 2, .begins = INIT_ZEROS, .no_bias = true }, at);
}

layer *autoencoder_encode(graph *g, const ae_config *a, layer *x, layer **log_var)
{
	const int l = a->latent_channels;
	const conv_spec single = { .begins = what_is_added(a) };
	layer *patches = to_blocks(g, x, a->patch), *anchor = NULL;
	if (a->anchored)
		anchor = components(g, to_blocks(g, patches, ae_factor(a) / a->patch), l, AUTOENCODER_ENCODE);
	layer *h = side(g, a, false, patches, l, NULL);
	if (log_var)
		*log_var = conv_to(g, h, l, single, "quant_conv_log_sigma.conv");
	conv_spec mean = single;
	mean.add = anchor;
	return conv_to(g, h, l, mean, "quant_conv_mu.conv");
}

layer *autoencoder_decode(graph *g, const ae_config *a, layer *z)
{
	layer *anchor = NULL;
	if (a->anchored)
		anchor = from_blocks(g, components(g, z, (int)autoencoder_block(a), AUTOENCODER_DECODE), ae_factor(a) / a->patch);
	layer *h = conv_to(g, z, a->latent_channels, (conv_spec){ 0 }, "post_quant_conv.conv");
	return from_blocks(g, side(g, a, true, h, patch_numbers(a), anchor), a->patch);
}

/* The authors' state dict names both sides before what is between them. */
static const char *const ORDER[] = { "encoder.", "decoder.", "quant_conv_mu.", "quant_conv_log_sigma.", "post_quant_conv.", NULL };

int autoencoder_table(const ae_config *a, param_table *t, err *e)
{
	const int f = ae_factor(a);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	if (!g)
		return err_set(e, ERR_OS, "no memory for a network");
	layer *log_var, *x = graph_input(g, (shape){ 1, 4 * f, 4 * f, 4 * f, a->image_channels });
	autoencoder_decode(g, a, autoencoder_encode(g, a, x, &log_var));
	const int code = graph_take_table(g, t, e);
	graph_free(g);
	return code ? code : table_order(t, ORDER, e);
}
