#include "nn/matmul.h"

#include <cblas.h>

#include "base/blas.h"
#include "nn/kernels/kernels.h"

static __typeof__(cblas_sgemm) *sgemm;

int matmul_open(int threads, err *e)
{
	int code = blas_open(threads, e);
	return code || sgemm ? code : blas_function(&sgemm, "cblas_sgemm", e);
}

/* Below this many rows and columns cutting them into parts takes as long as matrix instructions save. */
enum { LEAST = 48 };

void matmul(int m, int n, int k, factor a, factor b, float beta, float *out, int ldo)
{
	gemm_kernel *fast = nn_kernels()->gemm;
	if (fast && !a.transposed && m >= LEAST && n >= LEAST && k >= LEAST && n % LANES == 0 && (beta == 0 || beta == 1)) {
		int whole = m / LANES * LANES;
		fast(b.transposed, whole, n, k, a.v, (size_t)a.ld, b.v, (size_t)b.ld, beta != 0, out, (size_t)ldo);
		m -= whole;
		a.v += (size_t)whole * a.ld;
		out += (size_t)whole * ldo;
		if (!m)
			return;
	}
	blas_alone();
	sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans, m, n, k, 1, a.v, a.ld, b.v,
	      b.ld, beta, out, ldo);
}
