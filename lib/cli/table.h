/* Inside lib/cli: the tool's own options and the common ones as one list, with the defaults as they were before parsing. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

struct cli_entry {
	const struct cli_option *option;
	union {
		bool flag;
		int64_t number;
		double real;
		const char *text;
	} initial;
};

struct cli_table {
	const struct cli *tool;
	struct cli_entry *entries;	/* own options first */
	int own, n;
};
extern struct cli_table cli_table;

/* What --help, --version and --interface ask for. */
enum cli_request { CLI_RUN, CLI_SHOW_HELP, CLI_SHOW_VERSION, CLI_SHOW_INTERFACE };

/* Builds cli_table from c; exits when memory is short. */
void cli_table_make(const struct cli *c);
/* The entry with this letter or name, NULL if there is none. */
const struct cli_entry *cli_table_letter(char letter);
const struct cli_entry *cli_table_name(const char *name, size_t length);
/* Which of the three was asked for. */
enum cli_request cli_table_request(void);
/* Checks -j and fills in cli_common.threads. */
void cli_table_threads(void);

/* The current value of an entry, or with `initial` its default, as JSON; null for a text or number that is not given. */
json_t *cli_entry_json(const struct cli_entry *entry, bool initial);

void cli_show_help(FILE *to);
void cli_show_interface(void);
/* Makes sure that descriptors 0 to 2 are open, so that no file of ours takes their place. */
void cli_hold_descriptors(void);
/* From now on what is printed to stdout waits for a pipe that is full, also for one that does not block. */
void cli_wait_for_stdout(void);
/* Exits when --output names a file that cannot be made: before the work, not after it. */
void cli_check_output(void);

#endif
