/* Depthwise convolution of maps. */
#ifndef NN_DEPTHWISE_H
#define NN_DEPTHWISE_H

#include "nn/nn.h"
#include "nn/param.h"

/* Each channel of each map (the planes Y x Z of x) is convolved with 7x7 taps of its own, three zeros around: x [b,X,Y,Z,C] -> the same.
 * weight [C,1,7,7], bias [C] or NULL. */
tensor *nn_depthwise(nn *c, tensor *x, param *weight, param *bias);

#endif
