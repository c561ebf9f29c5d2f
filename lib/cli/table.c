#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/share.h"

enum { MAX_THREADS = 1024 };

struct cli_common cli_common = { .output = "-", .math = "fast" };
struct cli_table cli_table;

static int64_t threads = CLI_NOT_GIVEN;
static bool want_help, want_version, want_interface;
static const char *const math_choices[] = { "exact", "fast", NULL };

/* `group` is the bit of struct cli's `common` that brings the option, 0 for those every tool has. */
static const struct {
	unsigned group;
	struct cli_option option;
} common[] = {
	{ CLI_OUTPUT, { 'o', "output", "write to FILE instead of stdout", .file = &cli_common.output, .arg = "FILE" } },
	{ CLI_OUTPUT, { 'f', "force", "overwrite an existing file", .flag = &cli_common.force } },
	{ CLI_MODEL, { 'm', "model", "the model to use instead of the default one", .model = &cli_common.model, .arg = "NAME|DIR|FILE" } },
	{ CLI_MODEL, { 0, "any-model", "accept records made with another model", .flag = &cli_common.any_model } },
	{ CLI_MATH,
	  { 0, "math", "accuracy of the networks' convolutions: fast when not given, exact for training", .text = &cli_common.math,
	    .choices = math_choices, .result = true } },
	{ CLI_PLAN, { 0, "plan", "print operations, peak memory and time as JSON and run nothing", .flag = &cli_common.plan } },
	{ CLI_JSON, { 0, "json", "print JSON", .flag = &cli_common.json } },
	{ CLI_KEEP_GOING, { 0, "keep-going", "skip bad inputs, say so, and exit 65 at the end", .flag = &cli_common.keep_going } },
	{ CLI_HISTORY, { 0, "no-history", "leave this step out of the records' history", .flag = &cli_common.no_history } },
	{ 0,
	  { 'j', "threads", "threads; when not given OMP_NUM_THREADS, else all cores", .integer = &threads, .arg = "N",
	    .range = { .from = 1, .to = MAX_THREADS } } },
	{ 0, { 'q', "quiet", "no warnings", .flag = &cli_common.quiet } },
	{ 0, { 'v', "verbose", "say more", .flag = &cli_common.verbose } },
	{ 0, { 'h', "help", "print this help", .flag = &want_help } },
	{ 0, { 0, "version", "print the version", .flag = &want_version } },
	{ 0, { 0, "interface", "print this interface as JSON", .flag = &want_interface } },
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

/* "exact|fast". */
static char *join(const char *const *choices)
{
	size_t n = 1;
	for (int i = 0; choices[i]; i++)
		n += strlen(choices[i]) + 1;
	char *text = calloc(n, 1);
	if (!text)
		cli_die(ERR_OS, "no memory");
	for (int i = 0; choices[i]; i++)
		strcat(strcat(text, i ? "|" : ""), choices[i]);
	return text;
}

static enum cli_kind kind_of(const struct cli_option *o)
{
	const struct {
		const void *pointer;
		enum cli_kind kind;
	} all[] = {
		{ o->flag, KIND_FLAG },
		{ o->integer, KIND_INTEGER },
		{ o->real, KIND_NUMBER },
		{ o->text, o->choices ? KIND_CHOICE : KIND_TEXT },
		{ o->file, KIND_FILE },
		{ o->folder, KIND_FOLDER },
		{ o->model, KIND_MODEL },
	};
	int set = 0;
	enum cli_kind kind = KIND_FLAG;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].pointer) {
			kind = all[i].kind;
			set++;
		}
	if (set != 1)
		cli_die(ERR_BUG, "--%s: the table of options sets %d pointers for it, not one", o->name, set);
	return kind;
}

static void add(const struct cli_option *o)
{
	struct cli_entry *t = &cli_table.entries[cli_table.n++];
	t->option = o;
	t->kind = kind_of(o);
	t->text = o->text ? o->text : o->file ? o->file : o->folder ? o->folder : o->model;
	t->arg = o->choices ? join(o->choices) : o->arg;
	t->initial = cli_value_now(t);
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
	if (threads != CLI_NOT_GIVEN)
		cli_common.threads = (int)threads;
}
