/* lat-check: is this a whole, undamaged stream, or weights file? */
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "format/finite.h"
#include "format/safetensors.h"

static const struct cli tool = {
	.name = "lat-check",
	.summary = "verify streams and weights files, silently",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_KEEP_GOING,
};

struct count {
	int64_t records, tensors;
};

/* Are a tensor's numbers looked at? Where this version can, and there are not so many that it would take much memory. */
static bool is_looked_into(const lat_tensor *t)
{
	const int64_t most = 64 << 20; /* bytes */
	return lat_is_known(t) && t->elements * (int64_t)dtype_size(t->dtype) <= most;
}

static int check_record(lat_record *r, void *with, bool *keep, err *e)
{
	struct count *c = with;
	int code = 0;
	*keep = false;
	for (int i = 0; !code && i < r->count; i++) {
		lat_tensor *x = &r->tensors[i];
		code = lat_verify(x, e);
		if (!code && is_looked_into(x))
			code = lat_finite(x, e);
	}
	c->records++;
	c->tensors += r->count;
	return code;
}

/* By its name, or because it begins as safetensors do: eight bytes of length, then JSON. Looks at regular files only: a pipe's
 * bytes cannot be read twice. */
static bool is_weights(const char *path)
{
	unsigned char b[9] = { 0 };
	size_t n = strlen(path), got = 0;
	infile *f = NULL;
	err e = { 0 };
	if (n > 12 && !strcmp(path + n - 12, ".safetensors"))
		return true;
	if (!strcmp(path, "-") || in_open(&f, path, &e))
		return false;
	bool is = in_size(f) > 9 && !in_read(f, b, sizeof b, &got, &e) && got == sizeof b && b[8] == '{' && !b[7];
	in_close(f);
	return is;
}

static int check_weights(const char *path, err *e)
{
	st_file *f = NULL;
	int code = st_open(&f, path, e);
	if (!code)
		code = st_verify(f, e);
	for (size_t i = 0; !code && i < f->n; i++) {
		const st_tensor *t = &f->tensors[i];
		if (finite_check(t->data, t->dtype, t->count, t->name, ERR_CONFIG, e))
			code = err_prefix(e, "%s", path);
	}
	st_close(f);
	return code;
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char *only_stdin[] = { "-" }, **files = cli_parse(&tool, argc, argv, &n);
	if (n == 0) {
		files = only_stdin;
		n = 1;
	}
	for (int i = 0; i < n; i++) {
		err e = { 0 };
		struct count c = { 0, 0 };
		if (!is_weights(files[i])) {
			if (stream_each(&files[i], 1, check_record, NULL, &c))
				status = ERR_DATA;
			cli_note("%s: %lld records, %lld tensors", strcmp(files[i], "-") ? files[i] : "stdin", (long long)c.records,
				 (long long)c.tensors);
		} else if (check_weights(files[i], &e)) {
			/* files of weights are inputs here: bad ones are passed over as bad streams are */
			if (!cli_common.keep_going || (e.code != ERR_CONFIG && !cli_may_skip(e.code)))
				cli_fail(&e);
			cli_warn("%s", e.text);
			status = ERR_DATA;
		}
	}
	return cli_done(status);
}
