/* A graph from inside: shared by graph.c (description, runs) and settle.c (what is needed, and where it lies). */
#ifndef NN_GRAPH_PRIVATE_H
#define NN_GRAPH_PRIVATE_H

#include "nn/layer.h"

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
	char *memory;	/* that stretch; NULL: not now */
	float *work;	/* of the layer at work */
};

/* The first error since the last call, 0 if none; clears it. */
int graph_error(graph *g, err *e);
void graph_give_memory(graph *g);
/* graph_work is from now on that of l, PLACE_WORK or PLACE_WORK_BACK. */
void graph_set_work(graph *g, const layer *l, int place);

#endif
