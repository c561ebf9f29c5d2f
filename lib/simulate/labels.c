#include "simulate/labels.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/tsv.h"

/* ---- maps ---- */

/* The place of `value` among the map's, or where it would have to be put. */
static int place_of(const label_map *m, int value)
{
	int low = 0, high = m->count;
	while (low < high) {
		int middle = (low + high) / 2;
		if (m->value[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add_value(label_map *m, int value, const char *name, err *e)
{
	int at = place_of(m, value);
	if (at < m->count && m->value[at] == value)
		return 0;
	if (m->count == LABELS_MOST)
		return err_set(e, ERR_DATA, "%s: more than %d different labels: is it a label map?", name, LABELS_MOST);
	memmove(m->value + at + 1, m->value + at, (size_t)(m->count - at) * sizeof *m->value);
	m->value[at] = value;
	m->count++;
	return 0;
}

int label_map_new(label_map *m, const volume *v, const char *name, err *e)
{
	const size_t count = volume_count(v->n);
	double mm[3];
	*m = (label_map){ .n = { v->n[0], v->n[1], v->n[2] } };
	affine_spacing(mm, (double(*)[4])v->affine);
	m->voxel = mm[0] * mm[1] * mm[2] / 1000;
	int code = 0;
	for (size_t i = 0; i < count && !code; i++) {
		const float x = v->v[i];
		if (!(x >= 0 && x <= LABELS_LARGEST && x == floorf(x)))
			return err_set(e, ERR_DATA, "%s: voxel %zu,%zu,%zu is %g: labels are whole numbers from 0 to %d", name,
				       i / (size_t)v->n[2] / (size_t)v->n[1], i / (size_t)v->n[2] % (size_t)v->n[1], i % (size_t)v->n[2],
				       (double)x, LABELS_LARGEST);
		if (i == 0 || x != v->v[i - 1])
			code = add_value(m, (int)x, name, e);
	}
	if (!code)
		code = mem_zero(&m->at, count, sizeof *m->at, name, e);
	for (size_t i = 0; i < count && !code; i++)
		m->at[i] = i && v->v[i] == v->v[i - 1] ? m->at[i - 1] : (uint16_t)place_of(m, (int)v->v[i]);
	return code;
}

void label_map_free(label_map *m)
{
	free(m->at);
	m->at = NULL;
}

int label_map_shares(label_share out[LABEL_SHARES], const label_map *m, const double p[3])
{
	int low[3], high[3], n = 0;
	double f[3];
	for (int a = 0; a < 3; a++) {
		const double x = fmin(fmax(p[a], 0), m->n[a] - 1);
		low[a] = (int)x;
		high[a] = low[a] + 1 < m->n[a] ? low[a] + 1 : low[a];
		f[a] = x - low[a];
	}
	for (int c = 0; c < 8; c++) {
		const int i = c >> 2 ? high[0] : low[0], j = c >> 1 & 1 ? high[1] : low[1], k = c & 1 ? high[2] : low[2];
		const double share = (c >> 2 ? f[0] : 1 - f[0]) * (c >> 1 & 1 ? f[1] : 1 - f[1]) * (c & 1 ? f[2] : 1 - f[2]);
		const uint16_t label = m->at[((size_t)i * (size_t)m->n[1] + (size_t)j) * (size_t)m->n[2] + (size_t)k];
		int of = 0;
		if (!(share > 0))
			continue;
		while (of < n && out[of].label != label)
			of++;
		if (of == n)
			out[n++] = (label_share){ label, 0 };
		out[of].share += share;
	}
	return n;
}

/* ---- regions ---- */

bool region_has(const region *r, int label)
{
	for (size_t i = 0; i < r->n; i++)
		if (label >= r->ranges[i].from && label <= r->ranges[i].to)
			return true;
	return false;
}

void region_of_map(unsigned char *in, const region *r, const label_map *m)
{
	for (int k = 0; k < m->count; k++)
		in[k] = region_has(r, m->value[k]);
}

void region_free(region *r)
{
	free(r->ranges);
	*r = (region){ .n = 0 };
}

static int add_range(region *r, int from, int to, err *e)
{
	int code = mem_grow(&r->ranges, &r->cap, r->n + 1, sizeof *r->ranges, "regions", e);
	if (!code)
		r->ranges[r->n++] = (struct label_range){ from, to };
	return code;
}

/* "47" or "100-207". false: no such thing. */
static bool read_range(struct label_range *out, const char *text)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	long from = strtol(text, &end, 10), to = from;
	if (*end == '-' && isdigit((unsigned char)end[1]))
		to = strtol(end + 1, &end, 10);
	*out = (struct label_range){ (int)from, (int)to };
	return !*end && from <= to && to <= LABELS_LARGEST;
}

static bool is_name(const char *s)
{
	if (!isalpha((unsigned char)*s))
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/* ---- tables ---- */

static int read_row(region_table *t, const char *name, const char *labels, err *e)
{
	region *r;
	char *words = NULL, *rest, *word;
	if (!is_name(name) || strlen(name) >= sizeof r->name)
		return err_set(e, ERR_DATA, "'%.60s' can be no name of a region: letters, digits and _, a letter in front", name);
	if (region_table_find(t, name))
		return err_set(e, ERR_DATA, "%s appears twice", name);
	int code = mem_grow(&t->all, &t->cap, t->n + 1, sizeof *t->all, "regions", e);
	if (!code)
		code = mem_text(&words, labels, e);
	if (code)
		return code;
	r = &t->all[t->n++];
	strcpy(r->name, name);
	rest = words;
	while (!code && (word = strsep(&rest, ", "))) {
		struct label_range range;
		if (!*word)
			continue;
		code = read_range(&range, word) ? add_range(r, range.from, range.to, e)
						: err_set(e, ERR_DATA, "'%.60s' is no label and no range of labels", word);
	}
	if (!code && !r->n)
		code = err_set(e, ERR_DATA, "%s: no labels", name);
	free(words);
	return code;
}

int region_table_read(region_table *t, const char *path, err *e)
{
	tsv table;
	*t = (region_table){ .n = 0 };
	if (!path)
		return 0;
	int code = tsv_read(&table, path, e), names = code ? 0 : tsv_column(&table, "region"),
	    labels = code ? 0 : tsv_column(&table, "labels");
	if (!code && (names < 0 || labels < 0))
		code = err_set(e, ERR_DATA, "%s: has no column %s", table.path, names < 0 ? "region" : "labels");
	for (size_t i = 0; i < table.rows && !code; i++)
		if ((code = read_row(t, tsv_cell(&table, i, names), tsv_cell(&table, i, labels), e)))
			err_prefix(e, "%s: line %zu", table.path, table.lines[i]);
	tsv_free(&table);
	return code;
}

const region *region_table_find(const region_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->all[i].name, name))
			return &t->all[i];
	return NULL;
}

void region_table_free(region_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		region_free(&t->all[i]);
	free(t->all);
	*t = (region_table){ .n = 0 };
}

/* ---- regions of a command line ---- */

static int add_word(region *r, const char *word, const region_table *t, const char *what, err *e)
{
	const region *named = region_table_find(t, word);
	struct label_range range;
	int code = 0;
	if (read_range(&range, word))
		return add_range(r, range.from, range.to, e);
	if (!named)
		return err_set(e, ERR_USAGE, "%s: '%.60s' is no label%s", what, word,
			       t->n ? " and no region of the table" : "; names of regions need --regions");
	for (size_t i = 0; i < named->n && !code; i++)
		code = add_range(r, named->ranges[i].from, named->ranges[i].to, e);
	return code;
}

int region_parse(region *r, const char *text, const region_table *t, const char *what, err *e)
{
	char *words = NULL, *rest, *word;
	*r = (region){ .n = 0 };
	if (strlen(text) >= sizeof r->name)
		return err_set(e, ERR_USAGE, "%s: too long a region: %.40s...", what, text);
	strcpy(r->name, text);
	int code = mem_text(&words, text, e);
	rest = words;
	while (!code && (word = strsep(&rest, "+")))
		code = add_word(r, word, t, what, e);
	free(words);
	return code;
}

static int add_amount(amounts *a, char *item, const region_table *t, const char *what, err *e)
{
	char *number = strchr(item, '='), *end;
	if (!number || !number[1])
		return err_set(e, ERR_USAGE, "%s: '%.60s' is not REGION=NUMBER", what, item);
	*number++ = 0;
	int code = mem_grow(&a->all, &a->cap, a->n + 1, sizeof *a->all, "regions", e);
	if (code)
		return code;
	struct amount *one = &a->all[a->n++];
	one->value = strtod(number, &end);
	if (*end || !isfinite(one->value) || number[strspn(number, "0123456789.eE+-")])
		return err_set(e, ERR_USAGE, "%s: %.60s: '%.60s' is no number", what, item, number);
	return region_parse(&one->of, item, t, what, e);
}

int amounts_parse(amounts *a, const char *text, const region_table *t, const char *what, err *e)
{
	char *words = NULL, *rest, *word;
	*a = (amounts){ .n = 0 };
	if (!text)
		return 0;
	int code = mem_text(&words, text, e);
	rest = words;
	while (!code && (word = strsep(&rest, ",")))
		code = add_amount(a, word, t, what, e);
	free(words);
	return code;
}

void amounts_free(amounts *a)
{
	for (size_t i = 0; i < a->n; i++)
		region_free(&a->all[i].of);
	free(a->all);
	*a = (amounts){ .n = 0 };
}
