#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/table.h"

/* Of names with {id} it is not known yet what they will be. */
static bool is_terminal(const char *path)
{
	struct stat s;
	if (!strcmp(path, "-"))
		return isatty(STDOUT_FILENO);
	if (stat(path, &s) || !S_ISCHR(s.st_mode))
		return false;
	int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	bool is = fd >= 0 && isatty(fd);
	if (fd >= 0)
		close(fd);
	return is;
}

void cli_spare_terminal(void)
{
	const char *path = cli_common.output;
	if (is_terminal(path))
		cli_die(ERR_USAGE, "%s: binary data does not go to a terminal (use -o FILE or a pipe)",
			strcmp(path, "-") ? path : "stdout");
}

void cli_check_output(void)
{
	char *path = NULL;
	err e = { 0 };
	if (!strstr(cli_common.output, "{id}")) {
		cli_check(out_check(cli_common.output, cli_common.force, &e), &e);
		return;
	}
	/* of names that are not known yet, whether they can be; where the folder's name is not known either, this is seen later */
	const char *slash = strrchr(cli_common.output, '/');
	if (slash && strstr(cli_common.output, "{id}") < slash)
		return;
	cli_check(cli_expand(&path, cli_common.output, "x", &e), &e);
	cli_check(out_check(path, true, &e), &e);
	free(path);
}

outfile *cli_output(void)
{
	outfile *f = NULL;
	err e = { 0 };
	if (out_open(&f, cli_common.output, cli_common.force, &e))
		cli_fail(&e);
	return f;
}
