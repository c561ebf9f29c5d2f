/* The second half of a ConvNeXt block (Liu et al. 2022, figure 4), behind its depthwise convolution: layer norm, linear C -> H, GELU,
 * linear H -> C, layer scale, stochastic depth, residual. One layer, so that the H channels exist for some rows at a time only: no memory
 * holds them from the way there to the way back. */
#ifndef NN_CONVNEXT_H
#define NN_CONVNEXT_H

#include "nn/graph.h"

typedef struct convnext_spec {
	int wide; /* H */
	double eps; /* of the layer norm */
	double rate; /* of stochastic depth, in [0,1): how often a map loses its branch in runs that draw numbers */
	const char *use; /* what those are drawn for (graph_random), behind the names that are entered; map x of volume b is b*X + x */
} convnext_spec;

/* x + scale (narrow GELU(widen norm(d))), GELU with the exact distribution function. x, d [b,X,Y,Z,C]. In runs that draw numbers each map's
 * branch is dropped at the rate, or else multiplied by 1/(1-rate) (Huang et al. 2016). Parameters as torchvision names them: AT.layer_scale
 * [C,1,1], ones at first; of the norm AT.block.2.weight and .bias [C]; of the linear maps AT.block.3.weight [H,C] and .bias [H],
 * AT.block.5.weight [C,H] and .bias [C], weights by INIT_NORMAL, biases zeros. ERR_BUG for d and x of different shapes, or another rate. */
layer *convnext(graph *g, layer *d, layer *x, const convnext_spec *s, const char *at);

#endif
