/* How many threads the loops outside the networks take; a network has its own number (nn_threads). Not OpenMP's number: OpenBLAS takes that
 * for its own, and is held to one thread (blas.c). */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include "base/err.h"

/* n >= 1. */
void threads_set(int n);
/* OpenMP's number where none was set. */
int threads_count(void);

/* Starts so many threads, which wait for loops. GCC's OpenMP library would do so in the first loop, and end the program with a status and
 * words of its own where the system gives none; so they are tried before. ERR_OS. */
int threads_start(err *e);

#endif
