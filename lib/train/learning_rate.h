/* Learning rates over the steps of a training. */
#ifndef TRAIN_LEARNING_RATE_H
#define TRAIN_LEARNING_RATE_H

#include <stdint.h>

/* Learning rate at step 0, 1 ..: rises linearly over `warmup` steps, then stays, or falls along half a cosine to 0 at `total`. */
typedef struct lr_schedule {
	double lr;
	int64_t warmup, total;
	enum lr_kind { LR_CONSTANT, LR_COSINE } kind;
} lr_schedule;
double lr_at(const lr_schedule *s, int64_t step);

#endif
