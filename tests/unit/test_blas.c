/* OpenBLAS: set up before there are threads, and one thread for each product wherever it is asked for. */
#include "../unit.h"

#include <omp.h>

#include "base/blas.h"
#include "base/philox.h"
#include "nn/matmul.h"

enum { N = 250 }; /* no whole vectors, so that no product is of matrix instructions */

static float a[N * N], b[N * N];

static void test_order(void **state)
{
	(void)state;
	err e;
	void (*f)(void);
	FAILS(ERR_BUG, "before it is set up", blas_function(&f, "cblas_sgemm", &e));
	assert_null(f);
	int code = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
	code = blas_open(1, &e);
	assert_int_equal(code, ERR_BUG);
	assert_non_null(strstr(e.text, "in a parallel region"));
	SUCCEEDS(matmul_open(2, &e));
	SUCCEEDS(blas_function(&f, "cblas_sgemm", &e));
	assert_non_null(f);
	FAILS(ERR_OS, "has no no_such_function", blas_function(&f, "no_such_function", &e));
	/* what is there need not be set up again, and that may be asked for anywhere */
#pragma omp parallel num_threads(2)
#pragma omp single
	code = blas_open(2, &e);
	assert_int_equal(code, 0);
}

/* The same bytes whatever OpenMP's number is, outside of regions and in a region of one thread, which has a number of its own. */
static void test_one_thread(void **state)
{
	(void)state;
	static float want[N * N], got[N * N];
	philox p = philox_make(4, 0);
	for (size_t i = 0; i < N * N; i++) {
		a[i] = (float)philox_normal(p, 2 * i);
		b[i] = (float)philox_normal(p, 2 * i + 1);
	}
	omp_set_num_threads(1);
	matmul(N, N, N, plain(a, N), plain(b, N), 0, want, N);
	for (int threads = 2; threads <= 3; threads++) {
		omp_set_num_threads(threads);
		matmul(N, N, N, plain(a, N), plain(b, N), 0, got, N);
		assert_memory_equal(got, want, sizeof got);
		assert_int_equal(omp_get_max_threads(), 1);
#pragma omp parallel num_threads(1)
		{
			omp_set_num_threads(threads);
			matmul(N, N, N, plain(a, N), plain(b, N), 0, got, N);
		}
		assert_memory_equal(got, want, sizeof got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order), cmocka_unit_test(test_one_thread) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
