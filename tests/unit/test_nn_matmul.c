/* gemm against sums in double: all ways in which factors lie, rows and columns that are no whole vectors, longer rows than are used. */
#include "../unit.h"
#include "../nn_case.h"

#include "nn/matmul.h"

static float *random_matrix(dice *d, uint64_t seed, int rows, int columns, int *ld)
{
	*ld = columns + roll(d, 0, 5);
	float *v = malloc((size_t)rows * (size_t)*ld * sizeof *v);
	philox p = philox_make(seed, 0);
	for (size_t i = 0; i < (size_t)rows * (size_t)*ld; i++)
		v[i] = (float)philox_normal(p, i);
	return v;
}

static void check(dice *d, uint64_t seed, int m, int n, int k)
{
	bool a_t = roll(d, 0, 3) == 0, b_t = roll(d, 0, 1);
	float beta = (float)roll(d, 0, 1);
	int lda, ldb, ldo;
	float *a = random_matrix(d, seed, a_t ? k : m, a_t ? m : k, &lda), *b = random_matrix(d, seed + 1, b_t ? n : k, b_t ? k : n, &ldb);
	float *out = random_matrix(d, seed + 2, m, n, &ldo), *before = malloc((size_t)m * (size_t)ldo * sizeof *before);
	memcpy(before, out, (size_t)m * (size_t)ldo * sizeof *before);
	matmul(m, n, k, (factor){ a, lda, a_t }, (factor){ b, ldb, b_t }, beta, out, ldo);
	double error = 0, size = 0;
	for (int i = 0; i < m; i++)
		for (int l = 0; l < ldo; l++) {
			size_t at = (size_t)i * ldo + l;
			if (l >= n) {
				assert_true(out[at] == before[at]);
				continue;
			}
			double sum = (double)(beta * before[at]);
			for (int t = 0; t < k; t++)
				sum += (double)a[a_t ? (size_t)t * lda + i : (size_t)i * lda + t] *
				       (double)b[b_t ? (size_t)l * ldb + t : (size_t)t * ldb + l];
			error += (out[at] - sum) * (out[at] - sum);
			size += sum * sum;
		}
	if (!(error <= 1e-12 * size))
		fail_msg("%d x %d x %d, %d %d, beta %g: strays by %.1e", m, n, k, a_t, b_t, (double)beta, sqrt(error / size));
	free(a);
	free(b);
	free(out);
	free(before);
}

static void test_matmul(void **state)
{
	(void)state;
	err e;
	SUCCEEDS(matmul_open(1, &e));
	dice d = dice_of(7);
	for (uint64_t i = 0; i < 200; i++)
		check(&d, 3 * i, roll(&d, 1, 130), i % 2 ? 16 * roll(&d, 1, 20) : roll(&d, 1, 300), roll(&d, 1, 300));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_matmul) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
