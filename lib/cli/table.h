/* Inside lib/cli: the tool's own options and the common ones as one list, with the defaults as they were before parsing. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

/* What an option takes, as the pointer that is set says. */
enum cli_kind { KIND_FLAG, KIND_INTEGER, KIND_NUMBER, KIND_TEXT, KIND_CHOICE, KIND_FILE, KIND_FOLDER, KIND_MODEL };

union cli_value {
	bool flag;
	int64_t integer;
	double real;
	const char *text;	/* also of choices, files, folders and models */
};

struct cli_entry {
	const struct cli_option *option;
	enum cli_kind kind;
	const char **text;	/* where a text goes; NULL for flags and numbers */
	const char *arg;	/* the argument's name, "exact|fast" of choices; NULL for flags */
	union cli_value initial;
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
/* Fills in cli_common.threads where -j was given. */
void cli_table_threads(void);

/* Sets the option to what the command line says: s, NULL for a flag. Exits when s is no such value. */
void cli_value_set(const struct cli_entry *entry, const char *s);
/* What the option is set to now. */
union cli_value cli_value_now(const struct cli_entry *entry);
/* false: v is the number or text that means that the option was not given. */
bool cli_value_given(const struct cli_entry *entry, union cli_value v);
/* v as JSON; null when it is not given, NULL when it is a text that is not UTF-8. */
json_t *cli_value_json(const struct cli_entry *entry, union cli_value v);

/* "a whole number", "a number": what the range of a number is put behind. */
const char *cli_kind_noun(enum cli_kind kind);

void cli_show_help(FILE *to);
void cli_show_interface(void);
/* Makes sure that descriptors 0 to 2 are open, so that no file of ours takes their place. */
void cli_hold_descriptors(void);
/* From now on what is printed to stdout waits for a pipe that is full, also for one that does not block. */
void cli_wait_for_stdout(void);
/* Exits when --output names a file that cannot be made: before the work, not after it. */
void cli_check_output(void);

#endif
