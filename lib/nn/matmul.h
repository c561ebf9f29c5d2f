/* Matrix products by OpenBLAS (base/blas.h), large ones by matrix instructions where the processor has them. */
#ifndef NN_MATMUL_H
#define NN_MATMUL_H

#include <stdbool.h>

#include "base/err.h"

/* Sets up OpenBLAS for so many threads (blas_open). Must have succeeded before matmul. ERR_OS. */
int matmul_open(int threads, err *e);

/* A factor of a product: its rows lie `ld` floats apart or, transposed, its columns do. */
typedef struct factor {
	const float *v;
	int ld;
	bool transposed;
} factor;

static inline factor plain(const float *v, int ld) { return (factor){ v, ld, false }; }
static inline factor transposed(const float *v, int ld) { return (factor){ v, ld, true }; }

/* out [m,n] = a [m,k] b [k,n] + beta out, rows of `ldo` floats. Runs on the calling thread alone when it is called inside a parallel
 * region, as our loops do. */
void matmul(int m, int n, int k, factor a, factor b, float beta, float *out, int ldo);

#endif
