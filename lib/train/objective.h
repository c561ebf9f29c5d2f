/* What a training minimises, as a graph that ends in a loss, and which of its numbers a log tells. */
#ifndef TRAIN_OBJECTIVE_H
#define TRAIN_OBJECTIVE_H

#include <stdbool.h>

#include "base/err.h"
#include "model/network.h"
#include "nn/graph.h"

enum { TRAIN_COLUMNS = 16 };

typedef struct objective {
	graph *g;			/* NULL: not open */
	layer *loss;			/* graph_minimise; NULL: there is nothing to minimise */
	layer *told[TRAIN_COLUMNS];	/* scalars, kept, each at its column's place; NULL: this objective says nothing of it */
	params *fixed;			/* what this loss leaves as it is, though another trains it; NULL: nothing */
	int runs;			/* how often a step runs it for each scan; 0 becomes 1 */
} objective;

/* Describes in o->g what is to run, and sets what else the objective has; `of` is the caller's. */
typedef void objective_description(void *of, objective *o);

/* How a graph is run, and whose values its parameters have. */
typedef struct objective_setting {
	enum graph_use use;
	enum nn_math math;
	int threads;
	params *const *sets;
	int n_sets;
} objective_setting;

/* Opens a graph of this description. ERR_OS; ERR_CONFIG and ERR_DATA from the description. objective_close also when it fails. */
int objective_open(objective *o, const objective_setting *s, objective_description *describe, void *of, err *e);
void objective_close(objective *o);

/* From the inputs that were written: adds share times each number that is told to its column, share times the loss to *loss, and the loss's
 * gradients times share to those of the parameters. */
int objective_run(objective *o, float share, double columns[TRAIN_COLUMNS], double *loss, err *e);

/* The cost of all runs for one scan (the graph's memory alone), seconds by the pace of a smaller one, described by `part`, which is run
 * now, twice, on zeros: the first run looks at the weights. All 0 without a loss. */
int objective_cost(model_cost *out, const objective_setting *s, objective_description *whole, objective_description *part, void *of,
		   err *e);

#endif
