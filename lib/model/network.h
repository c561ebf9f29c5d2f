/* A network of a model at work: opened by name, its weights checked against its description, run as often as one likes, planned. What is
 * the same for the autoencoder (coder.h), the semantic encoder (encoder.h) and the diffusion network (denoiser.h). */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "base/err.h"
#include "model/weights.h"
#include "nn/graph.h"
#include "nn/report.h"

typedef struct network {
	weights w;
	enum graph_use use;
	enum nn_math math;
	int threads;
	graph *g; /* of the runs that were described last; NULL: none yet */
} network;

typedef struct network_options {
	const char *model; /* see model_find; NULL: the default */
	const char *const *kinds; /* of file, ends with NULL: the first that the model has is taken */
	bool mapped; /* weights_map instead of weights_open */
	int (*prepare)(params *ps, err *e); /* of the weights before they are checked; NULL: nothing */
	int (*table)(const weights *w, param_table *t, err *e); /* what there must be */
	enum graph_use use;
	enum nn_math math;
	int threads;
} network_options;

/* Errors as model_find and weights_open; ERR_CONFIG when a weight is missing or has another shape. Close with network_close also when it
 * fails. */
int network_open(network *n, const network_options *o, err *e);
void network_close(network *n);

/* Describes in g what is to run; `of` is the caller's. */
typedef void network_description(void *of, graph *g);

/* n->g becomes a graph so described, ready to run. ERR_OS; ERR_CONFIG and ERR_DATA from the description. */
int network_describe(network *n, network_description *describe, void *of, err *e);
/* Runs it: inputs are written before, and results read behind. An error of the weights names their file. */
int network_run(network *n, err *e);

/* It is not needed for a while: gives back the memory of its runs until the next one. */
void network_release(network *n);

/* What a run of a network will take: floating-point operations; bytes resident at the most (what the process holds already, weights,
 * values); seconds. Answers of --plan. */
typedef struct model_cost {
	double flop, bytes, seconds;
} model_cost;

/* The cost of a run so described, seconds from the speed of `part`, a smaller one, which is run now: twice, for the first run looks at the
 * weights. */
int network_plan(model_cost *out, const network *n, network_description *whole, network_description *part, void *of, err *e);

/* Layer by layer, what a run so described will take, of which nothing is run. Freed with report_free, also when it fails. */
int network_report(report *out, const network *n, network_description *describe, void *of, err *e);

#endif
