#include "format/section.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

section section_open(const json_t *root, const char *object, const char *name, err *e)
{
	section s = { *name ? json_object_get(root, name) : root, object, name, e, 0 };
	if (s.json && !json_is_object(s.json))
		s.code = err_set(e, ERR_CONFIG, "%s: %s%sno object", object, name, *name ? ": " : "");
	return s;
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
static const json_t *entry(const section *s, const char *key) { return s->code ? NULL : json_object_get(s->json, key); }

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

void section_ints(section *s, const char *key, size_t least, size_t most, int lo, int hi, int *values, int *n)
{
	const json_t *v = entry(s, key);
	if (!v)
		return;
	size_t have = json_array_size(v);
	bool bad = !json_is_array(v) || have < least || have > most;
	for (size_t i = 0; !bad && i < have; i++) {
		const json_t *x = json_array_get(v, i);
		bad = !json_is_integer(x) || json_integer_value(x) < lo || json_integer_value(x) > hi;
		if (!bad)
			values[i] = (int)json_integer_value(x);
	}
	if (bad && least == most)
		section_refuse(s, key, "must be a list of %zu whole numbers from %d to %d", least, lo, hi);
	else if (bad)
		section_refuse(s, key, "must be a list of %zu to %zu whole numbers from %d to %d", least, most, lo, hi);
	else if (n)
		*n = (int)have;
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
