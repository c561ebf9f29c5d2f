#include "model/discriminator.h"

#include <stdio.h>

#include "model/layer.h"
#include "nn/norm.h"

enum { KERNEL = 4 };

static int add_conv(param_table *t, const char *name, int in, int out, bool bias, err *e)
{
	int code = table_add(t, INIT_NORMAL, 0, 5, (int64_t[]){ out, in, KERNEL, KERNEL, KERNEL }, e, "%s.conv.weight", name);
	if (!code && bias)
		code = table_add(t, INIT_UNIFORM, (int64_t)in * KERNEL * KERNEL * KERNEL, 1, (int64_t[]){ out }, e, "%s.conv.bias", name);
	return code;
}

int discriminator_table(const disc_config *d, int image_channels, param_table *t, err *e)
{
	int ch = d->channels, code = add_conv(t, "initial_conv", image_channels, ch, true, e);
	for (int i = 0; !code && i < d->layers; i++, ch *= 2) {
		char name[32];
		snprintf(name, sizeof name, "%d", i);
		code = add_conv(t, name, ch, 2 * ch, false, e);
		static const struct {
			const char *leaf;
			enum init_rule rule;
		} vector[] = {
			{ "weight", INIT_GAIN }, { "bias", INIT_ZEROS }, { "running_mean", INIT_ZEROS }, { "running_var", INIT_ONES }
		};
		for (int k = 0; !code && k < 4; k++)
			code = table_add(t, vector[k].rule, 0, 1, (int64_t[]){ 2 * ch }, e, "%s.adn.N.%s", name, vector[k].leaf);
		if (!code)
			code = table_add(t, INIT_COUNTER, 0, 0, NULL, e, "%s.adn.N.num_batches_tracked", name);
	}
	return code ? code : add_conv(t, "final_conv", ch, image_channels, true, e);
}

tensor *discriminator_judge(nn *c, const disc_config *d, const params *p, tensor *x, bool training)
{
	tensor *affine = NULL;
	conv_spec s = { .pad_low = 1, .pad_high = 1 };
	x = nn_keep(x);
	for (int i = -1; i <= d->layers; i++) {
		char at[32], name[LAYER_NAME];
		snprintf(at, sizeof at, i < 0 ? "initial_conv" : i == d->layers ? "final_conv" : "%d", i);
		snprintf(name, sizeof name, "%s.conv", at);
		s.stride = i < d->layers - 1 ? 2 : 1;
		s.affine = affine;
		s.act = i < 0 ? ACT_NONE : ACT_LEAKY;
		tensor *y = layer_conv(c, p, name, x, s);
		nn_drop(c, affine);
		nn_drop(c, x);
		x = y;
		affine = NULL;
		if (i < 0 || i == d->layers)
			continue;
		batch_norm n = { .gamma = layer_param(c, p, at, "adn.N.weight"), .beta = layer_param(c, p, at, "adn.N.bias"),
				 .mean = layer_param(c, p, at, "adn.N.running_mean"), .var = layer_param(c, p, at, "adn.N.running_var"),
				 .steps = layer_param(c, p, at, "adn.N.num_batches_tracked"), .eps = 1e-5, .momentum = 0.1 };
		if (n.gamma && n.beta && n.mean && n.var && n.steps)
			affine = nn_batch_norm(c, x, &n, training);
	}
	return x;
}
