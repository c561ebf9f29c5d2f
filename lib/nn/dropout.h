/* Dropout (Srivastava et al. 2014). Which elements are dropped is a function of a generator and of an element's place alone, so the way
 * back draws the same numbers again and no mask is kept. */
#ifndef NN_DROPOUT_H
#define NN_DROPOUT_H

#include "base/philox.h"
#include "nn/kernels/kernels.h"
#include "nn/nn.h"

typedef struct dropout {
	double rate; /* in [0,1); 0: none */
	philox random; /* this use's own: of seed, step and layer */
	double (*number)(philox random, uint64_t i); /* in [0,1); NULL: word i % 4 of block i / 4 over 2^32 */
} dropout;

/* What element i is multiplied by: 0 where its number is below the rate, else 1/(1-rate). */
float dropout_factor(const dropout *d, uint64_t i);
/* The factors of elements first .. first + n - 1. */
void dropout_factors(const dropout *d, uint64_t first, size_t n, float *factors);

/* act(scale x + shift), with elements dropped; affine [b,1,1,1,2C] as in conv_spec, NULL: none. x [b,X,Y,Z,C] -> the same; element i is
 * counted in the field's order [b][c][x][y][z]. */
tensor *nn_dropout(nn *c, tensor *x, tensor *affine, enum act act, const dropout *d);

#endif
