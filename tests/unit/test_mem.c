#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

static void zeroed(void **state)
{
	(void)state;
	err e = { 0 };
	int *p = NULL;
	assert_int_equal(mem_zero(&p, 100, sizeof *p, "p", &e), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	free(p);
	assert_int_equal(mem_zero(&p, 0, sizeof *p, "p", &e), 0);
	assert_non_null(p);
	free(p);
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	err e = { 0 };
	char *p = NULL;
	assert_int_equal(mem_zero(&p, SIZE_MAX / 2, 3, "p", &e), ERR_OS);
	assert_int_equal(mem_zero(&p, SIZE_MAX, 1, "voxels", &e), ERR_OS);
	assert_string_equal(e.text, "voxels: no memory for 18446744073709551615 x 1 bytes");
	assert_null(p);
	size_t cap = 0;
	assert_int_equal(mem_grow(&p, &cap, SIZE_MAX, 1, "p", &e), ERR_OS);
	assert_int_equal(mem_grow(&p, &cap, SIZE_MAX / 4, 8, "p", &e), ERR_OS);
	assert_null(p);
	assert_int_equal(cap, 0);
}

static void grows_and_keeps(void **state)
{
	(void)state;
	err e = { 0 };
	int *p = NULL;
	size_t cap = 0;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mem_grow(&p, &cap, (size_t)i + 1, sizeof *p, "p", &e), 0);
		assert_true(cap > (size_t)i);
		assert_int_equal(p[i], 0);
		p[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[i], i);
	int *same = p;
	assert_int_equal(mem_grow(&p, &cap, 10, sizeof *p, "p", &e), 0);
	assert_ptr_equal(p, same);
	free(p);
}

static void text_is_copied(void **state)
{
	(void)state;
	err e = { 0 };
	char s[] = "abc", *copy = NULL;
	assert_int_equal(mem_text(&copy, s, &e), 0);
	s[0] = 'x';
	assert_string_equal(copy, "abc");
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(grows_and_keeps),
		cmocka_unit_test(text_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
