/* Studies: which of several scans, .bidsignore, when visits were, text files of all systems. */
#include "../unit.h"

#include <math.h>

#include "base/text.h"
#include "format/bids.h"
#include "format/ignore.h"
#include "format/tsv.h"
#include "format/visits.h"
#include "format/which.h"

static const char *put(const char *name, const char *text, size_t n)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* ---- text ---- */

static void lines_of_all_systems(void **state)
{
	(void)state;
	static const char *const texts[] = { "a\nb c\n\nd", "a\r\nb c\r\n\r\nd\r\n", "a\rb c\r\rd\r",
					     ("\xEF\xBB\xBF"
					      "a\nb c\n\nd\n") };
	err e = { 0 };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *text = NULL;
		SUCCEEDS(text_read(&text, put("list.txt", texts[i], strlen(texts[i])), 100, &e));
		char *rest = text;
		for (const char *const *want = (const char *const[]){ "a", "b c", "", "d", NULL }; *want; want++) {
			char *line = text_line(&rest);
			assert_non_null(line);
			assert_string_equal(line, *want);
		}
		assert_null(text_line(&rest));
		assert_null(text_line(&rest));
		free(text);
	}
	char *text = NULL;
	FAILS(ERR_DATA, "is UTF-16",
	      text_read(&text,
			put("list.txt",
			    "\xFF\xFE"
			    "a\0",
			    4),
			100, &e));
	FAILS(ERR_DATA, "NUL bytes", text_read(&text, put("list.txt", "a\0b", 3), 100, &e));
	FAILS(ERR_NOINPUT, "none.txt", text_read(&text, test_path("none.txt"), 100, &e));
	char blanks[] = " \xC2\xA0\t a b \xC2\xA0\r", nothing[] = " \t";
	assert_string_equal(text_trim(blanks), "a b");
	assert_string_equal(text_trim(nothing), "");
}

/* ---- .bidsignore ---- */

static void ignored_files(void **state)
{
	(void)state;
	static const char rules[] = "\xEF\xBB\xBF# a "
				    "comment\r\nextra/\r\n*_acq-bad_*\r\n/sub-02/ses-1\r\nsub-03/**\r\n**/old/"
				    "*.nii\r\n*.nii.gz\r\n!sub-04_T1w.nii.gz\r\nsub-0[78]\r\n";
	static const struct {
		const char *file;
		bool ignored;
	} cases[] = {
		{ "sub-01/anat/sub-01_T1w.nii", false },
		{ "sub-01/anat/sub-01_acq-bad_T1w.nii", true },
		{ "sub-01/extra/sub-01_T1w.nii", true },
		{ "sub-01/extra", false }, /* a file */
		{ "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii", true },
		{ "sub-02/ses-10/anat/sub-02_ses-10_T1w.nii", false },
		{ "sub-09/sub-02/ses-1/x.nii", false },
		{ "sub-03/anat/sub-03_T1w.nii", true },
		{ "sub-01/old/a.nii", true },
		{ "old/a.nii", true },
		{ "sub-01/old/more/a.nii", false },
		{ "sub-01/anat/sub-01_T1w.nii.gz", true },
		{ "sub-04/anat/sub-04_T1w.nii.gz", false },
		{ "sub-07/anat/sub-07_T1w.nii", true },
		{ "sub-06/anat/sub-06_T1w.nii", false },
	};
	err e = { 0 };
	ignore_rules r;
	SUCCEEDS(ignore_read(&r, put(".bidsignore", rules, strlen(rules)), &e));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (ignore_has(&r, cases[i].file) != cases[i].ignored)
			fail_msg("%s", cases[i].file);
	ignore_free(&r);
	SUCCEEDS(ignore_read(&r, test_path("none"), &e));
	assert_false(ignore_has(&r, "sub-01/anat/sub-01_T1w.nii"));
	ignore_free(&r);
}

/* ---- which of several ---- */

