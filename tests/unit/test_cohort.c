/* Cohorts: groups, rates, onsets, who is moved towards whom. */
#include "../unit.h"

#include <math.h>

#include "simulate/cohort.h"

static const char *written(const char *text)
{
	const char *path = test_path("groups.tsv");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static const char *const table = "group\tshare\tbecomes\tonset_from\tonset_to\ttissue\ttissue_sd\n"
				 "CN\t2\tn/a\tn/a\tn/a\t-.5\t0\n"
				 "MCI\t1\tAD\t12\t24\t-1.2\t.9\n"
				 "AD\t1\t\t\t\t-1.9\t0\n";

static void groups_and_rates(void **state)
{
	(void)state;
	enum { SUBJECTS = 4000 };
	cohort c;
	err e = { 0 };
	double mci = 0, rates = 0, squares = 0, onsets = 0;
	int n[3] = { 0 };
	SUCCEEDS(cohort_read(&c, written(table), &e));
	assert_int_equal(c.regions, 1);
	assert_string_equal(c.region[0], "tissue");
	for (int i = 0; i < SUBJECTS; i++) {
		char name[32];
		cohort_subject s;
		snprintf(name, sizeof name, "sub-%d", i);
		cohort_draw(&s, &c, 5, name);
		n[s.group - c.groups]++;
		if (!strcmp(s.group->name, "MCI")) {
			assert_true(s.onset >= 12 && s.onset <= 24 && s.rate[0] <= 0);
			assert_float_equal(s.later[0], -1.9, 1e-9);
			mci++;
			onsets += s.onset;
			rates += s.rate[0];
			squares += s.rate[0] * s.rate[0];
		} else {
			assert_true(isinf(s.onset));
			assert_float_equal(s.rate[0], strcmp(s.group->name, "CN") ? -1.9 : -.5, 1e-9);
		}
	}
	assert_true(abs(n[0] - SUBJECTS / 2) < 130 && abs(n[1] - SUBJECTS / 4) < 110 && abs(n[2] - SUBJECTS / 4) < 110);
	assert_true(fabs(onsets / mci - 18) < .5);
	/* normal, within 2 sd and not above 0: a little nearer to the mean, which is 4/3 of an sd below 0 */
	assert_true(fabs(rates / mci + 1.24) < .1);
	assert_true(fabs(sqrt(squares / mci - pow(rates / mci, 2)) - .8) < .1);
	cohort_free(&c);
}

/* Compound by the year; from the onset on at the other rate. */
static void changes(void **state)
{
	(void)state;
	const cohort_subject steady = { .onset = INFINITY, .rate = { -4.66, -1.9 }, .later = { -50, -50 } };
	const cohort_subject turning = { .onset = 18, .rate = { -2 }, .later = { -5 } };
	assert_float_equal(cohort_change(&steady, 0, 36), -13.339, 1e-3);
	assert_float_equal(cohort_change(&steady, 1, 36), -5.592, 1e-3);
	assert_float_equal(cohort_change(&steady, 0, 0), 0, 0);
	assert_float_equal(cohort_change(&turning, 0, 12), -2, 1e-9);
	assert_float_equal(cohort_change(&turning, 0, 30), 100 * (pow(.98, 1.5) * .95 - 1), 1e-9);
}

/* Draws are the subject's own, whoever else is there. */
static void draws_of_names(void **state)
{
	(void)state;
	enum { N = 30 };
	char text[N][16];
	const char *names[N];
	int moved = 0, different = 0;
	for (int i = 0; i < N; i++) {
		snprintf(text[i], sizeof text[i], "sub-%02d", i);
		names[i] = text[i];
	}
	for (size_t i = 0; i < N - 1; i++) {
		const size_t all = cohort_other(7, names, N, i), fewer = cohort_other(7, names, N - 1, i);
		assert_true(all != i && fewer != i);
		/* without the last one, those who had another keep it */
		assert_true(all == N - 1 || all == fewer);
		moved += all == N - 1;
		different += all != cohort_other(8, names, N, i);
	}
	assert_true(moved < 6 && different > 20);
	assert_int_equal(cohort_other(7, names, 1, 0), 0);
	assert_true(cohort_seed(7, "sub-01_ses-M000_T1w") != cohort_seed(7, "sub-01_ses-M006_T1w"));
	assert_true(cohort_seed(7, "sub-01_ses-M000_T1w") != cohort_seed(8, "sub-01_ses-M000_T1w"));
	assert_true(cohort_seed(7, "sub-01_ses-M000_T1w") < (uint64_t)1 << 53);
}

static void bad_tables(void **state)
{
	(void)state;
#define HEAD "group\tshare\tbecomes\tonset_from\tonset_to\ttissue\ttissue_sd\n"
	static const struct {
		const char *text, *says;
	} bad[] = { { "group\tshare\tbecomes\tonset_from\ttissue\ttissue_sd\n", "has no column onset_to" },
		    { "group\tshare\tbecomes\tonset_from\tonset_to\ttissue\n", "has no region" },
		    { HEAD "CN\tmany\t\t\t\t-1\t0\n", "line 2: share: 'many' is no number" },
		    { HEAD "CN\t-1\t\t\t\t-1\t0\n", "line 2: share: -1 is not from 0" },
		    { HEAD "CN\t1\t\t\t\tn/a\t0\n", "line 2: tissue: 'n/a' is no number" },
		    { HEAD "CN\t1\t\t\t\t-1\t-1\n", "line 2: tissue_sd: -1 is not from 0 to 50" },
		    { HEAD "CN\t1\tAD\t0\t12\t-1\t0\n", "line 2: becomes: no group AD" },
		    { HEAD "CN\t1\tCN\t\t12\t-1\t0\n", "line 2: onset_from: '' is no number" },
		    { HEAD "CN\t1\tCN\t13\t12\t-1\t0\n", "line 2: the last onset is before the first" },
		    { HEAD "CN\t0\t\t\t\t-1\t0\n", "shares are all 0" },
		    { HEAD, "shares are all 0" } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cohort c;
		err e = { 0 };
		FAILS(ERR_DATA, bad[i].says, cohort_read(&c, written(bad[i].text), &e));
		cohort_free(&c);
	}
	unlink(test_path("groups.tsv"));
	rmdir(test_folder());
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(groups_and_rates), cmocka_unit_test(changes), cmocka_unit_test(draws_of_names),
					    cmocka_unit_test(bad_tables) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
