/* What a run of a network will take: answers of --plan. */
#ifndef MODEL_COST_H
#define MODEL_COST_H

#include "base/err.h"
#include "model/weights.h"
#include "nn/nn.h"

/* Floating-point operations; bytes resident at the most (what the process holds already, weights, tensors); seconds. */
typedef struct model_cost {
	double flop, bytes, seconds;
} model_cost;

/* Runs a network, or a part of it, in context c (for planning: without data). */
typedef int cost_run(void *of, nn *c, err *e);

/* The cost of `run` with these weights; seconds from the speed of `sample`, a smaller run of the same network, which happens now in context
 * `real`: twice, for the first prepares the weights. Both with the math and threads of `real`. */
int model_plan(model_cost *out, const weights *w, nn *real, cost_run *run, cost_run *sample, void *of, err *e);

#endif
