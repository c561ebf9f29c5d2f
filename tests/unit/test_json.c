#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"

static void round_trip(void **state)
{
	(void)state;
	static const char in[] =
		"{ \"b\": [1, -2.5, 1e-300, 0.1, 9007199254740993, true, null],\n \"a\": {\"z\": \"\\u00e9\\n\", \"y\": []} }";
	static const char out[] = "{\"a\":{\"y\":[],\"z\":\"\xc3\xa9\\n\"},\"b\":[1,-2.5,1e-300,0.10000000000000001,"
				  "9007199254740993,true,null]}";
	err e = { 0 };
	json_t *v = NULL, *again = NULL;
	char *text = NULL;
	size_t n = 0;
	assert_int_equal(json_parse_object(&v, in, strlen(in), &e), 0);
	assert_int_equal(json_text(&text, &n, v, &e), 0);
	assert_string_equal(text, out);
	assert_int_equal(n, strlen(out));
	assert_int_equal(json_parse_object(&again, text, n, &e), 0);
	assert_true(json_equal(v, again));
	free(text);
	json_decref(v);
	json_decref(again);
}

static void refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   "{",
					   "[]",
					   "7",
					   "{}{}",
					   "{} x",
					   "{\"a\":1,\"a\":2}",
					   "{\"a\":\"\\u0000\"}",
					   "{\"a\":\"\xff\"}",
					   "{'a':1}",
					   "{\"a\":1,}",
					   "{\"a\":NaN}",
					   "{\"a\":18446744073709551616}",
					   "{\"a\":1e999}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err e = { 0 };
		json_t *v = NULL;
		assert_int_equal(json_parse_object(&v, bad[i], strlen(bad[i]), &e), ERR_DATA);
		assert_null(v);
		assert_non_null(strstr(e.text, "bad JSON"));
	}
}

/* {"a": followed by n times `part`, then `close` repeated, then }: */
static char *repeated(const char *part, int n, const char *middle, const char *close)
{
	size_t room = 16 + (strlen(part) + strlen(close)) * (size_t)n + strlen(middle);
	char *s = malloc(room), *p = s;
	assert_non_null(s);
	p += sprintf(p, "{\"a\":");
	for (int i = 0; i < n; i++)
		p += sprintf(p, "%s", part);
	p += sprintf(p, "%s", middle);
	for (int i = 0; i < n; i++)
		p += sprintf(p, "%s", close);
	strcpy(p, "}");
	return s;
}

static int parsed(char *text)
{
	json_t *v = NULL;
	err e = { 0 };
	int code = json_parse_object(&v, text, strlen(text), &e);
	json_decref(v);
	free(text);
	return code;
}

static void limits(void **state)
{
	(void)state;
	assert_int_equal(parsed(repeated("[", JSON_MAX_DEPTH - 1, "", "]")), 0);
	assert_int_equal(parsed(repeated("[", JSON_MAX_DEPTH, "", "]")), ERR_DATA);
	/* two of the counted characters are the outer ones */
	char *text = repeated("0,", JSON_MAX_VALUES - 2, "0]", "");
	memcpy(text, "{\"\":[", 5);
	assert_int_equal(parsed(text), 0);
	text = repeated("0,", JSON_MAX_VALUES - 1, "0]", "");
	memcpy(text, "{\"\":[", 5);
	assert_int_equal(parsed(text), ERR_DATA);
	/* inside a text they count for nothing, whatever is escaped */
	assert_int_equal(parsed(repeated("", JSON_MAX_VALUES, "\"\\\"\\\\[{,\"", "")), 0);
	text = repeated("[,{", JSON_MAX_VALUES, "\"", "");
	memcpy(text, "{\"\":\"", 5);
	assert_int_equal(parsed(text), 0);
}

/* Nothing is written that would not be read again. */
static void limits_of_output(void **state)
{
	(void)state;
	err e = { 0 };
	json_t *v = json_object();
	char *text = NULL;
	size_t n;
	json_t *inner = v;
	for (int i = 0; i < JSON_MAX_DEPTH; i++) {
		json_t *next = json_object();
		assert_int_equal(json_object_set_new(inner, "a", next), 0);
		inner = next;
	}
	assert_int_equal(json_text(&text, &n, v, &e), ERR_DATA);
	assert_null(text);
	json_decref(v);
}

static void names(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "", "" },
		{ "a b/c", "a b/c" },
		{ "M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\xA7\xA0", "M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\xA7\xA0" },
		{ "M\xFCller", "M\xC3\xBCller" },
		{ "\xC3", "\xC3\x83" },
		{ "\x80\xBF\xFF", "\xC2\x80\xC2\xBF\xC3\xBF" },
		{ "\xC0\x80", "\xC3\x80\xC2\x80" }, /* an overlong NUL */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *v = json_name(cases[i][0]);
		assert_non_null(v);
		assert_string_equal(json_string_value(v), cases[i][1]);
		json_decref(v);
	}
}

static void base64(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" }
	};
	err e = { 0 };
	void *p;
	size_t n;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		json_t *v = json_from_bytes(pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(json_string_value(v), pairs[i][1]);
		assert_int_equal(json_to_bytes(v, &p, &n, &e), 0);
		assert_int_equal(n, strlen(pairs[i][0]));
		assert_memory_equal(p, pairs[i][0], n + 1);
		free(p);
		json_decref(v);
	}
	unsigned char all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	json_t *v = json_from_bytes(all, sizeof all);
	assert_int_equal(json_to_bytes(v, &p, &n, &e), 0);
	assert_int_equal(n, sizeof all);
	assert_memory_equal(p, all, n);
	free(p);
	json_decref(v);
	static const char *const bad[] = { "Zg=", "Zg", "Z", "Zg==Zg==", "Z*==", "\xc3\xa9" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		v = json_string(bad[i]);
		assert_int_equal(json_to_bytes(v, &p, &n, &e), ERR_DATA);
		json_decref(v);
	}
	assert_int_equal(json_to_bytes(NULL, &p, &n, &e), ERR_DATA);
	v = json_integer(7);
	assert_int_equal(json_to_bytes(v, &p, &n, &e), ERR_DATA);
	json_decref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	    cmocka_unit_test(refused), cmocka_unit_test(limits),
		cmocka_unit_test(limits_of_output), cmocka_unit_test(names),	    cmocka_unit_test(base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
