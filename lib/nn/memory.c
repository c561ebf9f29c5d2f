#include "nn/memory.h"

#include <stdlib.h>

#include "base/mem.h"

static size_t rounded(size_t bytes) { return (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN; }

/* Larger blocks first; of two that are as large that which stands first. */
static int by_size(const void *a, const void *b)
{
	const memory_block *x = *(memory_block *const *)a, *y = *(memory_block *const *)b;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x < y ? -1 : x > y;
}

/* Puts block k into the list `placed`, which is sorted by place. */
static void insert(memory_block **placed, size_t n, memory_block *k)
{
	size_t i = n;
	for (; i > 0 && placed[i - 1]->at > k->at; i--)
		placed[i] = placed[i - 1];
	placed[i] = k;
}

/* The lowest gap among the placed blocks that live when k does. */
static size_t lowest(memory_block *const *placed, size_t n, const memory_block *k)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		const memory_block *p = placed[i];
		if (p->to < k->from || p->from > k->to)
			continue;
		if (p->at >= at + rounded(k->bytes))
			break;
		if (p->at + rounded(p->bytes) > at)
			at = p->at + rounded(p->bytes);
	}
	return at;
}

int memory_lay_out(memory_block *blocks, size_t n, size_t *total, err *e)
{
	memory_block **order = NULL, **placed = NULL;
	int code = mem_zero(&order, n, sizeof *order, "memory", e);
	if (!code)
		code = mem_zero(&placed, n, sizeof *placed, "memory", e);
	*total = 0;
	for (size_t i = 0; !code && i < n; i++)
		order[i] = &blocks[i];
	if (!code)
		qsort(order, n, sizeof *order, by_size);
	for (size_t i = 0; !code && i < n; i++) {
		order[i]->at = lowest(placed, i, order[i]);
		insert(placed, i, order[i]);
		if (order[i]->at + rounded(order[i]->bytes) > *total)
			*total = order[i]->at + rounded(order[i]->bytes);
	}
	free(order);
	free(placed);
	return code;
}