static void entities_anywhere(void **state)
{
	(void)state;
	char label[LAT_MAX_ID + 1];
	assert_true(bids_entity(label, "sub-01_acq-MPRAGE+norm_T1w", "acq"));
	assert_string_equal(label, "MPRAGE+norm");
	assert_false(bids_entity(label, "sub-01_T1w", "acq"));
	assert_string_equal(label, "");
	assert_false(bids_entity(label, "sub-01_desc-acq-x_T1w", "acq"));
	bids_id who = bids_parse("sub-01_acq-x_ses-M3_T1w");
	assert_string_equal(who.participant, "sub-01");
	assert_string_equal(who.session, "ses-M3");
}

/* The first of two names is taken, whatever their order, for this reason. */
static void better(const char *a, const char *b, enum which_reason reason)
{
	which_extent unknown = { 0 };
	which_rank x = which_rank_of(a, &unknown), y = which_rank_of(b, &unknown);
	enum which_reason why = WHICH_REASONS, other = WHICH_REASONS;
	if (which_compare(&x, &y, &why) >= 0 || which_compare(&y, &x, &other) <= 0 || why != reason || other != reason)
		fail_msg("%s, %s: reasons %d %d, not %d", a, b, why, other, reason);
}

static void ranks(void **state)
{
	(void)state;
	better("sub-1_T1w", "sub-1_acq-fse_T1w", WHICH_ACQUISITION);
	better("sub-1_acq-mprage_T1w", "sub-1_acq-fse_T1w", WHICH_ACQUISITION);
	better("sub-1_acq-mprage_T1w", "sub-1_acq-abc_T1w", WHICH_ACQUISITION);
	better("sub-1_acq-abc_T1w", "sub-1_acq-2D_T1w", WHICH_ACQUISITION);
	better("sub-1_acq-mprage_T1w", "sub-1_acq-cspine_T1w", WHICH_PART);
	better("sub-1_run-2_T1w", "sub-1_chunk-1_T1w", WHICH_PART);
	better("sub-1_run-1_T1w", "sub-1_ce-gadolinium_T1w", WHICH_CONTRAST);
	better("sub-1_acq-slab_T1w", "sub-1_ce-gadolinium_T1w", WHICH_CONTRAST);
	better("sub-1_T1w", "sub-1_acq-postGd_T1w", WHICH_CONTRAST);
	better("sub-1_acq-dense_T1w", "sub-1_acq-gd_T1w", WHICH_CONTRAST);
	better("sub-1_acq-dense_T1w", "sub-1_acq-SE_T1w", WHICH_ACQUISITION);
	better("sub-1_acq-posterior_T1w", "sub-1_acq-T1+C_T1w", WHICH_CONTRAST);
	better("sub-1_T1w", "sub-1_rec-norm_T1w", WHICH_RECONSTRUCTION);
	better("sub-1_rec-norm_T1w", "sub-1_acq-mprage_T1w", WHICH_ACQUISITION);
	better("sub-1_run-2_T1w", "sub-1_run-10_T1w", WHICH_RUN);
	better("sub-1_T1w", "sub-1_run-1_T1w", WHICH_RUN);
	better("sub-1_T1w", "sub-1_echo-1_T1w", WHICH_OTHERS);
	better("sub-1_echo-1_T1w", "sub-1_echo-2_T1w", WHICH_RUN);
	better("sub-1_run-1_echo-2_T1w", "sub-1_run-2_echo-1_T1w", WHICH_RUN);
	better("sub-1_T1w", "sub-1_desc-defaced_T1w", WHICH_MADE);
	better("sub-1_desc-prepare_T1w", "sub-1_desc-codes_T1w", WHICH_MADE);
	better("sub-1_desc-prepare_T1w", "sub-1_T1w", WHICH_MADE);
	better("sub-1_space-MNI152NLin2009cAsym_desc-preproc_T1w", "sub-1_desc-preproc_T1w", WHICH_MADE);
	better("sub-1_desc-preproc_T1w", "sub-1_desc-reconstruct_T1w", WHICH_MADE);
	assert_null(which_unfit("sub-1_part-mag_T1w"));
	assert_string_equal(which_unfit("sub-1_part-phase_T1w"), "a phase image");

	enum which_reason why;
	which_extent whole = { { 180, 240, 240 }, { 1, 1, 1 } }, slab = { { 40, 240, 240 }, { 1, 1, 1 } },
		     thick = { { 220, 220, 150 }, { .9, .9, 5 } };
	which_rank plain = which_rank_of("sub-1_T1w", &slab), named = which_rank_of("sub-1_acq-x_T1w", &whole),
		   slices = which_rank_of("sub-1_T1w", &thick);
	assert_true(which_compare(&named, &plain, &why) < 0 && why == WHICH_PART);
	assert_true(which_compare(&named, &slices, &why) < 0 && why == WHICH_THICK);
}

