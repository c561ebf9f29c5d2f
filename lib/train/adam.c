#include "train/adam.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

int adam_init(adam *a, const params *ps, err *e)
{
	*a = (adam){ .beta1 = .9, .beta2 = .999, .eps = 1e-8 };
	int code = mem_zero(&a->m, ps->n, sizeof *a->m, "optimiser", e);
	if (!code)
		code = mem_zero(&a->v, ps->n, sizeof *a->v, "optimiser", e);
	if (code)
		return code;
	a->n = ps->n;
	for (size_t i = 0; !code && i < ps->n; i++) {
		if (!ps->p[i].g)
			continue;
		code = mem_zero(&a->m[i], ps->p[i].count, sizeof(float), ps->p[i].name, e);
		if (!code)
			code = mem_zero(&a->v[i], ps->p[i].count, sizeof(float), ps->p[i].name, e);
	}
	return code;
}

void adam_free(adam *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->m[i]);
		free(a->v[i]);
	}
	free(a->m);
	free(a->v);
	*a = (adam){ 0 };
}

double gradient_norm(const params *ps)
{
	double total = 0;
	for (size_t i = 0; i < ps->n; i++) {
		const param *p = &ps->p[i];
		double sum[4] = { 0 };	/* four chains of additions at a time, always the same ones */
		for (size_t k = 0; p->g && k < p->count; k++)
			sum[k % 4] += (double)p->g[k] * p->g[k];
		total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
	}
	return sqrt(total);
}

double clip_factor(double norm, double limit)
{
	double k = limit / (norm + 1e-6);
	return limit > 0 && k < 1 ? k : 1;
}

static void update(float *p, float *m, float *v, const float *g, size_t n, const adam *a, double lr, double scale)
{
	float b1 = (float)a->beta1, b2 = (float)a->beta2, c1 = (float)(1 - a->beta1), c2 = (float)(1 - a->beta2), k = (float)scale;
	float eps = (float)a->eps, rate = (float)(lr / (1 - pow(a->beta1, (double)a->step)));
	float unbias = (float)(1 / sqrt(1 - pow(a->beta2, (double)a->step)));
#pragma omp parallel for schedule(static) if (n > 1 << 14)
	for (size_t i = 0; i < n; i++) {
		float x = k * g[i];
		m[i] = b1 * m[i] + c1 * x;
		v[i] = b2 * v[i] + c2 * x * x;
		p[i] -= rate * m[i] / (sqrtf(v[i]) * unbias + eps);
	}
}

void adam_step(adam *a, params *ps, double lr, double scale)
{
	a->step++;
	for (size_t i = 0; i < ps->n; i++) {
		param *p = &ps->p[i];
		if (!a->m[i])
			continue;
		update(p->v, a->m[i], a->v[i], p->g, p->count, a, lr, scale);
		param_touch(p);
	}
}

double lr_at(const lr_schedule *s, int64_t step)
{
	if (step < s->warmup)
		return s->lr * (double)(step + 1) / (double)s->warmup;
	if (s->kind == LR_CONSTANT)
		return s->lr;
	double at = s->total > s->warmup ? (double)(step - s->warmup) / (double)(s->total - s->warmup) : 1;
	if (at > 1)
		at = 1;
	return s->lr * (s->floor + (1 - s->floor) * (1 + cos(M_PI * at)) / 2);
}
