/* Convolution of 1, 2 or 3 axes with what surrounds it in these networks: normalisation and activation while loading, nearest
 * upsampling while loading, bias and a residual while storing. */
#ifndef NN_CONV_H
#define NN_CONV_H

#include "nn/kernels/kernels.h"
#include "nn/nn.h"
#include "nn/param.h"

typedef struct conv_spec {
	param *weight;		/* [out,in,kx,ky,kz]; rank 4: kx = 1; rank 3 and 2: as 1x1x1 */
	param *bias;		/* [out] or NULL */
	int stride;		/* on every axis longer than one tap; 0 means 1 */
	int pad_low, pad_high;	/* zeros before and behind on every such axis, after activation and upsampling */
	tensor *affine;		/* [b,1,1,1,2*in] scale then shift, applied while loading (see norm.h); NULL: none */
	enum act act;		/* then this */
	int up[3];		/* then nearest upsampling by these factors; 0 means 1 */
	bool takes_x;		/* the caller's reference to x is taken over, its memory reused if it can be */
	tensor *add;		/* added to the result; the caller's reference is taken over, its memory reused if nobody else reads it */
} conv_spec;

/* x [b,X,Y,Z,in] -> [b,X',Y',Z',out] with X' = (X*up + pad_low + pad_high - k) / stride + 1, or X*up on an axis of one tap. */
tensor *nn_conv(nn *c, tensor *x, const conv_spec *s);

#endif
