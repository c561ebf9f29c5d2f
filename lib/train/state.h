/* What makes a training run the run that it is: kept in its folder's checkpoint, written into the weights' metadata. */
#ifndef TRAIN_STATE_H
#define TRAIN_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/philox.h"
#include "train/checkpoint.h"
#include "train/dataset.h"

enum { TRAIN_PARTS = 3 };

/* The first four are the training's, set when it is made; the rest is borrowed. */
typedef struct train_state {
	uint64_t seed;
	int64_t step; /* steps made */
	train_part parts[TRAIN_PARTS]; /* the networks: what a checkpoint holds */
	size_t n_parts;
	const json_t *config; /* the whole configuration, as overridden */
	const char *const *sections; /* those that this kind of run depends on, the recipe first; ends with NULL */
	const json_t *models; /* identities of the models it rests on, by kind; NULL: none */
	const char *data; /* dataset.hash */
	const char *math;
	int64_t judged; /* the step of the last validation; 0: none yet */
	double best; /* score of the weights written so far, larger being better; -INFINITY: none */
	bool fell_back; /* state_read's: the last checkpoint was missing or damaged. The one before keeps its name until there is another */
} train_state;

/* Numbers of this run for one use ("time"), at one of its draws. */
philox state_random(const train_state *s, const char *use, uint64_t draw);

/* DIR/checkpoint.safetensors. Errors as checkpoint_write. */
int state_write(train_state *s, const char *folder, err *e);
/* Fills the parts, step, judged, best and fell_back. ERR_CONFIG when seed, data, math, models or the configuration's sections are not those
 * of the checkpoint; of the recipe the number of steps may differ. */
int state_read(train_state *s, const char *folder, err *e);
/* Removes a folder's checkpoints, that a run which begins anew is not taken for theirs. ERR_CREATE. */
int state_forget(const char *folder, err *e);

/* Where weights come from, as weights_write's notes: the tool, steps, seed, data, subjects held out, and the text `score` under the name
 * MEASURE_of_validation (of_training when nothing is held out). A new reference; NULL without memory. */
json_t *state_notes(const train_state *s, const dataset *d, const char *tool, const char *measure, const char *score);

/* "FOLDER/NAME", freed with free(). ERR_OS. */
int state_path(char **path, const char *folder, const char *name, err *e);

#endif
