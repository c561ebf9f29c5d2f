/* linprobe: linear probes of codes: fit, predict, eval, cv, show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/stream.h"
#include "probe/cross.h"
#include "probe/division.h"
#include "probe/doubts.h"
#include "probe/labelled.h"
#include "probe/metrics.h"
#include "probe/probe.h"
#include "probe/report.h"
#include "probe/shuffle.h"

static const char *labels, *target, *positive, *negative, *probe_path, *folds, *predictions, *name = "y";
static double C = NAN, lambda = NAN;
static int64_t splits = 5, repeats = 1, resamples = 2000, seed;
static bool balance, shuffle;

static const struct cli_option options[] = {
	{ 0, "labels", "table with the columns participant_id, perhaps session_id, and COL", .file = &labels, .arg = "TSV" },
	{ 0, "target", "the column to predict", .text = &target, .arg = "COL" },
	{ 0, "positive", "classify: records with this value against the others", .text = &positive, .arg = "VALUE" },
	{ 0, "negative", "against those with this value alone; others are left out", .text = &negative, .arg = "VALUE" },
	{ 0, "C", "strength of a classification; when not given chosen by cross-validation", .real = &C, .arg = "C",
	  .range = { .from = 0, .to = 1e12, .from_excluded = true } },
	{ 0, "lambda", "strength of a regression; when not given chosen by cross-validation", .real = &lambda, .arg = "L",
	  .range = { .from = 0, .to = INFINITY } },
	{ 0, "balance", "weigh records so that both classes count the same", .flag = &balance },
	{ 0, "probe", "the probe to use: a file, or the name of one of the model's", .file = &probe_path, .arg = "P" },
	{ 0, "folds", "folds of cv: table with the columns participant_id and fold", .file = &folds, .arg = "TSV" },
	{ 0, "splits", "number of folds when none are named", .integer = &splits, .arg = "K", .range = { .from = 2, .to = 1000 } },
	{ 0, "repeats", "repeat cv with so many draws of the folds", .integer = &repeats, .arg = "N", .range = { .from = 1, .to = 10000 } },
	{ 0, "shuffle", "deal the labels of cv out anew among the subjects: a control", .flag = &shuffle },
	{ 0, "predictions", "write what cv predicted for each record", .file = &predictions, .arg = "FILE" },
	{ 0, "bootstrap", "resamples for the intervals", .integer = &resamples, .arg = "N", .range = { .from = 1, .to = 1000000 } },
	{ 0, "seed", "seed of folds and resamples", .integer = &seed, .arg = "N", .range = { .from = 0, .to = INFINITY } },
	{ 'n', "name", "the tensor that is the code", .text = &name, .arg = "NAME" },
	{ 0 },
};

static const struct cli tool = {
	.name = "linprobe",
	.summary = "linear probes of codes",
	.operands = "fit|predict|eval|cv|show [FILE...]",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT | CLI_MODEL | CLI_JSON | CLI_KEEP_GOING,
	.options = options,
};

struct job {
	probe p; /* predict, eval, show: the one that is used; fit: the one that is made; cv: what would be */
	labelled l;
	stream_ids *seen;
	outfile *out; /* predict */
};

/* ---- options ---- */

static void need(const char *option, const char *value)
{
	if (!value)
		cli_die(ERR_USAGE, "--%s is needed", option);
}

/* What fit and cv are told. */
static fit_options ask_options(probe *p)
{
	err e = { 0 };
	need("labels", labels);
	need("target", target);
	if (positive && !isnan(lambda))
		cli_die(ERR_USAGE, "--lambda: is of a regression, --positive asks for a classification");
	if (!positive && (!isnan(C) || balance || negative))
		cli_die(ERR_USAGE, "--%s: is of a classification, which needs --positive",
			!isnan(C) ? "C"
			: balance ? "balance"
				  : "negative");
	if (positive && negative && !strcmp(positive, negative))
		cli_die(ERR_USAGE, "--negative: is the positive value");
	p->task = positive ? PROBE_CLASSIFY : PROBE_REGRESS;
	p->balanced = balance;
	cli_check(mem_text(&p->target, target, &e), &e);
	cli_check(mem_text(&p->tensor, name, &e), &e);
	if (positive) {
		cli_check(mem_text(&p->positive, positive, &e), &e);
		if (!(p->negative = json_array()))
			cli_die(ERR_OS, "no memory");
	}
	return (fit_options){ p->task, positive ? C : lambda, balance, (int)splits, (unsigned long)seed };
}