static void asked_for(void **state)
{
	(void)state;
	int n;
	assert_true(which_asked(NULL, "sub-1_T1w") && which_asked("", "sub-1_T1w"));
	assert_true(which_asked("acq-mprage", "sub-1_acq-mprage_run-1_T1w"));
	assert_true(which_asked("acq-mprage, run-01", "sub-1_acq-mprage_run-1_T1w"));
	assert_false(which_asked("acq-mprage run-2", "sub-1_acq-mprage_run-1_T1w"));
	assert_false(which_asked("acq-mprage", "sub-1_T1w"));
	assert_false(which_asked("acq-mprage", "sub-1_acq-mprage2_T1w"));
	assert_true(which_asked("acq-a acq-b", "sub-1_acq-b_T1w"));
	assert_null(which_bad_word("acq-a run-1", &n));
	assert_true(!strncmp(which_bad_word("acq-a mprage", &n), "mprage", 6) && n == 6);
	assert_true(!strncmp(which_bad_word("acq- run-1", &n), "acq-", 4) && n == 4);
}

/* ---- visits ---- */

static void dates(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double day;
	} good[] = {
		{ "1970-01-02", 1 },
		{ "2000-02-29T10:00:00", 11016 },
		{ "2000-02-29T23:59:59.999999", 11016 },
		{ "2000-02-29T10:00:00Z", 11016 },
		{ "2000-02-29 10:00", 11016 },
		{ "2000-02-29T10:00:00+02:00", 11016 },
		{ "1925-01-01", -16436 },
		{ "1800-01-01T00:00:00", -62091 },
	};
	static const char *const bad[] = { "",
					   "n/a",
					   "03/04/2012",
					   "2012/04/03",
					   "12-04-03",
					   "2012-4-3",
					   "20120403",
					   "2011-02-29",
					   "2012-13-01",
					   "2012-00-10",
					   "2012-01-00",
					   "9999-12-31",
					   "0001-01-01",
					   "9999",
					   "2012-04-03x",
					   "2012-04-03T",
					   "2012-04-03T1:00",
					   "2012-04-03T25:00:00",
					   "2012-04-03T10:61:00",
					   "2012-04-03T10:00:00.",
					   "2012-04-03T10:00:00z1",
					   "04.03.2012",
					   "Mar 4 2012" };
	double day = -1;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!visits_day(&day, good[i].text) || day != good[i].day)
			fail_msg("%s: %g", good[i].text, day);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (visits_day(&day, bad[i]))
			fail_msg("%s: is day %g", bad[i], day);
}

/* Months of ses-1, ses-2, ses-3 and what is said, out of a table. */
static void visits_are(const char *text, const double months[3], const char *said)
{
	err e = { 0 };
	visits v;
	char all[2048] = "";
	SUCCEEDS(visits_read(&v, put("sub-1_sessions.tsv", text, strlen(text)), &e));
	for (size_t i = 0; i < v.noted; i++)
		strcat(strcat(all, strstr(v.notes[i], "sessions.tsv: ") + 14), "\n");
	assert_string_equal(all, said);
	for (int i = 0; i < 3; i++) {
		char session[8];
		snprintf(session, sizeof session, "ses-%d", i + 1);
		double got = visits_months(&v, session);
		if (isnan(months[i]) ? !isnan(got) : !(fabs(got - months[i]) < 1e-9))
			fail_msg("%s: %s is month %g, not %g", text, session, got, months[i]);
	}
	visits_free(&v);
}
#define MONTHS(a, b, c) ((const double[]){ a, b, c })

