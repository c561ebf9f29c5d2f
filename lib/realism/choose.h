/* Choices by seed, the same on every machine. */
#ifndef REALISM_CHOOSE_H
#define REALISM_CHOOSE_H

#include <stddef.h>

#include "base/philox.h"

/* order [n]: 0 .. n-1, shuffled (Fisher and Yates; Durstenfeld 1964, CACM algorithm 235). */
void choose_order(size_t *order, size_t n, philox r);

/* pair [][2]: all pairs i < j of n things when these are no more than `most`, else `most` different ones. Returns how many. */
size_t choose_pairs(size_t (*pair)[2], size_t most, size_t n, philox r);

#endif
