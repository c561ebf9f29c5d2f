/* lat-steer: moves semantic codes along a probe's direction. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "format/maker.h"
#include "probe/steer.h"

static const char *path;
static double by = NAN;

static const struct cli_option options[] = {
	{ 0, "probe", "the probe, a file that linprobe fit wrote", .file = &path, .arg = "P" },
	{ 0, "by", "how far: 1 is the usual length of a standardised code; positive is towards the higher value or the named class",
	  .real = &by, .arg = "K", .result = true },
	{ 0, "any-model", "accept codes of another encoder than the probe's", .flag = &cli_common.any_model },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-steer",
	.summary = "move semantic codes along a probe's direction",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

/* Which probe it was is part of the record's story: its identity stands where the code's model does. */
static int keep_probe(lat_tensor *t, const probe *p, err *e)
{
	json_t *v = json_pack("{s:s, s:f}", "probe", p->identity, "by", by), *list = json_object_get(t->meta, "steered");
	if (!list) {
		list = json_array();
		if (json_object_set_new(t->meta, "steered", list)) {
			json_decref(v);
			return err_set(e, ERR_OS, "no memory for the header");
		}
	}
	if (!json_is_array(list)) {
		json_decref(v);
		return err_set(e, ERR_DATA, "y: what stands in its header under steered is no list");
	}
	return json_array_append_new(list, v) ? err_set(e, ERR_OS, "no memory for the header") : 0;
}

static int steer(lat_record *r, void *with, bool *keep, err *e)
{
	const probe *p = with;
	lat_tensor *t;
	float *y = NULL;
	(void)keep;
	int code = lat_need(r, "y", &t, e);
	if (code)
		return code;
	const maker its = maker_of(t), ours = { p->encoder_kind, *p->encoder ? p->encoder : NULL, p->conventions, path };
	char text[MAKER_TEXT];
	if (!cli_common.any_model && !maker_same(&its, &ours, text))
		return err_set(e, ERR_DATA, "y is of another encoder than the probe's (%s of %s); --any-model takes it all the same", text,
			       path);
	if ((size_t)t->elements != p->n)
		return err_set(e, ERR_DATA, "y has %lld numbers, the probe %zu", (long long)t->elements, p->n);
	code = lat_floats(t, &y, e);
	if (!code)
		code = probe_steer(p, y, by, e);
	if (!code)
		code = lat_replace(t, y, e);
	if (!code)
		code = keep_probe(t, p, e);
	free(y);
	/* what the old code said is no longer true */
	lat_drop(r, "x");
	lat_drop(r, "z");
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	err e = { 0 };
	probe p;
	if (!path)
		cli_die(ERR_USAGE, "--probe: is needed");
	if (isnan(by))
		cli_die(ERR_USAGE, "--by: is needed");
	if (probe_read(&p, path, &e))
		cli_fail(&e);
	if (strcmp(p.tensor, "y"))
		cli_die(ERR_DATA, "%s: is a probe of %.60s, not of y", path, p.tensor);
	int status = stream_filter(files, n, steer, NULL, &p);
	probe_free(&p);
	return cli_done(status);
}
