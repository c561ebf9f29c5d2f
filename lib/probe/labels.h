/* Who a record is about, and what a table of labels says of it. */
#ifndef PROBE_LABELS_H
#define PROBE_LABELS_H

#include <jansson.h>

#include "base/err.h"
#include "format/bids.h"
#include "format/tsv.h"

/* A table with the column participant_id, perhaps session_id, found by both. In a file sub-X_sessions.tsv without participant_id all rows
 * are about sub-X. Values may come with sub- and ses- or without. */
typedef struct label_table {
	tsv table;
	int column; /* of the values */
	json_t *rows; /* "participant TAB session" -> row */
} label_table;

/* Reads the table; `column` names the values. ERR_NOINPUT, ERR_DATA: no such column, nobody to look for, one visit twice. Freed with
 * labels_free, also when it failed. */
int labels_read(label_table *l, const char *path, const char *column, err *e);
void labels_free(label_table *l);

/* The value for a visit: the row of this participant and session, else the participant's row that has no session. ERR_DATA "not in PATH"
 * when there is none. *value may be one that is missing (tsv_missing); *line (may be NULL): the line of the table. */
int labels_find(const label_table *l, const bids_id *who, const char **value, size_t *line, err *e);

#endif
