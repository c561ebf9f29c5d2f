/* npy2lat: a record from NumPy files, or a stream's tensors replaced by them. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "format/npy.h"

static const char *id, *onto;

static const struct cli_option options[] = {
	{ 0, "id", "make one record with this id", .text = &id, .arg = "ID" },
	{ 0, "onto", "replace or add tensors in the records of STREAM and pass on the rest", .file = &onto, .arg = "STREAM" },
	{ 0 },
};

static const struct cli tool = {
	.name = "npy2lat",
	.summary = "make records from NumPy files",
	.operands = "NAME=FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

struct inputs {
	char **pairs;
	int n;
	bool own; /* every record has files of its own: {id} in their names */
	int64_t records;
};

/* NAME=FILE into the record. */
static int load(lat_record *r, const char *pair, err *e)
{
	const char *split = strchr(pair, '=');
	char *name = strndup(pair, (size_t)(split - pair)), *path = NULL;
	npy_array a = { 0 };
	infile *f = NULL;
	int code = name ? cli_expand(&path, split + 1, lat_id(r), e) : err_set(e, ERR_OS, "no memory");
	if (!code)
		code = in_open(&f, path, e);
	if (!code)
		code = npy_read(&a, f, e);
	if (!code && (code = lat_set(r, name, a.dtype, a.rank, a.shape, a.data, NULL, e)))
		err_prefix(e, "%s", path);
	in_close(f);
	free(a.data);
	free(path);
	free(name);
	return code;
}

static int replace(lat_record *r, void *with, bool *keep, err *e)
{
	struct inputs *in = with;
	(void)keep;
	if (!in->own && in->records++)
		return err_set(e, ERR_DATA, "a second record, and no {id} in the files' names");
	int code = 0;
	for (int i = 0; !code && i < in->n; i++)
		code = load(r, in->pairs[i], e);
	return code;
}

static int had_one(void *with, err *e)
{
	const struct inputs *in = with;
	return in->own || in->records ? 0 : err_set(e, ERR_DATA, "%s: no record to put the tensors into", onto);
}

static void make_record(struct inputs *in)
{
	err e = { 0 };
	lat_record *r;
	int code = lat_new(&r, id, &e);
	stream_out *s = code ? NULL : stream_open();
	for (int i = 0; !code && i < in->n; i++)
		code = load(r, in->pairs[i], &e);
	if (code == ERR_DATA)
		err_prefix(&e, "%s", id);
	cli_check(code, &e);
	stream_put(s, r);
	stream_close(s);
	lat_free(r);
}

int main(int argc, char **argv)
{
	struct inputs in = { 0 };
	int all_own = 0;
	in.pairs = cli_parse(&tool, argc, argv, &in.n);
	if (!id == !onto)
		cli_die(ERR_USAGE, "either --id or --onto is needed");
	for (int i = 0; i < in.n; i++) {
		const char *split = strchr(in.pairs[i], '=');
		if (!split || split == in.pairs[i] || !split[1])
			cli_die(ERR_USAGE, "%s: not NAME=FILE", in.pairs[i]);
		for (int k = 0; k < i; k++)
			if (!strncmp(in.pairs[i], in.pairs[k], (size_t)(split - in.pairs[i]) + 1))
				cli_die(ERR_USAGE, "%s: this name has a file already", in.pairs[i]);
		all_own += strstr(split, "{id}") != NULL;
	}
	in.own = all_own == in.n;
	if (onto)
		return cli_done(stream_filter((char *[]){ (char *)onto }, 1, replace, had_one, &in));
	make_record(&in);
	return cli_done(0);
}
