/* Depthwise convolution of maps. */
#ifndef NN_DEPTHWISE_H
#define NN_DEPTHWISE_H

#include "nn/graph.h"

/* Each channel of each map (the planes Y x Z of x) is convolved with 7x7 taps of its own, three zeros around: x [b,X,Y,Z,C] -> the same.
 * Parameters AT.weight [C,1,7,7], which begins by INIT_NORMAL, and AT.bias [C], zeros. */
layer *depthwise(graph *g, layer *x, const char *at);

#endif
