#include "../unit.h"

#include <math.h>

#include "format/dtype.h"
#include "format/finite.h"

static void names_and_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t size;
	} all[] = { { "f32", 4 }, { "f16", 2 }, { "bf16", 2 }, { "f64", 8 }, { "i8", 1 },  { "i16", 2 },
		    { "i32", 4 }, { "i64", 8 }, { "u8", 1 },   { "u16", 2 }, { "u32", 4 }, { "u64", 8 } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		enum dtype t = dtype_of_name(all[i].name);
		assert_int_not_equal(t, DTYPE_UNKNOWN);
		assert_string_equal(dtype_name(t), all[i].name);
		assert_int_equal(dtype_size(t), all[i].size);
	}
	assert_int_equal(dtype_of_name("f8"), DTYPE_UNKNOWN);
	assert_int_equal(dtype_of_name(""), DTYPE_UNKNOWN);
	assert_null(dtype_name(DTYPE_UNKNOWN));
	assert_int_equal(dtype_size(DTYPE_UNKNOWN), 0);
}

/* What a half means, by its definition. */
static double half_value(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 0x3ff;
	double size = exponent == 31 ? (mantissa ? NAN : INFINITY)
		      : exponent     ? ldexp(1024 + mantissa, exponent - 25)
				     : ldexp(mantissa, -24);
	return h & 0x8000 ? -size : size;
}

static void every_half(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		uint16_t h = (uint16_t)i, back;
		float f;
		double want = half_value(h);
		dtype_to_float(&f, &h, DTYPE_F16, 1);
		assert_int_equal(dtype_from_float(&back, DTYPE_F16, &f, 1, NULL), 0);
		if (isnan(want)) {
			assert_true(isnan(f));
			assert_true((back & 0x7c00) == 0x7c00 && (back & 0x3ff));
		} else {
			assert_true((double)f == want && !signbit(f) == !signbit(want));
			assert_int_equal(back, h);
		}
	}
}

static uint16_t to(enum dtype t, double v)
{
	float f = (float)v;
	uint16_t h = 0xdead;
	assert_int_equal(dtype_from_float(&h, t, &f, 1, NULL), 0);
	return h;
}

/* Between every two neighbours: the middle goes to the even one, a bit more or less to the nearer one. */
static void halves_are_rounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 0x7bff; i++) {
		double a = half_value((uint16_t)i), b = half_value((uint16_t)(i + 1));
		float middle = (float)((a + b) / 2);
		assert_int_equal(to(DTYPE_F16, middle), i & 1 ? i + 1 : i);
		assert_int_equal(to(DTYPE_F16, nextafterf(middle, 0)), i);
		assert_int_equal(to(DTYPE_F16, nextafterf(middle, INFINITY)), i + 1);
		assert_int_equal(to(DTYPE_F16, -nextafterf(middle, INFINITY)), 0x8000 | (i + 1));
	}
	assert_int_equal(to(DTYPE_F16, 65519.99), 0x7bff);
	assert_int_equal(to(DTYPE_F16, INFINITY), 0x7c00);
	assert_int_equal(to(DTYPE_F16, 1e-30), 0);
}

static void bf16(void **state)
{
	(void)state;
	assert_int_equal(to(DTYPE_BF16, 1), 0x3f80);
	assert_int_equal(to(DTYPE_BF16, 1 + 1. / 256), 0x3f80); /* a tie, to even */
	assert_int_equal(to(DTYPE_BF16, 1 + 3. / 256), 0x3f82);
	assert_int_equal(to(DTYPE_BF16, -1 - 1.01 / 256), 0xbf81);
	assert_int_equal(to(DTYPE_BF16, -INFINITY), 0xff80);
	assert_true((to(DTYPE_BF16, NAN) & 0x7fff) > 0x7f80);
	uint16_t half[] = { 0x3f81, 0xc000 };
	float f[2];
	dtype_to_float(f, half, DTYPE_BF16, 2);
	assert_true(f[0] == 1.0078125f && f[1] == -2);
}

static void too_large(void **state)
{
	(void)state;
	uint16_t out[3];
	err e = { 0 };
	assert_int_equal(dtype_from_float(out, DTYPE_F16, (float[]){ 1, -65520, 2 }, 3, &e), ERR_DATA);
	assert_string_equal(e.text, "value -65520 is too large for f16");
	assert_int_equal(dtype_from_float(out, DTYPE_BF16, (float[]){ 3.4e38f }, 1, &e), ERR_DATA);
	assert_int_equal(dtype_from_float(out, DTYPE_I16, (float[]){ 1 }, 1, &e), ERR_BUG);
	assert_int_equal(dtype_from_float(out, DTYPE_UNKNOWN, (float[]){ 1 }, 1, &e), ERR_BUG);
}

