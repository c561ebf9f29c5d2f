#include "nn/gemm.h"

#include <cblas.h>

#include "base/blas.h"

static __typeof__(cblas_sgemm) *sgemm;

int gemm_open(err *e)
{
	int code = 0;
#pragma omp critical(gemm_open)
	if (!sgemm)
		code = blas_function(&sgemm, "cblas_sgemm", e);
	return code;
}

void gemm(bool a_t, bool b_t, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta, float *out, int ldo)
{
	sgemm(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, b_t ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b, ldb, beta, out, ldo);
}
