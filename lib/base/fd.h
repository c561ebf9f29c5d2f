/* Reading and writing descriptors of the system. Whoever gave us one (a shell under node, expect, a notebook) may have made it
 * non-blocking, which holds for everybody who shares it: these functions wait then as they would otherwise. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

/* As read(), but neither a signal nor a pipe that is empty for the moment is an error. */
ssize_t fd_read(int fd, void *buf, size_t n);
/* All n bytes. 0, or -1 with errno. */
int fd_write(int fd, const void *buf, size_t n);
/* fsync(), whatever signal comes meanwhile. */
int fd_sync(int fd);

#endif
