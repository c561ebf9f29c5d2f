#include "train/move.h"

#include <math.h>

#include "train/ema.h"

int train_move(train_state *s, const recipe *r, double loss, double *norm, double *lr, err *e)
{
	double square = 0;
	for (size_t i = 0; i < s->n_parts; i++) {
		double own = gradient_norm(s->parts[i].weights);
		square += own * own;
	}
	*norm = sqrt(square);
	if (!isfinite(loss + *norm))
		return err_set(e, ERR_DATA, "the loss is no finite number any more at step %lld (%g)", (long long)s->step, loss);
	lr_schedule rate = recipe_rate(r);
	int code = 0;
	*lr = lr_at(&rate, s->step);
	for (size_t i = 0; !code && i < s->n_parts; i++)
		code = optimiser_step(s->parts[i].optimiser, s->parts[i].weights, *lr, clip_factor(*norm, r->clip), e);
	if (code)
		return code;
	for (size_t i = 0; i < s->n_parts; i++)
		if (s->parts[i].ema)
			ema_update(s->parts[i].ema, s->parts[i].weights, r->ema, s->step);
	s->step++;
	return 0;
}
