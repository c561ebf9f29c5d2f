/* OpenBLAS (BLAS and LAPACK), which is loaded when a computation is set up: its 37 MB would triple the time that --version and --help
 * take. */
#ifndef BASE_BLAS_H
#define BASE_BLAS_H

#include "base/err.h"

/* Loads OpenBLAS and lets it take the work space of calls from `threads` threads at once, 128 MB of address space each, which stay
 * untouched until they are used: left to itself it would take them in the middle of a computation, and try for ever where there are none.
 * Not in a parallel region; further calls cost nothing unless they ask for more threads. Only the OpenMP build does: the serial one is not
 * safe from several threads, the pthread one keeps threads of its own. ERR_OS when there is no memory, or the library is not there or not
 * whole. */
int blas_open(int threads, err *e);

/* Looks up the function `name` ("cblas_sgemm", "dgesdd_") into *function, a pointer to a function pointer, for calls from this thread
 * (blas_alone). blas_open must have succeeded. There is no LAPACKE in Debian's. ERR_OS. */
int blas_function(void *function, const char *name, err *e);

/* From now on OpenBLAS computes what the calling thread asks for on this thread alone: its results depend on how many threads share a
 * product. A thread that enters a parallel region has to say so again. */
void blas_alone(void);

#endif
