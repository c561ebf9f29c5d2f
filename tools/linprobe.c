/* linprobe: linear probes of codes: fit, predict, eval, cv, show. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stream.h"
#include "probe/cases.h"
#include "probe/cross.h"
#include "probe/labels.h"
#include "probe/metrics.h"
#include "probe/probe.h"

static const char *labels, *target, *positive, *negative, *probe_path, *folds, *predictions, *name = "y";
static double C = NAN, lambda = NAN;
static int64_t splits = 5, resamples = 2000, seed;
static bool balance, any_model;

static const struct cli_option options[] = {
	{ 0, "labels", CLI_TEXT, &labels, "TSV", "table with the columns participant_id, perhaps session_id, and COL", false },
	{ 0, "target", CLI_TEXT, &target, "COL", "the column to predict", false },
	{ 0, "positive", CLI_TEXT, &positive, "VALUE", "classify: records with this value against the others", false },
	{ 0, "negative", CLI_TEXT, &negative, "VALUE", "against those with this value alone; others are left out", false },
	{ 0, "C", CLI_REAL, &C, "C", "strength of a classification; when not given chosen by cross-validation", false },
	{ 0, "lambda", CLI_REAL, &lambda, "L", "strength of a regression; when not given chosen by cross-validation", false },
	{ 0, "balance", CLI_FLAG, &balance, NULL, "weigh records so that both classes count the same", false },
	{ 0, "probe", CLI_TEXT, &probe_path, "P", "the probe to use", false },
	{ 0, "folds", CLI_TEXT, &folds, "TSV", "folds of cv: table with the columns participant_id and fold", false },
	{ 0, "splits", CLI_INT, &splits, "K", "number of folds when none are named", false },
	{ 0, "predictions", CLI_TEXT, &predictions, "FILE", "write what cv predicted for each record", false },
	{ 0, "bootstrap", CLI_INT, &resamples, "N", "resamples for the intervals", false },
	{ 0, "seed", CLI_INT, &seed, "N", "seed of folds and resamples", false },
	{ 'n', "name", CLI_TEXT, &name, "NAME", "the tensor that is the code", false },
	{ 0, "any-model", CLI_FLAG, &any_model, NULL, "accept codes made by another model", false },
	{ 0 },
};

static const struct cli tool = {
	"linprobe", "linear probes of codes", "fit|predict|eval|cv|show [FILE...]", 1, -1, CLI_OUTPUT | CLI_JSON | CLI_KEEP_GOING, options,
};

/* ---- records to cases ---- */

/* What made the codes: the first record that knows tells it. */
struct maker {
	char *kind;
	char identity[SHA_TEXT];
};

struct job {
	probe p; /* predict, eval: the one that is used; fit: the one that is made */
	label_table table;
	struct maker maker;
	stream_ids *seen;
	cases c;
	char **ids; /* [c.n] */
	size_t ids_room;
	size_t missing, others; /* records left out: no label, another value */
	outfile *out; /* predict */
};

static void *or_die(void *p)
{
	if (!p)
		cli_die(ERR_OS, "no memory");
	return p;
}

/* Codes of two models do not mix; a tensor from outside has no model. */
static int check_maker(struct maker *m, const lat_tensor *t, err *e)
{
	const json_t *model = json_object_get(t->meta, "model");
	const char *kind = json_string_value(json_object_get(model, "kind")), *identity = kind ? lat_model_identity(t, kind) : NULL;
	if (!identity || strlen(identity) != SHA_TEXT - 1)
		return 0;
	if (!m->kind) {
		m->kind = or_die(strdup(kind));
		memcpy(m->identity, identity, SHA_TEXT);
		return 0;
	}
	if (any_model || (!strcmp(m->kind, kind) && !strcmp(m->identity, identity)))
		return 0;
	return err_set(e, ERR_DATA, "%s was made by the model %.60s %.12s, not by %.60s %.12s (--any-model takes it all the same)", t->name,
		       kind, identity, m->kind, m->identity);
}

static int take_code(float **code, lat_tensor **t, struct job *j, lat_record *r, err *e)
{
	int status = lat_need(r, j->p.tensor, t, e);
	if (!status)
		status = check_maker(&j->maker, *t, e);
	if (!status && j->p.n && (size_t)(*t)->elements != j->p.n)
		status = err_set(e, ERR_DATA, "%s has %lld numbers, the probe %zu", j->p.tensor, (long long)(*t)->elements, j->p.n);
	return status ? status : lat_floats(*t, code, e);
}

