/* Everything that a training run needs to go on as if it had never stopped, in one safetensors file. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "nn/param.h"
#include "train/optimiser.h"

/* One network of the run. ema and optimiser may be NULL. */
typedef struct checkpoint_part {
	const char *name;	/* "autoencoder": prefix of its tensors, NAME.weights/.., NAME.m/.., NAME.v/.., NAME.ema/.. */
	params *weights;
	params *ema;
	optimiser *optimiser;
} checkpoint_part;

/* Writes path whole or not at all, synced. What was there before becomes PATH.previous, unless it is of no use (!keep: it was missing or
 * damaged): then PATH.previous stays as it is. So at each moment one of the two is whole. state: object with all else that must come back
 * (step, seed, configuration, data); the optimisers' step counts are added by this function. */
int checkpoint_write(const char *path, bool keep, const checkpoint_part *parts, size_t n, const json_t *state, err *e);
/* Fills the parts, which have their shapes already, from path, or from PATH.previous when path is missing or damaged (*fell_back, may be
 * NULL, says so). Every byte is covered by a checksum. *state: new reference. ERR_NOINPUT when there is none, ERR_CONFIG when it does not
 * fit. */
int checkpoint_read(const char *path, const checkpoint_part *parts, size_t n, json_t **state, bool *fell_back, err *e);
/* Removes both. ERR_CREATE. */
int checkpoint_forget(const char *path, err *e);

#endif
