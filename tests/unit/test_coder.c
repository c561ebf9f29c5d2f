/* The autoencoder as the tools use it, against the reference implementation's golden values. */
#include "../unit.h"

#include "../golden.h"

#include "model/coder.h"

enum { X = 32 * 40 * 32, Z = 3 * 8 * 10 * 8 };

static coder k;

static int setup(void **state)
{
	(void)state;
	err e = { 0 };
	SUCCEEDS(st_open(&values, GOLDEN "values.safetensors", &e));
	SUCCEEDS(coder_open(&k, GOLDEN "autoencoder.safetensors", NN_EXACT, 2, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	coder_close(&k);
	st_close(values);
	return 0;
}

static void mean_and_decoded(void **state)
{
	(void)state;
	err e = { 0 };
	static float z[Z], x[X];
	assert_memory_equal(k.x, ((int64_t[]){ 1, 32, 40, 32 }), sizeof k.x);
	assert_memory_equal(k.z, ((int64_t[]){ 3, 8, 10, 8 }), sizeof k.z);
	/* twice: memory is reused */
	for (int i = 0; i < 2; i++) {
		SUCCEEDS(coder_encode(&k, z, golden("x", 2 * X), NULL, &e));
		assert_true(strays(z, golden("encode.mean", 2 * Z), Z) < 1e-5);
		SUCCEEDS(coder_decode(&k, x, golden("z", 2 * Z), &e));
		assert_true(strays(x, golden("decode", 2 * X), X) < 1e-5);
	}
}

static void draws_from_the_posterior(void **state)
{
	(void)state;
	err e = { 0 };
	static float mean[Z], a[Z], b[Z];
	const float *sigma = golden("encode.sigma", 2 * Z);
	philox one = philox_make(1, 2), other = philox_make(1, 3);
	double squares = 0;
	SUCCEEDS(coder_encode(&k, mean, golden("x", 2 * X), NULL, &e));
	SUCCEEDS(coder_encode(&k, a, golden("x", 2 * X), &one, &e));
	SUCCEEDS(coder_encode(&k, b, golden("x", 2 * X), &one, &e));
	assert_memory_equal(a, b, sizeof a);
	for (int i = 0; i < Z; i++) {
		double n = ((double)a[i] - (double)mean[i]) / (double)sigma[i];
		assert_float_equal(n, philox_normal(one, (uint64_t)i), 1e-3);
		squares += n * n;
	}
	assert_float_equal(squares / Z, 1, .1);
	SUCCEEDS(coder_encode(&k, b, golden("x", 2 * X), &other, &e));
	assert_memory_not_equal(a, b, sizeof a);
}

static void other_grids_and_plans(void **state)
{
	(void)state;
	err e = { 0 };
	model_cost small, large;
	SUCCEEDS(coder_shape(&k, (const int[3]){ 16, 16, 16 }, &e));
	SUCCEEDS(coder_plan(&small, &k, false, &e));
	SUCCEEDS(coder_shape(&k, (const int[3]){ 32, 32, 32 }, &e));
	SUCCEEDS(coder_plan(&large, &k, false, &e));
	assert_float_equal(large.flop / small.flop, 8, .01);
	assert_true(large.bytes > small.bytes);
	assert_true(small.seconds > 0);
	SUCCEEDS(coder_plan(&large, &k, true, &e));
	assert_true(large.flop > 8 * small.flop);
	FAILS(ERR_CONFIG, "divided by 4", coder_shape(&k, (const int[3]){ 16, 18, 16 }, &e));
	SUCCEEDS(coder_shape(&k, (const int[3]){ 32, 40, 32 }, &e));
	coder none;
	FAILS(ERR_NOINPUT, "none", coder_open(&none, "tests/none", NN_EXACT, 1, &e));
	coder_close(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_grids_and_plans), /* first: what the process has held so far counts */
		cmocka_unit_test(mean_and_decoded),
		cmocka_unit_test(draws_from_the_posterior),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
