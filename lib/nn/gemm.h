/* Matrix products by OpenBLAS (base/blas.h), large ones by matrix instructions where the processor has them. */
#ifndef NN_GEMM_H
#define NN_GEMM_H

#include <stdbool.h>

#include "base/err.h"

/* Sets up OpenBLAS for so many threads (blas_open). Must have succeeded before gemm. ERR_OS. */
int gemm_open(int threads, err *e);

/* out [m,n] = op(a) [m,k] op(b) [k,n] + beta out, row-major with row lengths lda, ldb, ldo; a_t, b_t: stored transposed. On the calling
 * thread alone when called inside a parallel region, as our loops do. */
void gemm(bool a_t, bool b_t, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta, float *out, int ldo);

#endif
