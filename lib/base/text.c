#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

int text_read(char **out, const char *path, size_t limit, err *e)
{
	const char *name = strcmp(path, "-") ? path : "stdin";
	char *text = NULL;
	size_t n = 0;
	int code = file_slurp(path, limit, &text, &n, e);
	if (code)
		return code;
	if (n >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2)))
		code = err_set(e, ERR_DATA, "%s: is UTF-16; save it as UTF-8", name);
	else if (memchr(text, 0, n))
		code = err_set(e, ERR_DATA, "%s: is no text: it holds NUL bytes", name);
	if (code) {
		free(text);
		return code;
	}
	if (!strncmp(text, "\xEF\xBB\xBF", 3))
		memmove(text, text + 3, n - 2);
	*out = text;
	return 0;
}

char *text_line(char **rest)
{
	char *line = *rest;
	if (!line || !*line) {
		*rest = NULL;
		return NULL;
	}
	char *end = line + strcspn(line, "\r\n");
	*rest = end + (*end == '\r' && end[1] == '\n') + (*end != 0);
	*end = 0;
	return line;
}

/* How many bytes of a blank s begins with. */
static size_t blank(const char *s) { return *s && strchr(" \t\r", *s) ? 1 : !strncmp(s, "\xC2\xA0", 2) ? 2 : 0; }

char *text_trim(char *s)
{
	size_t n;
	while ((n = blank(s)))
		s += n;
	for (n = strlen(s); n && (blank(s + n - 1) == 1 || (n > 1 && blank(s + n - 2) == 2));)
		s[n -= blank(s + n - 1) == 1 ? 1 : 2] = 0;
	return s;
}
