#include "cli/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/share.h"

enum { MAX_THREADS = 1024 };

struct cli_common cli_common = { .output = "-", .math = "fast" };
struct cli_table cli_table;

static int64_t threads = CLI_NOT_GIVEN;
static bool want_help, want_version, want_interface;

/* `group` is the bit of struct cli's `common` that brings the option, 0 for those every tool has. */
static const struct {
	unsigned group;
	struct cli_option option;
} common[] = {
	{ CLI_OUTPUT, { 'o', "output", CLI_TEXT, &cli_common.output, "FILE", "write to FILE instead of stdout", false } },
	{ CLI_OUTPUT, { 'f', "force", CLI_FLAG, &cli_common.force, NULL, "overwrite an existing file", false } },
	{ CLI_MODEL, { 'm', "model", CLI_TEXT, &cli_common.model, "NAME|DIR|FILE", "the model to use instead of the default one", false } },
	{ CLI_MODEL, { 0, "any-model", CLI_FLAG, &cli_common.any_model, NULL, "accept records made with another model", false } },
	{ CLI_MATH, { 0, "math", CLI_TEXT, &cli_common.math, "exact|fast",
			 "accuracy of the networks' convolutions: fast when not given, exact for training", true } },
	{ CLI_PLAN,
	  { 0, "plan", CLI_FLAG, &cli_common.plan, NULL, "print operations, peak memory and time as JSON and run nothing", false } },
	{ CLI_JSON, { 0, "json", CLI_FLAG, &cli_common.json, NULL, "print JSON", false } },
	{ CLI_KEEP_GOING,
	  { 0, "keep-going", CLI_FLAG, &cli_common.keep_going, NULL, "skip bad inputs, say so, and exit 65 at the end", false } },
	{ CLI_HISTORY, { 0, "no-history", CLI_FLAG, &cli_common.no_history, NULL, "leave this step out of the records' history", false } },
	{ 0, { 'j', "threads", CLI_INT, &threads, "N", "threads; when not given OMP_NUM_THREADS, else all cores", false } },
	{ 0, { 'q', "quiet", CLI_FLAG, &cli_common.quiet, NULL, "no warnings", false } },
	{ 0, { 'v', "verbose", CLI_FLAG, &cli_common.verbose, NULL, "say more", false } },
	{ 0, { 'h', "help", CLI_FLAG, &want_help, NULL, "print this help", false } },
	{ 0, { 0, "version", CLI_FLAG, &want_version, NULL, "print the version", false } },
	{ 0, { 0, "interface", CLI_FLAG, &want_interface, NULL, "print this interface as JSON", false } },
};
enum { COMMON = sizeof common / sizeof *common };

/* OMP_NUM_THREADS may be a list, one number for each nesting level: the first counts. */
static int default_threads(void)
{
	const char *s = getenv("OMP_NUM_THREADS");
	char *end;
	long n = s ? strtol(s, &end, 10) : 0;
	if (!s || end == s || (*end && *end != ',') || n < 1)
		n = share_own().processors;
	return n > MAX_THREADS ? MAX_THREADS : (int)n;
}

static void add(const struct cli_option *o)
{
	struct cli_entry *t = &cli_table.entries[cli_table.n++];
	t->option = o;
	switch (o->kind) {
	case CLI_FLAG:
		t->initial.flag = *(bool *)o->value;
		break;
	case CLI_INT:
		t->initial.number = *(int64_t *)o->value;
		break;
	case CLI_REAL:
		t->initial.real = *(double *)o->value;
		break;
	case CLI_TEXT:
		t->initial.text = *(const char **)o->value;
		break;
	}
}

void cli_table_make(const struct cli *c)
{
	int own = 0;
	while (c->options && c->options[own].name)
		own++;
	cli_table.tool = c;
	cli_table.entries = calloc((size_t)own + COMMON, sizeof *cli_table.entries);
	if (!cli_table.entries)
		cli_die(ERR_OS, "no memory");
	for (int i = 0; i < own; i++)
		add(&c->options[i]);
	cli_table.own = own;
	for (int i = 0; i < COMMON; i++)
		if (!common[i].group || (c->common & common[i].group))
			add(&common[i].option);
	cli_common.threads = default_threads();
}

const struct cli_entry *cli_table_letter(char letter)
{
	for (int i = 0; i < cli_table.n; i++)
		if (letter && cli_table.entries[i].option->letter == letter)
			return &cli_table.entries[i];
	return NULL;
}

const struct cli_entry *cli_table_name(const char *name, size_t length)
{
	for (int i = 0; i < cli_table.n; i++) {
		const char *s = cli_table.entries[i].option->name;
		if (strlen(s) == length && !memcmp(s, name, length))
			return &cli_table.entries[i];
	}
	return NULL;
}

enum cli_request cli_table_request(void)
{
	return want_help ? CLI_SHOW_HELP : want_version ? CLI_SHOW_VERSION : want_interface ? CLI_SHOW_INTERFACE : CLI_RUN;
}

void cli_table_threads(void)
{
	if (threads == CLI_NOT_GIVEN)
		return;
	if (threads < 1 || threads > MAX_THREADS)
		cli_die(ERR_USAGE, "--threads: %lld is not between 1 and %d", (long long)threads, MAX_THREADS);
	cli_common.threads = (int)threads;
}

json_t *cli_entry_json(const struct cli_entry *entry, bool initial)
{
	const struct cli_option *o = entry->option;
	double real;
	int64_t number;
	const char *text;
	switch (o->kind) {
	case CLI_FLAG:
		return json_boolean(initial ? entry->initial.flag : *(bool *)o->value);
	case CLI_INT:
		number = initial ? entry->initial.number : *(int64_t *)o->value;
		return number == CLI_NOT_GIVEN ? json_null() : json_integer(number);
	case CLI_REAL:
		real = initial ? entry->initial.real : *(double *)o->value;
		return isnan(real) ? json_null() : json_real(real);
	case CLI_TEXT:
		text = initial ? entry->initial.text : *(const char **)o->value;
		return text ? json_string(text) : json_null();
	}
	return json_null();
}
