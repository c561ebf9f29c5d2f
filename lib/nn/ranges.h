/* Which intensities a voxel has: shares of tissues. */
#ifndef NN_RANGES_H
#define NN_RANGES_H

#include "nn/graph.h"

/* Whether a voxel of x [b,X,Y,Z,1] lies in each of n ranges, from each edge to the next: [b,X,Y,Z,n]. The ranges meet softly: a voxel
 * passes from one to the next over `soft`. They add up to how far it lies above the first edge. No gradient. */
layer *ranges(graph *g, layer *x, const double *edges, int n, double soft);

#endif
