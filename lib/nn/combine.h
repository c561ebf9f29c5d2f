/* Small ways in which tensors meet. */
#ifndef NN_COMBINE_H
#define NN_COMBINE_H

#include "nn/nn.h"

/* The channels of a, then those of b: [b,X,Y,Z,Ca], [b,X,Y,Z,Cb] -> [b,X,Y,Z,Ca+Cb]. ERR_DATA for different grids. */
tensor *nn_concat(nn *c, tensor *a, tensor *b);

/* (a - b) by[i] for volume i, a and b of one shape. ERR_DATA otherwise. */
tensor *nn_difference(nn *c, tensor *a, tensor *b, const double *by);

/* Adaptive normalisation (Dhariwal & Nichol 2021, equation 4): h -> h (1 + s) + t behind an affine h = scale x + shift, as another affine:
 * scale (1 + s), shift (1 + s) + t. affine, by [b,1,1,1,2C], `by` being s, then t. ERR_CONFIG for different shapes. */
tensor *nn_modulate(nn *c, tensor *affine, tensor *by);

/* x n times, one after the other: [b,X,Y,Z,C] -> [n*b,X,Y,Z,C]. */
tensor *nn_repeat(nn *c, tensor *x, int n);

/* x and a code of where each voxel lies: at place i of n along axis k % 3, channel k is raised by sqrt(2) cos(pi f (i + 1/2) / n), f = 1 +
 * (k/3) % (n-1), the functions of a discrete cosine transform; along an axis of one voxel by nothing. */
tensor *nn_add_places(nn *c, tensor *x);

/* Sinusoidal embedding of n times (Vaswani et al. 2017, section 3.5), cosines first: cos(t w_i), then sin(t w_i) with
 * w_i = 10000^(-i / (width/2)), computed in double: [n,1,1,1,width]; an odd width leaves a 0 at the end. */
tensor *nn_time_embedding(nn *c, const double *t, int n, int width);

#endif
