/* JSON from files that nobody vouches for, and JSON that comes out as the same bytes every time. */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/* Nesting deeper, or more values (numbers, texts, lists, objects), than this is refused before memory is taken. */
enum { JSON_MAX_DEPTH = 32, JSON_MAX_VALUES = 1 << 16 };

/* Parses n bytes that hold exactly one JSON object; keys twice in one object and NUL characters are errors (ERR_DATA).
 * The caller owns *out. */
int json_parse_object(json_t **out, const char *text, size_t n, err *e);

/* The same value always gives the same text: keys sorted, no blanks, reals with 17 digits (they round-trip exactly). The text (freed with
 * free(), *n characters before its zero) is one that json_parse_object takes: else ERR_DATA. */
int json_text(char **out, size_t *n, const json_t *v, err *e);

/* A text from outside, such as a path, as a JSON text, which is UTF-8: what is not is taken for Latin-1, so that a name never costs the
 * rest. A new reference; NULL only when memory is short. */
json_t *json_name(const char *text);

/* A value in a message: 8, .5, noise, null. Longer ones are cut. */
enum { JSON_BRIEF = 40 };
void json_brief(const json_t *v, char text[JSON_BRIEF]);

/* Bytes as a base64 text (RFC 4648) and back. Both give a new reference / a block freed with free(). */
json_t *json_from_bytes(const void *p, size_t n);
/* v: a JSON string; ERR_DATA when it is not one, or not base64. NULL v: ERR_DATA, too. A zero byte follows the n bytes. */
int json_to_bytes(const json_t *v, void **p, size_t *n, err *e);

#endif
