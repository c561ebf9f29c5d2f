#include "probe/shuffle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"

struct place {
	size_t subject;
	uint64_t number;
};

static int by_number(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	if (p->number != q->number)
		return p->number < q->number ? -1 : 1;
	return p->subject < q->subject ? -1 : 1;
}

/* from [subjects]: whose labels each subject gets. */
static int deal(size_t *from, const cases *c, unsigned long seed, err *e)
{
	struct place *to = NULL;
	int code = mem_zero(&to, c->subjects, sizeof *to, "labels", e);
	if (code)
		return code;
	for (size_t s = 0; s < c->subjects; s++) {
		uint32_t number[4];
		philox_block(philox_make(seed, philox_hash("shuffle")), philox_hash(c->names[s]), number);
		to[s] = (struct place){ s, (uint64_t)number[0] << 32 | number[1] };
	}
	qsort(to, c->subjects, sizeof *to, by_number);
	for (size_t s = 0; s < c->subjects; s++)
		from[s] = to[s].subject;
	free(to);
	return 0;
}

int cases_shuffle(cases *c, unsigned long seed, err *e)
{
	size_t *from = NULL, *first = NULL, *count = NULL, *rows = NULL;
	double *value = NULL;
	int code = mem_zero(&from, c->subjects, sizeof *from, "labels", e);
	if (!code)
		code = mem_zero(&first, c->subjects + 1, sizeof *first, "labels", e);
	if (!code)
		code = mem_zero(&count, c->subjects, sizeof *count, "labels", e);
	if (!code)
		code = mem_zero(&rows, c->n, sizeof *rows, "labels", e);
	if (!code)
		code = mem_zero(&value, c->n, sizeof *value, "labels", e);
	if (!code)
		code = deal(from, c, seed, e);
	/* rows: those of each subject together, in their order */
	for (size_t i = 0; i < c->n && !code; i++)
		first[c->subject[i] + 1]++;
	for (size_t s = 0; s < c->subjects && !code; s++)
		first[s + 1] += first[s];
	for (size_t i = 0; i < c->n && !code; i++)
		rows[first[c->subject[i]] + count[c->subject[i]]++] = i;
	for (size_t s = 0; s < c->subjects && !code; s++)
		for (size_t k = 0; k < count[s]; k++)
			value[rows[first[s] + k]] = c->value[rows[first[from[s]] + k % count[from[s]]]];
	if (!code)
		memcpy(c->value, value, c->n * sizeof *value);
	free(from);
	free(first);
	free(count);
	free(rows);
	free(value);
	return code;
}
