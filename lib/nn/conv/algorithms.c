#include "nn/conv/algorithm.h"

#include <string.h>

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

conv_source conv_input(const conv_shape *conv, const float *v, const float *norm)
{
	conv_source from = { .v = v, .s = conv->in, .affine = norm, .act = conv->act };
	memcpy(from.up, conv->up, sizeof from.up);
	memcpy(from.virt, conv->virt, sizeof from.virt);
	return from;
}

static size_t copies(const conv_shape *conv) { return (size_t)(conv->up[0] * conv->up[1] * conv->up[2]); }

size_t conv_virtual_floats(const conv_shape *conv) { return copies(conv) == 1 ? 0 : shape_count(conv->in) * copies(conv); }

void conv_sum_virtual(const graph *g, const conv_shape *conv, const float *virt, float *d)
{
	if (copies(conv) > 1)
		sum_copies(g, conv->in, conv->up, virt, d, true);
}
