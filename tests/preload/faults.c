/* Preloaded into a tool: makes one call of the system fail, or sends a signal there.
 *   FAULT=CALL:N:WHAT   at the Nth call of CALL (create, write, read, fsync, rename, link, unlink, malloc). WHAT: a number of errno, with
 *                       which it fails, that time and from then on with a "+" behind it; or KILL, TERM, INT, HUP, USR1: the signal comes,
 *                       twice, and the call is made.
 *   FAULT_SAID=FILE     this file is made when it happens
 *   FAULT_TMPFILE=no    the file system knows no files without a name
 *   FAULT_LINK=no       .. nor links
 * Writes to stderr do not count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	int ready, signal, error, always, nameless, links;
	char call[16];
	const char *said;
	long at, count;
} plan;

static void prepare(void)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = { { "KILL", SIGKILL }, { "TERM", SIGTERM }, { "INT", SIGINT }, { "HUP", SIGHUP }, { "USR1", SIGUSR1 } };
	const char *text = getenv("FAULT"), *tmpfile = getenv("FAULT_TMPFILE"), *links = getenv("FAULT_LINK");
	plan.ready = 1;
	plan.nameless = !tmpfile || strcmp(tmpfile, "no");
	plan.links = !links || strcmp(links, "no");
	plan.said = getenv("FAULT_SAID");
	const char *colon = text ? strchr(text, ':') : NULL;
	if (!colon || (size_t)(colon - text) >= sizeof plan.call)
		return;
	memcpy(plan.call, text, (size_t)(colon - text));
	char *end;
	plan.at = strtol(colon + 1, &end, 10);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (*end && !strcmp(end + 1, signals[i].name))
			plan.signal = signals[i].number;
	if (*end && !plan.signal) {
		plan.error = (int)strtol(end + 1, &end, 10);
		plan.always = *end == '+';
	}
}

/* Does this call fail? With errno set. */
static int fails(const char *call)
{
	if (!plan.ready)
		prepare();
	if (strcmp(call, plan.call))
		return 0;
	long n = __atomic_add_fetch(&plan.count, 1, __ATOMIC_SEQ_CST);
	if (n != plan.at && !(plan.always && n > plan.at))
		return 0;
	if (plan.said && n == plan.at) {
		long fd = syscall(SYS_openat, AT_FDCWD, plan.said, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		if (fd >= 0)
			syscall(SYS_close, fd);
	}
	if (plan.signal) {
		kill(getpid(), plan.signal);
		kill(getpid(), plan.signal);
		return 0;
	}
	errno = plan.error;
	return 1;
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) && fails("create"))
		return -1;
	if ((flags & O_TMPFILE) == O_TMPFILE && !plan.nameless) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list ap) { return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0; }

#define OPEN(name, folder, ...) \
	int name(__VA_ARGS__ const char *path, int flags, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = mode_of(flags, ap); \
		va_end(ap); \
		return open_at(folder, path, flags, mode); \
	}
OPEN(open, AT_FDCWD, )
OPEN(open64, AT_FDCWD, )
#define COMMA ,
OPEN(openat, folder, int folder COMMA)
OPEN(openat64, folder, int folder COMMA)

int mkostemp(char *path, int flags)
{
	static int (*real)(char *, int);
	if (fails("create"))
		return -1;
	if (!real)
		real = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp");
	return real(path, flags);
}

ssize_t write(int fd, const void *p, size_t n) { return fd != STDERR_FILENO && fails("write") ? -1 : syscall(SYS_write, fd, p, n); }
ssize_t read(int fd, void *p, size_t n) { return fails("read") ? -1 : syscall(SYS_read, fd, p, n); }
int fsync(int fd) { return fails("fsync") ? -1 : (int)syscall(SYS_fsync, fd); }
int rename(const char *a, const char *b) { return fails("rename") ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0); }
int unlink(const char *a) { return fails("unlink") ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, a, 0); }

int linkat(int fa, const char *a, int fb, const char *b, int flags)
{
	if (fails("link"))
		return -1;
	if (!plan.links) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_linkat, fa, a, fb, b, flags);
}
int link(const char *a, const char *b) { return linkat(AT_FDCWD, a, AT_FDCWD, b, 0); }

/* ---- memory ---- */

extern void *__libc_malloc(size_t n), *__libc_calloc(size_t n, size_t size), *__libc_realloc(void *p, size_t n);

void *malloc(size_t n) { return fails("malloc") ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails("malloc") ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails("malloc") ? NULL : __libc_realloc(p, n); }
