/* Small ways in which values meet. */
#ifndef NN_COMBINE_H
#define NN_COMBINE_H

#include "nn/graph.h"

/* The channels of a, then those of b: [b,X,Y,Z,Ca], [b,X,Y,Z,Cb] -> [b,X,Y,Z,Ca+Cb]. ERR_DATA for different grids. */
layer *concat(graph *g, layer *a, layer *b);

/* (a - b) times a number for each volume, a and b of one shape, `by` [b,1,1,1,1], to which no gradient passes. ERR_DATA for different
 * shapes. */
layer *difference(graph *g, layer *a, layer *b, layer *by);

/* Adaptive normalisation (Dhariwal & Nichol 2021, equation 4): h -> h (1 + s) + t behind a norm h = scale x + shift, as another norm:
 * scale (1 + s), shift (1 + s) + t. norm, by [b,1,1,1,2C], `by` being s, then t. ERR_CONFIG for different shapes. */
layer *modulate(graph *g, layer *norm, layer *by);

/* x n times, one after the other: [b,X,Y,Z,C] -> [n*b,X,Y,Z,C]. */
layer *repeat(graph *g, layer *x, int n);

/* x and a code of where each voxel lies: at place i of n along axis k % 3, channel k is raised by sqrt(2) cos(pi f (i + 1/2) / n), f = 1 +
 * (k/3) % (n-1), the functions of a discrete cosine transform; along an axis of one voxel by nothing. */
layer *add_places(graph *g, layer *x);

/* Sinusoidal embedding of a time for each volume (Vaswani et al. 2017, section 3.5), cosines first: cos(t w_i), then sin(t w_i) with
 * w_i = 10000^(-i / (width/2)), computed in double: t [b,1,1,1,1] -> [b,1,1,1,width]; an odd width leaves a 0 at the end. No gradient
 * passes to t. */
layer *time_embedding(graph *g, layer *t, int width);

#endif
