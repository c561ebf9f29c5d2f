/* lat-steer: moves semantic codes along a probe's direction. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/stream.h"
#include "format/maker.h"
#include "probe/steer.h"

static const char *named;
static double by = NAN, to = NAN, add = NAN;

static const struct cli_option options[] = {
	{ 0, "probe", "the probe: a file that linprobe fit wrote, or the name of one of the model's", .file = &named, .arg = "P" },
	{ 0, "by", "how far: 1 is the usual length of a standardised code; positive is towards the higher value or the named class",
	  .real = &by, .arg = "K", .result = true },
	{ 0, "to", "as far as it takes until the probe reads this value, or of a class this probability", .real = &to, .arg = "VALUE",
	  .result = true },
	{ 0, "add", "as far as it takes until the probe reads so much more", .real = &add, .arg = "VALUE", .result = true },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-steer",
	.summary = "move semantic codes along a probe's direction",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

struct job {
	probe p;
	char *path; /* where it lies */
	enum steer_unit unit;
	double amount;
};

/* Which probe it was is part of the record's story: its identity stands where the code's model does. */
static int keep_probe(lat_tensor *t, const probe *p, const steered *moved, err *e)
{
	json_t *v = json_pack("{s:s, s:f, s:f, s:f}", "probe", p->identity, "by", moved->by, "from", moved->from, "to", moved->to);
	json_t *list = json_object_get(t->meta, "steered");
	if (!list) {
		list = json_array();
		if (json_object_set_new(t->meta, "steered", list)) {
			json_decref(v);
			return err_set(e, ERR_OS, "no memory for the header");
		}
	}
	if (!json_is_array(list)) {
		json_decref(v);
		return err_set(e, ERR_DATA, "y: \"steered\" in its header is not a list");
	}
	return json_array_append_new(list, v) ? err_set(e, ERR_OS, "no memory for the header") : 0;
}

static void tell(const lat_record *r, const probe *p, const steered *moved)
{
	const double rounding = 1e-6 * (p->most - p->least); /* of a code, which is in single precision */
	cli_note("%s: %s from %.4g to %.4g, by %.4g", lat_id(r), p->target, moved->from, moved->to, moved->by);
	if (moved->to < p->least - rounding || moved->to > p->most + rounding) /* never so when they are not known */
		cli_warn("%s: %s %.4g is beyond the %.4g to %.4g that the probe was fitted on: what comes out is a guess", lat_id(r),
			 p->target, moved->to, p->least, p->most);
}

static int steer(lat_record *r, void *with, bool *keep, err *e)
{
	const struct job *j = with;
	const probe *p = &j->p;
	lat_tensor *t;
	steered moved;
	float *y = NULL;
	(void)keep;
	int code = lat_need(r, "y", &t, e);
	if (code)
		return code;
	const maker its = maker_of(t), ours = { p->encoder_kind, *p->encoder ? p->encoder : NULL, p->conventions, j->path };
	char text[MAKER_TEXT];
	if (!cli_common.any_model && !maker_same(&its, &ours, text))
		return err_set(e, ERR_DATA, "y is of another encoder than the probe's (%s of %s); --any-model takes it all the same", text,
			       j->path);
	if ((size_t)t->elements != p->n)
		return err_set(e, ERR_DATA, "y has %lld numbers, the probe %zu", (long long)t->elements, p->n);
	code = lat_floats(t, &y, e);
	if (!code)
		code = probe_steer(&moved, p, y, j->unit, j->amount, e);
	if (!code)
		code = lat_replace(t, y, e);
	if (!code)
		code = keep_probe(t, p, &moved, e);
	if (!code)
		tell(r, p, &moved);
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
	const int given = !isnan(by) + !isnan(to) + !isnan(add);
	struct job j = { .unit = !isnan(by) ? STEER_BY : !isnan(to) ? STEER_TO : STEER_ADD };
	j.amount = j.unit == STEER_BY ? by : j.unit == STEER_TO ? to : add;
	if (!named)
		cli_die(ERR_USAGE, "--probe: is needed");
	if (given != 1)
		cli_die(ERR_USAGE, given ? "--by, --to and --add exclude each other" : "--by, --to or --add: one is needed");
	cli_probe(&j.p, &j.path, named);
	if (strcmp(j.p.tensor, "y"))
		cli_die(ERR_DATA, "%s: is a probe of %.60s, not of y", j.path, j.p.tensor);
	if (j.p.task == PROBE_CLASSIFY && j.unit == STEER_ADD)
		cli_die(ERR_USAGE, "--add: needs a probe of a number; %s tells a class, to which --to moves by its probability", named);
	if (j.p.task == PROBE_CLASSIFY && j.unit == STEER_TO && !(to > 0 && to < 1))
		cli_die(ERR_USAGE, "--to: %s tells a class: a probability, between 0 and 1, is needed", named);
	int status = stream_filter(files, n, steer, NULL, &j);
	probe_free(&j.p);
	free(j.path);
	return cli_done(status);
}
