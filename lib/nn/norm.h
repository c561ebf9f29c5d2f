/* Normalisations as per-channel scale and shift, to be applied by whoever reads the value next (conv_spec.norm): the normalised value is
 * never stored. What a norm makes has the shape [b,1,1,1,2C]: scales, then shifts. */
#ifndef NN_NORM_H
#define NN_NORM_H

#include "nn/graph.h"

/* Group norm over all voxels and the channels of one group, biased variance. Parameters AT.weight and AT.bias [C]. ERR_CONFIG where groups
 * do not divide C. */
layer *group_norm(graph *g, layer *x, int groups, double eps, const char *at);

/* Batch norm as PyTorch's: in a graph that trains, statistics of this batch (biased variance), and the running ones, AT.running_mean and
 * AT.running_var [C], move towards it by `momentum` with the unbiased variance, as AT.num_batches_tracked counts; else the running
 * statistics. Weights begin as normal numbers about 1 (INIT_GAIN). */
layer *batch_norm(graph *g, layer *x, double eps, double momentum, const char *at);

#endif
