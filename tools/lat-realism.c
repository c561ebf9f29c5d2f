/* lat-realism: are drawn scans like real ones? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "realism/components.h"
#include "realism/diversity.h"
#include "realism/local.h"
#include "realism/nearest.h"
#include "realism/spectrum.h"

static const char *real_path, *train_path, *name = "x";
static int64_t components_wanted = 10, seed;

static const struct cli_option options[] = {
	{ 0, "real", "the stream of real scans that the drawn ones are compared with", .file = &real_path, .arg = "REAL" },
	{ 0, "train", "the stream of scans that the model has learned from", .file = &train_path, .arg = "TRAIN" },
	{ 'k', "components", "principal components of the real scans", .integer = &components_wanted, .arg = "K",
	  .range = { .from = 1, .to = 1 << 16 } },
	{ 'n', "name", "the tensor that is the scan", .text = &name, .arg = "NAME" },
	{ 0, "seed", "seed of the halves and pairs", .integer = &seed, .arg = "N" },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-realism",
	.summary = "compare drawn scans with real ones",
	.operands = "[DRAWN...]",
	.max = -1,
	.common = CLI_JSON,
	.options = options,
};

/* ---- scans ---- */

/* The record's scan; n: its grid, which must be that of the real scans `like` (NULL: these are they). */
static int scan_of(lat_record *r, int n[3], float **x, const scans *like, err *e)
{
	lat_tensor *t;
	int code = lat_need(r, name, &t, e);
	if (!code)
		code = lat_grid(n, t, 1, e);
	if (!code)
		code = lat_floats(t, x, e);
	if (!code && like && memcmp(n, like->n, sizeof like->n))
		code = err_set(e, ERR_DATA, "%dx%dx%d voxels, but the real scans have %dx%dx%d", n[0], n[1], n[2], like->n[0], like->n[1],
			       like->n[2]);
	return code;
}

/* A side, and the one whose grid it must have. */
struct side {
	scans s;
	const scans *like;
	stream_ids *ids; /* of the records so far, where they are of interest */
};

static int add(lat_record *r, void *with, bool *keep, err *e)
{
	struct side *side = with;
	float *x = NULL;
	int n[3];
	(void)keep;
	int code = scan_of(r, n, &x, side->like, e);
	if (!code)
		code = scans_add(&side->s, n, x, e);
	/* of two scans with one id, one is remembered */
	if (!code && side->ids && !stream_ids_has(side->ids, lat_id(r)))
		code = stream_ids_add(side->ids, lat_id(r), e);
	free(x);
	return code;
}

/* ---- the scans of the training ---- */

struct training {
	const scans *real, *drawn;
	const inside *b;
	const stream_ids *real_ids;
	nearest from_real, from_drawn;
	spread along; /* the components of the real scans */
};

static int see(lat_record *r, void *with, bool *keep, err *e)
{
	struct training *t = with;
	float *x = NULL;
	int n[3];
	(void)keep;
	int code = scan_of(r, n, &x, t->real, e);
	if (!code) {
		if (stream_ids_has(t->real_ids, lat_id(r)))
			cli_warn("%s: is both in %s and in %s: how far real scans are from those of the training is then not known",
				 lat_id(r), train_path, real_path);
		scans_clip(x, t->real->voxels);
		nearest_see(&t->from_real, t->real, x, t->b);
		nearest_see(&t->from_drawn, t->drawn, x, t->b);
		spread_see(&t->along, x);
	}
	free(x);
	return code;
}

/* ---- the table ---- */

static json_t *rows;

/* real: what the real scans have; train: what those of the training have, NAN where that is not measured. */
static void row(const char *measure, double value, double real, double train)
{
	if (cli_common.json) {
		json_t *v = json_pack("{s:f, s:f, s:o}", "value", value, "real", real, "train",
				      isnan(train) ? json_null() : json_real(train));
		if (!v || json_object_set_new(rows, measure, v))
			cli_die(ERR_OS, "no memory");
		return;
	}
	printf("%s\t%.6g\t%.6g\t", measure, value, real);
	if (isnan(train))
		puts("-");
	else
		printf("%.6g\n", train);
}

