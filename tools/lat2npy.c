/* lat2npy: a tensor as a NumPy file. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "format/npy.h"

static const char *name;

static const struct cli_option options[] = {
	{ 'n', "name", "the tensor to write", .text = &name, .arg = "NAME" },
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
	stream_ids *ids; /* when every record has a file of its own, else NULL */
	outfile *file; /* the only one, finished but not yet committed */
};

static int write_tensor(lat_record *r, outfile *f, err *e)
{
	lat_tensor *t;
	const void *data;
	err odd;
	int code = lat_need(r, name, &t, e);
	if (!code)
		code = lat_data(t, &data, e);
	if (!code && lat_finite(t, &odd)) /* who wants to see what is wrong with it sees it here, but is told */
		cli_warn("%s: %s", lat_id(r), odd.text);
	return code ? code : npy_write(f, t->dtype, t->rank, t->shape, data, e);
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
	if (o->ids)
		return own_file(r, o, e);
	if (o->file)
		return err_set(e, ERR_DATA, "a second record, and no {id} in the output's name");
	o->file = cli_output();
	int code = write_tensor(r, o->file, e);
	if (code) {
		out_abort(o->file);
		o->file = NULL;
	}
	return code;
}

static int finish(void *with, err *e)
{
	struct output *o = with;
	if (o->ids)
		return 0;
	return o->file ? out_commit(o->file, e) : err_set(e, ERR_DATA, "no record to take %s from", name);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!name)
		cli_die(ERR_USAGE, "--name is needed");
	struct output o = { strstr(cli_common.output, "{id}") ? stream_ids_new() : NULL, NULL };
	return cli_done(stream_each(files, n, to_npy, finish, &o));
}
