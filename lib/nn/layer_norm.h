/* Layer norm (Ba et al. 2016) over the channels of each voxel. */
#ifndef NN_LAYER_NORM_H
#define NN_LAYER_NORM_H

#include "nn/graph.h"

/* (x - mean) / sqrt(variance + eps) * gain + offset, mean and biased variance over the channels of a voxel; parameters AT.weight, the gain,
 * and AT.bias, the offset, [C]. x [b,X,Y,Z,C] -> the same. */
layer *layer_norm(graph *g, layer *x, double eps, const char *at);

/* ---- for kinds of layers with a layer norm inside ---- */

enum { LAYER_NORM_GAIN, LAYER_NORM_OFFSET }; /* the numbers of its parameters in the layer */

/* Describes them, for so many channels. */
void layer_norm_params(graph *g, layer *l, int channels, const char *at, const char *weight, const char *bias);

/* n rows x [n][channels], d at what the norm made of them; dx: the gradient at x, stored if fresh, else added; NULL: not wanted. */
typedef struct layer_norm_rows {
	const float *x, *d;
	float *dx;
	bool fresh;
	size_t n;
	int channels;
	float eps;
} layer_norm_rows;

/* From d to dx, and to the gradients of l's gain and offset. */
void layer_norm_backward(graph *g, layer *l, const layer_norm_rows *r);

#endif
