/* A volume cut into slices, and from maps of slices to one code: mean over each map, a code of the slice's place, a weighted mean over
 * slices. */
#ifndef NN_SLICES_H
#define NN_SLICES_H

#include "nn/graph.h"

/* The slices of x [b,X,Y,Z,1] along an axis (0: X, 1: Y, 2: Z), one behind the other, the other two axes in their order:
 * [b,slices,height,width,1]. No gradient. */
layer *cut(graph *g, layer *x, int axis);

/* The mean of each map: x [b,S,Y,Z,C] -> [b,1,1,S,C]. */
layer *map_mean(graph *g, layer *x);

/* x [b,1,1,S,C] + the first S rows of the parameter of this name, [1,n,C], a constant that begins as zeros. ERR_CONFIG when S > n. */
layer *add_code(graph *g, layer *x, int n, const char *name);

/* Soft attention: sum over s of w_s x_s with w = softmax(score) over the slices. x [b,1,1,S,C], score [b,1,1,S,1] -> [b,1,1,1,C]. ERR_BUG
 * for other shapes. */
layer *soft_pool(graph *g, layer *x, layer *score);

#endif
