#include "format/section.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static json_t *recorded; /* section_record's */

void section_record(json_t *known) { recorded = known; }

/* "section.key", as much as there is room for. */
static void full_name(char name[128], const char *outer, const char *key)
{
	snprintf(name, 128, "%s%s%s", outer, *outer && *key ? "." : "", key);
}

void section_know(section *s, const char *key)
{
	char name[128];
	full_name(name, s->name, key);
	if (recorded && *name && json_object_set_new(recorded, name, json_true()) && !s->code)
		s->code = err_set(s->e, ERR_OS, "%s: no memory", s->object);
}

static section opened(const json_t *json, const char *object, const char *outer, const char *name, err *e)
{
	section s = { .json = json, .object = object, .e = e };
	snprintf(s.name, sizeof s.name, "%s%s%s", outer, *outer ? "." : "", name);
	if (s.json && !json_is_object(s.json))
		s.code = err_set(e, ERR_CONFIG, "%s: %s%sno object", object, s.name, *s.name ? ": " : "");
	section_know(&s, "");
	return s;
}

section section_open(const json_t *root, const char *object, const char *name, err *e)
{
	return opened(*name ? json_object_get(root, name) : root, object, "", name, e);
}

section section_inside(const section *outer, const char *name)
{
	return opened(json_object_get(outer->json, name), outer->object, outer->name, name, outer->e);
}

void section_refuse(section *s, const char *key, const char *reason, ...)
{
	char text[256];
	va_list ap;
	if (s->code)
		return;
	va_start(ap, reason);
	vsnprintf(text, sizeof text, reason, ap);
	va_end(ap);
	s->code = err_set(s->e, ERR_CONFIG, "%s: %s%s%s: %s", s->object, s->name, *s->name ? "." : "", key, text);
}

/* The entry, NULL when there is nothing to do. */
static const json_t *entry(section *s, const char *key)
{
	section_know(s, key);
	return s->code ? NULL : json_object_get(s->json, key);
}

void section_int64(section *s, const char *key, int64_t lo, int64_t hi, int64_t *value)
{
	const json_t *v = entry(s, key);
	if (v && (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi))
		section_refuse(s, key, "must be a whole number from %lld to %lld", (long long)lo, (long long)hi);
	else if (v)
		*value = json_integer_value(v);
}

void section_int(section *s, const char *key, int lo, int hi, int *value)
{
	int64_t v = *value;
	section_int64(s, key, lo, hi, &v);
	*value = (int)v;
}

void section_real(section *s, const char *key, double lo, double hi, double *value)
{
	const json_t *v = entry(s, key);
	if (v && (!json_is_number(v) || !(json_number_value(v) >= lo && json_number_value(v) <= hi)))
		section_refuse(s, key, "must be a number from %g to %g", lo, hi);
	else if (v)
		*value = json_number_value(v);
}

void section_flag(section *s, const char *key, bool *value)
{
	const json_t *v = entry(s, key);
	if (v && !json_is_boolean(v))
		section_refuse(s, key, "must be true or false");
	else if (v)
		*value = json_is_true(v);
}

/* The list of `least` to `most` entries, NULL when there is none or something is wrong. */
static const json_t *list_of(section *s, const char *key, size_t least, size_t most)
{
	const json_t *v = entry(s, key);
	const size_t have = json_array_size(v);
	if (v && json_is_array(v) && have >= least && have <= most)
		return v;
	if (v && least == most)
		section_refuse(s, key, "must be a list of %zu numbers", least);
	else if (v)
		section_refuse(s, key, "must be a list of %zu to %zu numbers", least, most);
	return NULL;
}

void section_ints(section *s, const char *key, size_t least, size_t most, int lo, int hi, int *values, int *n)
{
	const json_t *v = list_of(s, key, least, most), *x;
	size_t i;
	json_array_foreach(v, i, x) {
		if (!json_is_integer(x) || json_integer_value(x) < lo || json_integer_value(x) > hi) {
			section_refuse(s, key, "must be a list of whole numbers from %d to %d", lo, hi);
			return;
		}
		values[i] = (int)json_integer_value(x);
	}
	if (v && n)
		*n = (int)json_array_size(v);
}

void section_reals(section *s, const char *key, size_t least, size_t most, double lo, double hi, double *values, int *n)
{
	const json_t *v = list_of(s, key, least, most), *x;
	size_t i;
	json_array_foreach(v, i, x) {
		if (!json_is_number(x) || !(json_number_value(x) >= lo && json_number_value(x) <= hi)) {
			section_refuse(s, key, "must be a list of numbers from %g to %g", lo, hi);
			return;
		}
		values[i] = json_number_value(x);
	}
	if (v)
		*n = (int)json_array_size(v);
}

void section_choice(section *s, const char *key, const char *const *choices, int *value)
{
	const json_t *v = entry(s, key);
	char list[128] = "";
	if (!v)
		return;
	const char *text = json_string_value(v);
	for (int i = 0; choices[i]; i++) {
		if (text && !strcmp(text, choices[i])) {
			*value = i;
			return;
		}
		size_t at = strlen(list);
		snprintf(list + at, sizeof list - at, "%s%s", i ? " or " : "", choices[i]);
	}
	section_refuse(s, key, "must be %s", list);
}

/* ---- unknown keys ---- */

enum { LONGEST = 63 };

/* How many letters must be put in, left out, changed, or exchanged with the next one. */
static int distance(const char *a, const char *b)
{
	int d[LONGEST + 1][LONGEST + 1], n = (int)strnlen(a, LONGEST), m = (int)strnlen(b, LONGEST);
	for (int i = 0; i <= n; i++)
		for (int j = 0; j <= m; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
			best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[n][m];
}

/* The known key most like `key` of this section. One of another section may be meant, but must then be much more like it. */
static const char *nearest(const json_t *known, const char *outer, const char *key)
{
	const char *name, *best = "";
	json_t *unused;
	int least = 1 << 20;
	json_object_foreach((json_t *)known, name, unused) {
		const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
		size_t length = dot ? (size_t)(dot - name) : 0;
		bool same = length == strlen(outer) && !strncmp(name, outer, length);
		int cost = 2 * distance(key, last) + (same ? 0 : 3);
		if (cost < least) {
			least = cost;
			best = name;
		}
	}
	return best;
}

static bool has_inside(const json_t *known, const char *outer)
{
	const char *name;
	json_t *unused;
	size_t n = strlen(outer);
	json_object_foreach((json_t *)known, name, unused)
		if (!strncmp(name, outer, n) && name[n] == '.')
			return true;
	return false;
}

static int check_level(const json_t *level, const char *outer, const json_t *known, const char *object, err *e)
{
	const char *key;
	json_t *value;
	int code = 0;
	json_object_foreach((json_t *)level, key, value) {
		char name[128];
		full_name(name, outer, key);
		if (!json_object_get(known, name))
			return err_set(e, ERR_CONFIG, "%s: %s: there is no such key; the nearest is %s", object, name,
				       nearest(known, outer, key));
		if (json_is_object(value) && has_inside(known, name))
			code = check_level(value, name, known, object, e);
		if (code)
			return code;
	}
	return 0;
}

int section_check(const json_t *root, const json_t *known, const char *object, err *e) { return check_level(root, "", known, object, e); }
