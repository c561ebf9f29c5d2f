#include "baseline/eigen.h"

#include <stdlib.h>

#include "base/blas.h"
#include "base/mem.h"

typedef void divide_and_conquer(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
			     const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);

int eigen_symmetric(double *a, double *value, int s, err *e)
{
	divide_and_conquer *dsyevd;
	double *work = NULL, most;
	int *iwork = NULL, info = 0, ask = -1, integers, code = blas_function(&dsyevd, "dsyevd_", e);
	if (code)
		return code;
	/* LAPACK counts columns first: our upper triangle is its lower one, its vectors are our rows */
	dsyevd("V", "L", &s, a, &s, value, &most, &ask, &integers, &ask, &info, 1, 1);
	int reals = (int)most;
	code = mem_zero(&work, (size_t)reals, sizeof *work, "eigenvalues", e);
	if (!code)
		code = mem_zero(&iwork, (size_t)integers, sizeof *iwork, "eigenvalues", e);
	if (!code)
		dsyevd("V", "L", &s, a, &s, value, work, &reals, iwork, &integers, &info, 1, 1);
	if (!code && info)
		code = err_set(e, ERR_DATA, "eigenvalues: they do not converge (%d)", info);
	free(work);
	free(iwork);
	return code;
}
