#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/philox.h"

/* Known answers of Philox4x32-10 published with the Random123 library: counter, key, result. */
static void known_answers(void **state)
{
	(void)state;
	static const uint32_t known[3][10] = {
		{ 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
		{ ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
		{ 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 },
	};
	for (int k = 0; k < 3; k++) {
		const uint32_t *c = known[k];
		philox p = { { c[4], c[5] }, { c[2], c[3] } };
		uint32_t out[4];
		philox_block(p, c[0] | (uint64_t)c[1] << 32, out);
		assert_memory_equal(out, c + 6, sizeof out);
	}
}

static void seed_and_stream_fill_key_and_counter(void **state)
{
	(void)state;
	philox p = philox_make(0x0123456789abcdefu, 0xfedcba9876543210u);
	assert_int_equal(p.key[0], 0x89abcdef);
	assert_int_equal(p.key[1], 0x01234567);
	assert_int_equal(p.ctr[0], 0x76543210);
	assert_int_equal(p.ctr[1], 0xfedcba98);
}

/* FNV-1a, 64 bits: the offset basis, and the published value of "foobar". */
static void hash_is_fnv1a(void **state)
{
	(void)state;
	assert_true(philox_hash("") == 0xcbf29ce484222325u);
	assert_true(philox_hash("foobar") == 0x85944171f73967e8u);
}

static void moments(void **state)
{
	(void)state;
	enum { N = 200000 };
	philox p = philox_make(1, philox_hash("sub-01"));
	double u = 0, m = 0, v = 0, k = 0;
	for (uint64_t i = 0; i < N; i++) {
		double a = philox_uniform(p, i), x = philox_normal(p, i);
		assert_true(a >= 0 && a < 1);
		assert_true(isfinite(x));
		u += a / N;
		m += x / N;
		v += x * x / N;
		k += x * x * x * x / N;
	}
	/* five standard errors */
	assert_true(fabs(u - .5) < 5 * sqrt(1. / 12 / N));
	assert_true(fabs(m) < 5 / sqrt(N));
	assert_true(fabs(v - 1) < 5 * sqrt(2. / N));
	assert_true(fabs(k - 3) < 5 * sqrt(96. / N));
}

static void streams_differ(void **state)
{
	(void)state;
	enum { N = 10000 };
	philox a = philox_make(1, philox_hash("sub-01")), b = philox_make(1, philox_hash("sub-02")),
	       c = philox_make(2, philox_hash("sub-01"));
	double ab = 0, ac = 0;
	for (uint64_t i = 0; i < N; i++) {
		ab += philox_normal(a, i) * philox_normal(b, i) / N;
		ac += philox_normal(a, i) * philox_normal(c, i) / N;
	}
	assert_true(fabs(ab) < 5 / sqrt(N));
	assert_true(fabs(ac) < 5 / sqrt(N));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(seed_and_stream_fill_key_and_counter),
		cmocka_unit_test(hash_is_fnv1a),
		cmocka_unit_test(moments),
		cmocka_unit_test(streams_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
