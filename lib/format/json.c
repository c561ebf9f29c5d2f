#include "format/json.h"

#include <nettle/base64.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Counts before the parser takes memory: a megabyte of "[[],[],.." would become a hundred of them. */
static int check_size(const char *text, size_t n, err *e)
{
	int depth = 0, values = 0;
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		quoted = c == '"';
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		values += c == '{' || c == '[' || c == ',';
		if (depth > JSON_MAX_DEPTH)
			return err_set(e, ERR_DATA, "JSON nested deeper than %d", JSON_MAX_DEPTH);
		if (values > JSON_MAX_VALUES)
			return err_set(e, ERR_DATA, "JSON of more than %d values", JSON_MAX_VALUES);
	}
	return 0;
}

int json_parse_object(json_t **out, const char *text, size_t n, err *e)
{
	json_error_t why;
	int code = check_size(text, n, e);
	if (code)
		return code;
	json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	if (!v)
		return err_set(e, ERR_DATA, "bad JSON: %s", why.text);
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set(e, ERR_DATA, "bad JSON: not an object");
	}
	*out = v;
	return 0;
}

int json_text(char **out, size_t *n, const json_t *v, err *e)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return err_set(e, ERR_OS, "no memory for JSON");
	int code = check_size(text, strlen(text), e);
	if (code) {
		free(text);
		return code;
	}
	*out = text;
	*n = strlen(text);
	return 0;
}

json_t *json_name(const char *text)
{
	json_t *v = json_string(text);
	if (v)
		return v;
	char *wide = malloc(2 * strlen(text) + 1), *to = wide;
	for (; wide && *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x80)
			*to++ = (char)(0xC0 | c >> 6);
		*to++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
	}
	v = wide ? json_stringn(wide, (size_t)(to - wide)) : NULL;
	free(wide);
	return v;
}

void json_brief(const json_t *v, char text[JSON_BRIEF])
{
	char *dumped = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	if (json_is_real(v))
		snprintf(text, JSON_BRIEF, "%g", json_real_value(v));
	else
		snprintf(text, JSON_BRIEF, "%s", json_is_string(v) ? json_string_value(v) : dumped ? dumped : "?");
	free(dumped);
}

json_t *json_from_bytes(const void *p, size_t n)
{
	size_t length = BASE64_ENCODE_RAW_LENGTH(n);
	char *text = malloc(length + 1);
	if (!text)
		return NULL;
	base64_encode_raw(text, n, p);
	json_t *v = json_stringn_nocheck(text, length);
	free(text);
	return v;
}

int json_to_bytes(const json_t *v, void **p, size_t *n, err *e)
{
	if (!json_is_string(v))
		return err_set(e, ERR_DATA, "not a text of base64");
	struct base64_decode_ctx ctx;
	size_t length = json_string_length(v), got = BASE64_DECODE_LENGTH(length);
	unsigned char *bytes = NULL;
	int code = mem_zero(&bytes, got + 1, 1, "base64", e);
	if (code)
		return code;
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &got, bytes, length, json_string_value(v)) || !base64_decode_final(&ctx)) {
		free(bytes);
		return err_set(e, ERR_DATA, "not base64");
	}
	bytes[got] = 0;
	*p = bytes;
	*n = got;
	return 0;
}
