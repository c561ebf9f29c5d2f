/* Masks: parts, holes, figures. */
#include "../unit.h"

#include <math.h>

#include "volume/mask.h"

enum { X = 5, Y = 6, Z = 7, COUNT = X * Y * Z };
static const int N[3] = { X, Y, Z };

static size_t at(int i, int j, int k) { return (size_t)((i * Y + j) * Z + k); }

static double sum(const float *v)
{
	double s = 0;
	for (int i = 0; i < COUNT; i++)
		s += v[i];
	return s;
}

static void greater_than(void **state)
{
	(void)state;
	float v[] = { -1, 0, .5f, .50001f, 3, NAN };
	mask_above(v, 6, .5);
	const float want[] = { 0, 0, 0, 1, 1, 0 };
	assert_memory_equal(v, want, sizeof want);
}

/* Whatever the background is, and however soft: the same object. */
static void what_surrounds_it(void **state)
{
	(void)state;
	static const double backgrounds[] = { 0, -1.5, 300 };
	for (int k = 0; k < 3; k++) {
		err e = { 0 };
		float v[COUNT];
		background b;
		volume scan = { .n = { X, Y, Z }, .v = v };
		for (int i = 0; i < COUNT; i++)
			v[i] = (float)(backgrounds[k] + (i % 3 - 1) * .01);
		for (int i = 1; i < 4; i++)
			for (int j = 1; j < 5; j++)
				v[at(i, j, 3)] = (float)(backgrounds[k] + (j % 2 ? -4 : 6));
		/* a face that the object reaches */
		v[at(0, 2, 3)] = v[at(4, 2, 3)] = (float)backgrounds[k] + 6;
		SUCCEEDS(mask_background(&b, &scan, &e));
		assert_true(fabs(b.value - backgrounds[k]) < .011);
		assert_true(fabs(b.reach - 6) < .02);
		mask_apart(v, COUNT, &b, .02);
		assert_float_equal(sum(v), 14, 0);
		assert_float_equal(v[at(2, 3, 3)], 1, 0);
	}
	/* nothing but background */
	err e = { 0 };
	float flat[COUNT] = { 0 };
	background b;
	volume scan = { .n = { X, Y, Z }, .v = flat };
	SUCCEEDS(mask_background(&b, &scan, &e));
	mask_apart(flat, COUNT, &b, 0);
	assert_float_equal(sum(flat), 0, 0);
}

static void the_largest_part(void **state)
{
	(void)state;
	err e = { 0 };
	float m[COUNT] = { 0 };
	/* a rod of 4 along each axis' own direction, and a bent part of 5; corners that touch do not connect */
	for (int k = 0; k < 4; k++)
		m[at(0, 0, k)] = 1;
	m[at(1, 1, 4)] = m[at(2, 1, 4)] = m[at(2, 2, 4)] = m[at(2, 2, 5)] = m[at(3, 2, 5)] = 1;
	m[at(4, 3, 6)] = 1;
	SUCCEEDS(mask_largest(m, N, &e));
	assert_float_equal(sum(m), 5, 0);
	assert_float_equal(m[at(2, 2, 5)], 1, 0);
	assert_float_equal(m[at(0, 0, 0)], 0, 0);
	/* neighbours across the end of a row or of a plane are none */
	memset(m, 0, sizeof m);
	m[at(1, 1, Z - 1)] = m[at(1, 2, 0)] = m[at(1, 2, 1)] = 1;
	m[at(2, Y - 1, 3)] = m[at(3, 0, 3)] = 1;
	SUCCEEDS(mask_largest(m, N, &e));
	assert_float_equal(sum(m), 2, 0);
	assert_float_equal(m[at(1, 2, 0)] + m[at(1, 2, 1)], 2, 0);
	memset(m, 0, sizeof m);
	SUCCEEDS(mask_largest(m, N, &e));
	assert_float_equal(sum(m), 0, 0);
}

static void holes(void **state)
{
	(void)state;
	err e = { 0 };
	float m[COUNT] = { 0 };
	for (int i = 1; i < 4; i++)
		for (int j = 1; j < 4; j++)
			for (int k = 1; k < 5; k++)
				m[at(i, j, k)] = 1;
	m[at(2, 2, 2)] = m[at(2, 2, 3)] = 0;
	SUCCEEDS(mask_fill(m, N, &e));
	assert_float_equal(sum(m), 36, 0);
	/* open to the outside: no hole */
	m[at(2, 2, 2)] = m[at(2, 2, 3)] = m[at(2, 2, 4)] = 0;
	SUCCEEDS(mask_fill(m, N, &e));
	assert_float_equal(sum(m), 33, 0);
	/* open at a corner alone: a hole */
	m[at(2, 2, 4)] = 1;
	m[at(1, 1, 1)] = 0;
	SUCCEEDS(mask_fill(m, N, &e));
	assert_float_equal(sum(m), 35, 0);
}

static void figures(void **state)
{
	(void)state;
	float a[] = { 0, 1, 2, 3, 0, 0 }, b[] = { 0, 2, 5, 0, 1, 0 }, none[6] = { 0 };
	volume v = { .n = { 1, 2, 3 }, .affine = { { 0, -2, 0, 9 }, { 3, 0, 0, 9 }, { 1, 0, .5, 9 } }, .v = a };
	assert_float_equal(mask_litres(&v), 3 * 3e-6, 1e-15);
	assert_float_equal(mask_dice(a, b, 6), 4. / 6, 1e-15);
	assert_float_equal(mask_dice(a, a, 6), 1, 0);
	assert_float_equal(mask_dice(a, none, 6), 0, 0);
	assert_true(isnan(mask_dice(none, none, 6)));
	/* over (1,2) (2,5) (3,1) (0,1): means 1.5 and 2.25; the sums of products are 1.5, 5 and 10.75 */
	b[3] = 1;
	assert_float_equal(mask_correlation(a, b, 6), 1.5 / sqrt(5 * 10.75), 1e-12);
	assert_float_equal(mask_correlation(a, a, 6), 1, 1e-12);
	assert_true(isnan(mask_correlation(none, none, 6)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greater_than),
		cmocka_unit_test(what_surrounds_it),
		cmocka_unit_test(the_largest_part),
		cmocka_unit_test(holes),
		cmocka_unit_test(figures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
