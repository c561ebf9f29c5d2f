#include "nn/gemm.h"

#include <cblas.h>

#include "base/blas.h"
#include "nn/kernels/kernels.h"

static __typeof__(cblas_sgemm) *sgemm;

int gemm_open(int threads, err *e)
{
	int code = blas_open(threads, e);
	return code || sgemm ? code : blas_function(&sgemm, "cblas_sgemm", e);
}

/* Below this many rows and columns cutting them into parts takes as long as matrix instructions save. */
enum { LEAST = 48 };

void gemm(bool a_t, bool b_t, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta, float *out, int ldo)
{
	gemm_kernel *fast = nn_kernels()->gemm;
	if (fast && !a_t && m >= LEAST && n >= LEAST && k >= LEAST && n % LANES == 0 && (beta == 0 || beta == 1)) {
		int whole = m / LANES * LANES;
		fast(b_t, whole, n, k, a, (size_t)lda, b, (size_t)ldb, beta != 0, out, (size_t)ldo);
		m -= whole;
		a += (size_t)whole * lda;
		out += (size_t)whole * ldo;
		if (!m)
			return;
	}
	blas_alone();
	sgemm(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, b_t ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b, ldb, beta, out, ldo);
}
