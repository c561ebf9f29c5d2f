#include "train/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"

enum { LOG_BYTES = 1 << 30, LINE_BYTES = 4096 };

struct train_log {
	int fd;
	char *path;
};

static int put(train_log *l, const char *text, size_t n, err *e)
{
	return fd_write(l->fd, text, n) ? err_set(e, ERR_IO, "%s: %s", l->path, strerror(errno)) : 0;
}

/* How much of a log to keep: the heading, then whole lines of steps before `from`. 0: not even the heading is there. */
static int kept(const char *path, const char *columns, int64_t from, size_t *bytes, err *e)
{
	char *text = NULL;
	size_t n = 0, heading = strlen(columns);
	int code = file_slurp(path, LOG_BYTES, &text, &n, e);
	*bytes = 0;
	if (code == ERR_NOINPUT)
		return 0;
	if (code)
		return code;
	if (n > heading && !memcmp(text, columns, heading) && text[heading] == '\n') {
		*bytes = heading + 1;
		for (char *end; (end = memchr(text + *bytes, '\n', n - *bytes)); *bytes = (size_t)(end - text) + 1)
			if (strtoll(text + *bytes, NULL, 10) >= from)
				break;
	} else if (n) {
		code = err_set(e, ERR_CONFIG, "%s: is no log of this kind of run (another heading)", path);
	}
	free(text);
	return code;
}

int log_open(train_log **out, const char *path, const char *columns, int64_t from, err *e)
{
	train_log *l = NULL;
	size_t bytes = 0;
	int code = from > 0 ? kept(path, columns, from, &bytes, e) : 0;
	if (!code)
		code = mem_zero(&l, 1, sizeof *l, path, e);
	if (code)
		return code;
	l->fd = -1;
	code = mem_text(&l->path, path, e);
	if (!code) {
		l->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (l->fd < 0)
			code = err_set(e, ERR_CREATE, "%s: %s", path, strerror(errno));
		else if (ftruncate(l->fd, (off_t)bytes) || lseek(l->fd, 0, SEEK_END) < 0)
			code = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	}
	if (!code && !bytes) {
		code = put(l, columns, strlen(columns), e);
		if (!code)
			code = put(l, "\n", 1, e);
	}
	if (code) {
		log_close(l, NULL);
		return code;
	}
	*out = l;
	return 0;
}

int log_line(train_log *l, int64_t step, const double *v, int n, err *e)
{
	char line[LINE_BYTES];
	int at = snprintf(line, sizeof line, "%lld", (long long)step);
	for (int i = 0; i < n && at < LINE_BYTES - 32; i++)
		at += isnan(v[i]) ? snprintf(line + at, 32, "\t") : snprintf(line + at, 32, "\t%.9g", v[i]);
	line[at++] = '\n';
	return put(l, line, (size_t)at, e);
}

int log_close(train_log *l, err *e)
{
	if (!l)
		return 0;
	int code = l->fd >= 0 && close(l->fd) ? err_set(e, ERR_IO, "%s: %s", l->path, strerror(errno)) : 0;
	free(l->path);
	free(l);
	return code;
}

pace pace_begin(int64_t first, int64_t total) { return (pace){ clock_seconds(), first, total }; }

double pace_left(const pace *p, int64_t done)
{
	return done > p->first ? (clock_seconds() - p->begun) / (double)(done - p->first) * (double)(p->total - done) : NAN;
}

const char *pace_text(double seconds, char buf[32])
{
	if (!(seconds >= 0 && seconds < 1e9))
		snprintf(buf, 32, "?");
	else if (seconds < 3600)
		snprintf(buf, 32, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
	else
		snprintf(buf, 32, "%d:%02d:%02d", (int)seconds / 3600, (int)seconds / 60 % 60, (int)seconds % 60);
	return buf;
}
