/* A graph from inside: shared by graph.c (description, runs) and settle.c (what is needed, and where it lies). */
#ifndef NN_GRAPH_PRIVATE_H
#define NN_GRAPH_PRIVATE_H

#include "nn/layer.h"
#include "nn/memory.h"

enum { SCOPES = 8, SCOPE_NAME = 128 };

struct graph {
	enum graph_use use;
	enum nn_math math;
	int threads;
	err error;
	param_table table;
	char scope[SCOPE_NAME];	/* what stands before names: "encoder.blocks.0." */
	size_t scope_end[SCOPES];
	int scopes;
	philox (*random)(const void *of, const char *use); /* NULL: nothing is drawn */
	const void *random_of;
	random_number *number; /* in place of Philox's own: for tests against others' numbers */
	layer *first, *last;
	int n;		/* layers */
	double flop;
	size_t bytes;	/* of one stretch of memory for values, gradients, work */
	size_t lasting;	/* and of what lasts */
	memory_block *blocks; /* what lies there */
	size_t n_blocks;
	char *memory;	/* that stretch; NULL: not now */
	char **apart;	/* in its place, for tests: where each block lies by itself, NULL while nobody needs it (apart.c) */
	float *work;	/* of the layer at work */
};

/* The first error since the last call, 0 if none; clears it. */
int graph_error(graph *g, err *e);
void graph_give_memory(graph *g);
/* Where this of l lies; NULL: nowhere. */
void *graph_place(const graph *g, const layer *l, int place);
/* Floating-point operations of a settled layer, there and back. */
double graph_layer_flop(const layer *l);
/* What the layers keep from run to run, and what products need. */
int graph_open_lasting(graph *g, err *e);
/* graph_work is from now on that of l, PLACE_WORK or PLACE_WORK_BACK. */
void graph_set_work(graph *g, const layer *l, int place);
/* The step at which l works on the way back. */
int graph_back_step(const graph *g, const layer *l);

/* ---- for tests ---- */

/* In place of graph_open: each block has memory of its own, of exactly its size, from the step that first needs it to the last; at first it
 * holds no numbers (NaN), and who reaches for a value or a gradient whose time is over finds NULL. ERR_OS. */
int graph_open_apart(graph *g, err *e);
/* Takes and gives what begins and ends with this step. Nothing, unless the graph was opened apart. */
void graph_apart_step(graph *g, int step);
/* Inputs are there again, to be written before the next run. */
void graph_apart_pause(graph *g);
void graph_apart_free(graph *g);

#endif
