#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line whatever a file name or a hostile header holds. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int err_set(err *e, int code, const char *fmt, ...)
{
	if (!e)
		return code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	one_line(e->text);
	e->code = code;
	return code;
}

int err_prefix(err *e, const char *fmt, ...)
{
	if (!e)
		return ERR_BUG;
	char was[sizeof e->text];
	memcpy(was, e->text, sizeof was);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->text)
		snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", was);
	one_line(e->text);
	return e->code;
}

int err_as(err *e, int code, int was, int now)
{
	if (code != was)
		return code;
	if (e)
		e->code = now;
	return now;
}
