#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/table.h"

/* Goes to the start of the terminal's line and empties it. */
static const char clear[] = "\r\033[K";
static bool progress_shown;

static void say(const char *line, size_t n)
{
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
}

static void end_progress(void)
{
	if (progress_shown)
		say(clear, sizeof clear - 1);
	progress_shown = false;
}

void cli_progress(const char *fmt, ...)
{
	char line[160];
	va_list ap;
	if (cli_common.quiet || !isatty(STDERR_FILENO))
		return;
	strcpy(line, clear);
	va_start(ap, fmt);
	vsnprintf(line + sizeof clear - 1, sizeof line - sizeof clear + 1, fmt, ap);
	va_end(ap);
	say(line, strlen(line));
	progress_shown = true;
}

/* One line by one write, so that the messages of a pipe's stages do not run into each other. */
static void message(const char *fmt, va_list ap)
{
	char line[1024];
	end_progress();
	int n = snprintf(line, sizeof line - 1, "%s: ", cli_table.tool ? cli_table.tool->name : "latpipe");
	int m = vsnprintf(line + n, sizeof line - 1 - (size_t)n, fmt, ap);
	n = m < 0 ? n : (size_t)(n + m) < sizeof line - 1 ? n + m : (int)sizeof line - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	say(line, (size_t)n);
}

void cli_warn(const char *fmt, ...)
{
	va_list ap;
	if (cli_common.quiet)
		return;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

void cli_note(const char *fmt, ...)
{
	va_list ap;
	if (!cli_common.verbose)
		return;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

_Noreturn void cli_die(int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	exit(code);
}

bool cli_may_skip(int code) { return cli_common.keep_going && (code == ERR_DATA || code == ERR_NOINPUT); }

_Noreturn void cli_fail(const err *e) { cli_die(e->code ? e->code : ERR_BUG, "%s", e->text); }

void cli_check(int code, const err *e)
{
	if (code)
		cli_fail(e);
}

void cli_hold_descriptors(void)
{
	/* the wrong way round on purpose: whoever uses a stream that was closed gets an error */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(ERR_OS);
}

outfile *cli_output(bool binary)
{
	outfile *f = NULL;
	err e = { 0 };
	if (out_open(&f, cli_common.output, cli_common.force, &e))
		cli_fail(&e);
	if (binary && out_is_terminal(f))
		cli_die(ERR_USAGE, "%s: binary data does not go to a terminal (use -o FILE or a pipe)", out_name(f));
	return f;
}

void cli_print_plan(double flop, double bytes, double seconds)
{
	printf("{\"flop\": %.0f, \"peak_bytes\": %.0f, \"seconds\": %.3g}\n", flop, bytes, seconds);
}

int cli_done(int code)
{
	end_progress();
	/* an output of ours may have closed the descriptor already: then nothing is left in the buffer */
	errno = 0;
	bool failed = fflush(stdout) || ferror(stdout);
	int why = errno;
	if (!failed && close(STDOUT_FILENO) && errno != EBADF) {
		failed = true;
		why = errno;
	}
	if (failed && !code)
		cli_die(ERR_IO, "stdout: %s", why ? strerror(why) : "write failed");
	return code;
}
