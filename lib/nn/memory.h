/* Where values lie: blocks whose life is known beforehand share one stretch of memory. */
#ifndef NN_MEMORY_H
#define NN_MEMORY_H

#include <stddef.h>

#include "base/err.h"

/* A block of `bytes`, needed from step `from` to step `to`, both included. */
typedef struct memory_block {
	size_t bytes;
	int from, to;
	size_t at;	/* where it lies: a multiple of MEMORY_ALIGN; from memory_lay_out */
} memory_block;

enum { MEMORY_ALIGN = 64 };

/* Gives n blocks their places, so that no two that are needed at one step overlap, and returns in *total how far they reach. Largest first,
 * each at the lowest place that is free during its life (Pisarchyk & Lee 2020, "Efficient memory management for deep neural net inference",
 * greedy by size), which is within a few percent of the most that is needed at one step. The same blocks, the same places. ERR_OS. */
int memory_lay_out(memory_block *blocks, size_t n, size_t *total, err *e);

#endif
