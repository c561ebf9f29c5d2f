#include "train/ema.h"

#include <string.h>

#include "base/threads.h"

int ema_init(params *ema, const params *ps, err *e)
{
	*ema = (params){ 0 };
	for (size_t i = 0; i < ps->n; i++) {
		const param *from = &ps->p[i];
		param *to = NULL;
		int code = params_add(ema, from->name, from->rank, from->n, &to, e);
		if (code)
			return code;
		to->counter = from->counter;
		memcpy(to->v, from->v, from->count * sizeof *to->v);
	}
	return 0;
}

static void approach(float *v, const float *w, size_t n, float k)
{
	for (size_t i = 0; i < n; i++)
		v[i] += k * (w[i] - v[i]);
}

void ema_update(params *ema, const params *ps, double decay, int64_t step)
{
	double early = (double)(1 + step) / (double)(10 + step);
	float k = (float)(1 - (early < decay ? early : decay));
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
	for (size_t i = 0; i < ps->n; i++) {
		const param *from = &ps->p[i];
		if (from->counter) {
			memcpy(ema->p[i].v, from->v, from->count * sizeof *from->v);
			continue;
		}
		approach(ema->p[i].v, from->v, from->count, k);
		param_touch(&ema->p[i]);
	}
}
