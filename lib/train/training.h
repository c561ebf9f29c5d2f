/* A training, whatever it trains: networks that are moved, step by step, so that losses on scans become smaller.
 *
 * What the three trainings have in common is here: when their graphs are built, what a step is, what it will cost. What is theirs each says
 * in a training_kind: which losses, which inputs, how the result is judged and kept (ae_train.h, ldm_train.h, sem_train.h). */
#ifndef TRAIN_TRAINING_H
#define TRAIN_TRAINING_H

#include "base/err.h"
#include "model/config.h"
#include "model/network.h"
#include "model/weights.h"
#include "train/dataset.h"
#include "train/objective.h"
#include "train/recipe.h"
#include "train/state.h"
#include "volume/prepare.h"

enum { TRAIN_OBJECTIVES = 2, TRAIN_GROUPS = 2 };

typedef struct training training;

/* Scans to judge by, and where to leave a picture. */
typedef struct validation {
	const dataset *data;
	const size_t *which; /* numbers of scans [n], n > 0 */
	size_t n;
	const preparation *how; /* where the model's grid lies */
	const char *folder;
} validation;

typedef struct training_kind {
	const char *tool; /* "train-ae" */
	/* What a step tells and what a validation does: names of numbers, the columns of log.tsv and validation.tsv behind "step"; each
	 * ends with NULL. A number that there is not is NAN. */
	const char *const *losses, *const *scores;
	/* Which losses there are at this step: their graphs are built anew when the number changes. Sets which groups are still. NULL:
	 * always the same ones. */
	int (*stage)(training *t);
	/* What must be known before graphs are built; d NULL: for a plan. NULL: nothing. */
	int (*prepare)(training *t, const dataset *d, err *e);
	/* Objective number `which` of the step t->state.step; without a loss where there is none. part: of a smaller scan, to be timed. */
	void (*describe)(training *t, int which, bool part, objective *o);
	/* Writes the inputs of draw number `draw`, one scan, and runs the objectives (training_run). */
	int (*scan)(training *t, const dataset *d, uint64_t draw, err *e);
	/* Judges the averages, and leaves FOLDER/step-NNNNNN.png. *score: the larger, the better. A stop that is asked for (stop.h) ends it
	 * early, with scores that mean nothing. */
	int (*validate)(training *t, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e);
	/* Writes the averages into the folder, with the scores that they were given. */
	int (*write)(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as,
		     err *e);
	/* Adds to the cost of a step what it takes beside the objectives and the parts. */
	int (*cost)(const training *t, model_cost *cost, err *e);
} training_kind;

/* Parts whose gradients are clipped together, and which move at one rate. */
typedef struct train_group {
	size_t first, n;	/* of state.parts */
	lr_schedule rate;
	int norm, lr;		/* columns of the gradients' norm before clipping, and of the rate; -1: not told */
	bool still;		/* it does not move in this step */
} train_group;

/* The first member of each kind's own struct. */
struct training {
	const training_kind *kind;
	model_config config;
	recipe recipe;
	train_state state;
	enum nn_math math;
	int threads;
	train_group groups[TRAIN_GROUPS];
	int n_groups;
	/* of the step that is being made */
	objective objectives[TRAIN_OBJECTIVES];
	int stage; /* that they are open for; -1: for none */
	uint64_t draw; /* whose numbers parts are dropped by */
	double losses[TRAIN_COLUMNS], loss;
};

/* What every training is begun with. */
typedef struct training_setup {
	const model_config *config; /* copied, as the recipe is */
	const recipe *recipe;
	uint64_t seed;
	enum nn_math math;
	int threads;
} training_setup;

/* A training without parts. */
training training_new(const training_kind *kind, const training_setup *s);
void training_close(training *t);
/* The next part, still without weights. At most TRAIN_PARTS. */
train_part *training_add_part(training *t, const char *name, bool averaged, enum optimiser_rule rule);
/* Averages and optimisers of all parts, whose weights are there: needed for steps, not for a plan. ERR_OS. */
int training_begin(training *t, err *e);

/* One step: all scans of a batch, then the parts move. The numbers that it tells are in t->losses. ERR_DATA when the loss is no finite
 * number any more; ERR_OS. */
int training_step(training *t, const dataset *d, err *e);

/* For kind->scan: runs objective `which`, whose inputs are written, with this share of the step's loss; drops are drawn for `draw`. */
int training_run(training *t, int which, float share, uint64_t draw, err *e);

/* Opens a graph of the averages of all parts, to look at: nothing is trained or dropped. */
int training_look(training *t, objective *o, objective_description *describe, void *of, err *e);

/* The graphs of steps are not needed for a while: gives back their memory. */
void training_release(training *t);

/* What one step will take, without doing it. */
int training_plan(training *t, model_cost *cost, err *e);

/* How many names a list has. */
int training_columns(const char *const *names);

#endif
