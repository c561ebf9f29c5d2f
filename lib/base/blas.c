#include "base/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <string.h>

static void *library;

static int load(err *e)
{
	void *p = dlopen(BLAS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!p)
		return err_set(e, ERR_OS, "%s: %s", BLAS_LIBRARY, dlerror());
	__typeof__(openblas_get_parallel) *parallel = dlsym(p, "openblas_get_parallel");
	__typeof__(openblas_set_num_threads) *set_threads = dlsym(p, "openblas_set_num_threads");
	if (!parallel || !set_threads || parallel() != OPENBLAS_OPENMP) {
		dlclose(p);
		return err_set(e, ERR_OS, "%s: not the OpenMP build of OpenBLAS", BLAS_LIBRARY);
	}
	set_threads(1); /* our loop of one thread would not keep it from starting more */
	library = p;
	return 0;
}

int blas_function(void *function, const char *name, err *e)
{
	int code = 0;
#pragma omp critical(blas_function)
	if (!library)
		code = load(e);
	void *f = code ? NULL : dlsym(library, name);
	if (!code && !f)
		code = err_set(e, ERR_OS, "%s: has no %s", BLAS_LIBRARY, name);
	memcpy(function, &f, sizeof f);
	return code;
}
