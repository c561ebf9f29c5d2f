/* Weights as kernels read them: 16-bit values as floats, and layouts of their own, made at first use and kept with the parameter. Not for
 * users of nn. */
#ifndef NN_PACK_H
#define NN_PACK_H

#include <stdbool.h>

#include "nn/nn.h"
#include "nn/param.h"

/* The values of w, for the time being if they are of 16 bits: give them back. NULL while planning or after an error. */
const float *weights_take(nn *c, const param *w);
void weights_give(nn *c, const param *w, const float *v);
/* Values at .. at+n-1 of w as floats. */
void weights_part(const param *w, size_t at, size_t n, float *to);

/* The layout of w that `owner` (any address that is its own) calls `variant`, count floats, 64-byte aligned, kept until param_touch. *made:
 * it is new, and to be filled by the caller. NULL while planning, which leaves an entry without memory that the first real run gives it,
 * or after an error. */
float *packed_of(nn *c, param *w, const void *owner, int variant, size_t count, bool *made);

#endif
