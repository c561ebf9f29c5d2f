/* Everything that a training run needs to go on as if it had never stopped, in one safetensors file. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "train/part.h"

/* Writes path whole or not at all, synced: tensors NAME.weights/.., NAME.m/.., NAME.v/.. and NAME.ema/.. of each part. What was there
 * before becomes PATH.previous, unless it is of no use (!keep: it was missing or damaged): then PATH.previous stays as it is. So at each
 * moment one of the two is whole. state: object with all else that must come back (step, seed, configuration, data); the optimisers' step
 * counts are added by this function. */
int checkpoint_write(const char *path, bool keep, const train_part *parts, size_t n, const json_t *state, err *e);
/* Fills the parts, which have their shapes already, from path, or from PATH.previous when path is missing or damaged (*fell_back, may be
 * NULL, says so). Every byte is covered by a checksum. *state: new reference. ERR_NOINPUT when there is none, ERR_CONFIG when it does not
 * fit. */
int checkpoint_read(const char *path, train_part *parts, size_t n, json_t **state, bool *fell_back, err *e);
/* Removes both. ERR_CREATE. */
int checkpoint_forget(const char *path, err *e);

#endif
