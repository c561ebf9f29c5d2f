/* Normalisations as per-channel scale and shift, to be applied by whoever reads the tensor next (conv_spec.affine): the
 * normalised tensor is never stored. An affine tensor has the shape [b,1,1,1,2C]: scales, then shifts. */
#ifndef NN_NORM_H
#define NN_NORM_H

#include "nn/nn.h"
#include "nn/param.h"

/* Group norm over all voxels and the channels of one group, biased variance: gamma, beta [C]; C a multiple of groups. */
tensor *nn_group_norm(nn *c, tensor *x, param *gamma, param *beta, int groups, double eps);

/* Batch norm. training: statistics of this batch (biased variance), and the running ones (mean, var [C], steps [1]) move towards
 * it by `momentum` with the unbiased variance, as in PyTorch; else the running statistics. */
typedef struct batch_norm {
	param *gamma, *beta, *mean, *var, *steps;
	double eps, momentum;
} batch_norm;
tensor *nn_batch_norm(nn *c, tensor *x, const batch_norm *n, bool training);

#endif