static void open_probe(struct job *j)
{
	err e = { 0 };
	char *path;
	need("probe", probe_path);
	cli_probe(&j->p, &path, probe_path);
	free(path);
	if (j->p.encoder_kind && *j->p.encoder) {
		cli_check(mem_text(&j->l.maker.kind, j->p.encoder_kind, &e), &e);
		memcpy(j->l.maker.identity, j->p.encoder, SHA_TEXT);
		j->l.maker.conventions = json_incref(j->p.conventions);
	}
}

/* ---- records ---- */

static int gather(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	(void)keep;
	int code = stream_ids_add(j->seen, lat_id(r), e);
	return code ? code : labelled_add(&j->l, &j->p, negative, r, e);
}

/* All records with a label. Returns the exit status so far. */
static int gather_all(struct job *j, char **files, int n)
{
	err e = { 0 };
	labelled *l = &j->l;
	cli_check(labels_read(&l->table, labels, target, &e), &e);
	j->seen = stream_ids_new();
	int status = stream_each(files, n, gather, NULL, j);
	stream_ids_free(j->seen);
	cli_check(doubts_say(l, &j->p, cli_warn, &e), &e);
	if (!l->c.n)
		cli_die(ERR_DATA, "%s: no record has a label", target);
	cli_check(cases_finish(&l->c, &e), &e);
	cli_note("%s: %zu records of %zu subjects", target, l->c.n, l->c.subjects);
	return status;
}

/* ---- fit, predict, eval, cv, show ---- */

/* A text, which is freed, to an output that appears whole. */
static void print(outfile *out, char *text)
{
	err e = { 0 };
	int code = out_write(out, text, strlen(text), &e);
	if (code)
		out_abort(out);
	else
		code = out_commit(out, &e);
	cli_check(code, &e);
	free(text);
}

/* f [times][records] */
static void print_metrics(const struct job *j, const double *f, int times)
{
	err e = { 0 };
	char *text = NULL;
	interval found[METRICS];
	const cases *c = &j->l.c;
	const predicted p = { j->p.task, c->n, c->subjects, times, c->value, f, c->subject };
	cli_check(metrics_measure(found, &p, resamples, (uint64_t)seed, &e), &e);
	cli_check(report_metrics(&text, j->p.task, found, times, cli_common.json, &e), &e);
	print(cli_output(), text);
}

static int run_fit(struct job *j, char **files, int n)
{
	err e = { 0 };
	fit_options how = ask_options(&j->p);
	cli_spare_terminal();
	int status = gather_all(j, files, n);
	cli_check(labelled_classes(&j->l, &j->p, &e), &e);
	cli_check(labelled_fit(&j->p, &j->l, &how, &e), &e);
	cli_note("%s: %s %.4g%s", target, positive ? "C" : "lambda", j->p.strength, isnan(how.strength) ? ", chosen" : "");
	cli_check(probe_write(cli_common.output, cli_common.force, &j->p, &e), &e);
	return status;
}

static int predict(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	float *code = NULL;
	char *line = NULL;
	size_t n;
	(void)keep;
	int status = code_read(&code, &n, &j->l.maker, &j->p, r, e);
	if (status)
		return status;
	double f = probe_value(&j->p, code);
	free(code);
	if (!isfinite(f))
		return err_set(e, ERR_DATA, "%s has a number that is not finite", j->p.tensor);
	status = report_prediction(&line, j->p.task, lat_id(r), f, cli_common.json, e);
	if (!status)
		status = out_write(j->out, line, strlen(line), e);
	free(line);
	return status ? status : out_flush(j->out, e);
}

static int run_predict(struct job *j, char **files, int n)
{
	err e = { 0 };
	char *head = NULL;
	open_probe(j);
	j->out = cli_output();
	cli_check(report_heading(&head, j->p.task, &e), &e);
	if (!cli_common.json)
		cli_check(out_write(j->out, head, strlen(head), &e), &e);
	free(head);
	int status = stream_each(files, n, predict, NULL, j);
	cli_check(out_commit(j->out, &e), &e);
	return status;
}

