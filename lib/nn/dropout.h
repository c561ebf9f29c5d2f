/* Dropout (Srivastava et al. 2014). Which elements are dropped is a function of a generator and of an element's place alone, so the way
 * back draws the same numbers again and no mask is kept. */
#ifndef NN_DROPOUT_H
#define NN_DROPOUT_H

#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* act(scale x + shift), with elements dropped at this rate, in [0,1), in runs that draw numbers (graph_random: those of "USE" behind the
 * names that are entered); norm as in conv_spec, NULL: none. x [b,X,Y,Z,C] -> the same; element i is counted in the field's order
 * [b][c][x][y][z]. ERR_BUG for another rate. */
layer *dropout(graph *g, layer *x, layer *norm, enum act act, double rate, const char *use);

/* ---- for kinds of layers that drop something ---- */

/* What is dropped in one run. */
typedef struct drop {
	double rate; /* 0: nothing */
	philox random;
	random_number *number; /* NULL: word i % 4 of block i / 4 over 2^32 */
} drop;

/* What element i is multiplied by: 0 where its number is below the rate, else 1/(1-rate). */
float drop_factor(const drop *d, uint64_t i);
/* The factors of elements first .. first + n - 1. */
void drop_factors(const drop *d, uint64_t first, size_t n, float *factors);

/* What a layer drops: at a rate, for a use (layer_use). */
typedef struct dropper {
	double rate;
	char use[LAYER_NAME];
} dropper;

/* ERR_BUG for an impossible rate, of which `what` tells. */
dropper dropper_of(graph *g, double rate, const char *use, const char *what);
/* For this run. */
drop drop_now(const graph *g, const dropper *d);

#endif
