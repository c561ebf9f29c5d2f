/* Text files of people: lists and tables, as editors and spreadsheets of any system save them. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include "base/err.h"

/* The whole of a text file ("-": stdin), at most `limit` bytes, without a byte order mark; freed with free(). ERR_NOINPUT, ERR_IO;
 * ERR_DATA: longer, or no text: NUL bytes, UTF-16. */
int text_read(char **out, const char *path, size_t limit, err *e);
/* The next line without its end (LF, CR LF or CR), which is overwritten; NULL behind the last. *rest: the text at first, then what is left.
 */
char *text_line(char **rest);
/* The text without blanks (space, tab, CR, UTF-8's no-break space) at both ends, in place. */
char *text_trim(char *s);

#endif
