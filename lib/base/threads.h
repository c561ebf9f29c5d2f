/* How many threads the loops outside the networks take; a network has its own number (nn_threads). Not OpenMP's number: OpenBLAS takes that
 * for its own, and is held to one thread (blas.c). */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

/* n >= 1. */
void threads_set(int n);
/* OpenMP's number where none was set. */
int threads_count(void);

#endif
