/* lat-lerp: records between those of two streams. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "diffusion/between.h"
#include "format/maker.h"

static const char *given, *blended;
static double month = NAN;

static const char *const blends[] = { "x", "z", NULL };

static const struct cli_option options[] = {
	{ 't', "at", "where between A (0) and B (1), or a series of such places", .text = &given, .arg = "T|A:STEP:B", .result = true },
	{ 0, "month", "at this month, between the months of the two records", .real = &month, .arg = "M", .result = true },
	{ 0, "blend", "instead of codes the voxels x or the latents z, along the straight line", .text = &blended, .choices = blends,
	  .result = true },
	{ 0, "any-model", "accept codes that two models made", .flag = &cli_common.any_model },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-lerp",
	.summary = "make records between those of two streams",
	.operands = "A B",
	.min = 2,
	.max = 2,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

enum { MOST_PLACES = 100000 };

struct job {
	double *at; /* places between A and B */
	int n;
	bool series; /* the results are numbered */
	const char *path; /* of B */
	infile *in;
	lat_reader *rd;
	bool broken; /* it cannot be read any further */
	stream_out *out;
	stream_ids *seen;
};

/* ---- places ---- */

static double number(const char *text, char **end)
{
	double v = strtod(text, end);
	if (*end == text || !isfinite(v))
		cli_die(ERR_USAGE, "--at: '%s' is neither a number nor A:STEP:B", given);
	return v;
}

static void parse_places(struct job *j)
{
	char *end;
	double first = number(given, &end), step = 1, last = first;
	j->series = *end == ':';
	if (j->series) {
		step = number(end + 1, &end);
		last = *end == ':' ? number(end + 1, &end) : NAN;
	}
	if (*end || isnan(last))
		cli_die(ERR_USAGE, "--at: '%s' is neither a number nor A:STEP:B", given);
	double whole = floor((last - first) / step + 1e-9);
	if (!(whole >= 0) || whole >= MOST_PLACES)
		cli_die(ERR_USAGE, "--at: '%s' is no series of at most %d places", given, MOST_PLACES);
	j->n = (int)whole + 1;
	j->at = calloc((size_t)j->n, sizeof *j->at);
	if (!j->at)
		cli_die(ERR_OS, "no memory");
	for (int i = 0; i < j->n; i++) {
		double t = first + i * step;
		/* 0:.1:1 ends at B itself, though ten tenths added up do not */
		j->at[i] = fabs(t - last) < 1e-9 * fabs(step) ? last : t;
	}
}

static int place_of_month(double *t, const lat_record *a, const lat_record *b, err *e)
{
	double from, to;
	if (!lat_months(a, &from) || !lat_months(b, &to))
		return err_set(e, ERR_DATA, "months are not known in both records, which --month needs");
	if (from == to)
		return err_set(e, ERR_DATA, "both records are of month %g: --month finds no place between them", from);
	*t = (month - from) / (to - from);
	if (*t < 0 || *t > 1)
		cli_warn("%s: month %g is not between %g and %g: the line is followed beyond its end", lat_id(a), month, from, to);
	return 0;
}

/* ---- tensors ---- */

/* Tensor NAME of a and b: *ta and *tb, both NULL when neither has it. */
static int pair(lat_tensor **ta, lat_tensor **tb, const char *name, const lat_record *a, const lat_record *b, err *e)
{
	*ta = lat_find(a, name);
	*tb = lat_find(b, name);
	if (!*ta && !*tb)
		return 0;
	if (!*ta || !*tb)
		return err_set(e, ERR_DATA, "%s is only in %s", name, *ta ? "A" : "B");
	if (!lat_has_shape(*tb, (*ta)->rank, (*ta)->shape))
		return err_set(e, ERR_DATA, "%s has another shape in B", name);
	const maker of_a = maker_of(*ta), of_b = maker_of(*tb);
	const json_t *scale_a = json_object_get((*ta)->meta, "scale_factor"), *scale_b = json_object_get((*tb)->meta, "scale_factor");
	char text[MAKER_TEXT] = "";
	bool same = maker_same(&of_b, &of_a, text);
	if (same && scale_a && scale_b && !json_equal(scale_a, scale_b)) {
		same = false;
		snprintf(text, sizeof text, "scale factor %g, not %g", json_number_value(scale_b), json_number_value(scale_a));
	}
	if (!same && !cli_common.any_model)
		return err_set(e, ERR_DATA, "%s is of another model in B (%s); --any-model takes it all the same", name, text);
	return 0;
}

typedef void between(float *out, const float *a, const float *b, size_t n, double t);

