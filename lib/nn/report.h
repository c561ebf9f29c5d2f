/* What each layer of a settled network takes: for people who choose hardware, or look for what is slow. */
#ifndef NN_REPORT_H
#define NN_REPORT_H

#include <stddef.h>

#include "nn/graph.h"

enum { REPORT_NAME = 128 };

typedef struct layer_report {
	char name[REPORT_NAME]; /* what the names of its parameters begin with, else the names that were entered: "middle_block.1.qkv" */
	const char *kind, *algorithm; /* "convolution", and by which algorithm; NULL: there is but one */
	shape out; /* of its value */
	size_t parameters; /* numbers in its parameters, but for those that a layer before it has */
	double flop; /* as graph_flop counts */
	size_t bytes; /* of its value, of its work space, and of what it keeps from run to run */
} layer_report;

typedef struct report {
	layer_report *layers; /* in the order in which they run */
	size_t n;
	size_t parameters; /* of all layers */
	double flop; /* graph_flop */
	size_t bytes; /* graph_bytes: less than the sum, as what is needed at different times shares memory */
} report;

/* After graph_settle. Freed with report_free, also when it fails. ERR_OS. */
int graph_report(const graph *g, report *r, err *e);
void report_free(report *r);

#endif
