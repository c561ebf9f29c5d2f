#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/range.h"
#include "cli/table.h"

const char *cli_kind_noun(enum cli_kind kind) { return kind == KIND_INTEGER ? "a whole number" : "a number"; }

/* ---- from the command line ---- */

/* v is what the text s says, or the nearest to it that there is. */
static void check_range(const struct cli_entry *entry, const char *s, double v)
{
	const struct cli_option *o = entry->option;
	char range[RANGE_TEXT];
	if (range_holds(&o->range, v))
		return;
	range_text(range, &o->range);
	cli_die(ERR_USAGE, "--%s: %s is out of range: %s %s", o->name, s, cli_kind_noun(entry->kind), range);
}

static int64_t whole_number(const struct cli_entry *entry, const char *s)
{
	const char *name = entry->option->name;
	char *end;
	errno = 0;
	long long v = strtoll(s, &end, 10);
	if (end == s || *end || isspace((unsigned char)*s))
		cli_die(ERR_USAGE, "--%s: '%s' is not a whole number", name, s);
	bool too_long = errno || v == CLI_NOT_GIVEN;
	check_range(entry, s, (double)v);
	if (too_long)
		cli_die(ERR_USAGE, "--%s: %s has more than 64 bits", name, s);
	return v;
}

static double real_number(const struct cli_entry *entry, const char *s)
{
	const char *name = entry->option->name;
	char *end;
	double v = strtod(s, &end);
	if (end == s || *end || isspace((unsigned char)*s))
		cli_die(ERR_USAGE, "--%s: '%s' is not a number", name, s);
	if (!isfinite(v))
		cli_die(ERR_USAGE, "--%s: '%s' is not a finite number", name, s);
	check_range(entry, s, v);
	return v;
}

static const char *choice(const struct cli_entry *entry, const char *s)
{
	for (const char *const *c = entry->option->choices; *c; c++)
		if (!strcmp(*c, s))
			return s;
	cli_die(ERR_USAGE, "--%s: '%s' is not one of %s", entry->option->name, s, entry->arg);
}

void cli_value_set(const struct cli_entry *entry, const char *s)
{
	const struct cli_option *o = entry->option;
	switch (entry->kind) {
	case KIND_FLAG:
		*o->flag = true;
		break;
	case KIND_INTEGER:
		*o->integer = whole_number(entry, s);
		break;
	case KIND_NUMBER:
		*o->real = real_number(entry, s);
		break;
	case KIND_CHOICE:
		*entry->text = choice(entry, s);
		break;
	case KIND_TEXT:
	case KIND_FILE:
	case KIND_FOLDER:
	case KIND_MODEL:
		*entry->text = s;
		break;
	}
}

/* ---- to look at ---- */

union cli_value cli_value_now(const struct cli_entry *entry)
{
	const struct cli_option *o = entry->option;
	if (entry->text)
		return (union cli_value){ .text = *entry->text };
	if (o->integer)
		return (union cli_value){ .integer = *o->integer };
	if (o->real)
		return (union cli_value){ .real = *o->real };
	return (union cli_value){ .flag = *o->flag };
}

bool cli_value_given(const struct cli_entry *entry, union cli_value v)
{
	if (entry->text)
		return v.text;
	if (entry->option->integer)
		return v.integer != CLI_NOT_GIVEN;
	return !entry->option->real || !isnan(v.real);
}

json_t *cli_value_json(const struct cli_entry *entry, union cli_value v)
{
	if (!cli_value_given(entry, v))
		return json_null();
	if (entry->text)
		return json_string(v.text);
	if (entry->option->integer)
		return json_integer(v.integer);
	return entry->option->real ? json_real(v.real) : json_boolean(v.flag);
}
