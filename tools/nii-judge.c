/* nii-judge: does a scan lie as registered brains do, and which way up is it? */
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/scan.h"
#include "format/json.h"
#include "model/find.h"
#include "nii/nii.h"
#include "volume/likeness.h"

static const char *mean_name;
static bool turn;
static double least = NAN;

static const struct cli_option options[] = {
	{ 0, "mean", "compare with this mean of registered brains instead of the model's", .file = &mean_name, .arg = "FILE" },
	{ 0, "turn", "print the matrix of the turn that sets the brain upright, instead of a table", .flag = &turn },
	{ 0, "min", "exit 1 when a scan's SSIM is below V or a small move would make it more alike", .real = &least, .arg = "V" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-judge",
	.summary = "tell whether scans lie as registered brains do",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_JSON | CLI_MODEL | CLI_KEEP_GOING,
	.options = options,
};

static void open_reference(likeness_reference *r)
{
	err e = { 0 };
	volume mean;
	char *found = NULL;
	if (!mean_name && model_find_mean(&found, cli_common.model, &e))
		cli_fail(&e);
	const char *path = mean_name ? mean_name : found;
	if (!path)
		cli_die(ERR_NOINPUT, "%s: the model has no mean.nii.gz (--mean FILE names another)",
			cli_common.model ? cli_common.model : MODEL_DEFAULT);
	if (scan_read(&mean, NULL, path, &e))
		cli_fail(&e);
	if (likeness_open(r, &mean, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	volume_free(&mean);
	free(found);
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void show(json_t *rows, const char *path, const likeness *l)
{
	char text[200];
	const char *concern = likeness_concern(text, l);
	if (!cli_common.json) {
		printf("%s\t%.4f\t%.4f\t%s\t%s\n", path, l->ssim, l->best, l->move, concern ? concern : "n/a");
		return;
	}
	json_t *row = json_pack("{s:o, s:o, s:o, s:s, s:s?}", "file", json_name(path), "ssim", number(l->ssim), "best", number(l->best),
				"move", l->move, "concern", concern);
	if (!row || json_array_append_new(rows, row))
		cli_die(ERR_OS, "no memory for the table");
}

static void show_turn(const char *path, const likeness_turn *t)
{
	printf("# turned by %.1f degrees (SSIM %.4f): %s\n", t->degrees, t->ssim, path);
	for (int i = 0; i < 3; i++)
		printf("%.9g %.9g %.9g %.9g\n", t->matrix[i][0], t->matrix[i][1], t->matrix[i][2], t->matrix[i][3]);
	puts("0 0 0 1");
}

/* *below: --min is not reached. */
static int judge(const likeness_reference *r, const char *path, json_t *rows, bool *below, err *e)
{
	volume v;
	likeness l;
	likeness_turn t;
	int code = scan_read(&v, NULL, path, e);
	if (code)
		return code;
	code = turn ? likeness_find_turn(&t, r, &v, e) : likeness_of(&l, r, &v, e);
	volume_free(&v);
	if (code)
		return err_prefix(e, "%s", path);
	if (turn) {
		show_turn(path, &t);
	} else {
		show(rows, path, &l);
		*below |= !isnan(least) && (!(l.ssim >= least) || l.best > l.ssim + LIKENESS_ASKEW);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int n, status = 0;
	bool below = false;
	char **files = cli_parse(&tool, argc, argv, &n);
	likeness_reference r;
	json_t *rows = json_array();
	if (turn && (n > 1 || cli_common.json || !isnan(least)))
		cli_die(ERR_USAGE, "--turn: prints one scan's matrix and nothing else");
	if (!rows)
		cli_die(ERR_OS, "no memory");
	cli_start_threads();
	open_reference(&r);
	if (!cli_common.json && !turn)
		puts("file\tssim\tbest\tmove\tconcern");
	for (int i = 0; i < n; i++) {
		err e = { 0 };
		if (!judge(&r, files[i], rows, &below, &e))
			continue;
		if (!cli_common.keep_going || !cli_may_skip(e.code))
			cli_fail(&e);
		cli_warn("skipped: %s", e.text);
		status = ERR_DATA;
	}
	if (cli_common.json) {
		char *text = json_dumps(rows, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
		if (!text)
			cli_die(ERR_OS, "no memory for the table");
		puts(text);
		free(text);
	}
	json_decref(rows);
	likeness_close(&r);
	return cli_done(status ? status : below ? ERR_DIFFERS : 0);
}
