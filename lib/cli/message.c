#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/table.h"

/* A terminal shows one progress line, that of whichever stage of a pipe spoke last. It is written over, so it must not be wider than the
 * terminal, and it ends at its own beginning: then a message, of this tool or another, takes its place and empties what is left of it. */
static const char clear_rest[] = "\033[K";
static bool progress_shown;

/* When nobody hears it, nothing can be said about that either. */
static void say(const char *line, size_t n) { (void)!fd_write(STDERR_FILENO, line, n); }

static void end_progress(void)
{
	if (progress_shown)
		say(clear_rest, sizeof clear_rest - 1);
	progress_shown = false;
}

static size_t terminal_width(void)
{
	struct winsize w = { .ws_col = 0 };
	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 1 ? w.ws_col - 1u : 79;
}

void cli_progress(const char *fmt, ...)
{
	char text[256], line[sizeof text + sizeof clear_rest + 1];
	va_list ap;
	if (cli_common.quiet || !isatty(STDERR_FILENO))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	int width = (int)terminal_width();
	say(line, (size_t)snprintf(line, sizeof line, "%.*s%s\r", width, text, clear_rest));
	progress_shown = true;
}

/* One line by one write, so that the messages of a pipe's stages do not run into each other. */
static void message(const char *fmt, va_list ap)
{
	char line[1024 + sizeof clear_rest];
	const size_t room = 1024;
	int n = snprintf(line, room - 1, "%s: ", cli_table.tool ? cli_table.tool->name : "latpipe");
	int m = vsnprintf(line + n, room - 1 - (size_t)n, fmt, ap);
	n = m < 0 ? n : (size_t)(n + m) < room - 1 ? n + m : (int)room - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	/* a row that is full to its end has nothing left of the other, and would lose its last letter */
	if (isatty(STDERR_FILENO) && (size_t)n % (terminal_width() + 1))
		n += sprintf(line + n, "%s", clear_rest);
	progress_shown = false;
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

static ssize_t put(void *cookie, const char *text, size_t n)
{
	(void)cookie;
	return fd_write(STDOUT_FILENO, text, n) ? 0 : (ssize_t)n;
}

void cli_wait_for_stdout(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = put });
	if (!f)
		cli_die(ERR_OS, "no memory");
	if (isatty(STDOUT_FILENO))
		setvbuf(f, NULL, _IOLBF, 0);
	stdout = f;
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
