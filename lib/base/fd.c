#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

/* Is the last error one that passes? Waits until it has. */
static bool again(int fd, short what)
{
	if (errno == EAGAIN)
		poll(&(struct pollfd){ .fd = fd, .events = what }, 1, -1);
	return errno == EAGAIN || errno == EINTR;
}

ssize_t fd_read(int fd, void *buf, size_t n)
{
	ssize_t r;
	do
		r = read(fd, buf, n);
	while (r < 0 && again(fd, POLLIN));
	return r;
}

int fd_write(int fd, const void *buf, size_t n)
{
	for (const char *p = buf; n;) {
		ssize_t r = write(fd, p, n);
		if (r < 0 && !again(fd, POLLOUT))
			return -1;
		p += r > 0 ? r : 0;
		n -= r > 0 ? (size_t)r : 0;
	}
	return 0;
}

int fd_sync(int fd)
{
	int r;
	do
		r = fsync(fd);
	while (r < 0 && errno == EINTR);
	return r;
}
