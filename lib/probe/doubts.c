#include "probe/doubts.h"

#include <math.h>
#include <stdlib.h>

#include "probe/tally.h"

/* "TARGET: TEXT: values", if there are values of these uses. */
static int say(const probe *p, const tally *values, unsigned uses, const char *text, doubts_warn *warn, err *e)
{
	char *list = NULL;
	if (!tally_kinds(values, uses))
		return 0;
	int code = tally_text(&list, values, uses, e);
	if (!code)
		warn("%s: %s: %s", p->target, text, list);
	free(list);
	return code;
}

static int say_left_out(const labelled *l, const probe *p, doubts_warn *warn, err *e)
{
	static const struct {
		enum label_use use;
		const char *why;
	} reasons[] = { { LABEL_MISSING, "without a value" }, { LABEL_OTHER, "of neither class" } };
	int code = 0;
	for (int i = 0; i < 2 && !code; i++) {
		char text[64];
		snprintf(text, sizeof text, "%zu records left out, %s", tally_records(&l->values, reasons[i].use), reasons[i].why);
		code = say(p, &l->values, reasons[i].use, text, warn, e);
	}
	return code;
}

static int say_negative(const labelled *l, const probe *p, doubts_warn *warn, err *e)
{
	char text[160];
	if (tally_kinds(&l->values, LABEL_NEGATIVE) < 2)
		return 0;
	snprintf(text, sizeof text, "%.80s is told from more than one other value", p->positive);
	return say(p, &l->values, LABEL_NEGATIVE, text, warn, e);
}

/* Adds those of `from` to `to` that `is` holds for. */
static int choose(tally *to, const tally *from, unsigned uses, bool (*is)(const tally_value *v, const void *with), const void *with, err *e)
{
	int code = 0;
	for (size_t i = 0; i < from->n; i++)
		if (!code && from->values[i].use & uses && is(&from->values[i], with))
			code = tally_add(to, from->values[i].text, LABEL_OTHER, from->values[i].records, e);
	return code;
}

static bool is_spelling(const tally_value *v, const void *positive) { return tally_same_word(v->text, positive); }

static int say_spellings(const labelled *l, const probe *p, doubts_warn *warn, err *e)
{
	char text[160];
	tally found = { 0 };
	int code = choose(&found, &l->values, LABEL_NEGATIVE | LABEL_OTHER, is_spelling, p->positive, e);
	snprintf(text, sizeof text, "not counted as %.80s, but perhaps another spelling of it", p->positive);
	code = code ? code : say(p, &found, LABEL_OTHER, text, warn, e);
	tally_free(&found);
	return code;
}

/* -1, and one digit 7, 8 or 9 repeated: -9, -99, 999, 8888 .. */
static bool of_code_form(double v)
{
	double digits = fabs(v);
	if (v == -1)
		return true;
	if (digits != floor(digits) || digits > 1e9 || (v > 0 && digits < 99))
		return false;
	long n = (long)digits, digit = n % 10;
	for (; n; n /= 10)
		if (n % 10 != digit)
			return false;
	return digit >= 7;
}

/* The least and the largest number that is not of a code's form. */
struct range {
	double least, largest;
};

/* Numbers of a code's form are codes when they lie where no other number does: below 0, or far above all others. */
static bool is_code(const tally_value *v, const void *of)
{
	const struct range *r = of;
	double x;
	err e = { 0 };
	return !tsv_number(&x, v->text, &e) && of_code_form(x) && (x < 0 ? r->least >= 0 : x > 2 * r->largest && r->largest > 0);
}

static int say_codes(const labelled *l, const probe *p, doubts_warn *warn, err *e)
{
	tally found = { 0 };
	struct range r = { INFINITY, -INFINITY };
	for (size_t i = 0; i < l->c.n; i++)
		if (!of_code_form(l->c.value[i])) {
			r.least = fmin(r.least, l->c.value[i]);
			r.largest = fmax(r.largest, l->c.value[i]);
		}
	int code = choose(&found, &l->values, LABEL_POSITIVE, is_code, &r, e);
	code = code ? code : say(p, &found, LABEL_OTHER, "taken as numbers, but perhaps codes for a missing value (which is n/a)", warn, e);
	tally_free(&found);
	return code;
}

int doubts_say(const labelled *l, const probe *p, doubts_warn *warn, err *e)
{
	int code = say_left_out(l, p, warn, e);
	if (p->task == PROBE_REGRESS)
		return code ? code : say_codes(l, p, warn, e);
	code = code ? code : say_negative(l, p, warn, e);
	return code ? code : say_spellings(l, p, warn, e);
}
