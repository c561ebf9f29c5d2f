/* Sums over voxels: in double, per fixed block, merged in block order. Not for users of nn. */
#ifndef NN_SUMS_H
#define NN_SUMS_H

#include "nn/internal.h"
#include "nn/kernels/kernels.h"
#include "nn/param.h"

/* Adds sums (and sums of squares unless square is NULL) over n voxels of x [n][c] to sum[c], square[c]. */
void sums_of(nn *c, const float *x, size_t n, int channels, double *sum, double *square);
/* Adds the gradient of a bias that was added to all voxels of out. */
void sums_to_bias(nn *c, const tensor *out, param *bias);
/* kernels' load_backward over n voxels, dx may be d; sums [2*channels]: scale's, then shift's, added to; NULL: not wanted. */
void sums_of_prologue(nn *c, float *dx, bool fresh, const float *d, const float *x, size_t n, int channels, const prologue *p,
		      double *sums);

#endif
