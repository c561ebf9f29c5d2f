#include "train/optimiser.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "nn/matmul.h"
#include "train/adam.h"
#include "train/muon.h"

/* A matrix, not a vector that is written with more axes ([C,1,1]). */
static bool by_muon(enum optimiser_rule rule, const param *p)
{
	return rule == RULE_MUON && p->rank >= 2 && p->count > (size_t)p->n[0];
}

int optimiser_moments(enum optimiser_rule rule, const param *p) { return by_muon(rule, p) ? 1 : 2; }

int optimiser_init(optimiser *o, enum optimiser_rule rule, double vectors, const params *ps, err *e)
{
	*o = (optimiser){ .rule = rule, .vectors = vectors };
	int code = rule == RULE_MUON ? matmul_open(threads_count(), e) : 0;
	if (!code)
		code = mem_zero(&o->m, ps->n, sizeof *o->m, "optimiser", e);
	if (!code)
		code = mem_zero(&o->v, ps->n, sizeof *o->v, "optimiser", e);
	if (code)
		return code;
	o->n = ps->n;
	for (size_t i = 0; !code && i < ps->n; i++) {
		const param *p = &ps->p[i];
		if (!p->g)
			continue;
		code = mem_zero(&o->m[i], p->count, sizeof(float), p->name, e);
		if (!code && !by_muon(o->rule, p))
			code = mem_zero(&o->v[i], p->count, sizeof(float), p->name, e);
	}
	return code;
}

void optimiser_free(optimiser *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->m[i]);
		free(o->v[i]);
	}
	free(o->m);
	free(o->v);
	*o = (optimiser){ 0 };
}

int optimiser_step(optimiser *o, params *ps, double lr, double scale, err *e)
{
	int code = 0;
	o->step++;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
	for (size_t i = 0; i < ps->n; i++) {
		param *p = &ps->p[i];
		err mine;
		int failed = 0;
		if (!o->m[i])
			continue;
		if (by_muon(o->rule, p))
			failed = muon_update(p, o->m[i], lr, scale, &mine);
		else
			adam_update(p, o->m[i], o->v[i], o->step, o->rule == RULE_MUON ? lr * o->vectors : lr, scale);
		param_touch(p);
#pragma omp critical(optimiser)
		if (failed) {
			code = failed;
			*e = mine;
		}
	}
	return code;
}

/* Four chains of additions at a time, always the same ones. */
static double sum_of_squares(const float *g, size_t n)
{
	double sum[4] = { 0 };
	size_t whole = n / 4 * 4;
	for (size_t k = 0; k < whole; k += 4)
		for (size_t l = 0; l < 4; l++)
			sum[l] += (double)g[k + l] * g[k + l];
	for (size_t k = whole; k < n; k++)
		sum[k - whole] += (double)g[k] * g[k];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

double gradient_norm(const params *ps)
{
	double total = 0;
#pragma omp parallel for ordered schedule(dynamic) num_threads(threads_count())
	for (size_t i = 0; i < ps->n; i++) {
		const param *p = &ps->p[i];
		double own = p->g ? sum_of_squares(p->g, p->count) : 0;
#pragma omp ordered
		total += own;
	}
	return sqrt(total);
}

double clip_factor(double norm, double limit)
{
	double k = limit / (norm + 1e-6);
	return limit > 0 && k < 1 ? k : 1;
}
