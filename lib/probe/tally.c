#include "probe/tally.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/tsv.h"

enum { SHOWN = 8 };

int tally_add(tally *t, const char *text, enum label_use use, size_t records, err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->values[i].use == use && !strcmp(t->values[i].text, text)) {
			t->values[i].records += records;
			return 0;
		}
	int code = mem_grow(&t->values, &t->cap, t->n + 1, sizeof *t->values, "values", e);
	code = code ? code : mem_text(&t->values[t->n].text, text, e);
	if (code)
		return code;
	t->values[t->n].use = use;
	t->values[t->n++].records = records;
	return 0;
}

size_t tally_records(const tally *t, unsigned uses)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->values[i].use & uses ? t->values[i].records : 0;
	return n;
}

size_t tally_kinds(const tally *t, unsigned uses)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += (t->values[i].use & uses) != 0;
	return n;
}

static int most_first(const void *a, const void *b)
{
	const tally_value *x = a, *y = b;
	return x->records != y->records ? (x->records < y->records ? 1 : -1) : strcmp(x->text, y->text);
}

/* A value that would be misread among others stands between quotes. */
static void put_value(FILE *f, const tally_value *v)
{
	const char *quote = !*v->text || strpbrk(v->text, " ,()'\"") ? "'" : "";
	fprintf(f, "%s%.40s%s (%zu)", quote, v->text, quote, v->records);
}

int tally_text(char **out, const tally *t, unsigned uses, err *e)
{
	tally_value *chosen = NULL;
	size_t n = 0, bytes;
	*out = NULL;
	int code = mem_zero(&chosen, t->n, sizeof *chosen, "values", e);
	FILE *f = code ? NULL : open_memstream(out, &bytes);
	for (size_t i = 0; f && i < t->n; i++)
		if (t->values[i].use & uses)
			chosen[n++] = t->values[i];
	if (n)
		qsort(chosen, n, sizeof *chosen, most_first);
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		fputs(i ? ", " : "", f);
		put_value(f, &chosen[i]);
	}
	if (n > SHOWN)
		fprintf(f, " and %zu more values", n - SHOWN);
	free(chosen);
	bool failed = f && ferror(f);
	if (!f || fclose(f) || failed) {
		free(*out);
		*out = NULL;
		return code ? code : err_set(e, ERR_OS, "no memory for values");
	}
	return 0;
}

void tally_free(tally *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->values[i].text);
	free(t->values);
	*t = (tally){ 0 };
}

/* The next byte that tells one word from another, in lower case; 0 at the end. */
static int next(const char **s)
{
	while (**s && strchr(" \t'\"`._,;", **s))
		(*s)++;
	return **s ? tolower((unsigned char)*(*s)++) : 0;
}

static bool is_letters(const char *s, size_t at_least)
{
	size_t n = 0;
	while (isalpha((unsigned char)s[n]))
		n++;
	return !s[n] && n >= at_least;
}

bool tally_same_word(const char *a, const char *b)
{
	double x, y;
	err e = { 0 };
	if (!tsv_number(&x, a, &e) && !tsv_number(&y, b, &e))
		return x == y;
	if (strlen(a) > strlen(b)) {
		const char *longer = a;
		a = b;
		b = longer;
	}
	if (strlen(a) == 1 && is_letters(a, 1) && is_letters(b, 3))
		return tolower((unsigned char)*a) == tolower((unsigned char)*b);
	int c = next(&a);
	if (!c)
		return false;
	for (int d = next(&b); c == d; c = next(&a), d = next(&b))
		if (!c)
			return true;
	return false;
}
