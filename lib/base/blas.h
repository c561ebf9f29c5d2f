/* OpenBLAS (BLAS and LAPACK), which is loaded when the first computation starts: its 37 MB would triple the time that --version and
 * --help take. */
#ifndef BASE_BLAS_H
#define BASE_BLAS_H

#include "base/err.h"

/* Looks up the function `name` ("cblas_sgemm", "dgesdd_") into *function, a pointer to a function pointer. Only the OpenMP build of
 * OpenBLAS does: the serial one is not safe from several threads, the pthread one keeps threads of its own. Each call runs on the calling
 * thread alone, as our loops want it. There is no LAPACKE in Debian's. ERR_OS when the library is not there or not whole. */
int blas_function(void *function, const char *name, err *e);

#endif
