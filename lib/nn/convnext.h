/* The second half of a ConvNeXt block (Liu et al. 2022, figure 4), behind its depthwise convolution: layer norm, linear C -> H, GELU,
 * linear H -> C, layer scale, stochastic depth, residual. One operator, so that the H channels exist for some rows at a time only: neither
 * inference nor the tape holds them. */
#ifndef NN_CONVNEXT_H
#define NN_CONVNEXT_H

#include "nn/nn.h"
#include "nn/param.h"

typedef struct convnext_spec {
	param *gain, *offset; /* [C] of the layer norm */
	param *widen, *widen_bias; /* [H,C], [H] */
	param *narrow, *narrow_bias; /* [C,H], [C] */
	param *scale; /* C numbers */
	double eps; /* of the layer norm */
	const float *keep; /* [b*X]: what the branch of each map is multiplied by; NULL: 1 */
} convnext_spec;

/* x + keep scale (narrow GELU(widen norm(d))), GELU with the exact distribution function. x, d [b,X,Y,Z,C]. x is taken over, its memory
 * reused if nobody else reads it; d remains the caller's. */
tensor *nn_convnext(nn *c, tensor *d, tensor *x, const convnext_spec *s);

#endif
