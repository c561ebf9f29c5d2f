/* lat2tsv: a tensor of each record as a row of a table, for R, pandas and spreadsheets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stream.h"
#include "format/bids.h"

static const char *name = "y";

static const struct cli_option options[] = {
	{ 'n', "name", "the tensor whose elements become columns", .text = &name, .arg = "NAME" },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat2tsv",
	.summary = "write a tensor of each record as a row of a table",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_KEEP_GOING,
	.options = options,
};

enum { WIDEST = 32 }; /* characters of a number and the tab before it: "\t-1.7976931348623157e+308" */

struct table {
	outfile *file;
	int rank; /* of the first row's tensor, whose shape all have */
	int64_t shape[LAT_MAX_RANK];
	bool begun;
	stream_ids *ids, *visits; /* of the rows so far */
	double *values; /* [elements] of the row at hand */
	char *text; /* [elements * WIDEST]: that row's cells */
};

/* The first line, once it is known how many columns there are. */
static int begin(struct table *t, const lat_tensor *y, err *e)
{
	char cell[LAT_MAX_NAME + WIDEST];
	size_t n = (size_t)y->elements;
	t->rank = y->rank;
	memcpy(t->shape, y->shape, sizeof t->shape);
	int code = mem_zero(&t->values, n, sizeof *t->values, name, e);
	if (!code)
		code = mem_zero(&t->text, n, WIDEST, name, e);
	if (!code)
		code = out_write(t->file, "participant_id\tsession_id", 25, e);
	for (size_t i = 0; !code && i < n; i++)
		code = out_write(t->file, cell, (size_t)snprintf(cell, sizeof cell, "\t%s%zu", name, i + 1), e);
	t->begun = !code;
	return code ? code : out_write(t->file, "\n", 1, e);
}

/* A single-precision number needs 9 digits to be read back as it was, a double 17. Whole numbers that a double holds come out whole. */
static size_t format_cells(char *text, const double *v, size_t n, enum dtype type)
{
	bool single = type == DTYPE_F32 || type == DTYPE_F16 || type == DTYPE_BF16;
	char *at = text;
	for (size_t i = 0; i < n; i++)
		at += snprintf(at, WIDEST, single ? "\t%.9g" : "\t%.17g", v[i]);
	return (size_t)(at - text);
}

/* "sub-01<tab>ses-M12": who was scanned when. The second scan of one visit is told, since tables are joined by these two. */
static int write_visit(struct table *t, const char *id, err *e)
{
	char visit[2 * LAT_MAX_ID + 16];
	bids_id who = bids_parse(id);
	err again;
	int n = snprintf(visit, sizeof visit, "%s\t%s", who.participant, *who.session ? who.session : "n/a");
	if (stream_ids_has(t->visits, visit))
		cli_warn("%s: a second row of %s%s%s; lat-cut chooses one", id, who.participant, *who.session ? " " : "", who.session);
	else if (stream_ids_add(t->visits, visit, &again))
		return err_set(e, ERR_OS, "%s", again.text);
	return out_write(t->file, visit, (size_t)n, e);
}

static int to_row(lat_record *r, void *with, bool *keep, err *e)
{
	struct table *t = with;
	lat_tensor *y;
	const void *data;
	*keep = false;
	int code = lat_need(r, name, &y, e);
	if (!code)
		code = lat_data(y, &data, e);
	if (!code)
		code = lat_finite(y, e);
	if (!code)
		code = stream_ids_add(t->ids, lat_id(r), e);
	if (!code && !t->begun)
		code = begin(t, y, e);
	if (code)
		return code;
	if (!lat_has_shape(y, t->rank, t->shape))
		return err_set(e, ERR_DATA, "%s is not of the shape that it has in the first record", name);
	dtype_to_double(t->values, data, y->dtype, (size_t)y->elements);
	size_t n = format_cells(t->text, t->values, (size_t)y->elements, y->dtype);
	t->text[n++] = '\n';
	code = write_visit(t, lat_id(r), e);
	return code ? code : out_write(t->file, t->text, n, e);
}

static int finish(void *with, err *e)
{
	const struct table *t = with;
	return t->begun ? 0 : err_set(e, ERR_DATA, "no record to take %s from", name);
}

int main(int argc, char **argv)
{
	int n;
	err e = { 0 };
	char **files = cli_parse(&tool, argc, argv, &n);
	struct table t = { .file = cli_output(), .ids = stream_ids_new(), .visits = stream_ids_new() };
	int status = stream_each(files, n, to_row, finish, &t);
	if (t.begun)
		cli_check(out_commit(t.file, &e), &e);
	else
		out_abort(t.file);
	stream_ids_free(t.ids);
	stream_ids_free(t.visits);
	free(t.values);
	free(t.text);
	return cli_done(status);
}
