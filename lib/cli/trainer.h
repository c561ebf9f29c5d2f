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
#include "nn/param.h"
#include "train/dataset.h"
#include "train/state.h"

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
/* Makes sure that there are n > 0 operands and a folder, which must not hold a run unless --resume or --force is given,
 * and to which no other training writes. */
void trainer_folder(int n);
/* dataset_open; of *o the folder, the split and the warnings are filled in. */
dataset *trainer_data(char **operands, int n, dataset_options *o);
/* The weights of kind's file of the model `from` (NULL: nothing happens), those for which `which` holds (NULL: all), instead of fresh ones,
 * into ps and its average. */
void trainer_init(params *ps, params *ema, const char *kind, const char *from, bool (*which)(const char *name));

enum { TRAINER_COLUMNS = 16 };

typedef struct trainer {
	train_state *state;
	/* What makes the run the run that it is (train/state.h); goes into *state. */
	const json_t *config, *models;
	const char *const *sections;
	const dataset *data;
	int64_t steps, validate_every;
	const char *log, *scores; /* the headings of log.tsv and validation.tsv behind "step", separated by tabs */
	const char *shown; /* on a terminal, the name of the log's first column */
	/* One step of the optimiser, and the values for the log: as many as the heading has. */
	int (*step)(void *of, double v[TRAINER_COLUMNS], err *e);
	/* Judges the averaged weights, the values for validation.tsv, and shows what they do. *score: larger is better. When a stop is
	 * asked for it may end early, with scores that mean nothing. */
	int (*validate)(void *of, double v[TRAINER_COLUMNS], double *score, err *e);
	/* Writes the weights just judged. */
	int (*keep)(void *of, err *e);
	void *of;
} trainer;

/* From the folder's checkpoint with --resume, to the last step or the first signal; writes logs, checkpoints, and the weights that validate
 * best. Returns the exit status. */
int trainer_run(const trainer *t);

#endif
