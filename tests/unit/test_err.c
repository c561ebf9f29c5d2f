#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void set_gives_code_and_text(void **state)
{
	(void)state;
	err e = { 0 };
	assert_int_equal(err_set(&e, ERR_DATA, "%s: byte %d", "a.lat", 7), ERR_DATA);
	assert_int_equal(e.code, ERR_DATA);
	assert_string_equal(e.text, "a.lat: byte 7");
	assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
}

static void text_is_one_line(void **state)
{
	(void)state;
	err e = { 0 };
	err_set(&e, ERR_DATA, "a\nb\tc\x7f\x1b[0m");
	assert_string_equal(e.text, "a?b?c??[0m");
}

static void prefix_goes_in_front(void **state)
{
	(void)state;
	err e = { 0 };
	err_set(&e, ERR_CONFIG, "too short");
	assert_int_equal(err_prefix(&e, "%s", "w\n"), ERR_CONFIG);
	assert_string_equal(e.text, "w?: too short");
	assert_int_equal(err_prefix(NULL, "x"), ERR_BUG);
}

static void long_text_is_cut(void **state)
{
	(void)state;
	err e = { 0 };
	char long_text[2000];
	memset(long_text, 'a', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = 0;
	err_set(&e, ERR_DATA, "%s", long_text);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	err_prefix(&e, "%s", long_text);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	err_set(&e, ERR_DATA, "end");
	err_prefix(&e, "start");
	assert_string_equal(e.text, "start: end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_gives_code_and_text),
		cmocka_unit_test(text_is_one_line),
		cmocka_unit_test(prefix_goes_in_front),
		cmocka_unit_test(long_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
