/* bids-cohort: a longitudinal cohort, drawn from the scans of a study. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "simulate/cohort.h"

enum { VISITS = 64 };

static const char *groups_name, *participants_name, *visits_text = "0,6,12,18,24,36";
static int64_t seed = 0;

static const struct cli_option options[] = {
	{ 0, "groups", "table of groups and their rates", .file = &groups_name, .arg = "FILE" },
	{ 0, "participants", "table whose age and sex are handed on", .file = &participants_name, .arg = "FILE" },
	{ 0, "visits", "when they are, in months", .text = &visits_text, .arg = "MONTHS" },
	{ 0, "seed", "of what is drawn", .integer = &seed, .arg = "N", .range = { .from = 0, .to = INFINITY } },
	{ 0 },
};

static const struct cli tool = {
	.name = "bids-cohort",
	.summary = "draw a longitudinal cohort from the scans of a study",
	.operands = "[FILE]",
	.max = 1,
	.options = options,
};

/* The columns of bids-scans' table. */
enum { ID, PARTICIPANT, SESSION, MONTHS, PATH, REASON, SCAN_COLUMNS };
static const char *const scan_columns[SCAN_COLUMNS] = { "id", "participant_id", "session_id", "months", "path", "reason" };

struct work {
	tsv scans, participants;
	int column[SCAN_COLUMNS], age, sex, participant;
	cohort groups;
	double visits[VISITS];
	size_t nvisits;
	const char **names, **readable; /* [n]: participants, and those that can be read */
	size_t *row; /* [n]: the first scan of each */
	size_t n, nreadable;
};

static void read_visits(struct work *w)
{
	const char *at = visits_text;
	char *end;
	do {
		const double v = strtod(at, &end);
		if (end == at || !(v >= 0 && v <= 1200) || (w->nvisits && v <= w->visits[w->nvisits - 1]) || w->nvisits == VISITS)
			cli_die(ERR_USAGE, "--visits: '%.60s': months from 0 to 1200, each later than the one before, at most %d",
				visits_text, VISITS);
		w->visits[w->nvisits++] = v;
		at = end + strspn(end, ", ");
	} while (*at && at > end);
	if (*at)
		cli_die(ERR_USAGE, "--visits: '%.60s' is no list of numbers", visits_text);
}

static const char *cell(const struct work *w, size_t row, int column) { return tsv_cell(&w->scans, row, w->column[column]); }

/* The first scan of each participant; others are left out and said. */
static int find_participants(struct work *w, err *e)
{
	const size_t rows = w->scans.rows;
	size_t more = 0;
	int code = mem_zero(&w->names, rows, sizeof *w->names, "participants", e);
	if (!code)
		code = mem_zero(&w->readable, rows, sizeof *w->readable, "participants", e);
	if (!code)
		code = mem_zero(&w->row, rows, sizeof *w->row, "participants", e);
	for (size_t i = 0; i < rows && !code; i++) {
		const char *name = cell(w, i, PARTICIPANT);
		size_t j = 0;
		while (j < w->n && strcmp(w->names[j], name))
			j++;
		more += j < w->n;
		if (j < w->n)
			continue;
		w->row[w->n] = i;
		w->names[w->n++] = name;
		if (tsv_missing(cell(w, i, REASON)))
			w->readable[w->nreadable++] = name;
	}
	if (!code && more)
		cli_warn("%s: %zu further scans of the same participants are left out", w->scans.path, more);
	if (!code && !w->n)
		code = err_set(e, ERR_DATA, "%s: no scans", w->scans.path);
	return code;
}

