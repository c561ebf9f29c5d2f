/* lat-info: what a stream holds, as a table or, in full, as JSON. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stream.h"

static bool stats, history;

static const struct cli_option options[] = {
	{ 0, "stats", "add smallest and largest value, mean and standard deviation, and how many are not finite", .flag = &stats },
	{ 0, "history", "show each record's history instead of its tensors", .flag = &history },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-info",
	.summary = "show what a stream holds",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_JSON | CLI_KEEP_GOING,
	.options = options,
};

struct summary {
	double min, max, mean, sd; /* of the finite values; NAN when there are none */
	int64_t odd; /* values that are not finite */
};

static int summarize(lat_tensor *t, struct summary *s, err *e)
{
	const void *data;
	double *v = NULL, sum = 0, squares = 0;
	int64_t n = 0;
	*s = (struct summary){ NAN, NAN, NAN, NAN, 0 };
	int code = lat_data(t, &data, e);
	if (!code)
		code = mem_zero(&v, (size_t)t->elements, sizeof *v, t->name, e);
	if (code)
		return code;
	dtype_to_double(v, data, t->dtype, (size_t)t->elements);
	for (int64_t i = 0; i < t->elements; i++)
		if (isfinite(v[i])) {
			s->min = n && s->min < v[i] ? s->min : v[i];
			s->max = n && s->max > v[i] ? s->max : v[i];
			sum += v[i];
			n++;
		}
	s->odd = t->elements - n;
	if (n)
		s->mean = sum / (double)n;
	for (int64_t i = 0; i < t->elements; i++)
		if (isfinite(v[i]))
			squares += (v[i] - s->mean) * (v[i] - s->mean);
	if (n)
		s->sd = sqrt(squares / (double)n);
	free(v);
	return 0;
}

static json_t *real(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static int tensor_json(lat_tensor *t, json_t **out, err *e)
{
	json_t *shape = json_array(), *v;
	size_t size = dtype_size(t->dtype);
	bool bad = !shape;
	for (int i = 0; i < t->rank; i++)
		bad |= json_array_append_new(shape, json_integer(t->shape[i])) != 0;
	v = json_pack("{s:s, s:s, s:o, s:s, s:I, s:o}", "name", t->name, "dtype", t->type_name, "shape", shape, "filter", t->filter,
		      "stored", (json_int_t)t->frame_bytes, "bytes", size ? json_integer(t->elements * (json_int_t)size) : json_null());
	bad |= json_object_update_missing(v, t->meta) != 0;
	int code = 0;
	if (stats) {
		struct summary s = { 0 };
		code = summarize(t, &s, e);
		json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:I}", "min", real(s.min), "max", real(s.max), "mean", real(s.mean), "sd",
					 real(s.sd), "not_finite", (json_int_t)s.odd);
		bad |= json_object_update(v, more) != 0;
		json_decref(more);
	}
	if (bad && !code)
		code = err_set(e, ERR_OS, "no memory");
	if (code)
		json_decref(v);
	else
		*out = v;
	return code;
}

/* One object a line: the header as it is, with the tensors' sizes. */
static int show_json(lat_record *r, err *e)
{
	json_t *all = json_copy(r->header), *list = json_array(), *v = NULL;
	int code = all && list ? 0 : err_set(e, ERR_OS, "no memory");
	for (int i = 0; !code && i < r->count; i++) {
		code = tensor_json(&r->tensors[i], &v, e);
		if (!code && json_array_append_new(list, v))
			code = err_set(e, ERR_OS, "no memory");
	}
	if (json_object_set_new(all, "tensors", list) && !code)
		code = err_set(e, ERR_OS, "no memory");
	char *text = code ? NULL : json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(all);
	if (text)
		puts(text);
	else if (!code)
		code = err_set(e, ERR_OS, "no memory");
	free(text);
	return code;
}

/* A text out of a header, which may hold anything: one field of one line. */
static void put_text(const char *text, int most)
{
	putchar('\t');
	for (; text && *text && most--; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	if (!text)
		putchar('-');
}

static int show_tensors(lat_record *r, err *e)
{
	char shape[LAT_MAX_RANK * 21];
	double months;
	char when[32] = "-";
	if (lat_months(r, &months))
		snprintf(when, sizeof when, "%.15g", months);
	if (!r->count)
		printf("%s\t%s\t-\t-\t-\t-\t-\t-%s\n", lat_id(r), when, stats ? "\t-\t-\t-\t-\t-" : "");
	for (int i = 0; i < r->count; i++) {
		lat_tensor *t = &r->tensors[i];
		const json_t *model = json_object_get(t->meta, "model");
		const char *identity = json_string_value(json_object_get(model, "identity"));
		struct summary s;
		int code = stats ? summarize(t, &s, e) : 0;
		if (code)
			return code;
		lat_shape_text(t, shape);
		printf("%s\t%s\t%s\t%s\t%s\t%lld\t%zu", lat_id(r), when, t->name, t->type_name, shape,
		       (long long)t->elements * (long long)dtype_size(t->dtype), t->frame_bytes);
		put_text(identity, 12);
		if (stats)
			printf("\t%.6g\t%.6g\t%.6g\t%.6g\t%lld", s.min, s.max, s.mean, s.sd, (long long)s.odd);
		putchar('\n');
	}
	return 0;
}

static int show_history(lat_record *r, err *e)
{
	json_t *list = json_object_get(r->header, "history"), *entry;
	size_t i;
	json_array_foreach (list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "tool"));
		const char *version = json_string_value(json_object_get(entry, "version"));
		json_t *choices = json_object_get(entry, "options");
		char *text = choices ? json_dumps(choices, JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
		if (choices && !text)
			return err_set(e, ERR_OS, "no memory");
		fputs(lat_id(r), stdout);
		put_text(name, 200);
		put_text(version, 200);
		put_text(text, -1);
		putchar('\n');
		free(text);
	}
	return 0;
}

/* The table's first line, once an input has proved to be one. */
static void show_columns(bool *shown)
{
	if (*shown || cli_common.json)
		return;
	*shown = true;
	if (history)
		puts("id\ttool\tversion\toptions");
	else
		printf("id\tmonths\ttensor\tdtype\tshape\tbytes\tstored\tmodel%s\n", stats ? "\tmin\tmax\tmean\tsd\tnot_finite" : "");
}

static int show(lat_record *r, void *with, bool *keep, err *e)
{
	*keep = false;
	show_columns(with);
	return cli_common.json ? show_json(r, e) : history ? show_history(r, e) : show_tensors(r, e);
}

static int finish(void *with, err *e)
{
	(void)e;
	show_columns(with);
	return 0;
}

int main(int argc, char **argv)
{
	int n;
	bool columns_shown = false;
	char **files = cli_parse(&tool, argc, argv, &n);
	return cli_done(stream_each(files, n, show, finish, &columns_shown));
}
