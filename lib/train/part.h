/* A network in training: its weights, their moving average, its optimiser. */
#ifndef TRAIN_PART_H
#define TRAIN_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "nn/param.h"
#include "nn/table.h"
#include "train/optimiser.h"

typedef struct train_part {
	const char *name;	/* the kind of its file, and the prefix of its tensors in a checkpoint: NAME.weights/.., NAME.ema/.. */
	params weights;		/* those with gradients are trained */
	bool averaged;		/* whether an average is kept */
	params ema;		/* the moving average, which is used afterwards; empty until part_begin, or where none is kept */
	optimiser optimiser;	/* its rule and its vectors' rate from the beginning, moments from part_begin on */
} train_part;

/* Fresh weights, a function of table and seed, without gradients. Takes over the table. ERR_OS. */
int part_fresh(train_part *p, param_table *table, uint64_t seed, err *e);

/* Average and optimiser of weights that have their gradients. ERR_OS. */
int part_begin(train_part *p, err *e);

/* The average becomes the weights as they are now. ERR_OS. */
int part_average_anew(train_part *p, err *e);

/* Bytes that weights, gradients, average and moments take, once part_begin has been called. */
double part_bytes(const train_part *p);

void part_free(train_part *p);

#endif
