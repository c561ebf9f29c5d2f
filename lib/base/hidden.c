#include "base/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The names that are there, in memory that a signal's handler may read at any moment. A tool has one or two outputs at a time. */
enum { MOST = 8 };
static struct {
	volatile sig_atomic_t used;
	char path[PATH_MAX];
} names[MOST];

static void remove_all(void)
{
	for (int i = 0; i < MOST; i++)
		if (names[i].used)
			unlink(names[i].path);
}

/* SA_RESETHAND: what is raised here ends the process as the signal would have done without us. */
static void die(int number)
{
	remove_all();
	raise(number);
}

/* Signals that are ignored, or that a trainer waits for, stay as they are. */
static void watch(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ };
	static int watching;
	struct sigaction now, a = { .sa_handler = die, .sa_flags = SA_RESETHAND | SA_NODEFER };
	if (watching)
		return;
	watching = 1;
	sigemptyset(&a.sa_mask);
	atexit(remove_all);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (!sigaction(ends[i], NULL, &now) && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
			sigaction(ends[i], &a, NULL);
}

/* A hidden name in the folder of path, its last letters still to be chosen. It does not grow with path, so that every name that is
 * possible for the file is possible. */
static char *reserve(const char *path)
{
	const char *slash = strrchr(path, '/');
	int i = 0, folder = slash ? (int)(slash + 1 - path) : 0;
	while (i < MOST && names[i].used)
		i++;
	if (i == MOST)
		errno = EMFILE;
	else if (snprintf(names[i].path, PATH_MAX, "%.*s.latpipe.XXXXXX", folder, path) >= PATH_MAX)
		errno = ENAMETOOLONG;
	else {
		watch();
		names[i].used = 1;
		return names[i].path;
	}
	return NULL;
}

static void release(const char *name)
{
	for (int i = 0; i < MOST; i++)
		if (names[i].path == name)
			names[i].used = 0;
}

static void proc_path(char path[64], int fd) { snprintf(path, 64, "/proc/self/fd/%d", fd); }

static int open_nameless(const char *path, int access_mode)
{
	char folder[PATH_MAX] = ".", proc[64];
	const char *slash = strrchr(path, '/');
	if (slash && snprintf(folder, sizeof folder, "%.*s", (int)(slash == path ? 1 : slash - path), path) >= PATH_MAX)
		return -1;
	int fd = open(folder, O_TMPFILE | access_mode | O_CLOEXEC, 0666);
	proc_path(proc, fd);
	if (fd >= 0 && access(proc, F_OK)) { /* without /proc it could never get a name */
		close(fd);
		fd = -1;
	}
	return fd;
}

int hidden_open(const char *path, int access_mode, const char **name)
{
	*name = NULL;
	int fd = open_nameless(path, access_mode);
	char *hidden = fd < 0 ? reserve(path) : NULL;
	if (!hidden)
		return fd;
	fd = mkostemp(hidden, O_CLOEXEC);
	if (fd < 0) {
		release(hidden);
		return -1;
	}
	mode_t mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
	*name = hidden;
	return fd;
}

int hidden_appear(int fd, const char *path)
{
	char proc[64];
	proc_path(proc, fd);
	return linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

const char *hidden_name(int fd, const char *path)
{
	char *hidden = reserve(path);
	if (!hidden)
		return NULL;
	/* a name that is free, for linkat() takes no other */
	int other = mkostemp(hidden, O_CLOEXEC);
	if (other >= 0 && !close(other) && !unlink(hidden) && !hidden_appear(fd, hidden))
		return hidden;
	release(hidden);
	return NULL;
}

void hidden_remove(const char *name)
{
	if (!name)
		return;
	unlink(name);
	release(name);
}
