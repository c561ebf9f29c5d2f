/* Files that are not to be seen yet: without a name where the file system can (O_TMPFILE: then nothing is left behind even by SIGKILL),
 * else under a hidden name, which is removed when the process ends by exit() or by a signal that can be caught. */
#ifndef BASE_HIDDEN_H
#define BASE_HIDDEN_H

/* A new file in the folder of `path`, open as `access` says (O_WRONLY, O_RDWR), with the rights that the umask leaves. Its descriptor, or
 * -1 with errno. *name: NULL when it has none, else its hidden name, which holds until hidden_remove. */
int hidden_open(const char *path, int access, const char **name);
/* Gives a file without a name the name `path`, which must be free. 0, or -1 with errno. */
int hidden_appear(int fd, const char *path);
/* Gives a file without a name a hidden one in the folder of `path`. NULL with errno. */
const char *hidden_name(int fd, const char *path);
/* Removes a hidden name, if it is still there. NULL: nothing happens. */
void hidden_remove(const char *name);

#endif
