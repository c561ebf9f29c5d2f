/* lat-diff: the largest difference of two streams, by id and tensor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stream.h"

static double tolerance;

static const struct cli_option options[] = {
	{ 't', "tolerance", "largest difference, as a share of the largest value in A, that is none", .real = &tolerance, .arg = "TOL",
	  .range = { .from = 0, .to = INFINITY } },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-diff",
	.summary = "compare two streams",
	.operands = "A B",
	.min = 2,
	.max = 2,
	.common = CLI_JSON,
	.options = options,
};

/* One of the two streams, and its records that had no partner yet: none when both have the same order. */
struct side {
	const char *path;
	infile *in;
	lat_reader *rd;
	lat_record **waiting;
	size_t n, cap;
	bool ended;
};

static bool differs;

static json_t *number(const char *problem, double v) { return problem || !isfinite(v) ? json_null() : json_real(v); }

/* How far a tensor of B is from A's. */
struct distance {
	double relative, absolute; /* max|a-b| / max|a|, max|a-b| */
	double rms; /* root of the mean of (a-b)^2 */
};

static void print_row(const char *id, const char *name, struct distance d, const char *problem)
{
	bool good = !problem && d.relative <= tolerance;
	differs |= !good;
	if (!cli_common.json) {
		if (problem)
			printf("%s\t%s\t-\t-\t-\t%s\n", id, name, problem);
		else
			printf("%s\t%s\t%.6g\t%.6g\t%.6g\t%s\n", id, name, d.relative, d.absolute, d.rms, good ? "same" : "differs");
		return;
	}
	json_t *v = json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:s?}", "id", id, "tensor", name, "relative", number(problem, d.relative),
			      "absolute", number(problem, d.absolute), "rms", number(problem, d.rms), "same", good, "problem", problem);
	char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
	if (text)
		puts(text);
	else
		cli_die(ERR_OS, "no memory");
	free(text);
	json_decref(v);
}

static double *numbers(lat_tensor *t)
{
	err e = { 0 };
	const void *data;
	double *v = NULL;
	if (lat_data(t, &data, &e) || mem_zero(&v, (size_t)t->elements, sizeof *v, t->name, &e))
		cli_fail(&e);
	dtype_to_double(v, data, t->dtype, (size_t)t->elements);
	return v;
}

/* How many of n values are no finite numbers? */
static size_t not_finite(const double *v, size_t n)
{
	size_t some = 0;
	for (size_t i = 0; i < n; i++)
		some += !isfinite(v[i]);
	return some;
}

static void compare_tensors(const char *id, lat_tensor *a, lat_tensor *b)
{
	double largest = 0, most = 0, squares = 0;
	static const struct distance none = { 0 };
	if (!lat_has_shape(b, a->rank, a->shape)) {
		print_row(id, a->name, none, "another shape");
		return;
	}
	if (!lat_is_known(a) || !lat_is_known(b)) {
		bool same = !strcmp(a->type_name, b->type_name) && !strcmp(a->filter, b->filter) && a->frame_bytes == b->frame_bytes &&
			    !memcmp(a->frame, b->frame, a->frame_bytes);
		print_row(id, a->name, none, same ? NULL : "other bytes, of a type or filter that is not known");
		return;
	}
	double *va = numbers(a), *vb = numbers(b);
	/* NaN is at no distance from anything, itself included: where there is one, nothing can be said of the tensors */
	size_t n = (size_t)a->elements, odd_a = not_finite(va, n), odd_b = not_finite(vb, n);
	for (size_t i = 0; i < n; i++) {
		double d = fabs(va[i] - vb[i]);
		most = fmax(most, d);
		squares += d * d;
		largest = fmax(largest, fabs(va[i]));
	}
	free(va);
	free(vb);
	char problem[96];
	snprintf(problem, sizeof problem, "numbers that are not finite: %zu in A, %zu in B", odd_a, odd_b);
	print_row(id, a->name, (struct distance){ most == 0 ? 0 : most / largest, most, sqrt(squares / (double)n) },
		  odd_a || odd_b ? problem : NULL);
}

static void compare(lat_record *a, lat_record *b)
{
	const char *id = lat_id(a);
	for (int i = 0; i < a->count; i++) {
		lat_tensor *other = lat_find(b, a->tensors[i].name);
		if (other)
			compare_tensors(id, &a->tensors[i], other);
		else
			print_row(id, a->tensors[i].name, (struct distance){ 0 }, "not in B");
	}
	for (int i = 0; i < b->count; i++)
		if (!lat_find(a, b->tensors[i].name))
			print_row(id, b->tensors[i].name, (struct distance){ 0 }, "not in A");
}

/* The first record of this id that waits on a side; it waits no longer. */
static lat_record *take(struct side *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(lat_id(s->waiting[i]), id)) {
			lat_record *r = s->waiting[i];
			memmove(&s->waiting[i], &s->waiting[i + 1], (--s->n - i) * sizeof *s->waiting);
			return r;
		}
	return NULL;
}

/* The next record of a side meets its partner, or waits for it. */
static void step(struct side *s, struct side *other, bool first)
{
	err e = { 0 };
	lat_record *r = NULL;
	if (s->ended)
		return;
	if (lat_read(s->rd, &r, &e))
		cli_fail(&e);
	if (!r) {
		s->ended = true;
		return;
	}
	lat_record *partner = take(other, lat_id(r));
	if (!partner) {
		if (mem_grow(&s->waiting, &s->cap, s->n + 1, sizeof r, s->path, &e))
			cli_fail(&e);
		s->waiting[s->n++] = r;
		return;
	}
	compare(first ? r : partner, first ? partner : r);
	lat_free(partner);
	lat_free(r);
}

static void close_side(struct side *s, const char *problem)
{
	for (size_t i = 0; i < s->n; i++) {
		print_row(lat_id(s->waiting[i]), "-", (struct distance){ 0 }, problem);
		lat_free(s->waiting[i]);
	}
	free(s->waiting);
	lat_reader_free(s->rd);
	in_close(s->in);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct side a = { .path = files[0] }, b = { .path = files[1] };
	if (!strcmp(a.path, "-") && !strcmp(b.path, "-"))
		cli_die(ERR_USAGE, "A and B cannot both be stdin");
	stream_input(a.path, &a.in, &a.rd);
	stream_input(b.path, &b.in, &b.rd);
	if (!cli_common.json)
		puts("id\ttensor\trelative\tabsolute\trms\tresult");
	while (!a.ended || !b.ended) {
		step(&a, &b, true);
		step(&b, &a, false);
	}
	close_side(&a, "not in B");
	close_side(&b, "not in A");
	return cli_done(differs ? ERR_DIFFERS : 0);
}
