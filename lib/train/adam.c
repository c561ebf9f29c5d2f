#include "train/adam.h"

#include <math.h>

static const double BETA1 = .9, BETA2 = .999, EPS = 1e-8;

void adam_update(param *p, float *m, float *v, int64_t step, double lr, double scale)
{
	float b1 = (float)BETA1, b2 = (float)BETA2, c1 = (float)(1 - BETA1), c2 = (float)(1 - BETA2), k = (float)scale;
	float eps = (float)EPS, rate = (float)(lr / (1 - pow(BETA1, (double)step)));
	float unbias = (float)(1 / sqrt(1 - pow(BETA2, (double)step)));
	const float *g = p->g;
	float *w = p->v;
	for (size_t i = 0; i < p->count; i++) {
		float x = k * g[i];
		m[i] = b1 * m[i] + c1 * x;
		v[i] = b2 * v[i] + c2 * x * x;
		w[i] -= rate * m[i] / (sqrtf(v[i]) * unbias + eps);
	}
}
