#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hidden.h"
#include "base/mem.h"

enum { BUFFER = 1 << 16 };

struct infile {
	int fd;
	int64_t size;
	uint64_t offset;
	size_t at, have;
	char *name;
	unsigned char buf[BUFFER];
};

/* The code for an open or a mapping that failed. */
static int code_of(int error, int otherwise) { return error == ENOMEM ? ERR_OS : otherwise; }

int in_open(infile **out, const char *path, err *e)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return err_set(e, code_of(errno, ERR_NOINPUT), "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		int code = err_set(e, ERR_NOINPUT, "%s: %s", path, S_ISDIR(st.st_mode) ? "is a directory" : strerror(errno));
		if (!is_stdin)
			close(fd);
		return code;
	}
	infile *f = calloc(1, sizeof *f);
	if (f)
		f->name = strdup(is_stdin ? "stdin" : path);
	if (!f || !f->name) {
		free(f);
		if (!is_stdin)
			close(fd);
		return err_set(e, ERR_OS, "%s: no memory", path);
	}
	f->fd = fd;
	f->size = S_ISREG(st.st_mode) ? st.st_size : -1;
	*out = f;
	return 0;
}

/* Up to n bytes straight from the system; short only at the end. */
static int read_fully(infile *f, unsigned char *p, size_t n, size_t *got, err *e)
{
	for (*got = 0; *got < n;) {
		ssize_t r = fd_read(f->fd, p + *got, n - *got);
		if (r < 0)
			return err_set(e, ERR_IO, "%s: %s", f->name, strerror(errno));
		if (r == 0)
			break;
		*got += (size_t)r;
	}
	return 0;
}

int in_read(infile *f, void *buf, size_t n, size_t *got, err *e)
{
	unsigned char *p = buf;
	size_t done = 0;
	while (done < n) {
		size_t left = f->have - f->at;
		if (left) {
			size_t take = left < n - done ? left : n - done;
			memcpy(p + done, f->buf + f->at, take);
			f->at += take;
			done += take;
		} else if (n - done >= BUFFER) {
			size_t r;
			int code = read_fully(f, p + done, n - done, &r, e);
			if (code)
				return code;
			done += r;
			break;
		} else {
			/* one read, not a full buffer: a pipe hands over what it has */
			ssize_t r = fd_read(f->fd, f->buf, BUFFER);
			if (r < 0)
				return err_set(e, ERR_IO, "%s: %s", f->name, strerror(errno));
			if (r == 0)
				break;
			f->at = 0;
			f->have = (size_t)r;
		}
	}
	f->offset += done;
	*got = done;
	return 0;
}

int in_take(infile *f, void **out, size_t n, size_t *got, err *e)
{
	char *p = NULL;
	size_t have = 0, r = 0;
	do {
		size_t room = have ? 2 * have : BUFFER;
		room = room < n ? room : n;
		char *more = realloc(p, room ? room : 1);
		int code = more ? 0 : err_set(e, ERR_OS, "%s: no memory for %zu bytes", f->name, room);
		p = more ? more : p;
		if (!code)
			code = in_read(f, p + have, room - have, &r, e);
		if (code) {
			free(p);
			return code;
		}
		n = r < room - have ? have + r : n;
		have += r;
	} while (have < n);
	*out = p;
	*got = have;
	return 0;
}

const char *in_name(const infile *f) { return f->name; }
uint64_t in_offset(const infile *f) { return f->offset; }
int64_t in_size(const infile *f) { return f->size; }

void in_close(infile *f)
{
	if (!f)
		return;
	if (f->fd != STDIN_FILENO)
		close(f->fd);
	free(f->name);
	free(f);
}

struct outfile {
	int fd;
	bool force;
	size_t have;
	char *name; /* for messages */
	char *path; /* where it shall appear; NULL when written directly */
	const char *hidden; /* its name until then; NULL for a file without one */
	unsigned char buf[BUFFER];
};

static int refuse(const char *path, err *e)
{
	return err_set(e, code_of(errno, ERR_CREATE), errno == EEXIST ? "%s: exists (use --force to overwrite it)" : "%s: %s", path,
		       strerror(errno));
}

/* Can a file of this name be made? *direct: it is there and no regular file. ERR_CREATE. */
static int look(const char *path, bool force, bool *direct, err *e)
{
	struct stat st;
	bool there = *path && !lstat(path, &st);
	if (!*path)
		errno = EINVAL;
	if (!there && errno != ENOENT) /* too long, not searchable .. */
		return refuse(path, e);
	*direct = there && !stat(path, &st) && !S_ISREG(st.st_mode);
	if (there && !*direct && !force) {
		errno = EEXIST;
		return refuse(path, e);
	}
	return 0;
}

int out_check(const char *path, bool force, err *e)
{
	bool direct = false;
	if (!strcmp(path, "-"))
		return 0;
	int code = look(path, force, &direct, e);
	if (code || direct)
		return code || !access(path, W_OK) ? code : refuse(path, e);
	const char *hidden = NULL;
	int fd = hidden_open(path, O_WRONLY, &hidden);
	if (fd < 0)
		return refuse(path, e);
	hidden_remove(hidden);
	close(fd);
	return 0;
}

