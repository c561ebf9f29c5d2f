/* Adam (Kingma and Ba 2015) as PyTorch computes it. */
#ifndef TRAIN_ADAM_H
#define TRAIN_ADAM_H

#include <stdint.h>

#include "nn/param.h"

/* Step `step` (1, 2 ..), in place, on gradients times `scale`: with t the step,
 * m = .9 m + .1 g, v = .999 v + .001 g^2, p -= lr/(1-.9^t) m / (sqrt(v/(1-.999^t)) + 1e-8). m and v [count]. */
void adam_update(param *p, float *m, float *v, int64_t step, double lr, double scale);

#endif
