#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/threads.h"
#include "cli/table.h"

static _Noreturn void unknown(const char *dashes, int length, const char *option)
{
	cli_die(ERR_USAGE, "%s%.*s: no such option (see %s --help)", dashes, length, option, cli_table.tool->name);
}

/* argv[i] is "--name" or "--name=value"; returns how many words it took. */
static int long_option(char **argv, int i)
{
	const char *name = argv[i] + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct cli_entry *entry = cli_table_name(name, length);
	if (!entry)
		unknown("--", (int)length, name);
	const bool flag = entry->kind == KIND_FLAG;
	if (flag && equals)
		cli_die(ERR_USAGE, "--%s: takes no value", entry->option->name);
	if (!flag && !equals && !argv[i + 1])
		cli_die(ERR_USAGE, "--%s: needs %s", entry->option->name, entry->arg);
	cli_value_set(entry, flag ? NULL : equals ? equals + 1 : argv[i + 1]);
	return flag || equals ? 1 : 2;
}

/* argv[i] is "-abc", "-a value" or "-avalue"; returns how many words it took. */
static int short_options(char **argv, int i)
{
	for (const char *p = argv[i] + 1; *p; p++) {
		const struct cli_entry *entry = cli_table_letter(*p);
		if (!entry)
			unknown("-", 1, p);
		if (entry->kind != KIND_FLAG) {
			if (!p[1] && !argv[i + 1])
				cli_die(ERR_USAGE, "-%c: needs %s", *p, entry->arg);
			cli_value_set(entry, p[1] ? p + 1 : argv[i + 1]);
			return p[1] ? 1 : 2;
		}
		cli_value_set(entry, NULL);
	}
	return 1;
}

static void show(enum cli_request what)
{
	switch (what) {
	case CLI_RUN:
		return;
	case CLI_SHOW_HELP:
		cli_show_help(stdout);
		break;
	case CLI_SHOW_VERSION:
		printf("%s (latpipe) %s\n", cli_table.tool->name, LATPIPE_VERSION);
		break;
	case CLI_SHOW_INTERFACE:
		cli_show_interface();
		break;
	}
	exit(cli_done(0));
}

/* Threads that wait for the next loop shall sleep, not spin: on a machine that is busy with a pipe's other stages, spinning takes the
 * processor from the very threads that are waited for. But most loops of a small network are over within microseconds: so long they spin
 * (SPEED.md). GCC's OpenMP library reads its environment before main, and only then: so a tool whose networks run on threads starts itself
 * once more. */
static void sleep_while_waiting(char **argv)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length <= 0 || setenv("OMP_WAIT_POLICY", "passive", 0) || setenv("GOMP_SPINCOUNT", "1000", 0))
		return;
	self[length] = 0;
	execv(self, argv);	/* where it fails, all goes on as before */
}

/* What JSON is made of are thousands of small pieces, put together without a look at each: the first that there is no memory for ends the
 * tool, or a header would lack a number. */
static void *json_memory(size_t n)
{
	void *p = malloc(n);
	if (!p)
		cli_die(ERR_OS, "no memory");
	return p;
}

char **cli_parse(const struct cli *c, int argc, char **argv, int *n)
{
	int operands = 1;
	char **as_given = calloc((size_t)argc + 1, sizeof *as_given);
	if (as_given && argc > 0)
		memcpy(as_given, argv, (size_t)argc * sizeof *argv);
	cli_hold_descriptors();
	cli_wait_for_stdout();
	json_set_alloc_funcs(json_memory, free);
	cli_table_make(c);
	if (argc <= 1 && !(c->common & CLI_BARE) && isatty(STDIN_FILENO)) {
		cli_show_help(stderr);
		exit(ERR_USAGE);
	}
	for (int i = 1; i < argc;) {
		if (!strcmp(argv[i], "--")) {
			while (++i < argc)
				argv[operands++] = argv[i];
		} else if (argv[i][0] != '-' || !argv[i][1]) {
			argv[operands++] = argv[i++];
		} else {
			i += argv[i][1] == '-' ? long_option(argv, i) : short_options(argv, i);
		}
	}
	show(cli_table_request());
	cli_table_threads();
	*n = operands - 1;
	if (*n < c->min)
		cli_die(ERR_USAGE, "missing operand: %s %s", c->name, c->operands);
	if (c->max >= 0 && *n > c->max)
		cli_die(ERR_USAGE, "%s: one operand too many", argv[1 + c->max]);
	if (as_given && c->common & CLI_MATH && !getenv("OMP_WAIT_POLICY"))
		sleep_while_waiting(as_given);
	free(as_given);
	if (c->common & CLI_BINARY && !cli_common.plan)
		cli_spare_terminal();
	if (c->common & CLI_OUTPUT && !cli_common.plan)
		cli_check_output();
	if (argc > 0)
		argv[operands] = NULL;
	return argv + 1;
}

void cli_start_threads(void)
{
	err e;
	threads_set(cli_common.threads);
	cli_check(threads_start(&e), &e);
}

/* Whether the value differs from the default, so that the history must tell it. */
static bool changed(const struct cli_entry *entry)
{
	json_t *now = cli_value_json(entry, cli_value_now(entry)), *before = cli_value_json(entry, entry->initial);
	bool differs = !now || !before || !json_equal(now, before);
	json_decref(now);
	json_decref(before);
	return differs;
}

json_t *cli_history(void)
{
	if (cli_common.no_history)
		return NULL;
	json_t *options = json_object();
	for (int i = 0; i < cli_table.n; i++) {
		const struct cli_entry *entry = &cli_table.entries[i];
		if (!entry->option->result || !changed(entry))
			continue;
		json_t *value = cli_value_json(entry, cli_value_now(entry));
		if (!value)
			cli_die(ERR_USAGE, "--%s: is not UTF-8", entry->option->name);
		if (json_object_set_new(options, entry->option->name, value))
			cli_die(ERR_OS, "no memory");
	}
	json_t *h = json_pack("{s:s, s:s, s:o}", "tool", cli_table.tool->name, "version", LATPIPE_VERSION, "options", options);
	if (!h)
		cli_die(ERR_OS, "no memory");
	return h;
}

int cli_expand(char **out, const char *pattern, const char *id, err *e)
{
	size_t size = strlen(pattern) + 1;
	for (const char *at = pattern; (at = strstr(at, "{id}")); at += 4)
		size += strlen(id);
	int code = mem_zero(out, size, 1, pattern, e);
	if (code)
		return code;
	char *to = *out;
	for (const char *at; (at = strstr(pattern, "{id}")); pattern = at + 4) {
		to = mempcpy(to, pattern, (size_t)(at - pattern));
		to = stpcpy(to, id);
	}
	strcpy(to, pattern);
	return 0;
}
