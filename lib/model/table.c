#include "model/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"
#include "model/weights.h"

int table_add(param_table *t, enum init_rule rule, int64_t fan_in, int rank, const int64_t *n, err *e, const char *name, ...)
{
	int code = mem_grow(&t->t, &t->cap, t->n + 1, sizeof *t->t, "table of parameters", e);
	if (code)
		return code;
	table_entry *x = &t->t[t->n];
	va_list ap;
	va_start(ap, name);
	int length = vsnprintf(x->name, sizeof x->name, name, ap);
	va_end(ap);
	if (length < 0 || (size_t)length >= sizeof x->name || rank < 0 || rank > 5)
		return err_set(e, ERR_BUG, "%.100s..: impossible name or shape", x->name);
	x->rule = rule;
	x->fan_in = fan_in;
	x->rank = rank;
	for (int i = 0; i < rank; i++)
		x->n[i] = n[i];
	t->n++;
	return 0;
}

int table_add_layer(param_table *t, enum init_rule rule, int rank, const char *at, int in, int out, int k, err *e)
{
	const int64_t n[5] = { out, in, k, k, k };
	int64_t fan_in = in;
	for (int i = 2; i < rank; i++)
		fan_in *= k;
	int code = table_add(t, rule, fan_in, rank, n, e, "%s.weight", at);
	return code ? code : table_add(t, rule, fan_in, 1, n, e, "%s.bias", at);
}

int table_add_norm(param_table *t, const char *at, int channels, err *e)
{
	int code = table_add(t, INIT_ONES, 0, 1, (int64_t[]){ channels }, e, "%s.weight", at);
	return code ? code : table_add(t, INIT_ZEROS, 0, 1, (int64_t[]){ channels }, e, "%s.bias", at);
}

void table_free(param_table *t)
{
	free(t->t);
	*t = (param_table){ 0 };
}

int table_check(const param_table *t, const params *ps, err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const table_entry *x = &t->t[i];
		param *p;
		int code = params_expect(ps, x->name, x->rank, x->n, &p, e);
		if (code)
			return code;
		p->counter = x->rule == INIT_COUNTER;
	}
	return 0;
}

/* Numbers of (seed, name): adding a layer changes nobody else's. */
static void draw(param *p, const table_entry *x, uint64_t seed)
{
	philox random = philox_make(seed, philox_hash(x->name));
	double bound = x->fan_in > 0 ? 1 / sqrt((double)x->fan_in) : 0;
	for (size_t i = 0; i < p->count; i++) {
		switch (x->rule) {
		case INIT_UNIFORM:
			p->v[i] = (float)(bound * (2 * philox_uniform(random, i) - 1));
			break;
		case INIT_ONES:
			p->v[i] = 1;
			break;
		case INIT_NORMAL:
			p->v[i] = (float)(.02 * philox_normal(random, i));
			break;
		case INIT_GAIN:
			p->v[i] = (float)(1 + .02 * philox_normal(random, i));
			break;
		case INIT_ZEROS:
		case INIT_COUNTER:
			p->v[i] = 0;
			break;
		}
	}
}

int table_fresh(const param_table *t, uint64_t seed, params *ps, err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const table_entry *x = &t->t[i];
		param *p = NULL;
		int code = params_add(ps, x->name, x->rank, x->n, &p, e);
		if (code)
			return code;
		p->counter = x->rule == INIT_COUNTER;
		draw(p, x, seed);
	}
	return 0;
}