/* Is it one of the values that the probe was fitted on, or, while one is fitted, one that it may be fitted on? */
static bool is_negative(const probe *p, const char *value)
{
	size_t i;
	json_t *v;
	if (!p->n)
		return !negative || !strcmp(value, negative);
	json_array_foreach (p->negative, i, v)
		if (!strcmp(json_string_value(v), value))
			return true;
	return false;
}

/* A new value of the negative class is noted while a probe is fitted. */
static void note_negative(probe *p, const char *value)
{
	size_t i;
	json_t *v;
	json_array_foreach (p->negative, i, v)
		if (!strcmp(json_string_value(v), value))
			return;
	if (json_array_append_new(p->negative, json_string(value)))
		cli_die(ERR_DATA, "%s: a value is no UTF-8", labels);
}

/* *use becomes true when the record has a label that counts. */
static int label_of(double *value, bool *use, struct job *j, const bids_id *who, err *e)
{
	const char *text;
	size_t line;
	int code = labels_find(&j->table, who, &text, &line, e);
	if (code)
		return code;
	if (!text) {
		j->missing++;
		return 0;
	}
	if (j->p.task == PROBE_REGRESS) {
		*use = true;
		code = label_number(value, text, e);
		return code ? err_prefix(e, "%s: line %zu", labels, line) : 0;
	}
	*value = !strcmp(text, j->p.positive);
	*use = *value > 0 || is_negative(&j->p, text);
	j->others += !*use;
	if (*use && *value < 1 && !j->p.n)
		note_negative(&j->p, text);
	return 0;
}

static int gather(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	bids_id who = bids_parse(lat_id(r));
	lat_tensor *t;
	float *code = NULL;
	double value = 0;
	bool use = false;
	(void)keep;
	int status = stream_ids_add(j->seen, lat_id(r), e);
	if (!status)
		status = label_of(&value, &use, j, &who, e);
	if (status || !use)
		return status;
	status = take_code(&code, &t, j, r, e);
	if (!status)
		status = mem_grow(&j->ids, &j->ids_room, j->c.n + 1, sizeof *j->ids, "ids", e);
	if (!status) {
		status = cases_add(&j->c, who.participant, code, (size_t)t->elements, value, e);
		if (!status)
			j->ids[j->c.n - 1] = or_die(strdup(lat_id(r)));
	}
	free(code);
	return status;
}

/* All records with a label. Returns the exit status so far. */
static int gather_all(struct job *j, char **files, int n)
{
	err e = { 0 };
	if (labels_read(&j->table, labels, target, &e))
		cli_fail(&e);
	j->seen = stream_ids_new();
	int status = stream_each(files, n, gather, NULL, j);
	stream_ids_free(j->seen);
	if (j->missing)
		cli_warn("%s: %zu records left out: n/a", target, j->missing);
	if (j->others)
		cli_warn("%s: %zu records left out: neither %s nor what it is told from", target, j->others, j->p.positive);
	if (!j->c.n)
		cli_die(ERR_DATA, "%s: no record has a label", target);
	if (cases_finish(&j->c, &e))
		cli_fail(&e);
	cli_note("%s: %zu records of %zu subjects", target, j->c.n, j->c.subjects);
	return status;
}

static void drop_job(struct job *j)
{
	for (size_t i = 0; i < j->c.n; i++)
		free(j->ids[i]);
	free(j->ids);
	cases_free(&j->c);
	labels_free(&j->table);
	free(j->maker.kind);
	probe_free(&j->p);
}

/* ---- options ---- */

static void need(const char *option, const char *value)
{
	if (!value)
		cli_die(ERR_USAGE, "--%s is needed", option);
}

/* What fit and cv are told. */
static recipe ask_recipe(struct job *j)
{
	need("labels", labels);
	need("target", target);
	if (positive && !isnan(lambda))
		cli_die(ERR_USAGE, "--lambda: is of a regression, --positive asks for a classification");
	if (!positive && (!isnan(C) || balance || negative))
		cli_die(ERR_USAGE, "--%s: is of a classification, which needs --positive",
			!isnan(C) ? "C"
			: balance ? "balance"
				  : "negative");
	if (C <= 0 || C > 1e12)
		cli_die(ERR_USAGE, "--C: must be above 0 and at most 1e12");
	if (lambda < 0)
		cli_die(ERR_USAGE, "--lambda: must not be negative");
	if (positive && negative && !strcmp(positive, negative))
		cli_die(ERR_USAGE, "--negative: is the positive value");
	if (splits < 2 || splits > 1000)
		cli_die(ERR_USAGE, "--splits: must be 2 to 1000");
	j->p.task = positive ? PROBE_CLASSIFY : PROBE_REGRESS;
	j->p.target = or_die(strdup(target));
	j->p.tensor = or_die(strdup(name));
	j->p.positive = positive ? or_die(strdup(positive)) : NULL;
	j->p.negative = positive ? or_die(json_array()) : NULL;
	j->p.balanced = balance;
	return (recipe){ j->p.task, positive ? C : lambda, balance, (int)splits, (unsigned long)seed };
}

