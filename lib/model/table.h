/* The list of a network's parameters, in state-dict order, as its configuration determines it: what a file must hold, and how a
 * network that is to be trained begins. */
#ifndef MODEL_TABLE_H
#define MODEL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "nn/param.h"

enum init_rule {
	INIT_UNIFORM, /* uniform within +-1/sqrt(fan_in): PyTorch's default for convolutions and linear maps, weight and bias alike */
	INIT_ONES, /* gains, running variances */
	INIT_ZEROS, /* offsets, running means, outputs that begin at zero */
	INIT_NORMAL, /* normal, mean 0, standard deviation .02: the discriminator's convolutions */
	INIT_GAIN, /* normal, mean 1, standard deviation .02: the discriminator's batch norm */
	INIT_COUNTER, /* a whole number, 0: num_batches_tracked */
};

typedef struct table_entry {
	char name[128];
	int rank;
	int64_t n[5];
	int64_t fan_in; /* for INIT_UNIFORM: numbers that enter one output */
	enum init_rule rule;
} table_entry;

typedef struct param_table {
	table_entry *t;
	size_t n, cap;
} param_table;

/* Appends NAME of this shape. fan_in: 0 where the rule needs none. The name is a printf format. */
int table_add(param_table *t, enum init_rule rule, int64_t fan_in, int rank, const int64_t *n, err *e, const char *name, ...)
	__attribute__((format(printf, 7, 8)));
/* A convolution or linear map: AT.weight [out,in,k..] of this rank and AT.bias [out], both by `rule` (INIT_UNIFORM or INIT_ZEROS). */
int table_add_layer(param_table *t, enum init_rule rule, int rank, const char *at, int in, int out, int k, err *e);
/* A norm: AT.weight and AT.bias [channels], 1 and 0. */
int table_add_norm(param_table *t, const char *at, int channels, err *e);
void table_free(param_table *t);

/* Checks that ps holds every entry with its shape (ERR_CONFIG names the first that is wrong); more than these is allowed. Marks counters.
 */
int table_check(const param_table *t, const params *ps, err *e);
/* Appends every entry to ps with values drawn from (seed, name). */
int table_fresh(const param_table *t, uint64_t seed, params *ps, err *e);

#endif
