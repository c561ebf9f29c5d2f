/* tsv-mean: means of a table's columns over subjects, by group, with intervals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "format/tsv.h"
#include "probe/means.h"

static const char *by, *subject_column = "participant_id";
static int64_t resamples = 2000, seed;

static const struct cli_option options[] = {
	{ 0, "by", "columns whose values make the groups: a list of names", .text = &by, .arg = "LIST" },
	{ 0, "subject", "the column that tells whose a row is", .text = &subject_column, .arg = "COL" },
	{ 0, "bootstrap", "resamples for the intervals", .integer = &resamples, .arg = "N", .range = { .from = 1, .to = 1000000 } },
	{ 0, "seed", "of the resamples", .integer = &seed, .arg = "N", .range = { .from = 0, .to = INFINITY } },
	{ 0 },
};

static const struct cli tool = {
	.name = "tsv-mean",
	.summary = "means of a table's columns over subjects, with intervals",
	.operands = "[FILE]",
	.max = 1,
	.common = CLI_OUTPUT | CLI_JSON,
	.options = options,
};

struct table {
	tsv t;
	int *keys, n_keys; /* columns of --by */
	int who; /* column of the subject */
	size_t *group, groups; /* [rows] in the order in which they appear */
	size_t *first; /* [groups] row */
	size_t *subject, subjects; /* [rows] */
};

static int column_of(const struct table *t, const char *name)
{
	const int c = tsv_column(&t->t, name);
	if (c < 0)
		cli_die(ERR_DATA, "%s: has no column %s", t->t.path, name);
	return c;
}

static void find_keys(struct table *t)
{
	err e = { 0 };
	char *names = NULL, *rest;
	cli_check(mem_zero(&t->keys, t->t.columns + 1, sizeof *t->keys, "table", &e), &e);
	t->who = column_of(t, subject_column);
	if (!by)
		return;
	cli_check(mem_text(&names, by, &e), &e);
	for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		const int c = column_of(t, name);
		for (int k = 0; k < t->n_keys; k++)
			if (t->keys[k] == c)
				cli_die(ERR_USAGE, "--by: %s is there twice", name);
		t->keys[t->n_keys++] = c;
	}
	free(names);
}

/* Do two rows agree in the columns? */
static bool alike(const struct table *t, size_t a, size_t b, const int *columns, int n)
{
	for (int k = 0; k < n; k++)
		if (strcmp(tsv_cell(&t->t, a, columns[k]), tsv_cell(&t->t, b, columns[k])))
			return false;
	return true;
}

/* number [rows]: of the rows that agree in the columns, numbered as they appear; first [*count]: the first row of each. */
static void divide(const struct table *t, const int *columns, int n, size_t *number, size_t *first, size_t *count)
{
	*count = 0;
	for (size_t r = 0; r < t->t.rows; r++) {
		size_t g = 0;
		while (g < *count && !alike(t, first[g], r, columns, n))
			g++;
		if (g == *count)
			first[(*count)++] = r;
		number[r] = g;
	}
}

static void read_table(struct table *t, const char *path)
{
	err e = { 0 };
	size_t *rows[4] = { NULL };
	cli_check(tsv_read(&t->t, path, &e), &e);
	if (!t->t.rows)
		cli_die(ERR_DATA, "%s: has no rows", t->t.path);
	find_keys(t);
	for (int i = 0; i < 4; i++)
		cli_check(mem_zero(&rows[i], t->t.rows, sizeof *rows[i], "table", &e), &e);
	t->group = rows[0];
	t->first = rows[1];
	t->subject = rows[2];
	divide(t, t->keys, t->n_keys, t->group, t->first, &t->groups);
	divide(t, &t->who, 1, t->subject, rows[3], &t->subjects);
	free(rows[3]);
}

