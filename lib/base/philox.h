/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * A number is a function of key and counter, never of the order in which threads ask for it. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

typedef struct philox {
	uint32_t key[2];	/* the seed */
	uint32_t ctr[2];	/* the upper half of the counter: whose numbers these are (record, step, ...) */
} philox;

/* A generator for (seed, stream): `stream` tells apart the uses of one seed. */
philox philox_make(uint64_t seed, uint64_t stream);
/* 64-bit FNV-1a of a text: how a record id becomes part of a stream number. */
uint64_t philox_hash(const char *text);
/* Four 32-bit numbers of block i. */
void philox_block(philox p, uint64_t i, uint32_t out[4]);
/* Number i, uniform in [0,1) with 53 bits. */
double philox_uniform(philox p, uint64_t i);
/* Number i, standard normal (Box-Muller on block i). */
double philox_normal(philox p, uint64_t i);

#endif
