/* act(scale x + shift) with scale and shift per volume and channel, as layers apply it while they load x. Not for who describes networks.
 */
#ifndef NN_AFFINE_ACT_H
#define NN_AFFINE_ACT_H

#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* The affine_act for volume b of values with c channels; norm [b][2c], NULL: 1 and 0. */
affine_act affine_act_of(const float *norm, enum act act, int b, int c);
/* Of a layer whose inputs are x and then norm (or NULL): from d, the gradient at act(scale x + shift), to those of both. d lies where x's
 * gradient does, if that is fresh; else it is work space, and is added. */
void affine_act_backward(graph *g, layer *l, enum act act, float *d);

#endif
