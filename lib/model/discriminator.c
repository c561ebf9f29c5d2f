#include "model/discriminator.h"

#include "nn/conv/conv.h"
#include "nn/norm.h"

static const double EPS = 1e-5, MOMENTUM = .1;

/* A convolution of 4x4x4 behind what `norm` and `act` make of x. Weights begin as normal numbers, offsets as PyTorch's. */
static layer *patches(graph *g, layer *x, int out, int stride, layer *norm, enum act act, bool bias)
{
	return conv(g, x,
		    &(conv_spec){ .out = out,
				  .k = 4,
				  .stride = stride,
				  .pad_low = 1,
				  .pad_high = 1,
				  .norm = norm,
				  .act = act,
				  .begins = INIT_NORMAL,
				  .bias_begins = INIT_UNIFORM,
				  .no_bias = !bias },
		    "conv");
}

layer *discriminator_judge(graph *g, const disc_config *d, layer *x)
{
	const int image = graph_shape(x).c;
	int channels = d->channels;
	graph_enter(g, "initial_conv");
	layer *h = patches(g, x, channels, 2, NULL, ACT_NONE, true), *norm = NULL;
	graph_leave(g);
	for (int i = 0; i < d->layers; i++) {
		graph_enter(g, "%d", i);
		h = patches(g, h, channels *= 2, i < d->layers - 1 ? 2 : 1, norm, ACT_LEAKY, false);
		norm = batch_norm(g, h, EPS, MOMENTUM, "adn.N");
		graph_leave(g);
	}
	graph_enter(g, "final_conv");
	h = patches(g, h, image, 1, norm, ACT_LEAKY, true);
	graph_leave(g);
	return h;
}

int discriminator_table(const disc_config *d, int image_channels, param_table *t, err *e)
{
	const int n = 8 << d->layers;
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	if (!g)
		return err_set(e, ERR_OS, "no memory for a network");
	discriminator_judge(g, d, graph_input(g, (shape){ 1, n, n, n, image_channels }));
	const int code = graph_take_table(g, t, e);
	graph_free(g);
	return code;
}
