/* Sums over voxels: in double, per fixed block, merged in block order. Not for users of nn. */
#ifndef NN_SUMS_H
#define NN_SUMS_H

#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* Adds the sums over the n voxels of each volume of x [volumes][n][c] to sums [volumes][c], or, with those of squares behind them, [2c]. */
void sums_of(graph *g, const float *x, int volumes, size_t n, int channels, bool squares, double *sums);
/* Adds the gradient of a bias that was added to all voxels of a value of this shape, from that of the value. */
void sums_to_bias(graph *g, const float *dout, shape s, param *bias);
/* kernels' load_backward over n voxels of each volume with its own p, dx may be d; sums [volumes][2c]: scale's, then shift's, added to;
 * NULL: not wanted. */
void sums_of_prologue(graph *g, float *dx, bool fresh, const float *d, const float *x, int volumes, size_t n, int channels,
		      const prologue *p, double *sums);

#endif
