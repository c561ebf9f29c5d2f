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

void ema_update(params *ema, const params *ps, double decay, int64_t step)
{
	double early = (double)(1 + step) / (double)(10 + step);
	float k = (float)(1 - (early < decay ? early : decay));
	for (size_t i = 0; i < ps->n; i++) {
		const float *w = ps->p[i].v;
		float *v = ema->p[i].v;
		size_t n = ps->p[i].count;
		if (ps->p[i].counter) {
			memcpy(v, w, n * sizeof *v);
			continue;
		}
#pragma omp parallel for schedule(static) if (n > 1 << 14) num_threads(threads_count())
		for (size_t j = 0; j < n; j++)
			v[j] += k * (w[j] - v[j]);
		param_touch(&ema->p[i]);
	}
}
