#include "train/learning_rate.h"

#include <math.h>

double lr_at(const lr_schedule *s, int64_t step)
{
	if (step < s->warmup)
		return s->lr * (double)(step + 1) / (double)s->warmup;
	if (s->kind == LR_CONSTANT)
		return s->lr;
	double at = s->total > s->warmup ? (double)(step - s->warmup) / (double)(s->total - s->warmup) : 1;
	if (at > 1)
		at = 1;
	return s->lr * (1 + cos(M_PI * at)) / 2;
}
