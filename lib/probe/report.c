#include "probe/report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/bids.h"

static const char *word(enum probe_task task) { return task == PROBE_CLASSIFY ? "probability" : "value"; }

static const char *session_cell(const bids_id *who) { return *who->session ? who->session : "n/a"; }

/* A text that grows in memory. */
struct text {
	FILE *f;
	char *bytes;
	size_t n;
};

static int no_memory(err *e) { return err_set(e, ERR_OS, "no memory for a text"); }

static int text_begin(struct text *t, err *e)
{
	*t = (struct text){ 0 };
	t->f = open_memstream(&t->bytes, &t->n);
	return t->f ? 0 : no_memory(e);
}

static int text_end(char **out, struct text *t, err *e)
{
	bool failed = ferror(t->f);
	if (fclose(t->f) || failed) {
		free(t->bytes);
		return no_memory(e);
	}
	*out = t->bytes;
	return 0;
}

/* v as a line; v is taken over, NULL when it could not be made. */
static int json_line(char **out, json_t *v, err *e)
{
	char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
	json_decref(v);
	if (!text)
		return err_set(e, ERR_DATA, "a text is no UTF-8, or no memory");
	int n = asprintf(out, "%s\n", text);
	free(text);
	return n < 0 ? no_memory(e) : 0;
}

/* ---- predictions ---- */

int report_heading(char **text, enum probe_task task, err *e)
{
	return asprintf(text, "id\tparticipant_id\tsession_id\t%s\n", word(task)) < 0 ? no_memory(e) : 0;
}

int report_prediction(char **text, enum probe_task task, const char *id, double f, bool json, err *e)
{
	bids_id who = bids_parse(id);
	f = probe_reading(task, f);
	if (json)
		return json_line(text,
				 json_pack("{s:s, s:s, s:s?, s:f}", "id", id, "participant_id", who.participant, "session_id",
					   *who.session ? who.session : NULL, word(task), f),
				 e);
	return asprintf(text, "%s\t%s\t%s\t%.9g\n", id, who.participant, session_cell(&who), f) < 0 ? no_memory(e) : 0;
}

int report_cross(char **text, enum probe_task task, const labelled *l, const division *d, int repeats, const double *f, err *e)
{
	struct text t;
	int code = text_begin(&t, e);
	if (code)
		return code;
	fprintf(t.f, "id\tparticipant_id\tsession_id\t%sfold\tlabel\t%s\n", repeats > 1 ? "repeat\t" : "", word(task));
	for (size_t k = 0; k < (size_t)repeats * l->c.n; k++) {
		const size_t i = k % l->c.n, repeat = k / l->c.n;
		bids_id who = bids_parse(l->ids[i]);
		fprintf(t.f, "%s\t%s\t%s\t", l->ids[i], who.participant, session_cell(&who));
		if (repeats > 1)
			fprintf(t.f, "%zu\t", repeat + 1);
		fprintf(t.f, "%s\t%.9g\t%.9g\n", d[repeat].names[d[repeat].fold[l->c.subject[i]]], l->c.value[i],
			probe_reading(task, f[k]));
	}
	return text_end(text, &t, e);
}

/* ---- metrics ---- */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static int metrics_json(char **text, enum probe_task task, const interval found[METRICS], int repeats, err *e)
{
	json_t *all = json_object();
	bool bad = !all;
	for (int m = 0; m < METRICS; m++) {
		if (!metric_of_task(m, task))
			continue;
		json_t *own =
			json_pack("{s:o, s:o, s:o}", "value", number(found[m].value), "lo", number(found[m].lo), "hi", number(found[m].hi));
		bad |= !own || (repeats > 1 && json_object_set_new(own, "sd", number(found[m].sd)));
		bad |= json_object_set_new(all, metric_name(m), own) != 0;
	}
	if (!bad)
		return json_line(text, all, e);
	json_decref(all);
	return no_memory(e);
}

