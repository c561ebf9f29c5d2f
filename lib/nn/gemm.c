#include "nn/gemm.h"

#include <cblas.h>
#include <dlfcn.h>

static __typeof__(cblas_sgemm) *sgemm;

int gemm_open(err *e)
{
	int code = 0;
#pragma omp critical(gemm_open)
	if (!sgemm) {
		void *library = dlopen(BLAS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
		__typeof__(openblas_get_parallel) *parallel = library ? dlsym(library, "openblas_get_parallel") : NULL;
		if (!parallel || parallel() != OPENBLAS_OPENMP)
			code = err_set(e, ERR_OS, "%s: %s", BLAS_LIBRARY, library ? "not the OpenMP build of OpenBLAS" : dlerror());
		__typeof__(openblas_set_num_threads) *set_threads = library ? dlsym(library, "openblas_set_num_threads") : NULL;
		if (!code && (!set_threads || !(sgemm = dlsym(library, "cblas_sgemm"))))
			code = err_set(e, ERR_OS, "%s: not a whole OpenBLAS", BLAS_LIBRARY);
		if (!code)	/* our loop of one thread would not keep it from starting more */
			set_threads(1);
	}
	return code;
}

void gemm(bool a_t, bool b_t, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta, float *out, int ldo)
{
	sgemm(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, b_t ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b, ldb, beta, out, ldo);
}