/* The column's numbers; false when a cell holds something else: then it is no measure. */
static bool numbers(double *value, const struct table *t, int column)
{
	bool any = false;
	for (size_t r = 0; r < t->t.rows; r++) {
		const char *cell = tsv_cell(&t->t, r, column);
		err e = { 0 };
		value[r] = NAN;
		if (tsv_missing(cell))
			continue;
		if (tsv_number(&value[r], cell, &e))
			return false;
		any = true;
	}
	return any;
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void put_number(FILE *f, double v)
{
	if (isfinite(v))
		fprintf(f, "\t%.6g", v);
	else
		fputs("\tn/a", f);
}

static void show(FILE *f, json_t *list, const struct table *t, size_t group, int column, const subject_mean *m)
{
	json_t *o = json_object();
	for (int k = 0; k < t->n_keys; k++) {
		const char *cell = tsv_cell(&t->t, t->first[group], t->keys[k]);
		json_object_set_new(o, t->t.names[t->keys[k]], json_string(cell));
		fprintf(f, "%s\t", cell);
	}
	json_object_update_new(o, json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "measure", t->t.names[column], "subjects",
					    (json_int_t)m->subjects, "rows", (json_int_t)m->rows, "mean", number(m->value), "lo",
					    number(m->lo), "hi", number(m->hi)));
	json_array_append_new(list, o);
	fprintf(f, "%s\t%zu\t%zu", t->t.names[column], m->subjects, m->rows);
	put_number(f, m->value);
	put_number(f, m->lo);
	put_number(f, m->hi);
	fputc('\n', f);
}

/* The measure's means in each group; own [rows] is work space. */
static void means_of(FILE *f, json_t *list, const struct table *t, int column, const double *value, double *own)
{
	err e = { 0 };
	for (size_t g = 0; g < t->groups; g++) {
		subject_mean m;
		for (size_t r = 0; r < t->t.rows; r++)
			own[r] = t->group[r] == g ? value[r] : NAN;
		cli_check(subject_mean_of(&m, own, t->subject, t->t.rows, t->subjects, resamples, (uint64_t)seed, &e), &e);
		show(f, list, t, g, column, &m);
	}
}

static bool is_key(const struct table *t, int column)
{
	bool is = column == t->who;
	for (int k = 0; k < t->n_keys; k++)
		is |= t->keys[k] == column;
	return is;
}

/* All means, as text or JSON; freed with free(). */
static char *means(const struct table *t)
{
	char *text = NULL;
	size_t size;
	double *value = NULL, *own = NULL;
	err e = { 0 };
	json_t *list = json_array();
	FILE *f = open_memstream(&text, &size);
	if (!f || !list)
		cli_die(ERR_OS, "no memory");
	cli_check(mem_zero(&value, t->t.rows, sizeof *value, "table", &e), &e);
	cli_check(mem_zero(&own, t->t.rows, sizeof *own, "table", &e), &e);
	for (int k = 0; k < t->n_keys; k++)
		fprintf(f, "%s\t", t->t.names[t->keys[k]]);
	fputs("measure\tsubjects\trows\tmean\tlo\thi\n", f);
	for (int c = 0; c < (int)t->t.columns; c++)
		if (!is_key(t, c) && numbers(value, t, c))
			means_of(f, list, t, c, value, own);
	if (fclose(f))
		cli_die(ERR_OS, "no memory");
	if (cli_common.json) {
		free(text);
		text = json_dumps(list, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
		if (!text)
			cli_die(ERR_DATA, "%s: a name is no UTF-8", t->t.path);
	}
	json_decref(list);
	free(value);
	free(own);
	return text;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct table t = { .n_keys = 0 };
	err e = { 0 };
	read_table(&t, n ? files[0] : "-");
	char *text = means(&t);
	outfile *out = cli_output();
	cli_check(out_write(out, text, strlen(text), &e), &e);
	if (cli_common.json)
		cli_check(out_write(out, "\n", 1, &e), &e);
	cli_check(out_commit(out, &e), &e);
	free(text);
	free(t.keys);
	free(t.group);
	free(t.first);
	free(t.subject);
	tsv_free(&t.t);
	return cli_done(0);
}
