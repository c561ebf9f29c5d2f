/* Layer norm (Ba et al. 2016) over the channels of each voxel. */
#ifndef NN_LAYER_NORM_H
#define NN_LAYER_NORM_H

#include "nn/nn.h"
#include "nn/param.h"

/* (x - mean) / sqrt(variance + eps) * gain + offset, mean and biased variance over the channels of a voxel; gain, offset [C].
 * x [b,X,Y,Z,C] -> the same. */
tensor *nn_layer_norm(nn *c, tensor *x, param *gain, param *offset, double eps);

/* For operators with a layer norm inside. True when gain and offset fit C channels; else an error is noted. */
bool layer_norm_fits(nn *c, const param *gain, const param *offset, int channels);
/* From d at the result of n rows x [n][channels]: dx (stored if fresh, else added; NULL: not wanted), gradients of gain and offset added.
 */
void layer_norm_backward(nn *c, float *dx, bool fresh, const float *d, const float *x, size_t n, int channels, param *gain, param *offset,
			 float eps);

#endif
