/* Exponential moving average of weights: e += (1-d)(w-e). */
#ifndef TRAIN_EMA_H
#define TRAIN_EMA_H

#include "base/err.h"
#include "nn/param.h"

/* Makes *ema a copy of ps, in memory of its own, without gradients. Free with params_free. */
int ema_init(params *ema, const params *ps, err *e);
/* Moves every floating entry of ema towards the entry of ps at the same place; counters are copied. The decay in use is
 * min(decay, (1+step)/(10+step)), so that the first weights are forgotten soon; step counts from 0. */
void ema_update(params *ema, const params *ps, double decay, int64_t step);

#endif
