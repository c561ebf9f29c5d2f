/* lat-cut: chooses records and tensors. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/stream.h"

static const char *ids, *range, *names;

static const struct cli_option options[] = {
	{ 0, "ids", "keep the records whose ids stand in FILE, one a line", .file = &ids, .arg = "FILE" },
	{ 'r', "records", "keep the record ID, or the records N to M, counted from 1, both ends included", .text = &range,
	  .arg = "ID|N:M" },
	{ 'n', "names", "keep these tensors alone (a,b,..)", .text = &names, .arg = "NAMES", .result = true },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-cut",
	.summary = "choose records and tensors of a stream",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

struct choice {
	json_t *wanted; /* id -> whether it was met; NULL: any */
	int64_t first, last; /* by number; last 0: no end */
	int64_t number; /* of the record at hand */
	char **names; /* NULL: any */
	int count;
};

/* "a,b" to its parts. */
static void split_names(struct choice *c, const char *list)
{
	char *text = strdup(list), *rest = text;
	c->names = calloc(strlen(list) / 2 + 1, sizeof *c->names);
	if (!text || !c->names)
		cli_die(ERR_OS, "no memory");
	for (char *name; (name = strsep(&rest, ","));) {
		if (!*name)
			cli_die(ERR_USAGE, "--names: '%s' has an empty name", list);
		c->names[c->count++] = name;
	}
}

/* "N:M", "N:", ":M". */
static void parse_range(struct choice *c, const char *text)
{
	char *end = NULL;
	c->first = *text == ':' ? 1 : strtoll(text, &end, 10);
	if (*text == ':')
		end = (char *)text;
	bool good = *end == ':' && c->first >= 1 && strcmp(text, ":");
	if (good && end[1]) {
		c->last = strtoll(end + 1, &end, 10);
		good = !*end && c->last >= c->first;
	}
	if (!good || text[strspn(text, "0123456789:")])
		cli_die(ERR_USAGE, "--records: '%s' is neither an id nor N:M", text);
}

static void want(struct choice *c, const char *id)
{
	if (!lat_id_ok(id))
		cli_die(ERR_USAGE, "%s: not an id", id);
	if (json_object_set_new(c->wanted, id, json_false()))
		cli_die(ERR_OS, "no memory");
}

static void read_ids(struct choice *c, const char *path)
{
	char *text = NULL, *line, *rest;
	err e = { 0 };
	cli_check(text_read(&text, path, 64 << 20, &e), &e);
	rest = text;
	while ((line = text_line(&rest)))
		if (*(line = text_trim(line)))
			want(c, line);
	free(text);
}

static bool chosen(struct choice *c, const char *id)
{
	c->number++;
	if (c->number < c->first || (c->last && c->number > c->last))
		return false;
	if (!c->wanted)
		return true;
	if (!json_object_get(c->wanted, id))
		return false;
	if (json_object_set_new(c->wanted, id, json_true()))
		cli_die(ERR_OS, "no memory");
	return true;
}

static int cut(lat_record *r, void *with, bool *keep, err *e)
{
	struct choice *c = with;
	lat_tensor *t;
	*keep = chosen(c, lat_id(r));
	if (!*keep || !c->names)
		return 0;
	for (int i = 0; i < c->count; i++) {
		int code = lat_need(r, c->names[i], &t, e);
		if (code)
			return code;
	}
	for (int i = r->count; i-- > 0;) {
		bool stays = false;
		for (int k = 0; k < c->count; k++)
			stays |= !strcmp(r->tensors[i].name, c->names[k]);
		if (!stays)
			lat_drop(r, r->tensors[i].name);
	}
	return 0;
}

/* Who asks for a record by its id wants it. */
static int all_met(void *with, err *e)
{
	struct choice *c = with;
	const char *id;
	json_t *met;
	json_object_foreach (c->wanted, id, met)
		if (!json_is_true(met))
			return err_set(e, ERR_DATA, "%s: no such record", id);
	return 0;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct choice c = { .first = 1 };
	bool by_number = range && strchr(range, ':');
	if ((ids || (range && !by_number)) && !(c.wanted = json_object()))
		cli_die(ERR_OS, "no memory");
	if (ids)
		read_ids(&c, ids);
	if (by_number)
		parse_range(&c, range);
	else if (range)
		want(&c, range);
	if (names)
		split_names(&c, names);
	int code = stream_filter(files, n, cut, all_met, &c);
	json_decref(c.wanted);
	return cli_done(code);
}
