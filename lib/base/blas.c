#include "base/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

/* What OpenBLAS maps at a time for a thread's work space (BUFFER_SIZE of its common_x86_64.h; no more on other processors), and room for
 * the library itself. */
static const size_t WORK = (size_t)128 << 20, LIBRARY = (size_t)64 << 20;

enum { OWN = 2 }; /* of these, which the library takes and keeps when it is loaded */

static void *library;
static int ready; /* threads that have work space */

/* Is there address space for n pieces of WORK bytes and, at first, the library? In pieces, for the system refuses large ones sooner. */
static int try_memory(size_t n, err *e)
{
	void **piece = NULL;
	size_t got = 0, all = n + !library;
	int code = mem_zero(&piece, all, sizeof *piece, "OpenBLAS", e);
	while (!code && got < all) {
		piece[got] = mmap(NULL, got < n ? WORK : LIBRARY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (piece[got] == MAP_FAILED)
			code = err_set(e, ERR_OS,
				       "no memory: OpenBLAS takes %zu MB of address space, less for fewer threads (ulimit -v, -j)",
				       (n * WORK + LIBRARY) >> 20);
		else
			got++;
	}
	while (got--)
		munmap(piece[got], got < n ? WORK : LIBRARY);
	free(piece);
	return code;
}

/* OpenBLAS shall not prepare itself for threads of its own: its environment says so while it is loaded. */
static void *load_library(void)
{
	static const char variable[] = "OPENBLAS_NUM_THREADS";
	setenv(variable, "1", 1);
	return dlopen(BLAS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

static int load(err *e)
{
	void *p = load_library();
	if (!p)
		return err_set(e, ERR_OS, "%s: %s", BLAS_LIBRARY, dlerror());
	__typeof__(openblas_get_parallel) *parallel = dlsym(p, "openblas_get_parallel");
	if (!parallel || parallel() != OPENBLAS_OPENMP) {
		dlclose(p);
		return err_set(e, ERR_OS, "%s: not the OpenMP build of OpenBLAS", BLAS_LIBRARY);
	}
	library = p;
	return 0;
}

/* Work space that was given back is what later calls take. */
static int take_work(int threads, err *e)
{
	void *(*take)(int), (*give)(void *);
	void **piece = NULL;
	int code = blas_function(&take, "blas_memory_alloc", e);
	if (!code)
		code = blas_function(&give, "blas_memory_free", e);
	if (!code)
		code = mem_zero(&piece, (size_t)threads, sizeof *piece, "OpenBLAS", e);
	for (int i = 0; !code && i < threads; i++)
		piece[i] = take(0);
	for (int i = 0; !code && i < threads; i++)
		give(piece[i]);
	free(piece);
	if (!code)
		ready = threads;
	return code;
}

int blas_open(int threads, err *e)
{
	if (threads <= ready)
		return 0;
	if (omp_in_parallel())
		return err_set(e, ERR_BUG, "OpenBLAS: set up in a parallel region");
	int code = try_memory((size_t)(threads - ready) + (library ? 0 : OWN), e);
	if (!code && !library)
		code = load(e);
	return code ? code : take_work(threads, e);
}

int blas_function(void *function, const char *name, err *e)
{
	void *f = library ? dlsym(library, name) : NULL;
	blas_alone();
	memcpy(function, &f, sizeof f);
	if (!library)
		return err_set(e, ERR_BUG, "OpenBLAS: %s is asked for before it is set up", name);
	return f ? 0 : err_set(e, ERR_OS, "%s: has no %s", BLAS_LIBRARY, name);
}

/* The OpenMP build takes OpenMP's number, that of this thread in this region, and any of them may differ from the next where
 * OMP_NUM_THREADS is a list. */
void blas_alone(void)
{
	if (omp_get_max_threads() != 1)
		omp_set_num_threads(1);
}
