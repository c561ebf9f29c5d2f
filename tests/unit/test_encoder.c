/* The semantic encoder as the tools use it, against the reference implementation's golden values. */
#include "../unit.h"

#include "../golden.h"

#include "model/encoder.h"

enum { X = 32 * 40 * 32, Y = 64 };

static encoder k;

static int setup(void **state)
{
	(void)state;
	err e = { 0 };
	SUCCEEDS(st_open(&values, GOLDEN "values.safetensors", &e));
	SUCCEEDS(encoder_open(&k, GOLDEN "semantic.safetensors", NN_EXACT, 1, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	encoder_close(&k);
	st_close(values);
	return 0;
}

static void codes(void **state)
{
	(void)state;
	err e = { 0 };
	float y[Y];
	const int want[3] = { 32, 40, 32 };
	assert_memory_equal(k.n, want, sizeof want);
	assert_int_equal(k.y, Y);
	for (int turn = 0; turn < 4; turn++) { /* memory is reused */
		const float *code = golden("semantic", 2 * Y) + (turn % 2) * Y;
		SUCCEEDS(encoder_code(&k, y, golden("x", 2 * X) + (turn % 2) * X, &e));
		assert_true(strays(y, code, Y) <= 1e-5);
	}
}

static void grids_and_plans(void **state)
{
	(void)state;
	err e = { 0 };
	model_cost half, whole;
	SUCCEEDS(encoder_shape(&k, (const int[3]){ 32, 40, 16 }, &e)); /* half of the slices */
	SUCCEEDS(encoder_plan(&half, &k, &e)); /* first: what the process has held so far counts, and only grows */
	SUCCEEDS(encoder_shape(&k, (const int[3]){ 32, 40, 32 }, &e));
	SUCCEEDS(encoder_plan(&whole, &k, &e));
	assert_float_equal(whole.flop / half.flop, 2, .01);
	assert_true(whole.bytes > half.bytes && whole.seconds > 0);
	FAILS(ERR_CONFIG, "33 slices, the encoder takes 32", encoder_shape(&k, (const int[3]){ 32, 40, 33 }, &e));
	FAILS(ERR_CONFIG, "slices of 32x31, the encoder needs 32x32", encoder_shape(&k, (const int[3]){ 32, 31, 32 }, &e));
	SUCCEEDS(encoder_shape(&k, (const int[3]){ 32, 40, 32 }, &e));
}

static void unusable(void **state)
{
	(void)state;
	err e = { 0 };
	encoder none;
	FAILS(ERR_NOINPUT, "none", encoder_open(&none, "tests/none", NN_EXACT, 1, &e));
	encoder_close(&none);
	FAILS(ERR_CONFIG, "holds a model of kind autoencoder, not semantic",
	      encoder_open(&none, GOLDEN "autoencoder.safetensors", NN_EXACT, 1, &e));
	encoder_close(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(grids_and_plans),
		cmocka_unit_test(unusable),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
