/* The U-Nets' parameters as the reference draws them for the golden values. */
#ifndef TESTS_ORACLE_WEIGHTS_H
#define TESTS_ORACLE_WEIGHTS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/param.h"
#include "oracle.h"

/* Seed 1: weights of variance 1/inputs, gains near 1, the rest small. */
static inline void oracle_draw(param *p)
{
	char key[192];
	bool gain = p->rank == 1 && strstr(p->name, ".weight");
	double inputs = (double)p->count / (double)p->n[0];
	double hi = p->rank > 1 ? sqrt(3 / inputs) : gain ? 1.3 : .1, lo = gain ? .7 : -hi;
	snprintf(key, sizeof key, "1/%s", p->name);
	uint64_t hash = oracle_hash(key);
	for (size_t i = 0; i < p->count; i++)
		p->v[i] = oracle_number(hash, i, lo, hi);
}

#endif
