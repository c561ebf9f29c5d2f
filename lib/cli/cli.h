/* cli: what every tool shares: one option table that is the source of --help, --interface and the man page's OPTIONS,
 * messages, exit. For tools only: functions here may exit. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

/* The default of a whole number that need not be given; of other numbers it is NAN, of texts NULL. No command line gives these three: after
 * cli_parse they mean that the option was not given. */
#define CLI_NOT_GIVEN INT64_MIN

/* The numbers that an option takes: from `from` to `to`, to INFINITY where there is no upper bound. Bounds of whole numbers are exact up to
 * 2^53. All zero, as where a table says nothing: any number. */
struct cli_range {
	double from, to;
	bool from_excluded, to_excluded;	/* the bound itself is outside */
};

/* One option. Exactly one of the pointers is set, and its type and name say what the option takes. What it points to holds the default
 * before cli_parse, and the choice after it. */
struct cli_option {
	char letter;		/* 0: long name only */
	const char *name;	/* without the dashes */
	const char *help;	/* one sentence, lower case, no full stop; ranges and defaults are added to it */
	bool *flag;		/* no argument: the option sets it */
	int64_t *integer;
	double *real;		/* a finite number */
	const char **text;
	const char **file, **folder, **model;	/* a text that names such a thing; nobody has looked whether it is there */
	const char *arg;	/* name of the argument; NULL for flags and where there are choices */
	const char *const *choices;	/* of a text: it is one of these; ends with NULL. NULL: any text */
	struct cli_range range;	/* of a number */
	bool result;		/* changes the result: goes into the history (never threads, verbosity or paths) */
};

/* Options that several tools have; a tool names those it has in `common`. -j -q -v -h --version --interface: always. */
enum {
	CLI_OUTPUT = 1,		/* -o FILE, -f --force */
	CLI_MODEL = 2,		/* -m NAME|DIR|FILE, --any-model */
	CLI_JSON = 4,		/* --json */
	CLI_HISTORY = 8,	/* --no-history */
	CLI_KEEP_GOING = 16,	/* --keep-going */
	CLI_PLAN = 32,		/* --plan */
	CLI_MATH = 64,		/* --math exact|fast (goes into the history) */
	/* no options: */
	CLI_BARE = 128,		/* without operands the tool has something to say, and reads no stdin */
	CLI_BINARY = 256,	/* the -o output is binary data, which does not go to a terminal */
};

struct cli {
	const char *name, *summary;	/* "lat-info", "show what a stream holds" */
	const char *operands;		/* "[FILE...]" as the SYNOPSIS shows them */
	int min, max;			/* how many operands; max -1: any number */
	unsigned common;
	const struct cli_option *options;	/* the tool's own; ends with an entry without a name. May be NULL */
	const char *const *weights;	/* kinds, ends with NULL: of a model it needs the first that there is. NULL: it needs none */
};

/* The choices for the common options. */
struct cli_common {
	int threads;		/* -j: what was asked for, else OMP_NUM_THREADS, else all cores */
	bool quiet, verbose, force, any_model, json, no_history, keep_going, plan;
	const char *output;	/* "-" */
	const char *model;	/* NULL: the default model */
	const char *math;	/* "fast"; trainers: "exact" */
};
extern struct cli_common cli_common;

/* Reads the command line, numbers as in the C locale. Prints and exits for --help, --version, --interface; exits 64 with one line on wrong
 * usage, which includes numbers out of range and texts that are none of the choices. A tool that is started bare on a terminal prints its
 * help, unless it is CLI_BARE. Returns the operands, moved together in argv whatever options stood between them, and their number in *n.
 * What a tool still has to check is how its options go together (cli_die(ERR_USAGE, "--count: needs --noise")). No library is set up here:
 * --version must return at once, so a tool calls what is heavy (cli_start_threads too) only after cli_parse. `c` must live until exit. */
char **cli_parse(const struct cli *c, int argc, char **argv, int *n);

/* Starts the threads of -j, which loops take from now on (base/threads.h); exits 71 where there are none. */
void cli_start_threads(void);

/* "tool: text" on stderr. warn: unless -q. note: only with -v. */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A line on stderr that the next one takes the place of: unless -q, and only on a terminal, so that no log is filled with it. */
void cli_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Does --keep-going pass over an input for this error? For bad data and missing files, and nothing else. */
bool cli_may_skip(int code);
/* Prints the error and exits with its code. */
_Noreturn void cli_fail(const err *e);
/* The same from a format: a usage error, say. */
_Noreturn void cli_die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* cli_fail when code is not 0. */
void cli_check(int code, const err *e);

/* What CLI_BINARY makes cli_parse do, for tools whose output is binary data with some options or operands alone: where it goes to a
 * terminal, a usage error. To be called before the work begins. */
void cli_spare_terminal(void);

/* Opens the -o output (stdout by default). */
outfile *cli_output(void);

/* What --plan prints: {"flop":,"peak_bytes":,"seconds":}. */
void cli_print_plan(double flop, double bytes, double seconds);

/* Prints to stdout what is a tool's text result, then flush-checks stdout at exit: return cli_done(0) from main. */
int cli_done(int code);

/* This tool's entry for a record's history: {"tool":, "version":, "options":{name: value, only those with `result` whose
 * value differs from the default}}. NULL with --no-history. The caller owns the reference. */
json_t *cli_history(void);

/* "{id}" in a file name replaced by id. ERR_OS only. Freed with free(). */
int cli_expand(char **out, const char *pattern, const char *id, err *e);

#endif