static int run_eval(struct job *j, char **files, int n)
{
	err e = { 0 };
	double *f = NULL;
	open_probe(j);
	need("labels", labels);
	target = target ? target : j->p.target;
	int status = gather_all(j, files, n);
	const cases *c = &j->l.c;
	cli_check(mem_zero(&f, c->n, sizeof *f, "predictions", &e), &e);
	for (size_t i = 0; i < c->n; i++)
		f[i] = probe_value(&j->p, c->codes + i * c->p);
	print_metrics(j, f, 1);
	free(f);
	return status;
}

static void write_predictions(const struct job *j, const division *d, const double *f)
{
	err e = { 0 };
	char *text = NULL;
	outfile *out = NULL;
	cli_check(out_open(&out, predictions, cli_common.force, &e), &e);
	cli_check(report_cross(&text, j->p.task, &j->l, d, (int)repeats, f, &e), &e);
	print(out, text);
}

/* Repeat number `time`: the folds of `d`, what is predicted for each record f [records]. */
static void cross(const struct job *j, const fit_options *how, const division *d, int time, double *f)
{
	err e = { 0 };
	double *strength = NULL;
	char which[32] = "";
	cli_check(mem_zero(&strength, (size_t)d->k, sizeof *strength, "folds", &e), &e);
	if (cross_predict(f, strength, &j->l.c, d->fold, d->k, how, &e)) {
		err_prefix(&e, "%s", target);
		cli_fail(&e);
	}
	if (repeats > 1)
		snprintf(which, sizeof which, "repeat %d, ", time + 1);
	for (int i = 0; i < d->k; i++)
		cli_note("%s: %sfold %d: %s %.4g", target, which, i + 1, positive ? "C" : "lambda", strength[i]);
	free(strength);
}

static int run_cv(struct job *j, char **files, int n)
{
	err e = { 0 };
	fit_options how = ask_options(&j->p);
	division *d = NULL;
	double *f = NULL;
	if (folds && repeats > 1)
		cli_die(ERR_USAGE, "--repeats: draws folds, --folds names them");
	int status = gather_all(j, files, n);
	const cases *c = &j->l.c;
	cli_check(labelled_classes(&j->l, &j->p, &e), &e);
	if (shuffle)
		cli_check(cases_shuffle(&j->l.c, (unsigned long)seed, &e), &e);
	cli_check(mem_zero(&d, (size_t)repeats, sizeof *d, "folds", &e), &e);
	cli_check(mem_zero(&f, (size_t)repeats * c->n, sizeof *f, "predictions", &e), &e);
	for (int r = 0; r < repeats; r++, how.seed++) {
		cli_check(folds ? division_read(&d[r], c, folds, &e) : division_draw(&d[r], c, (int)splits, positive != NULL, how.seed, &e),
			  &e);
		cross(j, &how, &d[r], r, f + (size_t)r * c->n);
	}
	if (predictions)
		write_predictions(j, d, f);
	print_metrics(j, f, (int)repeats);
	for (int r = 0; r < repeats; r++)
		division_free(&d[r]);
	free(d);
	free(f);
	return status;
}

static int run_show(struct job *j, char **files, int n)
{
	err e = { 0 };
	char *text = NULL;
	if (n > 1 || (n && probe_path))
		cli_die(ERR_USAGE, "show: one probe at a time");
	probe_path = n ? files[0] : probe_path;
	open_probe(j);
	cli_check(report_probe(&text, &j->p, cli_common.json, &e), &e);
	print(cli_output(), text);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct job *j, char **files, int n);
	} verbs[] = { { "fit", run_fit }, { "predict", run_predict }, { "eval", run_eval }, { "cv", run_cv }, { "show", run_show } };
	int n;
	char **words = cli_parse(&tool, argc, argv, &n);
	struct job j = { .l.maker.any = cli_common.any_model };
	cli_start_threads();
	if (shuffle && strcmp(words[0], "cv"))
		cli_die(ERR_USAGE, "--shuffle: is of cv");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(words[0], verbs[i].name)) {
			int status = verbs[i].run(&j, words + 1, n - 1);
			labelled_free(&j.l);
			probe_free(&j.p);
			return cli_done(status);
		}
	cli_die(ERR_USAGE, "%s: is none of fit, predict, eval, cv, show", words[0]);
}
