/* What a step of a training takes, without doing it. */
#ifndef TRAIN_PLAN_H
#define TRAIN_PLAN_H

#include <stdbool.h>

#include "base/err.h"
#include "nn/nn.h"
#include "nn/param.h"

/* Operations (a backward pass counts as two forward passes), bytes resident at the most, seconds. */
typedef struct train_cost {
	double flop, bytes, seconds;
} train_cost;

/* One scan's losses and gradients in context c, way there and back, on zeros: of the whole size or (small) a part of it. */
typedef int plan_run(void *of, nn *c, bool small, err *e);

/* *cost of one scan: bytes are the tensors' alone; seconds from the pace of a small run, the second of two, measured now. sets [n]: the
 * networks' weights. */
int train_plan(train_cost *cost, plan_run *run, void *of, const params *const *sets, int n, enum nn_math math, int threads, err *e);

#endif
