#include "probe/labelled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool has(const json_t *list, const char *value)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		if (!strcmp(json_string_value(v), value))
			return true;
	return false;
}

/* Is it one of the values that the probe was fitted on, or, while one is fitted, one that it may be fitted on? A new one is noted. */
static int of_negative_class(bool *is, probe *p, const char *negative, const char *value, err *e)
{
	bool known = has(p->negative, value);
	*is = p->n ? known : !negative || !strcmp(value, negative);
	if (p->n || known || !*is)
		return 0;
	return json_array_append_new(p->negative, json_string(value)) ? err_set(e, ERR_DATA, "a label is no UTF-8") : 0;
}

/* What the record's label makes it, and its number. */
static int label_of(double *value, const char **text, enum label_use *use, labelled *l, probe *p, const char *negative, const bids_id *who,
		    err *e)
{
	size_t line;
	bool is = true;
	int code = labels_find(&l->table, who, text, &line, e);
	if (code)
		return code;
	bool named = p->task == PROBE_CLASSIFY &&
		     (!strcmp(*text, p->positive) || (negative && !strcmp(*text, negative)) || (p->n && has(p->negative, *text)));
	if (tsv_missing(*text) && !named) {
		*use = LABEL_MISSING;
		return 0;
	}
	if (p->task == PROBE_REGRESS)
		code = tsv_number(value, *text, e);
	else if (!strcmp(*text, p->positive))
		*value = 1;
	else
		code = of_negative_class(&is, p, negative, *text, e);
	*use = !is ? LABEL_OTHER : p->task == PROBE_REGRESS || *value > .5 ? LABEL_POSITIVE : LABEL_NEGATIVE;
	return code ? err_prefix(e, "%s: line %zu", l->table.table.path, line) : 0;
}

int labelled_add(labelled *l, probe *p, const char *negative, lat_record *r, err *e)
{
	bids_id who = bids_parse(lat_id(r));
	float *code = NULL;
	char *id = NULL;
	const char *text = NULL;
	size_t n;
	double value = 0;
	enum label_use use = LABEL_MISSING;
	int status = label_of(&value, &text, &use, l, p, negative, &who, e);
	if (status)
		return status;
	if (use == LABEL_MISSING || use == LABEL_OTHER)
		return tally_add(&l->values, text, use, 1, e);
	status = code_read(&code, &n, &l->maker, p, r, e);
	if (!status)
		status = mem_grow(&l->ids, &l->ids_room, l->c.n + 1, sizeof *l->ids, "ids", e);
	if (!status)
		status = mem_text(&id, lat_id(r), e);
	if (!status)
		status = cases_add(&l->c, who.participant, code, n, value, e);
	if (status)
		free(id);
	else
		l->ids[l->c.n - 1] = id;
	free(code);
	return status ? status : tally_add(&l->values, text, use, 1, e);
}

int labelled_classes(const labelled *l, const probe *p, err *e)
{
	size_t positives = 0;
	char *values = NULL;
	for (size_t i = 0; i < l->c.n; i++)
		positives += l->c.value[i] > .5;
	if (p->task == PROBE_REGRESS || (positives && positives < l->c.n))
		return 0;
	if (positives)
		return err_set(e, ERR_DATA, "%s: each of the %zu records is %s", p->target, l->c.n, p->positive);
	int code = tally_text(&values, &l->values, LABEL_NEGATIVE | LABEL_OTHER, e);
	code = code ? code : err_set(e, ERR_DATA, "%s: none of the %zu records is %s; they are %s", p->target, l->c.n, p->positive, values);
	free(values);
	return code;
}

/* The least and the most of a regression's labels. */
static void note_range(probe *p, const cases *c)
{
	p->least = p->most = NAN;
	if (p->task != PROBE_REGRESS)
		return;
	for (size_t i = 0; i < c->n; i++) {
		p->least = fmin(p->least, c->value[i]); /* of a number and NAN it is the number */
		p->most = fmax(p->most, c->value[i]);
	}
}

int labelled_fit(probe *p, const labelled *l, const fit_options *how, err *e)
{
	linear f = { 0 };
	basis b = { 0 };
	int code = cross_fit(&f, &b, &p->strength, &l->c, NULL, 0, how, e);
	if (code)
		err_prefix(e, "%s", p->target);
	if (!code && l->maker.kind)
		code = mem_text(&p->encoder_kind, l->maker.kind, e);
	if (!code) {
		memcpy(p->encoder, l->maker.identity, SHA_TEXT);
		p->conventions = json_incref(l->maker.conventions);
		p->records = (int64_t)l->c.n;
		p->subjects = (int64_t)l->c.subjects;
		note_range(p, &l->c);
		p->n = l->c.p;
		p->bias = f.bias;
		p->weight = f.weight;
		p->mean = b.mean;
		p->std = b.std;
		f.weight = b.mean = b.std = NULL; /* they are the probe's now */
	}
	free(f.weight);
	basis_free(&b);
	return code;
}

void labelled_free(labelled *l)
{
	for (size_t i = 0; i < l->c.n; i++)
		free(l->ids[i]);
	free(l->ids);
	cases_free(&l->c);
	tally_free(&l->values);
	labels_free(&l->table);
	code_maker_free(&l->maker);
	*l = (labelled){ 0 };
}
