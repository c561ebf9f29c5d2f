#include "probe/cases.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"

int cases_add(cases *c, const char *participant, const float *code, size_t p, double value, err *e)
{
	if (c->n && p != c->p)
		return err_set(e, ERR_DATA, "a code of %zu numbers, the others have %zu", p, c->p);
	for (size_t j = 0; j < p; j++)
		if (!isfinite(code[j]))
			return err_set(e, ERR_DATA, "number %zu of its code is not finite", j);
	c->p = p;
	int status = mem_grow(&c->codes, &c->room[0], (c->n + 1) * p, sizeof *c->codes, "codes", e);
	if (!status)
		status = mem_grow(&c->value, &c->room[1], c->n + 1, sizeof *c->value, "labels", e);
	if (!status)
		status = mem_grow(&c->participant, &c->room[2], c->n + 1, sizeof *c->participant, "subjects", e);
	if (!status)
		status = mem_text(&c->participant[c->n], participant, e);
	if (status)
		return status;
	memcpy(c->codes + c->n * p, code, p * sizeof *code);
	c->value[c->n++] = value;
	return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int cases_finish(cases *c, err *e)
{
	int code = mem_zero(&c->names, c->n, sizeof *c->names, "subjects", e);
	if (!code)
		code = mem_zero(&c->subject, c->n, sizeof *c->subject, "subjects", e);
	if (code || !c->n)
		return code;
	memcpy(c->names, c->participant, c->n * sizeof *c->names);
	qsort(c->names, c->n, sizeof *c->names, by_name);
	c->subjects = 1;
	for (size_t i = 1; i < c->n; i++)
		if (strcmp(c->names[c->subjects - 1], c->names[i]))
			c->names[c->subjects++] = c->names[i];
	for (size_t i = 0; i < c->n; i++)
		c->subject[i] = (size_t)((char **)bsearch(&c->participant[i], c->names, c->subjects, sizeof *c->names, by_name) - c->names);
	return 0;
}

void cases_free(cases *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->participant[i]);
	free(c->codes);
	free(c->value);
	free(c->participant);
	free(c->subject);
	free(c->names);
	*c = (cases){ 0 };
}

struct deal {
	size_t subject;
	bool negative; /* has no positive case; false for all where classes do not count */
	uint64_t hash;
};

static int by_turn(const void *a, const void *b)
{
	const struct deal *s = a, *t = b;
	if (s->negative != t->negative)
		return s->negative ? 1 : -1;
	if (s->hash != t->hash)
		return s->hash < t->hash ? -1 : 1;
	return s->subject < t->subject ? -1 : 1;
}

int folds_make(int *fold, const cases *c, const bool *use, int k, bool classes, unsigned long seed, err *e)
{
	struct deal *deals = NULL;
	size_t n = 0;
	int code = mem_zero(&deals, c->subjects, sizeof *deals, "folds", e);
	if (code)
		return code;
	for (size_t s = 0; s < c->subjects; s++) {
		uint32_t number[4];
		fold[s] = -1;
		if (use && !use[s])
			continue;
		philox_block(philox_make(seed, philox_hash(c->names[s])), 0, number);
		deals[n++] = (struct deal){ s, classes, (uint64_t)number[0] << 32 | number[1] };
	}
	for (size_t i = 0; classes && i < c->n; i++)
		for (size_t s = 0; c->value[i] > .5 && s < n; s++)
			if (deals[s].subject == c->subject[i])
				deals[s].negative = false;
	if (n < (size_t)k)
		code = err_set(e, ERR_DATA, "%zu subjects do not fill %d folds", n, k);
	qsort(deals, n, sizeof *deals, by_turn);
	for (size_t i = 0; !code && i < n; i++)
		fold[deals[i].subject] = (int)(i % (size_t)k);
	free(deals);
	return code;
}