int out_open(outfile **out, const char *path, bool force, err *e)
{
	outfile *f = calloc(1, sizeof *f);
	bool is_stdout = !strcmp(path, "-");
	if (f)
		f->name = strdup(is_stdout ? "stdout" : path);
	if (!f || !f->name) {
		free(f);
		return err_set(e, ERR_OS, "%s: no memory", path);
	}
	bool direct = false;
	int code = is_stdout ? 0 : look(path, force, &direct, e);
	f->force = force;
	if (is_stdout) {
		f->fd = STDOUT_FILENO;
	} else if (!code && direct) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else if (!code) {
		f->path = strdup(path);
		f->fd = f->path ? hidden_open(path, O_WRONLY, &f->hidden) : -1;
	}
	if (!code && f->fd < 0)
		code = refuse(path, e);
	if (code) {
		free(f->path);
		free(f->name);
		free(f);
		return code;
	}
	*out = f;
	return 0;
}

static int write_fully(outfile *f, const unsigned char *p, size_t n, err *e)
{
	return fd_write(f->fd, p, n) ? err_set(e, ERR_IO, "%s: %s", f->name, strerror(errno)) : 0;
}

int out_flush(outfile *f, err *e)
{
	int code = write_fully(f, f->buf, f->have, e);
	f->have = 0;
	return code;
}

int out_write(outfile *f, const void *buf, size_t n, err *e)
{
	if (n > BUFFER - f->have) {
		int code = out_flush(f, e);
		if (code)
			return code;
		if (n >= BUFFER)
			return write_fully(f, buf, n, e);
	}
	memcpy(f->buf + f->have, buf, n);
	f->have += n;
	return 0;
}

/* The link is made by one of two writers alone. Where there are no links, an empty file holds the name meanwhile. */
static int appear_once(outfile *f)
{
	if (f->hidden ? !link(f->hidden, f->path) : !hidden_appear(f->fd, f->path))
		return 0;
	if (!f->hidden || errno == EEXIST)
		return -1;
	int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -1;
	close(fd);
	if (!rename(f->hidden, f->path))
		return 0;
	unlink(f->path);
	return -1;
}

/* With --force: takes the place of what is there. */
static int appear_over(outfile *f)
{
	if (!f->hidden && !hidden_appear(f->fd, f->path))
		return 0;
	if (!f->hidden && errno == EEXIST)
		f->hidden = hidden_name(f->fd, f->path);
	return f->hidden ? rename(f->hidden, f->path) : -1;
}

int out_commit(outfile *f, err *e)
{
	int code = out_flush(f, e);
	if (!code && f->path) {
		if (fd_sync(f->fd))
			code = err_set(e, ERR_IO, "%s: %s", f->name, strerror(errno));
		else if (f->force ? appear_over(f) : appear_once(f))
			code = refuse(f->name, e);
	}
	if (!code && !f->path && close(f->fd))
		code = err_set(e, ERR_IO, "%s: %s", f->name, strerror(errno));
	if (!code && !f->path)
		f->fd = -1;
	out_abort(f);
	return code;
}

void out_abort(outfile *f)
{
	if (!f)
		return;
	hidden_remove(f->hidden);
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	free(f->path);
	free(f->name);
	free(f);
}

const char *out_name(const outfile *f) { return f->name; }

int file_slurp(const char *path, size_t limit, char **data, size_t *n, err *e)
{
	infile *f = NULL;
	char *p = NULL;
	size_t cap = 0, have = 0, got = 0;
	int code = in_open(&f, path, e);
	if (code)
		return code;
	do {
		code = mem_grow(&p, &cap, have + BUFFER + 1, 1, in_name(f), e);
		if (!code)
			code = in_read(f, p + have, BUFFER, &got, e);
		have += got;
		if (!code && have > limit)
			code = err_set(e, ERR_DATA, "%s: larger than %zu bytes", in_name(f), limit);
	} while (!code && got == BUFFER);
	in_close(f);
	if (code) {
		free(p);
		return code;
	}
	p[have] = 0;
	*data = p;
	*n = have;
	return 0;
}

int file_map(const char *path, const void **bytes, size_t *n, err *e)
{
	struct stat st;
	void *map = NULL;
	int code = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		code = err_set(e, code_of(errno, ERR_NOINPUT), "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		code = err_set(e, ERR_NOINPUT, "%s: %s", path,
			       S_ISDIR(st.st_mode) ? "is a directory" : "no regular file: weights are mapped");
	if (!code && st.st_size) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			code = err_set(e, code_of(errno, ERR_NOINPUT), "%s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	if (code)
		return code;
	*bytes = map;
	*n = (size_t)st.st_size;
	return 0;
}

void file_unmap(const void *bytes, size_t n)
{
	if (bytes)
		munmap((void *)bytes, n);
}

void file_rest(const void *bytes, size_t n)
{
	if (bytes)
		madvise((void *)bytes, n, MADV_DONTNEED);
}
