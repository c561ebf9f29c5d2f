/* For kinds of layers: what a layer is, and what its kind must say. Not for who describes networks.
 *
 * A kind has a function that describes a layer of it (conv.h's conv), which calls layer_add, and a layer_kind: the way there, the way back
 * and what they need. The plan of memory and the order of things are the graph's. A new kind is one file. */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include <stdint.h>

#include "nn/graph.h"

enum { LAYER_INPUTS = 6, LAYER_PARAMS = 7, LAYER_NAME = 128 };

/* What of a layer lies in the graph's memory. */
enum { PLACE_VALUE, PLACE_GRADIENT, PLACE_WORK, PLACE_WORK_BACK, PLACE_STATE, PLACE_SUMS, LAYER_PLACES };

typedef struct layer_kind {
	const char *name;
	size_t size;	/* of the kind's own struct, whose first member is a layer */
	/* Called when shapes and parameters are known, and which layers need gradients: says what the layer needs (below). NULL: nothing.
	 */
	void (*settle)(graph *g, layer *l);
	/* Stores l->v, all of it. */
	void (*forward)(graph *g, layer *l);
	/* From l->g to the gradients of its parameters, which are added to, and to those of its inputs. Input i is stored where
	 * layer_is_fresh(l, i), else added to. NULL: no gradient passes. */
	void (*backward)(graph *g, layer *l);
	/* Which of several algorithms this one takes, once it is settled; NULL: there is but one. */
	const char *(*algorithm)(const layer *l);
	/* Whether forward stores l->sums where that is not NULL, at least for some (settle takes wants_sums back for others). */
	bool takes_sums;
} layer_kind;

struct layer {
	const layer_kind *kind;
	shape s;
	layer *in[LAYER_INPUTS];	/* unused ones NULL */
	param *p[LAYER_PARAMS];		/* likewise; values from graph_bind on */

	/* For who describes it to say. */
	bool constant[LAYER_INPUTS];	/* no gradient passes to this input */

	/* What it needs, for settle to say. */
	bool reads_in[LAYER_INPUTS];	/* the way back reads the value of this input */
	int over;			/* its value may take the place of this input's, if nobody reads that any more; -1: of none */
	int hands;			/* the gradient of this input, if fresh, may be made in the place of its own; -1: of none */
	size_t work, work_back;		/* floats of work space, there and back */
	size_t state;			/* bytes kept from the way there to the way back */
	size_t lasting;			/* bytes kept from run to run */
	double flop;

	/* What the graph gives it. */
	bool needs_grad;		/* the way back reaches it */
	float *v, *g;			/* value and gradient */
	void *kept, *lasts;		/* its state; what lasts, zeroed at first */
	double *sums;			/* [b][2c]: of each channel and its squares, for a norm; NULL: not wanted */

	/* The graph's own. */
	layer *next;
	char name[LAYER_NAME];		/* the names that were entered when it was described, without the last point */
	int step;
	bool is_input, is_kept, is_loss, wants_sums;
	bool fresh[LAYER_INPUTS];
	size_t parameter[LAYER_PARAMS];	/* their numbers in the graph's table, from 1 on; 0: none */
	int last;			/* the step that reads its value last */
	size_t place[LAYER_PLACES];	/* numbers of blocks of the graph's memory, from 1 on; 0: none */
};

/* A layer of this kind with n inputs, of which the first is needed; who needs others checks them. NULL without it, or after an error.
 * ERR_DATA for an impossible shape. */
layer *layer_add(graph *g, const layer_kind *kind, shape s, int n, layer *const *in);
/* Its parameter number i, "AT.LEAF" (either may be empty) behind the names that are entered, of this shape, which begins by this rule. Who
 * names one twice means the same. l NULL: it is named for its place in the table, and its layer is described later. */
void layer_param(graph *g, layer *l, int i, param_entry what, const char *at, const char *leaf);
/* "USE" behind the names that are entered; they alone where USE is empty: what a layer draws its numbers for. */
void layer_use(graph *g, char name[LAYER_NAME], const char *use);
/* Does this run draw numbers? Then this is the generator for a use, and `number` makes number i of it, in [0,1); NULL: Philox's own way. */
typedef double random_number(philox random, uint64_t i);
bool layer_draws(const graph *g);
philox layer_random(const graph *g, const char *use, random_number **number);
/* Notes an error (the first one stays) and returns NULL. */
void *graph_fail(graph *g, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool graph_ok(const graph *g);

bool layer_is_fresh(const layer *l, int input);
/* The gradient at input i, to be stored or added to; NULL: none is wanted. */
float *layer_gradient(const layer *l, int input);
/* Is a gradient of parameter i wanted? */
bool layer_trains(const layer *l, int i);
/* The gradient at input i is l's own: stored or added, unless it lies in the same place (hands). */
void layer_pass_gradient(const graph *g, const layer *l, int input);
/* The sums of l's value are wanted: its kind may take them while it stores. */
void layer_want_sums(layer *l);

enum graph_use graph_use(const graph *g);
enum nn_math graph_math(const graph *g);
int graph_threads(const graph *g);
/* The work space of the layer at work. */
float *graph_work(const graph *g);

#endif
