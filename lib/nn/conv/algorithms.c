#include "nn/conv/algorithm.h"

#include "nn/resample.h"

/* The fastest first, where it fits; the last does everything. */
static const conv_algorithm *const algorithms[] = { &conv_axis, &conv_blocks, &conv_bricks, &conv_tiles };

const conv_algorithm *conv_choose(const conv_shape *conv)
{
	const conv_algorithm *const *a = algorithms;
	while (!(*a)->fits(conv))
		a++;
	return *a;
}

int conv_taps(const conv_shape *conv) { return conv->k[0] * conv->k[1] * conv->k[2]; }

bool conv_is_cube(const conv_shape *conv) { return conv->k[0] == 3 && conv->k[1] == 3 && conv->k[2] == 3; }

conv_shape conv_transposed(const conv_shape *conv)
{
	return (conv_shape){
		.in = conv->out,
		.up = { 1, 1, 1 },
		.virt = { conv->out.x, conv->out.y, conv->out.z },
		.out = { conv->in.b, conv->virt[0], conv->virt[1], conv->virt[2], conv->in.c },
		.k = { 3, 3, 3 },
		.stride = 1,
		.pad = 2 - conv->pad,
		.volumes = conv->volumes,
	};
}

static size_t copies(const conv_shape *conv) { return (size_t)(conv->up[0] * conv->up[1] * conv->up[2]); }

float *conv_take_virtual(nn *c, const conv_shape *conv, float *d)
{
	return copies(conv) == 1 ? d : nn_take(c, shape_count(conv->in) * copies(conv));
}

void conv_sum_virtual(nn *c, const conv_shape *conv, float *virt, float *d)
{
	if (copies(conv) == 1)
		return;
	if (nn_ok(c) && d)
		nn_sum_copies(c, conv->in, conv->up, virt, d, true);
	nn_give(c, virt, shape_count(conv->in) * copies(conv));
}
