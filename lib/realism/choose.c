#include "realism/choose.h"

#include <stdbool.h>

/* Number i of r: 0 .. n-1. */
static size_t below(size_t n, philox r, uint64_t i) { return (size_t)(philox_uniform(r, i) * (double)n); }

void choose_order(size_t *order, size_t n, philox r)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t k = below(i, r, i), was = order[i - 1];
		order[i - 1] = order[k];
		order[k] = was;
	}
}

static bool is_there(size_t (*pair)[2], size_t count, size_t i, size_t j)
{
	for (size_t k = 0; k < count; k++)
		if (pair[k][0] == i && pair[k][1] == j)
			return true;
	return false;
}

size_t choose_pairs(size_t (*pair)[2], size_t most, size_t n, philox r)
{
	size_t count = 0;
	if (n < 2)
		return 0;
	if (n * (n - 1) / 2 <= most) {
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++, count++) {
				pair[count][0] = i;
				pair[count][1] = j;
			}
		return count;
	}
	for (uint64_t number = 0; count < most; number += 2) {
		size_t i = below(n, r, number), j = below(n, r, number + 1);
		if (i < j && !is_there(pair, count, i, j)) {
			pair[count][0] = i;
			pair[count++][1] = j;
		}
	}
	return count;
}