static int read_tables(struct work *w, const char *path, err *e)
{
	int code = tsv_read(&w->scans, path, e);
	for (int i = 0; i < SCAN_COLUMNS && !code; i++) {
		w->column[i] = tsv_column(&w->scans, scan_columns[i]);
		if (w->column[i] < 0)
			code = err_set(e, ERR_DATA, "%s: has no column %s: is it the table of bids-scans?", w->scans.path, scan_columns[i]);
	}
	if (!code)
		code = find_participants(w, e);
	if (!code)
		code = cohort_read(&w->groups, groups_name, e);
	if (!code && participants_name) {
		code = tsv_read(&w->participants, participants_name, e);
		w->participant = code ? -1 : tsv_column(&w->participants, "participant_id");
		if (!code && w->participant < 0)
			code = err_set(e, ERR_DATA, "%s: has no column participant_id", participants_name);
	}
	w->age = code || !participants_name ? -1 : tsv_column(&w->participants, "age");
	w->sex = code || !participants_name ? -1 : tsv_column(&w->participants, "sex");
	return code;
}

/* What the table of participants says; n/a where it says nothing. */
static const char *known(const struct work *w, const char *name, int column)
{
	for (size_t i = 0; column >= 0 && i < w->participants.rows; i++)
		if (!strcmp(tsv_cell(&w->participants, i, w->participant), name) && !tsv_missing(tsv_cell(&w->participants, i, column)))
			return tsv_cell(&w->participants, i, column);
	return "n/a";
}

static size_t row_of(const struct work *w, const char *name)
{
	size_t j = 0;
	while (strcmp(w->names[j], name))
		j++;
	return w->row[j];
}

/* "M006" of 6, "M1p5" of 1.5: labels of BIDS have no points. */
static void label_of(char out[32], double months)
{
	snprintf(out, 32, months == floor(months) ? "M%03.0f" : "M%.6g", months);
	char *point = strchr(out, '.');
	if (point)
		*point = 'p';
}

static void show_participant(const struct work *w, size_t at)
{
	const char *name = w->names[at], *other = NULL;
	const size_t row = w->row[at];
	const bool can = tsv_missing(cell(w, row, REASON));
	cohort_subject s;
	cohort_draw(&s, &w->groups, (uint64_t)seed, name);
	for (size_t i = 0; i < w->nreadable; i++)
		if (can && !strcmp(w->readable[i], name) && w->nreadable > 1)
			other = w->readable[cohort_other((uint64_t)seed, w->readable, w->nreadable, i)];
	for (size_t v = 0; v < w->nvisits; v++) {
		char label[32], id[1024];
		label_of(label, w->visits[v]);
		snprintf(id, sizeof id, "%s_ses-%s_T1w", name, label);
		printf("%s\t%s\tses-%s\t%.6g\t%s\t%s\t%s\t%s\t", id, name, label, w->visits[v], cell(w, row, PATH), cell(w, row, REASON),
		       cell(w, row, ID), other ? cell(w, row_of(w, other), PATH) : "n/a");
		for (size_t r = 0; r < w->groups.regions; r++)
			printf("%s%s=%.6g", r ? "," : "", w->groups.region[r], cohort_change(&s, r, w->visits[v]) + 0.);
		printf("\t%llu\t%s\t%s\t%s\t", (unsigned long long)cohort_seed((uint64_t)seed, id), s.group->name, known(w, name, w->age),
		       known(w, name, w->sex));
		printf(isfinite(s.onset) ? "%.4g" : "n/a", s.onset);
		for (size_t r = 0; r < w->groups.regions; r++)
			printf("\t%.6g\t%.6g", s.rate[r], s.later[r]);
		puts("");
	}
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct work w = { .n = 0 };
	err e = { 0 };
	if (!groups_name)
		cli_die(ERR_USAGE, "--groups: names the table of groups");
	read_visits(&w);
	if (read_tables(&w, n ? files[0] : "-", &e))
		cli_fail(&e);
	printf("id\tparticipant_id\tsession_id\tmonths\tpath\treason\tsource\tother_path\tchange\tseed\tgroup\tage\tsex\tonset");
	for (size_t r = 0; r < w.groups.regions; r++)
		printf("\t%s_rate\t%s_rate_from_onset", w.groups.region[r], w.groups.region[r]);
	puts("");
	for (size_t i = 0; i < w.n; i++)
		show_participant(&w, i);
	tsv_free(&w.scans);
	tsv_free(&w.participants);
	cohort_free(&w.groups);
	free(w.names);
	free(w.readable);
	free(w.row);
	return cli_done(0);
}
