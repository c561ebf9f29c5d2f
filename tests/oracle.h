/* Reproducible numbers of the golden values: a function of (seed, name, index), see tests/oracle/README.md. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stdint.h>

/* Element i of the tensor whose key "SEED/NAME" has this hash, uniform in [lo, hi): FNV-1a of the key, stepped by the golden ratio, through
 * the finaliser of splitmix64; its upper 24 bits. */
static inline uint64_t oracle_hash(const char *key)
{
	uint64_t h = 0xCBF29CE484222325u;
	for (const char *c = key; *c; c++)
		h = 0x100000001B3u * (h ^ (unsigned char)*c);
	return h;
}

static inline float oracle_number(uint64_t hash, uint64_t i, double lo, double hi)
{
	uint64_t x = hash + 0x9E3779B97F4A7C15u * (i + 1);
	x = 0xBF58476D1CE4E5B9u * (x ^ (x >> 30));
	x = 0x94D049BB133111EBu * (x ^ (x >> 27));
	x ^= x >> 31;
	return (float)(lo + (hi - lo) * ((double)(x >> 40) * 0x1p-24));
}

#endif