static void open_probe(struct job *j)
{
	err e = { 0 };
	need("probe", probe_path);
	if (probe_read(&j->p, probe_path, &e))
		cli_fail(&e);
	if (j->p.encoder_kind && *j->p.encoder) {
		j->maker.kind = or_die(strdup(j->p.encoder_kind));
		memcpy(j->maker.identity, j->p.encoder, SHA_TEXT);
	}
}

/* Both classes must be there, or there is nothing to learn. */
static void check_classes(const struct job *j)
{
	size_t positives = 0;
	for (size_t i = 0; i < j->c.n; i++)
		positives += j->c.value[i] > .5;
	if (j->p.task == PROBE_CLASSIFY && (!positives || positives == j->c.n))
		cli_die(ERR_DATA, "%s: %s of the %zu records is %s", target, positives ? "each" : "none", j->c.n, j->p.positive);
}

/* ---- text out ---- */

/* Text goes to memory first, so that it appears whole. */
struct text {
	FILE *f;
	char *bytes;
	size_t n;
};

static void text_open(struct text *t)
{
	*t = (struct text){ 0 };
	t->f = or_die(open_memstream(&t->bytes, &t->n));
}

static void text_write(struct text *t, outfile *out)
{
	err e = { 0 };
	if (fclose(t->f))
		cli_die(ERR_OS, "no memory");
	int code = out_write(out, t->bytes, t->n, &e);
	if (code)
		out_abort(out);
	else
		code = out_commit(out, &e);
	if (code)
		cli_fail(&e);
	free(t->bytes);
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void put_json(struct text *t, json_t *v)
{
	if (!v || json_dumpf(v, t->f, JSON_COMPACT))
		cli_die(ERR_DATA, "a text is no UTF-8, or no memory");
	fputc('\n', t->f);
	json_decref(v);
}

static void put_number(struct text *t, double v)
{
	if (isfinite(v))
		fprintf(t->f, "\t%.9g", v);
	else
		fputs("\tn/a", t->f);
}

/* ---- fit, predict, eval, cv, show ---- */

static int run_fit(struct job *j, char **files, int n)
{
	err e = { 0 };
	recipe how = ask_recipe(j);
	linear l = { 0 };
	basis b = { 0 };
	if (!strcmp(cli_common.output, "-") && isatty(STDOUT_FILENO))
		cli_die(ERR_USAGE, "stdout: binary data does not go to a terminal (use -o FILE or a pipe)");
	int status = gather_all(j, files, n);
	check_classes(j);
	if (cross_fit(&l, &b, &j->p.strength, &j->c, NULL, 0, &how, &e)) {
		err_prefix(&e, "%s", target);
		cli_fail(&e);
	}
	cli_note("%s: %s %.4g%s", target, positive ? "C" : "lambda", j->p.strength, isnan(how.strength) ? ", chosen" : "");
	j->p.records = (int64_t)j->c.n;
	j->p.subjects = (int64_t)j->c.subjects;
	j->p.encoder_kind = j->maker.kind ? or_die(strdup(j->maker.kind)) : NULL;
	memcpy(j->p.encoder, j->maker.identity, SHA_TEXT);
	j->p.n = j->c.p;
	j->p.bias = l.bias;
	j->p.weight = l.weight;
	j->p.mean = b.mean;
	j->p.std = b.std;
	b.mean = b.std = NULL; /* they are the probe's now */
	basis_free(&b);
	if (probe_write(cli_common.output, cli_common.force, &j->p, &e))
		cli_fail(&e);
	return status;
}

static const char *word(enum probe_task task) { return task == PROBE_CLASSIFY ? "probability" : "value"; }

static double shown(enum probe_task task, double f) { return task == PROBE_CLASSIFY ? probe_logistic(f) : f; }

static int predict(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	bids_id who = bids_parse(lat_id(r));
	lat_tensor *t;
	float *code = NULL;
	char *line = NULL;
	(void)keep;
	int status = take_code(&code, &t, j, r, e);
	if (status)
		return status;
	double f = shown(j->p.task, probe_value(&j->p, code));
	free(code);
	if (!isfinite(f))
		return err_set(e, ERR_DATA, "%s has a number that is not finite", j->p.tensor);
	if (!cli_common.json) {
		if (asprintf(&line, "%s\t%s\t%s\t%.9g\n", lat_id(r), who.participant, *who.session ? who.session : "n/a", f) < 0)
			return err_set(e, ERR_OS, "no memory");
	} else {
		json_t *v = json_pack("{s:s, s:s, s:s?, s:f}", "id", lat_id(r), "participant_id", who.participant, "session_id",
				      *who.session ? who.session : NULL, word(j->p.task), f);
		char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
		json_decref(v);
		if (!text || asprintf(&line, "%s\n", text) < 0)
			line = NULL;
		free(text);
		if (!line)
			return err_set(e, ERR_OS, "no memory");
	}
	status = out_write(j->out, line, strlen(line), e);
	free(line);
	return status ? status : out_flush(j->out, e);
}

static int run_predict(struct job *j, char **files, int n)
{
	err e = { 0 };
	char head[64];
	open_probe(j);
	j->out = cli_output(false);
	int length = snprintf(head, sizeof head, "id\tparticipant_id\tsession_id\t%s\n", word(j->p.task));
	if (!cli_common.json && out_write(j->out, head, (size_t)length, &e))
		cli_fail(&e);
	int status = stream_each(files, n, predict, NULL, j);
	if (out_commit(j->out, &e))
		cli_fail(&e);
	return status;
}

static void print_metrics(const struct job *j, const double *f)
{
	err e = { 0 };
	interval found[METRICS];
	struct text t;
	json_t *all = json_object();
	const cases *c = &j->c;
	outfile *out = cli_output(false);
	if (metrics_measure(found, j->p.task, c->value, f, c->subject, c->n, c->subjects, resamples, (uint64_t)seed, &e)) {
		out_abort(out);
		cli_fail(&e);
	}
	text_open(&t);
	if (!cli_common.json)
		fputs("metric\tvalue\tlo\thi\n", t.f);
	for (int m = 0; m < METRICS; m++) {
		if (!metric_of_task(m, j->p.task))
			continue;
		if (cli_common.json) {
			json_object_set_new(all, metric_name(m),
					    json_pack("{s:o, s:o, s:o}", "value", number(found[m].value), "lo", number(found[m].lo), "hi",
						      number(found[m].hi)));
			continue;
		}
		fputs(metric_name(m), t.f);
		put_number(&t, found[m].value);
		put_number(&t, found[m].lo);
		put_number(&t, found[m].hi);
		fputc('\n', t.f);
	}
	if (cli_common.json)
		put_json(&t, all);
	else
		json_decref(all);
	text_write(&t, out);
}

static int run_eval(struct job *j, char **files, int n)
{
	open_probe(j);
	need("labels", labels);
	target = target ? target : j->p.target;
	int status = gather_all(j, files, n);
	double *f = or_die(calloc(j->c.n, sizeof *f));
	for (size_t i = 0; i < j->c.n; i++)
		f[i] = probe_value(&j->p, j->c.codes + i * j->c.p);
	print_metrics(j, f);
	free(f);
	return status;
}

/* Folds that a table names: fold[s] and the names that stand for the numbers. */
static int read_folds(int *fold, char ***names, const cases *c)
{
	err e = { 0 };
	label_table t;
	int k = 0;
	if (labels_read(&t, folds, "fold", &e))
		cli_fail(&e);
	*names = or_die(calloc(c->subjects, sizeof **names));
	for (size_t s = 0; s < c->subjects; s++) {
		bids_id who = bids_parse(c->names[s]);
		const char *value = NULL;
		if (labels_find(&t, &who, &value, NULL, &e))
			cli_fail(&e);
		if (!value)
			cli_die(ERR_DATA, "%s: %s has no fold", folds, c->names[s]);
		for (fold[s] = 0; fold[s] < k && strcmp((*names)[fold[s]], value);)
			fold[s]++;
		if (fold[s] == k)
			(*names)[k++] = or_die(strdup(value));
	}
	labels_free(&t);
	if (k < 2)
		cli_die(ERR_DATA, "%s: all subjects are in one fold", folds);
	return k;
}

static void write_predictions(const struct job *j, const double *f, const int *fold, char **names)
{
	err e = { 0 };
	outfile *out = NULL;
	struct text t;
	if (out_open(&out, predictions, cli_common.force, &e))
		cli_fail(&e);
	text_open(&t);
	fprintf(t.f, "id\tparticipant_id\tsession_id\tfold\tlabel\t%s\n", word(j->p.task));
	for (size_t i = 0; i < j->c.n; i++) {
		bids_id who = bids_parse(j->ids[i]);
		size_t s = j->c.subject[i];
		fprintf(t.f, "%s\t%s\t%s\t", j->ids[i], who.participant, *who.session ? who.session : "n/a");
		if (names)
			fputs(names[fold[s]], t.f);
		else
			fprintf(t.f, "%d", fold[s] + 1);
		fprintf(t.f, "\t%.9g\t%.9g\n", j->c.value[i], shown(j->p.task, f[i]));
	}
	text_write(&t, out);
}

static int run_cv(struct job *j, char **files, int n)
{
	err e = { 0 };
	recipe how = ask_recipe(j);
	char **names = NULL;
	int status = gather_all(j, files, n), k = (int)splits;
	check_classes(j);
	int *fold = or_die(calloc(j->c.subjects, sizeof *fold));
	double *f = or_die(calloc(j->c.n, sizeof *f));
	if (folds)
		k = read_folds(fold, &names, &j->c);
	else if (folds_make(fold, &j->c, NULL, k, positive != NULL, (unsigned long)seed, &e))
		cli_fail(&e);
	double *strength = or_die(calloc((size_t)k, sizeof *strength));
	if (cross_predict(f, strength, &j->c, fold, k, &how, &e)) {
		err_prefix(&e, "%s", target);
		cli_fail(&e);
	}
	for (int i = 0; i < k; i++)
		cli_note("%s: fold %d: %s %.4g", target, i + 1, positive ? "C" : "lambda", strength[i]);
	if (predictions)
		write_predictions(j, f, fold, names);
	print_metrics(j, f);
	for (int i = 0; names && i < k; i++)
		free(names[i]);
	free(names);
	free(strength);
	free(fold);
	free(f);
	return status;
}

static json_t *vector(const double *v, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_real(v[i]));
	return list;
}