static void put_number(FILE *f, double v)
{
	if (isfinite(v))
		fprintf(f, "\t%.9g", v);
	else
		fputs("\tn/a", f);
}

int report_metrics(char **text, enum probe_task task, const interval found[METRICS], int repeats, bool json, err *e)
{
	struct text t;
	int code = json ? metrics_json(text, task, found, repeats, e) : text_begin(&t, e);
	if (json || code)
		return code;
	fprintf(t.f, "metric\tvalue\tlo\thi%s\n", repeats > 1 ? "\tsd" : "");
	for (int m = 0; m < METRICS; m++) {
		if (!metric_of_task(m, task))
			continue;
		fputs(metric_name(m), t.f);
		put_number(t.f, found[m].value);
		put_number(t.f, found[m].lo);
		put_number(t.f, found[m].hi);
		if (repeats > 1)
			put_number(t.f, found[m].sd);
		fputc('\n', t.f);
	}
	return text_end(text, &t, e);
}

/* ---- probes ---- */

/* Adds a list of numbers to an object; false: no memory. */
static bool put_vector(json_t *object, const char *name, const double *v, size_t n)
{
	json_t *list = json_array();
	bool bad = json_object_set_new(object, name, list) != 0;
	for (size_t i = 0; !bad && i < n; i++)
		bad = json_array_append_new(list, json_real(v[i])) != 0;
	return !bad;
}

/* All but the vectors; NULL when memory is short or a name is no UTF-8. */
static json_t *head_of(const probe *p)
{
	const bool classify = p->task == PROBE_CLASSIFY;
	json_t *head = json_pack("{s:s, s:s, s:s?, s:O?, s:s, s:s?, s:s?, s:f, s:I, s:I, s:s, s:f}", "task",
				 classify ? "classification" : "regression", "target", p->target, "positive", p->positive, "negative",
				 p->negative, "tensor", p->tensor, "encoder_kind", p->encoder_kind, "encoder",
				 p->encoder_kind ? p->encoder : NULL, classify ? "C" : "lambda", p->strength, "records",
				 (json_int_t)p->records, "subjects", (json_int_t)p->subjects, "identity", p->identity, "bias", p->bias);
	bool bad = !head;
	if (!bad && classify)
		bad = json_object_set_new(head, "balanced", json_boolean(p->balanced));
	if (!bad && !classify && isfinite(p->least) && isfinite(p->most))
		bad = json_object_set_new(head, "least", json_real(p->least)) || json_object_set_new(head, "most", json_real(p->most));
	if (!bad)
		return head;
	json_decref(head);
	return NULL;
}

static int put_head(FILE *f, json_t *head, err *e)
{
	const char *key;
	json_t *value;
	json_object_foreach (head, key, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
		if (!text)
			return no_memory(e);
		if (!json_is_null(value))
			fprintf(f, "%s\t%s\n", key, json_is_string(value) ? json_string_value(value) : text);
		free(text);
	}
	return 0;
}

int report_probe(char **text, const probe *p, bool json, err *e)
{
	struct text t;
	json_t *head = head_of(p);
	if (!head)
		return err_set(e, ERR_DATA, "a text is no UTF-8, or no memory");
	if (json && put_vector(head, "weight", p->weight, p->n) && put_vector(head, "mean", p->mean, p->n) &&
	    put_vector(head, "std", p->std, p->n))
		return json_line(text, head, e);
	int code = json ? no_memory(e) : text_begin(&t, e);
	if (!code) {
		code = put_head(t.f, head, e);
		fputs("\nfeature\tweight\tmean\tstd\n", t.f);
		for (size_t i = 0; i < p->n; i++)
			fprintf(t.f, "%zu\t%.9g\t%.9g\t%.9g\n", i, p->weight[i], p->mean[i], p->std[i]);
		int ended = text_end(text, &t, e);
		code = code ? code : ended;
	}
	json_decref(head);
	return code;
}
