/* From maps of slices to one code: mean over each map, a code of the slice's place, a weighted mean over slices. */
#ifndef NN_SLICES_H
#define NN_SLICES_H

#include "nn/nn.h"
#include "nn/param.h"

/* The mean of each map: x [b,S,Y,Z,C] -> [b,1,1,S,C]. */
tensor *nn_map_mean(nn *c, tensor *x);

/* x [b,1,1,S,C] + the first S rows of code [1,N,C], a constant; ERR_CONFIG when S > N. */
tensor *nn_add_code(nn *c, tensor *x, const param *code);

/* Soft attention: sum over s of w_s x_s with w = softmax(score) over the slices. x [b,1,1,S,C], score [b,1,1,S,1] -> [b,1,1,1,C]. */
tensor *nn_soft_pool(nn *c, tensor *x, tensor *score);

#endif