static void print_json(void)
{
	char *text = json_dumps(rows, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (!text)
		cli_die(ERR_OS, "no memory");
	puts(text);
	free(text);
	json_decref(rows);
}

/* Errors are the real scans' fault, which their number or their grid was too small for. */
static void check(int code, err *e)
{
	if (code)
		err_prefix(e, "%s", real_path);
	cli_check(code, e);
}

struct results {
	spread along;
	double local, band[SPECTRUM_BANDS], alike[2]; /* alike: drawn, real */
};

static void measure(struct results *r, const scans *real, const scans *drawn, const inside *b, const pca *p)
{
	err e = { 0 };
	check(spread_open(&r->along, p, &e), &e);
	for (size_t i = 0; i < drawn->count; i++)
		spread_see(&r->along, scans_at(drawn, i));
	check(local_compare(&r->local, real, drawn, b, (uint64_t)seed, &e), &e);
	check(spectrum_compare(r->band, real, drawn, b, &e), &e);
	check(diversity_of(&r->alike[0], drawn, (uint64_t)seed, &e), &e);
	check(diversity_of(&r->alike[1], real, (uint64_t)seed, &e), &e);
}

static void measure_training(struct training *t, const pca *p)
{
	err e = { 0 };
	cli_check(nearest_open(&t->from_real, t->real->count, &e), &e);
	cli_check(nearest_open(&t->from_drawn, t->drawn->count, &e), &e);
	cli_check(spread_open(&t->along, p, &e), &e);
	stream_each((char *[]){ (char *)train_path }, 1, see, NULL, t);
	if (!t->along.n)
		cli_die(ERR_DATA, "%s: no scans", train_path);
	if (!(nearest_mean(&t->from_real) > 0))
		cli_die(ERR_DATA, "%s: holds all scans of %s, so that there is nothing to compare distances with", train_path, real_path);
}

static void show(const struct results *r, const struct training *t)
{
	static const char *const bands[SPECTRUM_BANDS] = { "spectrum_0_1", "spectrum_1_2", "spectrum_2_4", "spectrum_4_8" };
	if (cli_common.json && !(rows = json_object()))
		cli_die(ERR_OS, "no memory");
	if (!cli_common.json)
		puts("measure\tvalue\treal\ttrain");
	row("scans", (double)t->drawn->count, (double)t->real->count, train_path ? (double)t->along.n : NAN);
	row("components_variance", spread_share(&r->along), 1, train_path ? spread_share(&t->along) : NAN);
	row("components_bias", spread_bias(&r->along), 0, train_path ? spread_bias(&t->along) : NAN);
	row("local_structure", r->local, 1, NAN);
	for (int i = 0; i < SPECTRUM_BANDS; i++)
		row(bands[i], r->band[i], 1, NAN);
	if (train_path) {
		row("nearest", nearest_mean(&t->from_drawn) / nearest_mean(&t->from_real), 1, NAN);
		row("nearest_least", nearest_least(&t->from_drawn), nearest_least(&t->from_real), NAN);
	}
	row("ms_ssim", r->alike[0], r->alike[1], NAN);
	if (cli_common.json)
		print_json();
}

static void check_options(char **files, int n)
{
	int from_stdin = n == 0;
	if (!real_path)
		cli_die(ERR_USAGE, "--real is needed");
	for (int i = 0; i < n; i++)
		from_stdin += !strcmp(files[i], "-");
	from_stdin += !strcmp(real_path, "-");
	from_stdin += train_path && !strcmp(train_path, "-");
	if (from_stdin > 1)
		cli_die(ERR_USAGE, "only one stream can be stdin");
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct side real = { .ids = stream_ids_new() }, drawn = { .like = &real.s };
	inside b;
	pca p;
	err e = { 0 };
	check_options(files, n);
	cli_start_threads();
	stream_each((char *[]){ (char *)real_path }, 1, add, NULL, &real);
	if (real.s.count < 4)
		cli_die(ERR_DATA, "%s: %zu scans are too few, four are needed", real_path, real.s.count);
	if (real.s.count <= (size_t)components_wanted)
		cli_die(ERR_DATA, "%s: %zu scans are too few for %lld components, which need one more (-k takes fewer)", real_path,
			real.s.count, (long long)components_wanted);
	stream_each(files, n, add, NULL, &drawn);
	if (drawn.s.count < 2)
		cli_die(ERR_DATA, "%s: %zu drawn scans are too few, two are needed", n == 1 ? files[0] : n ? "DRAWN" : "stdin",
			drawn.s.count);
	check(inside_of(&b, &real.s, &e), &e);
	struct training t = { .real = &real.s, .drawn = &drawn.s, .b = &b, .real_ids = real.ids };
	check(components_of(&p, &real.s, (int)components_wanted, &e), &e);
	if (train_path)
		measure_training(&t, &p);
	struct results r;
	measure(&r, &real.s, &drawn.s, &b, &p);
	show(&r, &t);
	spread_free(&r.along);
	spread_free(&t.along);
	pca_free(&p);
	nearest_free(&t.from_real);
	nearest_free(&t.from_drawn);
	inside_free(&b);
	scans_free(&drawn.s);
	scans_free(&real.s);
	stream_ids_free(real.ids);
	return cli_done(0);
}
