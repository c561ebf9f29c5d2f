#include "probe/labels.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* "PARTICIPANT\tSESSION", freed with free(). */
static int key_of(char **out, const char *participant, const char *session, err *e)
{
	if (asprintf(out, "%s\t%s", bids_label(participant), bids_label(session)) >= 0)
		return 0;
	*out = NULL;
	return err_set(e, ERR_OS, "no memory for a table of labels");
}

/* The participant that ".../sub-X_sessions.tsv" is about, "" when it is about none. */
static void participant_of_file(char out[LAT_MAX_ID + 1], const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *end = strstr(name, "_sessions.tsv");
	bool is = !strncmp(name, "sub-", 4) && end && end - name <= LAT_MAX_ID;
	snprintf(out, LAT_MAX_ID + 1, "%.*s", is ? (int)(end - name) : 0, name);
}

static int index_rows(label_table *l, err *e)
{
	const tsv *t = &l->table;
	char everybody[LAT_MAX_ID + 1];
	int who = tsv_column(t, "participant_id"), when = tsv_column(t, "session_id");
	participant_of_file(everybody, t->path);
	if (who < 0 && (when < 0 || !*everybody))
		return err_set(e, ERR_DATA, "%s: has no column participant_id", t->path);
	for (size_t i = 0; i < t->rows; i++) {
		const char *participant = who < 0 ? everybody : tsv_cell(t, i, who), *session = when < 0 ? "" : tsv_cell(t, i, when);
		char *key = NULL;
		if (tsv_missing(participant))
			return err_set(e, ERR_DATA, "%s: line %zu: no participant_id", t->path, t->lines[i]);
		int code = key_of(&key, participant, tsv_missing(session) ? "" : session, e);
		if (!code && json_object_get(l->rows, key))
			code = err_set(e, ERR_DATA, "%s: line %zu: %.100s appears twice%s", t->path, t->lines[i], participant,
				       when < 0 ? " (visits are told apart by a column session_id)" : " with this session_id");
		if (!code && json_object_set_new(l->rows, key, json_integer((json_int_t)i)))
			code = err_set(e, ERR_DATA, "%s: line %zu: no UTF-8", t->path, t->lines[i]);
		free(key);
		if (code)
			return code;
	}
	return 0;
}

int labels_read(label_table *l, const char *path, const char *column, err *e)
{
	*l = (label_table){ .rows = json_object() };
	int code = l->rows ? tsv_read(&l->table, path, e) : err_set(e, ERR_OS, "no memory for a table of labels");
	if (code)
		return code;
	l->column = tsv_column(&l->table, column);
	if (l->column < 0)
		return err_set(e, ERR_DATA, "%s: has no column %.100s", l->table.path, column);
	return index_rows(l, e);
}

void labels_free(label_table *l)
{
	tsv_free(&l->table);
	json_decref(l->rows);
	*l = (label_table){ 0 };
}

static int look_up(const label_table *l, const char *participant, const char *session, const json_t **row, err *e)
{
	char *key = NULL;
	int code = key_of(&key, participant, session, e);
	*row = code ? NULL : json_object_get(l->rows, key);
	free(key);
	return code;
}

int labels_find(const label_table *l, const bids_id *who, const char **value, size_t *line, err *e)
{
	const json_t *found = NULL;
	int code = look_up(l, who->participant, who->session, &found, e);
	if (!code && !found && *who->session)
		code = look_up(l, who->participant, "", &found, e);
	if (!code && !found)
		code = err_set(e, ERR_DATA, "%s%s%s is not in %s", who->participant, *who->session ? " " : "", who->session, l->table.path);
	if (code)
		return code;
	size_t row = (size_t)json_integer_value(found);
	*value = tsv_cell(&l->table, row, l->column);
	if (line)
		*line = l->table.lines[row];
	return 0;
}
