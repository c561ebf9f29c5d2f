/* A tool with an option of every kind, for the tests of lib/cli. It prints its choices as JSON, or with --say writes the
 * text to the -o output as if it were binary. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static bool flag;
static int64_t count = 100, seed = CLI_NOT_GIVEN, copies = 1;
static double share = NAN, scale = 0.1, part = NAN, rate = NAN, balance = 0;
static const char *say, *solver = "ddim", *mask, *table, *folder, *start;
static const char *const solvers[] = { "ddim", "dpmpp2m", NULL };

static const struct cli_option options[] = {
	{ 'x', "flag", "a flag", .flag = &flag, .result = true },
	{ 's', "steps", "a whole number", .integer = &count, .arg = "STEPS", .result = true },
	{ 0, "seed", "a whole number that need not be given", .integer = &seed, .arg = "SEED", .result = true },
	{ 't', "share", "a number that need not be given", .real = &share, .arg = "T", .result = true },
	{ 0, "scale", "a number", .real = &scale, .arg = "S", .result = true },
	{ 0, "copies", "a whole number of a few", .integer = &copies, .arg = "N", .range = { .from = 1, .to = 3 }, .result = true },
	{ 0, "part", "a share of less than all", .real = &part, .arg = "SHARE", .range = { .from = 0, .to = 1, .to_excluded = true } },
	{ 0, "rate", "a positive number", .real = &rate, .arg = "RATE", .range = { .from = 0, .to = 1e6, .from_excluded = true } },
	{ 0, "balance", "a number between bounds", .real = &balance, .arg = "B",
	  .range = { .from = -1, .to = 1, .from_excluded = true, .to_excluded = true } },
	{ 0, "say", "write this to the output", .text = &say, .arg = "TEXT" },
	{ 0, "solver", "one of a few", .text = &solver, .choices = solvers, .result = true },
	{ 0, "mask", "a file or a word", .text = &mask, .arg = "FILE|brain" },
	{ 0, "table", "a file", .file = &table, .arg = "TSV" },
	{ 0, "folder", "a folder", .folder = &folder, .arg = "DIR" },
	{ 0, "start", "a model", .model = &start, .arg = "NAME|DIR|FILE" },
	{ 0 },
};

static const struct cli probe = {
	.name = "cli-probe",
	.summary = "print what the command line says",
	.operands = "A [B]",
	.min = 1,
	.max = 2,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_JSON | CLI_HISTORY | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	.options = options,
};

static void write_text(void)
{
	err e = { 0 };
	outfile *f = cli_output();
	if (out_write(f, say, strlen(say), &e)) {
		out_abort(f);
		cli_fail(&e);
	}
	if (out_commit(f, &e))
		cli_fail(&e);
}

static void print_choices(char **operands, int n)
{
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_string(operands[i]));
	char *expanded = NULL;
	err e = { 0 };
	if (cli_expand(&expanded, operands[0], "sub-1", &e))
		cli_fail(&e);
	json_t *all =
		json_pack("{s:b, s:I, s:o, s:f, s:s, s:s?, s:i, s:b, s:s, s:o, s:s, s:o?, s:o}", "flag", flag, "steps", (json_int_t)count,
			  "share", isnan(share) ? json_null() : json_real(share), "scale", scale, "solver", solver, "mask", mask, "threads",
			  cli_common.threads, "force", cli_common.force, "output", cli_common.output, "operands", list, "expanded",
			  expanded, "history", cli_history(), "seed", seed == CLI_NOT_GIVEN ? json_null() : json_integer(seed));
	char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	puts(text);
	free(text);
	free(expanded);
	json_decref(all);
}

int main(int argc, char **argv)
{
	int n;
	char **operands = cli_parse(&probe, argc, argv, &n);
	if (say)
		write_text();
	else
		print_choices(operands, n);
	cli_warn("warned");
	cli_note("noted");
	return cli_done(0);
}
