#include "model/autoencoder.h"

#include <stdio.h>

#include "model/layer.h"
#include "nn/blocks.h"

static const double EPS = 1e-6;

enum kind { CONV, RES, DOWN, UP, NORM };

typedef struct block {
	enum kind kind;
	int in, out;
} block;

/* A convolution, every level's residual blocks and resampling but the last's, norm and convolution. */
enum { MOST_BLOCKS = CONFIG_MAX_LEVELS * (CONFIG_MAX_RES_BLOCKS + 1) + 2 };

/* One side as the state dict numbers its blocks: a convolution, for each level its residual blocks and (but for the last level)
 * a resampling, then norm and convolution. Returns their number. */
static int plan(const ae_config *a, bool decoder, block out[MOST_BLOCKS])
{
	int voxels = a->image_channels * a->patch * a->patch * a->patch;
	int n = 0, first = decoder ? a->latent_channels : voxels, last = decoder ? voxels : a->latent_channels;
	int c = a->channels[decoder ? a->levels - 1 : 0];
	out[n++] = (block){ CONV, first, c };
	for (int i = 0; i < a->levels; i++) {
		int level = a->channels[decoder ? a->levels - 1 - i : i];
		for (int r = 0; r < a->res_blocks; r++) {
			out[n++] = (block){ RES, c, level };
			c = level;
		}
		if (i + 1 < a->levels)
			out[n++] = (block){ decoder ? UP : DOWN, c, c };
	}
	out[n++] = (block){ NORM, c, c };
	out[n++] = (block){ CONV, c, last };
	return n;
}

/* How layers begin whose results are added to what the components say: with nothing. */
static enum init_rule what_is_added(const ae_config *a) { return a->anchored ? INIT_ZEROS : INIT_UNIFORM; }

static int add_side(param_table *t, const ae_config *a, bool decoder, err *e)
{
	block b[MOST_BLOCKS];
	int n = plan(a, decoder, b), code = 0;
	for (int i = 0; !code && i < n; i++) {
		char at[64], name[96];
		snprintf(at, sizeof at, "%s.blocks.%d", decoder ? "decoder" : "encoder", i);
		if (b[i].kind == NORM) {
			code = table_add_norm(t, at, b[i].in, e);
		} else if (b[i].kind != RES) {
			snprintf(name, sizeof name, "%s.conv%s", at, b[i].kind == CONV ? "" : ".conv");
			code = table_add_layer(t, decoder && i == n - 1 ? what_is_added(a) : INIT_UNIFORM, 5, name, b[i].in, b[i].out, 3,
					       e);
		} else {
			for (int k = 1; !code && k <= 2; k++) {
				int in = k == 1 ? b[i].in : b[i].out;
				snprintf(name, sizeof name, "%s.norm%d", at, k);
				code = table_add_norm(t, name, in, e);
				snprintf(name, sizeof name, "%s.conv%d.conv", at, k);
				if (!code)
					code = table_add_layer(t, INIT_UNIFORM, 5, name, in, b[i].out, 3, e);
			}
			snprintf(name, sizeof name, "%s.nin_shortcut.conv", at);
			if (!code && b[i].in != b[i].out)
				code = table_add_layer(t, INIT_UNIFORM, 5, name, b[i].in, b[i].out, 1, e);
		}
	}
	return code;
}

int autoencoder_table(const ae_config *a, param_table *t, err *e)
{
	int code = add_side(t, a, false, e), l = a->latent_channels;
	if (!code)
		code = add_side(t, a, true, e);
	if (!code)
		code = table_add_layer(t, what_is_added(a), 5, "quant_conv_mu.conv", l, l, 1, e);
	if (!code)
		code = table_add_layer(t, what_is_added(a), 5, "quant_conv_log_sigma.conv", l, l, 1, e);
	if (!code)
		code = table_add_layer(t, INIT_UNIFORM, 5, "post_quant_conv.conv", l, l, 1, e);
	if (code || !a->anchored)
		return code;
	const int64_t voxels = autoencoder_block(a);
	code = table_add(t, INIT_ZEROS, 0, 2, (int64_t[]){ l, voxels }, e, "%s.weight", AUTOENCODER_ENCODE);
	return code ? code : table_add(t, INIT_ZEROS, 0, 2, (int64_t[]){ voxels, l }, e, "%s.weight", AUTOENCODER_DECODE);
}

int64_t autoencoder_block(const ae_config *a)
{
	const int64_t f = ae_factor(a);
	return f * f * f * a->image_channels;
}

static const conv_spec SAME = { .pad_low = 1, .pad_high = 1 };

