#include "format/visits.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "format/bids.h"
#include "format/tsv.h"

static const double MONTH = 30.4375; /* days */

/* ---- dates ---- */

/* As many digits as `form` has, then its other characters: "dddd-dd-dd". Returns what is behind, NULL: it is not of this form. */
static const char *of_form(const char *text, const char *form)
{
	for (; *form; form++, text++)
		if (*form == 'd' ? !isdigit((unsigned char)*text) : *text != *form)
			return NULL;
	return text;
}

/* What may stand behind a date. */
static bool is_time(const char *text)
{
	const char *rest, *zone;
	if (!*text)
		return true;
	if ((*text != 'T' && *text != ' ') || !(rest = of_form(text + 1, "dd:dd")))
		return false;
	bool good = atoi(text + 1) < 25 && atoi(text + 4) < 60;
	if (*rest == ':') {
		if (!of_form(rest, ":dd"))
			return false;
		good = good && atoi(rest + 1) < 61; /* a leap second */
		rest += 3;
		if (*rest == '.') {
			good = good && isdigit((unsigned char)rest[1]);
			rest += 1 + strspn(rest + 1, "0123456789");
		}
	}
	if (*rest == '+' || *rest == '-')
		return good && (zone = of_form(rest + 1, "dd:dd")) && !*zone;
	return good && (!strcmp(rest, "Z") || !*rest);
}

bool visits_day(double *day, const char *text)
{
	const char *rest = of_form(text, "dddd-dd-dd");
	if (!rest || !is_time(rest))
		return false;
	struct tm t = { .tm_year = atoi(text) - 1900, .tm_mon = atoi(text + 5) - 1, .tm_mday = atoi(text + 8) }, asked = t;
	time_t seconds = timegm(&t);
	/* timegm makes the 2nd of March of the 30th of February */
	if (t.tm_mon != asked.tm_mon || t.tm_mday != asked.tm_mday || asked.tm_year < -300 || asked.tm_year > 300)
		return false;
	*day = (double)seconds / 86400;
	return true;
}

/* ---- the table ---- */

static int note(visits *v, err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int note(visits *v, err *e, const char *fmt, ...)
{
	char *text = NULL;
	va_list list;
	int code = mem_grow(&v->notes, &v->notes_cap, v->noted + 1, sizeof *v->notes, "notes", e);
	if (code)
		return code;
	va_start(list, fmt);
	int n = vasprintf(&text, fmt, list);
	va_end(list);
	if (n < 0)
		return err_set(e, ERR_OS, "no memory for a note");
	v->notes[v->noted++] = text;
	return 0;
}

static int months_of_numbers(visits *v, const tsv *t, int column, err *e)
{
	int code = 0;
	for (size_t i = 0; i < t->rows && !code; i++) {
		const char *cell = tsv_cell(t, i, column);
		err why = { 0 };
		if (!tsv_missing(cell) && tsv_number(&v->all[i].months, cell, &why)) {
			v->all[i].months = NAN;
			code = note(v, e, "%s: line %zu: months %s: not known when %s was", t->path, t->lines[i], why.text,
				    v->all[i].session);
		}
		if (v->all[i].months < 0)
			code = code ? code
				    : note(v, e, "%s: line %zu: months are %s, below 0, though they count from the first session", t->path,
					   t->lines[i], cell);
	}
	return code;
}

static int months_of_dates(visits *v, const tsv *t, int column, err *e)
{
	double first = INFINITY;
	size_t unread = t->rows, without = t->rows, earliest = 0;
	for (size_t i = t->rows; i-- > 0;) {
		const char *cell = tsv_cell(t, i, column);
		if (tsv_missing(cell))
			without = i;
		else if (!visits_day(&v->all[i].months, cell))
			unread = i;
		if (v->all[i].months <= first) {
			first = v->all[i].months;
			earliest = i;
		}
	}
	for (size_t i = 0; i < t->rows; i++)
		v->all[i].months = unread < t->rows ? NAN : (v->all[i].months - first) / MONTH;
	if (unread < t->rows)
		return note(v, e,
			    "%s: line %zu: acq_time '%.40s' is no date as BIDS writes it (YYYY-MM-DD[Thh:mm:ss]): not known when these "
			    "visits were",
			    t->path, t->lines[unread], tsv_cell(t, unread, column));
	if (without < earliest)
		return note(v, e, "%s: line %zu: %s has no acq_time: months are counted from the first date that there is", t->path,
			    t->lines[without], v->all[without].session);
	return 0;
}

static bool has_values(const tsv *t, int column)
{
	for (size_t i = 0; column >= 0 && i < t->rows; i++)
		if (!tsv_missing(tsv_cell(t, i, column)))
			return true;
	return false;
}

/* The number that a label ends with ("M06", "2"), which is all but the first `letters` characters of it. */
static bool number_of(double *number, size_t *letters, const char *session)
{
	const char *label = bids_label(session);
	*letters = strcspn(label, "0123456789");
	*number = strtod(label + *letters, NULL);
	return label[*letters] && !label[*letters + strspn(label + *letters, "0123456789")];
}

/* Visits whose labels are counted must come in the order of their months. */
static int check_order(visits *v, const char *path, err *e)
{
	double number = 0, other = 0;
	size_t n, m;
	for (size_t i = 0; i < v->n; i++)
		for (size_t k = 0; k < v->n; k++)
			if (v->all[i].months < v->all[k].months && number_of(&number, &n, v->all[i].session) &&
			    number_of(&other, &m, v->all[k].session) && number > other && n == m &&
			    !strncmp(bids_label(v->all[i].session), bids_label(v->all[k].session), n))
				return note(v, e, "%s: %s (month %.4g) was before %s (month %.4g): another order than that of their names",
					    path, v->all[i].session, v->all[i].months, v->all[k].session, v->all[k].months);
	return 0;
}

static int check_twice(visits *v, const tsv *t, err *e)
{
	for (size_t i = 1; i < v->n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(bids_label(v->all[i].session), bids_label(v->all[k].session)))
				return note(v, e, "%s: line %zu: %s appears twice: the first row counts", t->path, t->lines[i],
					    v->all[i].session);
	return 0;
}

static int read_rows(visits *v, const tsv *t, err *e)
{
	int session = tsv_column(t, "session_id"), months = tsv_column(t, "months"), date = tsv_column(t, "acq_time");
	if (session < 0 || (months < 0 && date < 0))
		return 0;
	int code = mem_zero(&v->all, t->rows, sizeof *v->all, t->path, e);
	for (; !code && v->n < t->rows; v->n += !code) {
		v->all[v->n].months = NAN;
		code = mem_text(&v->all[v->n].session, tsv_cell(t, v->n, session), e);
	}
	if (!code)
		code = has_values(t, months) || date < 0 ? months_of_numbers(v, t, months, e) : months_of_dates(v, t, date, e);
	code = code ? code : check_twice(v, t, e);
	return code ? code : check_order(v, t->path, e);
}

int visits_read(visits *v, const char *path, err *e)
{
	tsv t = { 0 };
	*v = (visits){ 0 };
	int code = tsv_read(&t, path, e);
	code = code ? code : read_rows(v, &t, e);
	tsv_free(&t);
	return code;
}

double visits_months(const visits *v, const char *session)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(bids_label(v->all[i].session), bids_label(session)))
			return v->all[i].months;
	return NAN;
}

void visits_free(visits *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->all[i].session);
	for (size_t i = 0; i < v->noted; i++)
		free(v->notes[i]);
	free(v->all);
	free(v->notes);
	*v = (visits){ 0 };
}
