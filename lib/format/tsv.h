/* Tab-separated tables as BIDS has them: UTF-8, one line of column names, one line a row, "n/a" where there is no value. */
#ifndef FORMAT_TSV_H
#define FORMAT_TSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct tsv {
	char *path;
	size_t columns, rows;
	char **names; /* [columns], none empty, none twice */
	char **cells; /* [rows * columns], row after row; blanks around a value are taken off */
	size_t *lines; /* [rows]: the line of the file, counted from 1, for messages */
	char *text; /* what the pointers point into */
} tsv;

/* Reads a table ("-": stdin). Lines may end with CR LF, empty lines are skipped, a byte order mark is too. ERR_NOINPUT; ERR_DATA
 * "PATH: line N: reason": a row of another number of cells, a column without a name or twice, no text, more than 256 MB. Freed with
 * tsv_free, also when it failed. */
int tsv_read(tsv *t, const char *path, err *e);
void tsv_free(tsv *t);

/* The column's place, -1 when there is none. */
int tsv_column(const tsv *t, const char *name);
const char *tsv_cell(const tsv *t, size_t row, int column);
/* Does the cell say that there is no value? BIDS writes n/a; spreadsheets, data bases and programs also leave it empty or write na, n.a.,
 * #n/a, <na>, nan, #nan, null, nil, none, missing, unknown, unk, undefined, unspecified, not available, not applicable, -, --, ---, ? or a
 * point, in any case. */
bool tsv_missing(const char *cell);
/* A cell as a finite number, decimal and with a point; ERR_DATA "'x' is no number". */
int tsv_number(double *out, const char *cell, err *e);

#endif
