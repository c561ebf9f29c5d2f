/* lat-cut: chooses records and tensors. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/stream.h"
#include "format/bids.h"

static const char *ids, *range, *names;

static const struct cli_option options[] = {
	{ 0, "ids", "keep the records whose ids stand in FILE, one a line", .file = &ids, .arg = "FILE" },
	{ 'r', "records",
	  "keep the record ID, all records of the subject or visit ID, or the records N to M, counted from 1, both ends included",
	  .text = &range, .arg = "ID|N:M" },
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

enum { NEAR = 3 };

struct choice {
	json_t *wanted; /* id -> whether it was met; NULL: any */
	const char *one; /* the id, subject or visit of -r; NULL: none */
	char near[NEAR][LAT_MAX_ID + 1]; /* the ids most like it so far, for who asked for one that is not there */
	int likeness[NEAR]; /* theirs; 0: none yet */
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

/* Is it a scan of this subject or visit: does the id go on behind it with more entities? */
static bool is_of(const char *whom, const char *id)
{
	size_t n = strlen(whom);
	return !strncmp(whom, "sub-", 4) && !strncmp(id, whom, n) && id[n] == '_';
}

/* How like the id that is looked for is this one? What holds its label is most, then what begins as it does. At least 1. */
static int likeness(const char *wanted, const char *id)
{
	int same = 0;
	if (strcasestr(id, bids_label(wanted)))
		return LAT_MAX_ID + 2;
	while (wanted[same] && wanted[same] == id[same])
		same++;
	return same + 1;
}

/* Keeps the id if it is among the most like; of those as like as each other the first ones. */
static void remember(struct choice *c, const char *id)
{
	int like = likeness(c->one, id), at = NEAR;
	while (at > 0 && c->likeness[at - 1] < like)
		at--;
	if (at == NEAR)
		return;
	for (int i = NEAR - 1; i > at; i--) {
		memcpy(c->near[i], c->near[i - 1], sizeof c->near[i]);
		c->likeness[i] = c->likeness[i - 1];
	}
	snprintf(c->near[at], sizeof c->near[at], "%s", id);
	c->likeness[at] = like;
}

static bool chosen(struct choice *c, const char *id)
{
	c->number++;
	if (c->number < c->first || (c->last && c->number > c->last))
		return false;
	if (!c->wanted)
		return true;
	bool is = json_object_get(c->wanted, id), belongs = c->one && is_of(c->one, id);
	if ((is && json_object_set_new(c->wanted, id, json_true())) || (belongs && json_object_set_new(c->wanted, c->one, json_true())))
		cli_die(ERR_OS, "no memory");
	if (!is && !belongs && c->one)
		remember(c, id);
	return is || belongs;
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
	char others[NEAR * (LAT_MAX_ID + 3) + 32] = "";
	const char *id;
	json_t *met;
	int at = 0;
	for (int i = 0; i < NEAR && c->likeness[i]; i++)
		at += sprintf(others + at, "%s%s", i ? ", " : " (ids most like it: ", c->near[i]);
	if (at)
		strcpy(others + at, ")");
	json_object_foreach (c->wanted, id, met)
		if (!json_is_true(met))
			return err_set(e, ERR_DATA, "%s: no such record%s", id, c->one && !strcmp(id, c->one) ? others : "");
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
		want(&c, c.one = range);
	if (names)
		split_names(&c, names);
	int code = stream_filter(files, n, cut, all_met, &c);
	json_decref(c.wanted);
	return cli_done(code);
}
