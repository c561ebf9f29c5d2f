#include "format/tsv.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

enum { LARGEST = 256 << 20 };

static int read_names(tsv *t, char *line, size_t number, err *e)
{
	size_t cap = 0;
	for (char *cell; (cell = strsep(&line, "\t"));) {
		cell = text_trim(cell);
		if (!*cell)
			return err_set(e, ERR_DATA, "%s: line %zu: column %zu has no name", t->path, number, t->columns + 1);
		if (tsv_column(t, cell) >= 0)
			return err_set(e, ERR_DATA, "%s: line %zu: column %.60s appears twice", t->path, number, cell);
		int code = mem_grow(&t->names, &cap, t->columns + 1, sizeof *t->names, t->path, e);
		if (code)
			return code;
		t->names[t->columns++] = cell;
	}
	return 0;
}

typedef struct room {
	size_t cells, lines; /* elements that there is memory for */
} room;

static int read_row(tsv *t, room *r, char *line, size_t number, err *e)
{
	size_t n = 0;
	int code = mem_grow(&t->cells, &r->cells, (t->rows + 1) * t->columns, sizeof *t->cells, t->path, e);
	if (!code)
		code = mem_grow(&t->lines, &r->lines, t->rows + 1, sizeof *t->lines, t->path, e);
	if (code)
		return code;
	for (char *cell; (cell = strsep(&line, "\t")); n++)
		if (n < t->columns)
			t->cells[t->rows * t->columns + n] = text_trim(cell);
	if (n != t->columns)
		return err_set(e, ERR_DATA, "%s: line %zu: %zu cells where there are %zu columns", t->path, number, n, t->columns);
	t->lines[t->rows++] = number;
	return 0;
}

int tsv_read(tsv *t, const char *path, err *e)
{
	size_t number = 0;
	room r = { 0 };
	*t = (tsv){ 0 };
	int code = mem_text(&t->path, strcmp(path, "-") ? path : "stdin", e);
	if (!code)
		code = text_read(&t->text, path, LARGEST, e);
	char *rest = t->text;
	for (char *line; !code && (line = text_line(&rest));) {
		number++;
		if (!line[strspn(line, " ")])
			continue;
		code = t->columns ? read_row(t, &r, line, number, e) : read_names(t, line, number, e);
	}
	if (!code && !t->columns)
		code = err_set(e, ERR_DATA, "%s: empty: a table begins with the names of its columns", t->path);
	return code;
}

void tsv_free(tsv *t)
{
	free(t->path);
	free(t->names);
	free(t->cells);
	free(t->lines);
	free(t->text);
	*t = (tsv){ 0 };
}

int tsv_column(const tsv *t, const char *name)
{
	for (size_t i = 0; i < t->columns; i++)
		if (!strcmp(t->names[i], name))
			return (int)i;
	return -1;
}

const char *tsv_cell(const tsv *t, size_t row, int column) { return t->cells[row * t->columns + (size_t)column]; }

bool tsv_missing(const char *cell)
{
	static const char *const words[] = {
		"",    "n/a",  "na",	  "n.a.",    "n.a", "#n/a",	 "<na>",	"nan",		 "#nan",	   "null",
		"nil", "none", "missing", "unknown", "unk", "undefined", "unspecified", "not available", "not applicable", "-",
		"--",  "---",  "?",	  "."
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(cell, words[i]))
			return true;
	return false;
}

int tsv_number(double *out, const char *value, err *e)
{
	static const char digits[] = "0123456789";
	const char *comma = strchr(value, ',');
	char *end;
	*out = strtod(value, &end);
	/* strtod also takes words and hexadecimal numbers, which no table means */
	if (end > value && !*end && !value[strspn(value, "0123456789.eE+-")] && isfinite(*out))
		return 0;
	if (comma && comma > value && isdigit((unsigned char)comma[-1]) && comma[1] && !comma[1 + strspn(comma + 1, digits)])
		return err_set(e, ERR_DATA, "'%.60s' is no number (a decimal comma? numbers are written with a point)", value);
	return err_set(e, ERR_DATA, "'%.60s' is no number", value);
}
