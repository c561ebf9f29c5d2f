/* The ranges of options: what is in them, and how they are said. */
#include "../unit.h"

#include <float.h>
#include <math.h>

#include "cli/range.h"

static const struct cli_range none = { 0 }, from_1 = { .from = 1, .to = INFINITY }, share = { .from = 0, .to = 1 },
			      below_1 = { .from = 0, .to = 1, .to_excluded = true },
			      positive = { .from = 0, .to = INFINITY, .from_excluded = true },
			      strength = { .from = 0, .to = 1e12, .from_excluded = true },
			      inside = { .from = -1, .to = 1, .from_excluded = true, .to_excluded = true },
			      negative = { .from = -2, .to = 0 };

static void test_bounds(void **state)
{
	(void)state;
	assert_true(range_holds(&from_1, 1) && range_holds(&from_1, DBL_MAX) && range_holds(&from_1, (double)INT64_MAX));
	assert_false(range_holds(&from_1, 0) || range_holds(&from_1, nextafter(1, 0)));
	assert_true(range_holds(&share, 0) && range_holds(&share, -0.) && range_holds(&share, 1));
	assert_false(range_holds(&share, -DBL_TRUE_MIN) || range_holds(&share, nextafter(1, 2)));
	assert_true(range_holds(&below_1, 0) && range_holds(&below_1, nextafter(1, 0)));
	assert_false(range_holds(&below_1, 1));
	assert_true(range_holds(&positive, DBL_TRUE_MIN) && range_holds(&positive, DBL_MAX));
	assert_false(range_holds(&positive, 0) || range_holds(&positive, -1));
	assert_true(range_holds(&strength, 1e12));
	assert_false(range_holds(&strength, nextafter(1e12, INFINITY)));
	assert_true(range_holds(&inside, 0));
	assert_false(range_holds(&inside, -1) || range_holds(&inside, 1));
	assert_true(range_holds(&negative, 0) && range_holds(&negative, -2));
	assert_false(range_holds(&negative, 1));
}

static void test_none(void **state)
{
	(void)state;
	assert_false(range_given(&none));
	assert_true(range_given(&from_1) && range_given(&share) && range_given(&positive) && range_given(&negative));
	assert_true(range_holds(&none, -DBL_MAX) && range_holds(&none, 0) && range_holds(&none, DBL_MAX));
}

static void test_words(void **state)
{
	const struct {
		const struct cli_range *range;
		const char *text;
	} all[] = {
		{ &from_1, "from 1 on" },
		{ &share, "from 0 to 1" },
		{ &below_1, "from 0 to 1, but not 1" },
		{ &positive, "above 0" },
		{ &strength, "above 0 and at most 1000000000000" },
		{ &inside, "above -1 and below 1" },
		{ &negative, "from -2 to 0" },
	};
	char text[RANGE_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		range_text(text, all[i].range);
		assert_string_equal(text, all[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