/* From an odd address, as they lie in files. */
static double one(enum dtype t, const void *v)
{
	unsigned char bytes[9];
	double d;
	float f;
	memcpy(bytes + 1, v, dtype_size(t));
	dtype_to_double(&d, bytes + 1, t, 1);
	dtype_to_float(&f, bytes + 1, t, 1);
	assert_true(f == (float)d);
	return d;
}

static void other_types(void **state)
{
	(void)state;
	assert_true(one(DTYPE_I8, &(int8_t){ -128 }) == -128);
	assert_true(one(DTYPE_U8, &(uint8_t){ 255 }) == 255);
	assert_true(one(DTYPE_I16, &(int16_t){ -32768 }) == -32768);
	assert_true(one(DTYPE_U16, &(uint16_t){ 65535 }) == 65535);
	assert_true(one(DTYPE_I32, &(int32_t){ INT32_MIN }) == -2147483648.);
	assert_true(one(DTYPE_U32, &(uint32_t){ UINT32_MAX }) == 4294967295.);
	assert_true(one(DTYPE_I64, &(int64_t){ INT64_MIN }) == -0x1p63);
	assert_true(one(DTYPE_U64, &(uint64_t){ UINT64_MAX }) == 0x1p64);
	assert_true(one(DTYPE_F64, &(double){ 0.1 }) == 0.1);
	assert_true(one(DTYPE_F32, &(float){ 0.1f }) == (double)0.1f);
	double d[2];
	assert_int_equal(dtype_from_float(d, DTYPE_F64, (float[]){ 0.1f, -3 }, 2, NULL), 0);
	assert_true(d[0] == (double)0.1f && d[1] == -3);
}

/* Every pattern of 16 bits, alone and behind others. */
static void finite_halves(void **state)
{
	(void)state;
	for (int type = 0; type < 2; type++) {
		const enum dtype t = type ? DTYPE_BF16 : DTYPE_F16;
		for (uint32_t pattern = 0; pattern < 1 << 16; pattern++) {
			uint16_t v[7] = { 0x3c00, 0x7bff, 0xfbff, 1, 0x8000, 0x0400, (uint16_t)pattern };
			double d;
			dtype_to_double(&d, &v[6], t, 1);
			assert_int_equal(finite_first_not(&v[6], t, 1), isfinite(d) ? 1 : 0);
			assert_int_equal(finite_first_not(v, t, 7), isfinite(d) ? 7 : 6);
		}
	}
}

/* At every place, not aligned, behind what is nearly too large. */
static void finite_places(void **state)
{
	(void)state;
	enum { N = 1100 };
	static const float odd[] = { NAN, -NAN, INFINITY, -INFINITY };
	static unsigned char bytes[N * sizeof(double) + 1];
	for (int i = 0; i < N; i++) {
		float v = i % 3 ? 3.4e38f : -1e-45f;
		memcpy(bytes + 1 + (size_t)i * sizeof v, &v, sizeof v);
	}
	for (size_t n = 0; n < N; n++)
		assert_int_equal(finite_first_not(bytes + 1, DTYPE_F32, n), n);
	for (size_t i = 0; i < N; i++) {
		float was;
		memcpy(&was, bytes + 1 + i * sizeof was, sizeof was);
		memcpy(bytes + 1 + i * sizeof was, &odd[i % 4], sizeof was);
		assert_int_equal(finite_first_not(bytes + 1, DTYPE_F32, N), i);
		assert_int_equal(finite_first_not(bytes + 1, DTYPE_F32, i), i);
		memcpy(bytes + 1 + i * sizeof was, &was, sizeof was);
	}
	for (int i = 0; i < N; i++)
		memcpy(bytes + 1 + (size_t)i * sizeof(double), &(double){ i % 2 ? 1.7e308 : -5e-324 }, sizeof(double));
	assert_int_equal(finite_first_not(bytes + 1, DTYPE_F64, N), N);
	memcpy(bytes + 1 + 700 * sizeof(double), &(double){ -INFINITY }, sizeof(double));
	assert_int_equal(finite_first_not(bytes + 1, DTYPE_F64, N), 700);
	err e = { 0 };
	FAILS(ERR_DATA, "z: element 700 is -inf, no finite number", finite_check(bytes + 1, DTYPE_F64, N, "z", ERR_DATA, &e));
	SUCCEEDS(finite_check(bytes + 1, DTYPE_F64, 700, "z", ERR_DATA, &e));
	memset(bytes, 0xff, sizeof bytes);
	for (enum dtype whole = DTYPE_I8; whole <= DTYPE_U64; whole++)
		assert_int_equal(finite_first_not(bytes, whole, 9), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finite_halves), cmocka_unit_test(finite_places),
		cmocka_unit_test(names_and_sizes),    cmocka_unit_test(every_half),
		cmocka_unit_test(halves_are_rounded), cmocka_unit_test(bf16),
		cmocka_unit_test(too_large),	      cmocka_unit_test(other_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