/* x + conv2(SiLU(norm2(conv1(SiLU(norm1(x)))))), x through a 1x1x1 convolution where channels change. Takes over x. */
static tensor *residual(nn *c, const ae_config *a, const params *p, const char *at, bool same, tensor *x)
{
	char name[LAYER_NAME];
	conv_spec s = SAME;
	s.act = ACT_SILU;
	s.affine = layer_group_norm(c, p, layer_under(name, at, "norm1"), x, a->groups, EPS);
	tensor *h = layer_conv(c, p, layer_under(name, at, "conv1.conv"), x, s);
	nn_drop(c, s.affine);
	if (!same)
		x = layer_conv(c, p, layer_under(name, at, "nin_shortcut.conv"), x, (conv_spec){ .takes_x = true });
	s.affine = layer_group_norm(c, p, layer_under(name, at, "norm2"), h, a->groups, EPS);
	s.add = x;
	tensor *out = layer_conv(c, p, layer_under(name, at, "conv2.conv"), h, s);
	nn_drop(c, s.affine);
	nn_drop(c, h);
	return out;
}

/* One side of the network, plus `add` (NULL: nothing). Takes over x and add. */
static tensor *side(nn *c, const ae_config *a, const params *p, bool decoder, tensor *x, tensor *add)
{
	block b[MOST_BLOCKS];
	int n = plan(a, decoder, b);
	tensor *affine = NULL; /* the last norm, waiting for its convolution: no activation between them */
	for (int i = 0; i < n; i++) {
		char at[64], name[LAYER_NAME];
		snprintf(at, sizeof at, "%s.blocks.%d", decoder ? "decoder" : "encoder", i);
		if (b[i].kind == RES) {
			x = residual(c, a, p, at, b[i].in == b[i].out, x);
			continue;
		}
		if (b[i].kind == NORM) {
			affine = layer_group_norm(c, p, at, x, a->groups, EPS);
			continue;
		}
		conv_spec s = SAME;
		s.affine = affine;
		if (b[i].kind == DOWN) /* one layer of zeros behind each axis, none in front */
			s = (conv_spec){ .stride = 2, .pad_high = 1 };
		if (b[i].kind == UP)
			s.up[0] = s.up[1] = s.up[2] = 2;
		if (i == n - 1)
			s.add = add;
		tensor *y = layer_conv(c, p, layer_under(name, at, b[i].kind == CONV ? "conv" : "conv.conv"), x, s);
		nn_drop(c, x);
		x = y;
	}
	nn_drop(c, affine);
	return x;
}

/* x through nn_to_blocks or nn_from_blocks. Takes over x, and gives it back where blocks are single voxels. */
static tensor *rearrange(nn *c, tensor *(*how)(nn *, tensor *, int), tensor *x, int k)
{
	if (k == 1)
		return x;
	tensor *out = how(c, x, k);
	nn_drop(c, x);
	return out;
}

/* The patches h [b,X/p,Y/p,Z/p,p^3 image] along the components: [b,X/f,Y/f,Z/f,latent]; NULL for a network that has none. */
static tensor *along_components(nn *c, const ae_config *a, const params *p, tensor *h)
{
	if (!a->anchored)
		return NULL;
	tensor *blocks = rearrange(c, nn_to_blocks, nn_keep(h), ae_factor(a) / a->patch);
	tensor *z = layer_conv(c, p, AUTOENCODER_ENCODE, blocks, (conv_spec){ 0 });
	nn_drop(c, blocks);
	return z;
}

/* The patches that latents z are by the components alone; NULL for a network that has none. */
static tensor *from_components(nn *c, const ae_config *a, const params *p, tensor *z)
{
	if (!a->anchored)
		return NULL;
	tensor *blocks = layer_conv(c, p, AUTOENCODER_DECODE, z, (conv_spec){ 0 });
	return rearrange(c, nn_from_blocks, blocks, ae_factor(a) / a->patch);
}

tensor *autoencoder_encode(nn *c, const ae_config *a, const params *p, tensor *x, tensor **log_var)
{
	tensor *patches = rearrange(c, nn_to_blocks, nn_keep(x), a->patch), *anchor = along_components(c, a, p, patches);
	tensor *h = side(c, a, p, false, patches, NULL);
	tensor *mean = layer_conv(c, p, "quant_conv_mu.conv", h, (conv_spec){ .add = anchor });
	if (log_var)
		*log_var = layer_conv(c, p, "quant_conv_log_sigma.conv", h, (conv_spec){ 0 });
	nn_drop(c, h);
	return mean;
}

tensor *autoencoder_decode(nn *c, const ae_config *a, const params *p, tensor *z)
{
	tensor *anchor = from_components(c, a, p, z);
	tensor *h = layer_conv(c, p, "post_quant_conv.conv", z, (conv_spec){ 0 });
	return rearrange(c, nn_from_blocks, side(c, a, p, true, h, anchor), a->patch);
}
