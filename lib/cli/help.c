#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

static void default_value(FILE *to, const struct cli_entry *entry)
{
	const struct cli_option *o = entry->option;
	if (!strcmp(o->name, "threads"))
		fprintf(to, " [%d]", cli_common.threads);
	else if (o->kind == CLI_INT && entry->initial.number != CLI_NOT_GIVEN)
		fprintf(to, " [%lld]", (long long)entry->initial.number);
	else if (o->kind == CLI_REAL && !isnan(entry->initial.real))
		fprintf(to, " [%.15g]", entry->initial.real);
	else if (o->kind == CLI_TEXT && entry->initial.text && strcmp(entry->initial.text, "-"))
		fprintf(to, " [%s]", entry->initial.text);
}

static void option_line(FILE *to, const struct cli_entry *entry)
{
	enum { COLUMN = 30 };
	const struct cli_option *o = entry->option;
	int n = o->letter ? fprintf(to, "  -%c, ", o->letter) : fprintf(to, "      ");
	n += fprintf(to, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	fprintf(to, "%*s%s", n < COLUMN - 1 ? COLUMN - n : 2, "", o->help);
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

static const char *kind_name(enum cli_kind kind)
{
	switch (kind) {
	case CLI_FLAG:
		return "flag";
	case CLI_INT:
		return "integer";
	case CLI_REAL:
		return "number";
	case CLI_TEXT:
		return "text";
	}
	return "text";
}

static json_t *option_json(const struct cli_entry *entry)
{
	const struct cli_option *o = entry->option;
	char letter[2] = { o->letter, 0 };
	return json_pack("{s:s, s:s?, s:s?, s:s, s:o, s:s}", "long", o->name, "short", o->letter ? letter : NULL, "arg", o->arg, "type",
			 kind_name(o->kind), "default", cli_entry_json(entry, true), "help", o->help);
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
