#include "nn/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"

size_t table_find(const param_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->t[i].name, name))
			return i + 1;
	return 0;
}

int table_add(param_table *t, const param_entry *x, size_t *number, err *e)
{
	*number = table_find(t, x->name);
	if (*number) {
		const param_entry *y = &t->t[*number - 1];
		const bool same = x->rank == y->rank && !memcmp(x->n, y->n, (size_t)x->rank * sizeof *x->n) && x->rule == y->rule;
		return same ? 0 : err_set(e, ERR_BUG, "%s: two parameters of one name", x->name);
	}
	if (x->rank < 0 || x->rank > 5)
		return err_set(e, ERR_BUG, "%s: an impossible shape", x->name);
	int code = mem_grow(&t->t, &t->cap, t->n + 1, sizeof *t->t, "table of parameters", e);
	if (code)
		return code;
	t->t[t->n++] = *x;
	*number = t->n;
	return 0;
}

void table_free(param_table *t)
{
	free(t->t);
	*t = (param_table){ 0 };
}

/* The place of the beginning that a name has. */
static int beginning_of(const char *name, const char *const *beginnings)
{
	int i = 0;
	while (beginnings[i] && strncmp(name, beginnings[i], strlen(beginnings[i])))
		i++;
	return i;
}

int table_order(param_table *t, const char *const *beginnings, err *e)
{
	param_entry *to = NULL;
	size_t n = 0;
	int kinds = 0, code = mem_zero(&to, t->n, sizeof *to, "table of parameters", e);
	while (beginnings[kinds])
		kinds++;
	for (int k = 0; k <= kinds && !code; k++)
		for (size_t i = 0; i < t->n; i++)
			if (beginning_of(t->t[i].name, beginnings) == k)
				to[n++] = t->t[i];
	if (code)
		return code;
	free(t->t);
	t->t = to;
	t->cap = t->n;
	return 0;
}

int table_check(const param_table *t, const params *ps, err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const param_entry *x = &t->t[i];
		param *p;
		int code = params_expect(ps, x->name, x->rank, x->n, &p, e);
		if (code)
			return code;
		p->counter = x->rule == INIT_COUNTER;
	}
	return 0;
}

/* Numbers of (seed, name): adding a layer changes nobody else's. */
static void draw(param *p, const param_entry *x, uint64_t seed)
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
		const param_entry *x = &t->t[i];
		param *p = NULL;
		int code = params_add(ps, x->name, x->rank, x->n, &p, e);
		if (code)
			return code;
		p->counter = x->rule == INIT_COUNTER;
		draw(p, x, seed);
	}
	return 0;
}
