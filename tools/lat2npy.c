/* lat2npy: a tensor as a NumPy file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stream.h"
#include "format/npy.h"

static const char *name, *ids_path;
static bool stack;

static const struct cli_option options[] = {
	{ 'n', "name", "the tensor to write", .text = &name, .arg = "NAME" },
	{ 0, "stack", "one array of all records, the first axis counts them", .flag = &stack },
	{ 0, "ids", "with --stack: write the records' ids, one a line, in the order of the array", .file = &ids_path, .arg = "FILE" },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat2npy",
	.summary = "write a tensor as a NumPy file",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_KEEP_GOING,
	.options = options,
};

struct output {
	stream_ids *ids; /* when every record has a file of its own, or a row, else NULL */
	outfile *file; /* the only one, finished but not yet committed */
	outfile *list; /* of ids, or NULL */
	/* --stack: */
	enum dtype dtype;
	int rank; /* with the axis that counts the records, so at least 1 */
	int64_t shape[LAT_MAX_RANK + 1];
	size_t row; /* bytes */
	char *rows; /* [shape[0] * row] */
	size_t room;
};

static int take(lat_record *r, lat_tensor **t, const void **data, err *e)
{
	err odd;
	int code = lat_need(r, name, t, e);
	if (!code)
		code = lat_data(*t, data, e);
	if (!code && lat_finite(*t, &odd)) /* who wants to see what is wrong with it sees it here, but is told */
		cli_warn("%s: %s", lat_id(r), odd.text);
	return code;
}

static int write_tensor(lat_record *r, outfile *f, err *e)
{
	lat_tensor *t;
	const void *data;
	int code = take(r, &t, &data, e);
	return code ? code : npy_write(f, t->dtype, t->rank, t->shape, data, e);
}

/* The record's tensor behind those of the records before it. */
static int add_row(lat_record *r, struct output *o, err *e)
{
	lat_tensor *t;
	const void *data;
	int code = take(r, &t, &data, e);
	if (code)
		return code;
	if (!o->rank) {
		if (t->rank == LAT_MAX_RANK)
			return err_set(e, ERR_DATA, "%s has %d axes, and a .npy file has no room for one more", name, t->rank);
		o->dtype = t->dtype;
		o->rank = t->rank + 1;
		memcpy(o->shape + 1, t->shape, (size_t)t->rank * sizeof *t->shape);
		o->row = (size_t)t->elements * dtype_size(t->dtype);
	}
	if (t->dtype != o->dtype || !lat_has_shape(t, o->rank - 1, o->shape + 1))
		return err_set(e, ERR_DATA, "%s is not of the type and shape that it has in the first record", name);
	code = stream_ids_add(o->ids, lat_id(r), e);
	if (!code)
		code = mem_grow(&o->rows, &o->room, ((size_t)o->shape[0] + 1) * o->row, 1, name, e);
	if (!code && o->list)
		code = out_write(o->list, lat_id(r), strlen(lat_id(r)), e);
	if (!code && o->list)
		code = out_write(o->list, "\n", 1, e);
	if (!code)
		memcpy(o->rows + (size_t)o->shape[0]++ * o->row, data, o->row);
	return code;
}

static int own_file(lat_record *r, struct output *o, err *e)
{
	char *path = NULL;
	outfile *f = NULL;
	int code = stream_ids_add(o->ids, lat_id(r), e);
	if (!code)
		code = cli_expand(&path, cli_common.output, lat_id(r), e);
	if (!code)
		code = out_open(&f, path, cli_common.force, e);
	free(path);
	if (code)
		return code;
	code = write_tensor(r, f, e);
	if (code)
		out_abort(f);
	return code ? code : out_commit(f, e);
}

static int to_npy(lat_record *r, void *with, bool *keep, err *e)
{
	struct output *o = with;
	*keep = false;
	if (stack)
		return add_row(r, o, e);
	if (o->ids)
		return own_file(r, o, e);
	if (o->file)
		return err_set(e, ERR_DATA, "a second record, and neither --stack nor {id} in the output's name");
	o->file = cli_output();
	int code = write_tensor(r, o->file, e);
	if (code) {
		out_abort(o->file);
		o->file = NULL;
	}
	return code;
}

static int write_rows(struct output *o, err *e)
{
	int code = npy_write(o->file, o->dtype, o->rank, o->shape, o->rows, e);
	if (!code && o->list)
		code = out_commit(o->list, e);
	return code ? code : out_commit(o->file, e);
}

static int finish(void *with, err *e)
{
	struct output *o = with;
	if (stack ? !o->rank : !o->ids && !o->file)
		return err_set(e, ERR_DATA, "no record to take %s from", name);
	if (stack)
		return write_rows(o, e);
	return o->ids ? 0 : out_commit(o->file, e);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!name)
		cli_die(ERR_USAGE, "--name is needed");
	if (ids_path && !stack)
		cli_die(ERR_USAGE, "--ids: needs --stack");
	bool each = strstr(cli_common.output, "{id}");
	if (stack && each)
		cli_die(ERR_USAGE, "--stack: writes one file, --output has {id}");
	struct output o = { .ids = stack || each ? stream_ids_new() : NULL };
	if (stack)
		o.file = cli_output();
	err e = { 0 };
	if (ids_path)
		cli_check(out_open(&o.list, ids_path, cli_common.force, &e), &e);
	int status = stream_each(files, n, to_npy, finish, &o);
	free(o.rows);
	return cli_done(status);
}
