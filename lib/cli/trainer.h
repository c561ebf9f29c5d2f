/* What the tools that train share: their options, the folder, the data, the loop over steps. For tools only: these functions print and
 * exit. */
#ifndef CLI_TRAINER_H
#define CLI_TRAINER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/cli.h"
#include "model/config.h"
#include "model/weights.h"
#include "train/dataset.h"
#include "train/training.h"

/* The options that every trainer has, beside --force. */
struct trainer_options {
	const char *config, *folder, *validation, *init;
	bool resume, f16, i8;
	int64_t steps, seed; /* steps 0: as the configuration says */
	double lr; /* NAN: as the configuration says */
	double share, save_minutes;
};
extern struct trainer_options trainer_options;

/* cli_parse of a tool whose options are its own (`tool`'s) and those of every trainer; the number of threads is set. */
char **trainer_parse(const struct cli *tool, int argc, char **argv, int *n);

/* How the command line wants weights stored. */
enum weights_store trainer_store(void);

/* The configuration, with the command line's choices in the recipe of this `stage`, which the weights and the checkpoint keep. A new
 * reference. Keys that are not known are refused. */
json_t *trainer_config(model_config *c, const char *stage);
/* What the command line and these begin a training with. */
training_setup trainer_setup(const model_config *c, const recipe *r);
/* Makes sure that there are n > 0 operands and a folder, which must not hold a run unless --resume or --force is given,
 * and to which no other training writes. */
void trainer_folder(int n);
/* dataset_open; of *o the folder, the split and the warnings are filled in. */
dataset *trainer_data(char **operands, int n, dataset_options *o);
/* The weights of the part's kind of the model `from` (NULL: nothing happens), those for which `which` holds (NULL: all), instead of fresh
 * ones, into the part and its average. */
void trainer_init(train_part *p, const char *from, bool (*which)(const char *name));

typedef struct trainer {
	training *t;
	/* What makes the run the run that it is (train/state.h); goes into t->state. */
	const json_t *config, *models;
	const char *const *sections;
	const dataset *data;
	const preparation *how; /* where the model's grid lies */
} trainer;

/* From the folder's checkpoint with --resume, to the last step or the first signal; writes logs, checkpoints, and the weights that validate
 * best. Returns the exit status. */
int trainer_run(const trainer *r);

/* What --plan prints. Closes nothing. */
void trainer_plan(training *t);

#endif
