/* Adam (Kingma and Ba 2015) as PyTorch computes it, gradient clipping and learning-rate schedules. */
#ifndef TRAIN_ADAM_H
#define TRAIN_ADAM_H

#include <stdint.h>

#include "base/err.h"
#include "nn/param.h"

typedef struct adam {
	double beta1, beta2, eps;	/* .9, .999, 1e-8 */
	int64_t step;			/* steps made */
	size_t n;			/* parameters */
	float **m, **v;			/* both moments of each parameter that has a gradient; else NULL */
} adam;

/* Zero moments for those parameters of ps that have a gradient. Free with adam_free, also when it fails. */
int adam_init(adam *a, const params *ps, err *e);
void adam_free(adam *a);

/* 2-norm of all gradients together, summed in double, in an order that does not depend on the number of threads. */
double gradient_norm(const params *ps);
/* The factor that brings a norm down to `limit` (1 when it is smaller; limit 0: no clipping). PyTorch's divisor: norm + 1e-6. */
double clip_factor(double norm, double limit);

/* One step, in place, on gradients times `scale`: with t the steps made,
 * m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, p -= lr/(1-b1^t) m / (sqrt(v/(1-b2^t)) + eps). No parameter may be mapped. */
void adam_step(adam *a, params *ps, double lr, double scale);

/* Learning rate at step 0, 1 ..: rises linearly over `warmup` steps, then stays, or falls along half a cosine to lr * floor at `total`. */
typedef struct lr_schedule {
	double lr;
	int64_t warmup, total;
	enum lr_kind { LR_CONSTANT, LR_COSINE } kind;
	double floor;
} lr_schedule;
double lr_at(const lr_schedule *s, int64_t step);

#endif
