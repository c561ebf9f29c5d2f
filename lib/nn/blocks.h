/* Voxels moved into channels and back (space to depth): a fine grid with few channels is a coarse one with many. */
#ifndef NN_BLOCKS_H
#define NN_BLOCKS_H

#include "nn/graph.h"

/* Each box of k x k x k voxels becomes one voxel: [b,X,Y,Z,C] -> [b,X/k,Y/k,Z/k,k*k*k*C]; channel ((dx*k + dy)*k + dz)*C + c of the
 * result is channel c of voxel dx, dy, dz of the box. ERR_DATA for a grid that k does not divide. k 1: x itself. */
layer *to_blocks(graph *g, layer *x, int k);

/* The way back: [b,X,Y,Z,k*k*k*C] -> [b,X*k,Y*k,Z*k,C]. ERR_CONFIG for channels that k*k*k does not divide. k 1: x itself. */
layer *from_blocks(graph *g, layer *x, int k);

/* All numbers of a volume as channels of one voxel, in memory's order: [b,X,Y,Z,C] -> [b,1,1,1,X*Y*Z*C]. */
layer *flatten(graph *g, layer *x);

#endif