static void months_of_visits(void **state)
{
	(void)state;
	const double year = 366 / 30.4375;
	visits_are("session_id\tmonths\nses-1\t0\n2\t6.5\nses-3\t24\n", MONTHS(0, 6.5, 24), "");
	visits_are("\xEF\xBB\xBFsession_id\tacq_time\r\nses-1\t2012-01-01\r\n2\t2012-01-01T10:00:00.0Z\r\nses-3\t2013-01-01\r\n",
		   MONTHS(0, 0, year), "");
	visits_are("session_id\tacq_time\nses-1\t2012-01-01\nses-2\tn/a\nses-3\t2013-01-01\n", MONTHS(0, NAN, year), "");
	visits_are("session_id\tacq_time\nses-1\tN/A\nses-2\t2012-01-01\nses-3\t2013-01-01\n", MONTHS(NAN, 0, year),
		   "line 2: ses-1 has no acq_time: months are counted from the first date that there is\n");
	visits_are(
		"session_id\tacq_time\nses-1\t03/04/2012\nses-2\t2012-01-01\nses-3\t2013-01-01\n", MONTHS(NAN, NAN, NAN),
		"line 2: acq_time '03/04/2012' is no date as BIDS writes it (YYYY-MM-DD[Thh:mm:ss]): not known when these visits were\n");
	visits_are("session_id\tacq_time\nses-1\t2012-01-01\nses-2\t13-01-01\n", MONTHS(NAN, NAN, NAN),
		   "line 3: acq_time '13-01-01' is no date as BIDS writes it (YYYY-MM-DD[Thh:mm:ss]): not known when these visits were\n");
	visits_are("session_id\tmonths\tacq_time\nses-1\tn/a\t2012-01-01\nses-3\tNA\t2013-01-01\n", MONTHS(0, NAN, year), "");
	visits_are("session_id\tmonths\nses-1\t0\nses-2\t6,5\nses-3\t12 m\n", MONTHS(0, NAN, NAN),
		   "line 3: months '6,5' is no number (a decimal comma? numbers are written with a point): not known when ses-2 was\n"
		   "line 4: months '12 m' is no number: not known when ses-3 was\n");
	visits_are("session_id\tmonths\nses-1\t-3\nses-2\t0\n", MONTHS(-3, 0, NAN),
		   "line 2: months are -3, below 0, though they count from the first session\n");
	visits_are("session_id\tmonths\nses-1\t0\nses-2\t24\nses-3\t12\n", MONTHS(0, 24, 12),
		   "ses-3 (month 12) was before ses-2 (month 24): another order than that of their names\n");
	visits_are("session_id\tmonths\nses-1\t0\npre\t5\npost\t2\n", MONTHS(0, NAN, NAN), "");
	visits_are("session_id\tmonths\nses-1\t0\nses-2\t6\n2\t7\n", MONTHS(0, 6, NAN), "line 4: 2 appears twice: the first row counts\n");
	visits_are("session_id\tage\nses-1\t0\n", MONTHS(NAN, NAN, NAN), "");
}

static int clean(void **state)
{
	(void)state;
	for (const char *const *name = (const char *const[]){ "list.txt", ".bidsignore", "sub-1_sessions.tsv", NULL }; *name; name++)
		unlink(test_path(*name));
	return rmdir(test_folder());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_all_systems),
		cmocka_unit_test(ignored_files),
		cmocka_unit_test(entities_anywhere),
		cmocka_unit_test(ranks),
		cmocka_unit_test(asked_for),
		cmocka_unit_test(dates),
		cmocka_unit_test(months_of_visits),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
