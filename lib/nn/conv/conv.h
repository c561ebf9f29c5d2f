/* Convolutions and linear maps, with what surrounds them in these networks: normalisation, activation and nearest upsampling while loading,
 * bias and a residual while storing. */
#ifndef NN_CONV_H
#define NN_CONV_H

#include "nn/graph.h"
#include "nn/kernels/kernels.h"

typedef struct conv_spec {
	int out; /* channels */
	int rank; /* of the weights: 5 [out,in,k,k,k], 4 [out,in,k,k] over Y and Z, 3 [out,in,1], 2 [out,in]; 0 means 5 */
	int k; /* taps on each axis; 0 means 1 */
	int stride; /* on every axis longer than one tap; 0 means 1 */
	int pad_low, pad_high; /* zeros before and behind on every such axis, after activation and upsampling */
	layer *norm; /* [b,1,1,1,2*in] scale, then shift, applied while loading (norm.h); NULL: none */
	enum act act; /* then this */
	int up[3]; /* then nearest upsampling by these factors; 0 means 1 */
	layer *add; /* added to the result; NULL: nothing */
	enum init_rule begins; /* how weights begin */
	enum init_rule bias_begins; /* how the bias does, unless the weights begin as zeros: then as they do */
	int64_t fan_in; /* of INIT_UNIFORM; 0: the numbers that enter one output */
	bool no_bias;
} conv_spec;

/* x [b,X,Y,Z,in] -> [b,X',Y',Z',out] with X' = (X*up + pad_low + pad_high - k) / stride + 1, or X*up on an axis of one tap. Parameters
 * AT.weight and AT.bias [out]; AT may be empty, for the name that is entered. ERR_DATA for a grid that is too small; ERR_BUG when norm or
 * add have another shape. */
layer *conv(graph *g, layer *x, const conv_spec *s, const char *at);
/* The same with names of their own for weight and bias. */
layer *conv_named(graph *g, layer *x, const conv_spec *s, const char *weight, const char *bias);
/* Names the parameters of such a convolution of `in` channels now, and the convolution itself later: tables are in the order of names, and
 * authors name a block's last convolution before the one around it. */
void conv_parameters(graph *g, int in, const conv_spec *s, const char *at);

#endif
