#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/range.h"
#include "cli/table.h"

static void default_value(FILE *to, const struct cli_entry *entry)
{
	const union cli_value v = entry->initial;
	const struct cli_option *o = entry->option;
	if (!strcmp(o->name, "threads"))
		fprintf(to, " [%d]", cli_common.threads);
	else if (o->flag || !cli_value_given(entry, v))
		return;
	else if (o->integer)
		fprintf(to, " [%lld]", (long long)v.integer);
	else if (o->real)
		fprintf(to, " [%.15g]", v.real);
	else if (strcmp(v.text, "-"))
		fprintf(to, " [%s]", v.text);
}

static void option_line(FILE *to, const struct cli_entry *entry)
{
	enum { COLUMN = 30 };
	const struct cli_option *o = entry->option;
	char range[RANGE_TEXT];
	int n = o->letter ? fprintf(to, "  -%c, ", o->letter) : fprintf(to, "      ");
	n += fprintf(to, "--%s%s%s", o->name, entry->arg ? " " : "", entry->arg ? entry->arg : "");
	fprintf(to, "%*s%s", n < COLUMN - 1 ? COLUMN - n : 2, "", o->help);
	if (range_given(&o->range)) {
		range_text(range, &o->range);
		fprintf(to, " (%s)", range);
	}
	default_value(to, entry);
	fputc('\n', to);
}

void cli_show_help(FILE *to)
{
	const struct cli *c = cli_table.tool;
	fprintf(to, "%s: %s\n\nusage: %s [OPTION...]%s%s\n\n", c->name, c->summary, c->name, *c->operands ? " " : "", c->operands);
	for (int i = 0; i < cli_table.n; i++) {
		if (i == cli_table.own && i)
			fputc('\n', to);
		option_line(to, &cli_table.entries[i]);
	}
	fprintf(to, "\nsee %s(1), latpipe(7)\n", c->name);
}

/* A bound of a range, null where there is none. */
static json_t *bound_json(const struct cli_entry *entry, double bound)
{
	if (!range_given(&entry->option->range) || isinf(bound))
		return json_null();
	return entry->kind == KIND_INTEGER ? json_integer((json_int_t)bound) : json_real(bound);
}

/* The range in words, as messages and pages say it. */
static json_t *range_json(const struct cli_entry *entry)
{
	char range[RANGE_TEXT];
	if (!range_given(&entry->option->range))
		return json_null();
	range_text(range, &entry->option->range);
	return json_sprintf("%s %s", cli_kind_noun(entry->kind), range);
}

static json_t *choices_json(const struct cli_option *o)
{
	json_t *all = o->choices ? json_array() : json_null();
	for (int i = 0; o->choices && o->choices[i]; i++)
		json_array_append_new(all, json_string(o->choices[i]));
	return all;
}

static json_t *option_json(const struct cli_entry *entry)
{
	static const struct {
		const char *type, *kind;
	} names[] = {
		[KIND_FLAG] = { "flag", "flag" },     [KIND_INTEGER] = { "integer", "integer" }, [KIND_NUMBER] = { "number", "number" },
		[KIND_TEXT] = { "text", "text" },     [KIND_CHOICE] = { "text", "choice" },	 [KIND_FILE] = { "text", "file" },
		[KIND_FOLDER] = { "text", "folder" }, [KIND_MODEL] = { "text", "model" },
	};
	const struct cli_option *o = entry->option;
	char letter[2] = { o->letter, 0 };
	json_t *v = json_pack("{s:s, s:s?, s:s?, s:s, s:o, s:s}", "long", o->name, "short", o->letter ? letter : NULL, "arg", entry->arg,
			      "type", names[entry->kind].type, "default", cli_value_json(entry, entry->initial), "help", o->help);
	json_t *more = json_pack("{s:s, s:o, s:o, s:o, s:b, s:b, s:o}", "kind", names[entry->kind].kind, "choices", choices_json(o), "from",
				 bound_json(entry, o->range.from), "to", bound_json(entry, o->range.to), "from_excluded",
				 o->range.from_excluded, "to_excluded", o->range.to_excluded, "range", range_json(entry));
	json_object_update(v, more);
	json_decref(more);
	return v;
}

/* [["shift_unet", "unet"]]: of each list one is needed. */
static json_t *weights_json(const struct cli *c)
{
	json_t *all = json_array(), *kinds = c->weights ? json_array() : NULL;
	for (int i = 0; c->weights && c->weights[i]; i++)
		json_array_append_new(kinds, json_string(c->weights[i]));
	if (kinds)
		json_array_append_new(all, kinds);
	return all;
}

void cli_show_interface(void)
{
	const struct cli *c = cli_table.tool;
	json_t *options = json_array();
	bool bad = false;
	for (int i = 0; i < cli_table.n; i++)
		bad |= json_array_append_new(options, option_json(&cli_table.entries[i])) != 0;
	json_t *all =
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "name", c->name, "version", LATPIPE_VERSION, "summary", c->summary,
			  "inputs", c->operands, "min", c->min, "max", c->max < 0 ? json_null() : json_integer(c->max), "weights",
			  weights_json(c), "options", options);
	char *text = bad || !all ? NULL : json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	json_decref(all);
	if (!text)
		cli_die(ERR_OS, "no memory");
	puts(text);
	free(text);
}
