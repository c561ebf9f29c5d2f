/* Grids made coarser and finer by whole factors, without weights. */
#ifndef NN_RESAMPLE_H
#define NN_RESAMPLE_H

#include "nn/graph.h"
#include "nn/kernels/kernels.h"

/* Means of act(scale x + shift) over boxes of by[0] x by[1] x by[2] voxels: [b,X,Y,Z,C] -> [b,X/by[0],Y/by[1],Z/by[2],C]. norm as in
 * conv_spec, NULL: none. ERR_DATA for a grid that the factors do not divide. */
layer *mean_pool(graph *g, layer *x, layer *norm, enum act act, const int by[3]);

/* Each voxel by[0] x by[1] x by[2] times (nearest neighbour): [b,X,Y,Z,C] -> [b,X*by[0],Y*by[1],Z*by[2],C]. */
layer *upsample(graph *g, layer *x, const int by[3]);

/* Sums over the copies that upsampling made: d, on the fine grid, -> to [in], stored (`fresh`) or added. Its way back. */
void sum_copies(const graph *g, shape in, const int by[3], const float *d, float *to, bool fresh);

#endif
