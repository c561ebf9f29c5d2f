/* The parameters of a network as its description determines them: what a file must hold, and how a network that is to be trained begins. */
#ifndef NN_TABLE_H
#define NN_TABLE_H

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

typedef struct param_entry {
	char name[128];
	int rank;
	int64_t n[5];
	int64_t fan_in; /* for INIT_UNIFORM: numbers that enter one output */
	enum init_rule rule;
} param_entry;

typedef struct param_table {
	param_entry *t;
	size_t n, cap;
} param_table;

/* The number of the entry of this name, counted from 1; 0: none. */
size_t table_find(const param_table *t, const char *name);
/* Appends an entry, unless there is one of that name; its number in *number. ERR_BUG when that one is another; ERR_OS. */
int table_add(param_table *t, const param_entry *x, size_t *number, err *e);
void table_free(param_table *t);
/* In another order: entries whose names begin with the first of `beginnings`, which ends with NULL, come first, then those with the second
 * .., and last those with none; among these they stay as they were. ERR_OS. */
int table_order(param_table *t, const char *const *beginnings, err *e);

/* Checks that ps holds every entry with its shape (ERR_CONFIG names the first that is wrong); more than these is allowed. Marks counters.
 */
int table_check(const param_table *t, const params *ps, err *e);
/* Appends every entry to ps with values drawn from (seed, name). */
int table_fresh(const param_table *t, uint64_t seed, params *ps, err *e);

#endif