static int run_show(struct job *j, char **files, int n)
{
	const probe *p = &j->p;
	const char *task = p->task == PROBE_CLASSIFY ? "classification" : "regression";
	struct text t;
	if (n > 1 || (n && probe_path))
		cli_die(ERR_USAGE, "show: one probe at a time");
	probe_path = n ? files[0] : probe_path;
	open_probe(j);
	outfile *out = cli_output(false);
	text_open(&t);
	const char *strength = p->task == PROBE_CLASSIFY ? "C" : "lambda";
	json_t *head = json_pack("{s:s, s:s, s:s?, s:O?, s:s, s:s?, s:s?, s:f, s:I, s:I, s:s, s:f}", "task", task, "target", p->target,
				 "positive", p->positive, "negative", p->negative, "tensor", p->tensor, "encoder_kind", p->encoder_kind,
				 "encoder", p->encoder_kind ? p->encoder : NULL, strength, p->strength, "records", (json_int_t)p->records,
				 "subjects", (json_int_t)p->subjects, "identity", p->identity, "bias", p->bias);
	or_die(head);
	if (p->task == PROBE_CLASSIFY)
		json_object_set_new(head, "balanced", json_boolean(p->balanced));
	if (cli_common.json) {
		json_object_set_new(head, "weight", vector(p->weight, p->n));
		json_object_set_new(head, "mean", vector(p->mean, p->n));
		json_object_set_new(head, "std", vector(p->std, p->n));
		put_json(&t, head);
	} else {
		const char *key;
		json_t *value;
		json_object_foreach (head, key, value) {
			char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
			if (!json_is_null(value))
				fprintf(t.f, "%s\t%s\n", key, json_is_string(value) ? json_string_value(value) : text);
			free(text);
		}
		fputs("\nfeature\tweight\tmean\tstd\n", t.f);
		for (size_t i = 0; i < p->n; i++)
			fprintf(t.f, "%zu\t%.9g\t%.9g\t%.9g\n", i, p->weight[i], p->mean[i], p->std[i]);
		json_decref(head);
	}
	text_write(&t, out);
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
	struct job j = { .c = { 0 } };
	if (resamples < 1 || resamples > 1000000)
		cli_die(ERR_USAGE, "--bootstrap: must be 1 to 1000000");
	if (seed < 0)
		cli_die(ERR_USAGE, "--seed: must not be negative");
	omp_set_num_threads(cli_common.threads);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(words[0], verbs[i].name)) {
			int status = verbs[i].run(&j, words + 1, n - 1);
			drop_job(&j);
			return cli_done(status);
		}
	cli_die(ERR_USAGE, "%s: is none of fit, predict, eval, cv, show", words[0]);
}
