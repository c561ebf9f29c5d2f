/* act(scale x + shift) with scale and shift per volume and channel, as operators apply it while they load x. Not for users of nn. */
#ifndef NN_PROLOGUE_H
#define NN_PROLOGUE_H

#include "nn/internal.h"
#include "nn/kernels/kernels.h"

/* The prologue for volume b of tensors with c channels; affine [b,1,1,1,2c], NULL: 1 and 0. */
prologue prologue_of(const tensor *affine, enum act act, int b, int c);
/* True when affine is NULL or fits x; else an error is noted. */
bool prologue_fits(nn *c, const tensor *x, const tensor *affine, const char *what);
/* Adds to the gradients of x and affine (NULL: none) that of act(scale x + shift), d [as x]. Takes over d, from nn_take: it becomes x's
 * gradient if there is none yet. */
void prologue_gradient(nn *c, tensor *x, tensor *affine, enum act act, float *d);

#endif