/* Puts the tensor at t into r, a copy of a. */
static int mix(lat_record *r, const char *name, between *how, const lat_record *a, const lat_record *b, double t, err *e)
{
	lat_tensor *ta, *tb;
	float *va = NULL, *vb = NULL;
	int code = pair(&ta, &tb, name, a, b, e);
	if (code || !ta)
		return code;
	code = lat_floats(ta, &va, e);
	if (!code)
		code = lat_floats(tb, &vb, e);
	if (!code && t == 1) { /* as it is, whatever its type, as A's is at 0 */
		code = lat_put_copy(r, tb, e);
	} else if (!code && t != 0) {
		how(va, va, vb, (size_t)ta->elements, t);
		code = lat_replace(lat_find(r, name), va, e);
	}
	free(va);
	free(vb);
	return code;
}

/* ---- records ---- */

static int set_months(lat_record *r, const lat_record *a, const lat_record *b, double t, err *e)
{
	double from, to;
	if (t == 0 || !lat_months(a, &from) || !lat_months(b, &to))
		return 0;
	double m = t == 1 ? to : isnan(month) ? (1 - t) * from + t * to : month;
	json_t *v = m == floor(m) && fabs(m) < 1e9 ? json_integer((json_int_t)m) : json_real(m);
	return json_object_set_new(r->header, "months", v) ? err_set(e, ERR_OS, "no memory for the header") : 0;
}

/* The codes at t; what they were made of is no longer true. */
static int mix_codes(lat_record *r, const lat_record *a, const lat_record *b, double t, err *e)
{
	lat_drop(r, "x");
	lat_drop(r, "z");
	int code = mix(r, "y", between_lerp, a, b, t, e);
	if (!code)
		code = mix(r, "zT", between_slerp, a, b, t, e);
	if (!code && !lat_find(r, "y") && !lat_find(r, "zT"))
		code = err_set(e, ERR_DATA, "neither y nor zT in the records");
	return code;
}

/* The voxels or the latents at t, of which the others tell nothing. */
static int mix_blend(lat_record *r, const lat_record *a, const lat_record *b, double t, err *e)
{
	static const char *const names[] = { "x", "z", "y", "zT" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], blended))
			lat_drop(r, names[i]);
	int code = mix(r, blended, between_lerp, a, b, t, e);
	return code || lat_find(r, blended) ? code : err_set(e, ERR_DATA, "no %s in the records", blended);
}

/* The record at t: number i of the series. */
static int make(lat_record **out, const struct job *j, const lat_record *a, const lat_record *b, double t, int i, err *e)
{
	char id[LAT_MAX_ID + 16];
	lat_record *r = NULL;
	int code = lat_copy(&r, a, e);
	if (code)
		return code;
	snprintf(id, sizeof id, j->series ? "%s_var-%03d" : "%s", lat_id(a), i + 1);
	code = lat_set_id(r, id, e);
	if (!code)
		code = (blended ? mix_blend : mix_codes)(r, a, b, t, e);
	if (!code)
		code = set_months(r, a, b, t, e);
	if (!code)
		code = stream_ids_add(j->seen, id, e);
	if (code)
		lat_free(r);
	else
		*out = r;
	return code;
}

static int step(lat_record *a, void *with, bool *keep, err *e)
{
	struct job *j = with;
	lat_record *b = NULL, *r = NULL;
	(void)keep;
	err reading = { 0 };
	if (!j->broken && lat_read(j->rd, &b, &reading)) {
		if (!cli_may_skip(reading.code))
			cli_fail(&reading);
		cli_warn("%s (skipped, and all behind it)", reading.text);
		j->broken = true;
	}
	if (!b)
		return err_set(e, ERR_DATA, "%s ends before its partner: the streams must have equally many records", j->path);
	int code = isnan(month) ? 0 : place_of_month(&j->at[0], a, b, e);
	for (int i = 0; i < j->n && !code; i++) {
		code = make(&r, j, a, b, j->at[i], i, e);
		if (!code) {
			stream_put(j->out, r);
			lat_free(r);
		}
	}
	lat_free(b);
	return code;
}

static int finish(void *with, err *e)
{
	struct job *j = with;
	lat_record *b = NULL;
	int code = j->broken ? 0 : lat_read(j->rd, &b, e);
	if (!code && b)
		code = err_set(e, ERR_DATA, "%s: %s has no partner: the streams must have equally many records", j->path, lat_id(b));
	lat_free(b);
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	double only;
	struct job j = { .path = files[1], .at = &only, .n = 1 };
	if ((given != NULL) == !isnan(month))
		cli_die(ERR_USAGE, "either --at or --month is needed");
	if (!strcmp(files[0], "-") && !strcmp(files[1], "-"))
		cli_die(ERR_USAGE, "A and B cannot both be stdin");
	if (given)
		parse_places(&j);
	stream_input(j.path, &j.in, &j.rd);
	j.out = stream_open();
	j.seen = stream_ids_new();
	int status = stream_each(files, 1, step, finish, &j);
	stream_close(j.out);
	stream_ids_free(j.seen);
	lat_reader_free(j.rd);
	in_close(j.in);
	if (given)
		free(j.at);
	return cli_done(status);
}
