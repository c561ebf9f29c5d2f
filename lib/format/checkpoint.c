#include "format/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/safetensors.h"
#include "format/zip.h"

enum { LONGEST_NAME = 240 };

/* Where the numbers of a storage lie. */
typedef struct place {
	const unsigned char *data; /* NULL: not looked for yet */
	const zip_member *member; /* NULL: the layout has no checksums */
} place;

/* A storage of the old layout, by key. */
typedef struct keyed {
	const char *key;
	uint32_t key_bytes;
	enum dtype dtype;
	int64_t elements;
	const unsigned char *data;
} keyed;

struct checkpoint_private {
	char *name;
	const void *map;
	size_t map_bytes;
	zip archive;
	char *folder; /* "NAME/data/" of the archive */
	pickle values;
	const pickle_value *state; /* the dictionary that counts; NULL: a safetensors file */
	place *places; /* of each storage of the pickle */
	bool *verified; /* each member of the archive */
	keyed *old; /* sorted by key */
	size_t n_old;
	st_file *safetensors;
	size_t room; /* of tensors */
	checkpoint_tensor **by_name; /* sorted */
};

/* ---- the layout of 1.6 and later: an archive ---- */

/* The one member NAME/data.pkl; its folder goes to p->folder. */
static int find_pickle(const zip_member **found, struct checkpoint_private *p, err *e)
{
	static const char tail[] = "/data.pkl";
	const size_t n_tail = sizeof tail - 1;
	*found = NULL;
	for (size_t i = 0; i < p->archive.n; i++) {
		const zip_member *m = &p->archive.members[i];
		size_t folder = m->name_bytes - n_tail;
		if (m->name_bytes <= n_tail || memcmp(m->name + folder, tail, n_tail) || memchr(m->name, '/', folder))
			continue;
		if (*found)
			return err_set(e, ERR_CONFIG, "two members called data.pkl");
		*found = m;
	}
	if (!*found)
		return err_set(e, ERR_CONFIG, "an archive that is no checkpoint: it has no member data.pkl");
	if (asprintf(&p->folder, "%.*s/data/", (int)((*found)->name_bytes - n_tail), (*found)->name) < 0) {
		p->folder = NULL;
		return err_set(e, ERR_OS, "no memory");
	}
	return zip_verify(*found, e);
}

static int check_byte_order(const struct checkpoint_private *p, err *e)
{
	char name[1100];
	snprintf(name, sizeof name, "%.*sbyteorder", (int)(strlen(p->folder) - strlen("data/")), p->folder);
	const zip_member *m = zip_find(&p->archive, name);
	if (m && (m->bytes != 6 || memcmp(m->data, "little", 6)))
		return err_set(e, ERR_CONFIG, "its numbers are big-endian");
	return 0;
}

static int open_archive(struct checkpoint_private *p, const void *bytes, size_t n, uint32_t *root, err *e)
{
	const zip_member *m = NULL;
	size_t used;
	int code = zip_parse(&p->archive, bytes, n, e);
	if (!code)
		code = find_pickle(&m, p, e);
	if (!code)
		code = check_byte_order(p, e);
	if (!code)
		code = mem_zero(&p->verified, p->archive.n, sizeof *p->verified, "archive", e);
	if (!code)
		code = pickle_read(&p->values, m->data, m->bytes, &used, root, e);
	return code;
}

static int find_member(place *at, const struct checkpoint_private *p, const pickle_storage *s, err *e)
{
	char name[1400];
	int length = snprintf(name, sizeof name, "%s%.*s", p->folder, (int)s->key_bytes, s->key);
	at->member = length > 0 && (size_t)length < sizeof name ? zip_find(&p->archive, name) : NULL;
	if (!at->member)
		return err_set(e, ERR_CONFIG, "storage %.*s is missing", s->key_bytes < 60 ? (int)s->key_bytes : 60, s->key);
	size_t bytes;
	if (__builtin_mul_overflow((size_t)s->elements, dtype_size(s->dtype), &bytes) || at->member->bytes != bytes)
		return err_set(e, ERR_CONFIG, "storage %.*s: %zu bytes where %lld elements of %s are announced", (int)s->key_bytes, s->key,
			       at->member->bytes, (long long)s->elements, dtype_name(s->dtype));
	at->data = at->member->data;
	return 0;
}

/* ---- the layout before: pickles one after the other (magic number, version, system, values, keys), then the storages ---- */

static const unsigned char magic[] = { 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

static bool is_old(const unsigned char *b, size_t n) { return n > 2 + sizeof magic && b[0] == 0x80 && !memcmp(b + 2, magic, sizeof magic); }

static int compare_keys(const void *a, const void *b)
{
	const keyed *s = a, *t = b;
	int order = memcmp(s->key, t->key, s->key_bytes < t->key_bytes ? s->key_bytes : t->key_bytes);
	return order ? order : (s->key_bytes > t->key_bytes) - (s->key_bytes < t->key_bytes);
}

/* The storages by key, each once. */
static int list_keys(struct checkpoint_private *p, err *e)
{
	int code = mem_zero(&p->old, p->values.n_storages, sizeof *p->old, "storages", e);
	for (size_t i = 0; !code && i < p->values.n_storages; i++) {
		const pickle_storage *s = &p->values.storages[i];
		p->old[i] = (keyed){ s->key, s->key_bytes, s->dtype, s->elements, NULL };
	}
	if (code)
		return code;
	qsort(p->old, p->values.n_storages, sizeof *p->old, compare_keys);
	for (size_t i = 0; i < p->values.n_storages; i++) {
		if (!p->n_old || compare_keys(&p->old[p->n_old - 1], &p->old[i])) {
			p->old[p->n_old++] = p->old[i];
			continue;
		}
		if (p->old[p->n_old - 1].dtype != p->old[i].dtype || p->old[p->n_old - 1].elements != p->old[i].elements)
			return err_set(e, ERR_CONFIG, "storage %.*s is described in two ways", (int)p->old[i].key_bytes, p->old[i].key);
	}
	return 0;
}

static keyed *find_old(const struct checkpoint_private *p, const char *key, uint32_t key_bytes)
{
	keyed wanted = { .key = key, .key_bytes = key_bytes };
	return p->n_old ? bsearch(&wanted, p->old, p->n_old, sizeof *p->old, compare_keys) : NULL;
}

/* The storages in the order of the list of their keys: eight bytes for the number of elements, then these. */
static int place_old(struct checkpoint_private *p, const pickle_value *keys, const unsigned char *at, const unsigned char *end, err *e)
{
	for (uint32_t i = 0; i < keys->n; i++) {
		const pickle_value *key = &p->values.values[keys->items[i]];
		keyed *s = key->kind == PICKLE_TEXT ? find_old(p, key->text, key->n) : NULL;
		size_t bytes;
		uint64_t elements = 0;
		if (!s || s->data)
			return err_set(e, ERR_CONFIG, "a storage that no tensor has, or twice");
		if (end - at < 8)
			return err_set(e, ERR_CONFIG, "cut short: storage %.*s is missing", (int)key->n, key->text);
		for (int k = 8; k-- > 0;)
			elements = elements << 8 | at[k];
		at += 8;
		if (elements != (uint64_t)s->elements || __builtin_mul_overflow(elements, dtype_size(s->dtype), &bytes))
			return err_set(e, ERR_CONFIG, "storage %.*s: %llu elements where %lld are announced", (int)key->n, key->text,
				       (unsigned long long)elements, (long long)s->elements);
		if (bytes > (size_t)(end - at))
			return err_set(e, ERR_CONFIG, "cut short: storage %.*s ends behind the file", (int)key->n, key->text);
		s->data = at;
		at += bytes;
	}
	return at == end ? 0 : err_set(e, ERR_CONFIG, "%zu bytes at the end belong to no storage", (size_t)(end - at));
}

static int open_old(struct checkpoint_private *p, const unsigned char *b, size_t n, uint32_t *root, err *e)
{
	uint32_t parts[5] = { 0 }; /* magic number, version, system, values, keys */
	size_t at = 0;
	int code = 0;
	for (int i = 0; !code && i < 5; i++) {
		size_t used = 0;
		code = pickle_read(&p->values, b + at, n - at, &used, &parts[i], e);
		if (code)
			err_prefix(e, "pickle %d", i + 1);
		at += used;
	}
	if (!code && p->values.values[parts[4]].kind != PICKLE_LIST)
		code = err_set(e, ERR_CONFIG, "no list of storages");
	if (!code)
		code = list_keys(p, e);
	if (!code)
		code = place_old(p, &p->values.values[parts[4]], b + at, b + n, e);
	*root = parts[3];
	return code;
}

/* ---- tensors ---- */

static bool name_ok(const char *name, size_t n)
{
	bool ok = n && n <= LONGEST_NAME;
	for (size_t i = 0; ok && i < n; i++)
		ok = (unsigned char)name[i] > ' ' && (unsigned char)name[i] <= '~';
	return ok;
}

/* Under its name, behind the place (may be "") of the dictionary that it is in. */
static int add(checkpoint *c, const char *where, const char *name, size_t n_name, const checkpoint_tensor *t, err *e)
{
	if (!name_ok(name, n_name))
		return err_set(e, ERR_CONFIG, "tensor %.*s: a name that is not allowed", n_name < 60 ? (int)n_name : 60, name);
	int code = mem_grow(&c->tensors, &c->p->room, c->n + 1, sizeof *c->tensors, "tensors", e);
	if (code)
		return code;
	c->tensors[c->n] = *t;
	if (asprintf(&c->tensors[c->n].name, "%s%.*s", where, (int)n_name, name) < 0)
		return err_set(e, ERR_OS, "no memory");
	c->n++;
	return 0;
}

static void measure(checkpoint_tensor *t)
{
	int64_t step = 1;
	t->count = 1;
	t->contiguous = true;
	for (int i = t->rank; i-- > 0;) {
		t->contiguous = t->contiguous && (t->n[i] == 1 || t->stride[i] == step);
		step *= t->n[i];
		t->count *= (size_t)t->n[i];
	}
}

static int add_pickled(checkpoint *c, const char *at_place, const pickle_value *key, const pickle_tensor *x, err *e)
{
	struct checkpoint_private *p = c->p;
	const pickle_storage *s = &p->values.storages[x->storage];
	place *at = &p->places[x->storage];
	checkpoint_tensor t = { .dtype = s->dtype, .rank = x->rank, .storage = x->storage };
	int code = 0;
	if (!at->data && p->folder) {
		code = find_member(at, p, s, e);
	} else if (!at->data) {
		const keyed *k = find_old(p, s->key, s->key_bytes);
		at->data = k ? k->data : NULL;
		if (!at->data)
			code = err_set(e, ERR_CONFIG, "storage %.*s is missing", s->key_bytes < 60 ? (int)s->key_bytes : 60, s->key);
	}
	if (code)
		return code;
	memcpy(t.n, x->n, sizeof t.n);
	memcpy(t.stride, x->stride, sizeof t.stride);
	measure(&t);
	/* pickle.c has compared offset and shape with the storage; a tensor without elements may begin anywhere */
	t.data = t.count ? at->data + (size_t)x->offset * dtype_size(s->dtype) : at->data;
	t.beside = *at_place;
	return add(c, at_place, key->text, key->n, &t, e);
}

static size_t count_tensors(const pickle *p, const pickle_value *d)
{
	size_t n = 0;
	for (uint32_t i = 0; d->kind == PICKLE_DICT && i < d->n; i += 2)
		n += p->values[d->items[i]].kind == PICKLE_TEXT && p->values[d->items[i + 1]].kind == PICKLE_TENSOR;
	return n;
}

/* All tensors of dictionary d; values that are none (counters, say) are passed over. where: "", or where it lies beside the one that
 * counts, "ema/": there may be anything there, so what cannot be a weight is passed over, too. */
static int add_dictionary(checkpoint *c, const pickle_value *d, const char *where, const char *called, err *e)
{
	const pickle *p = &c->p->values;
	size_t n = count_tensors(p, d);
	int code = 0;
	if (n && c->n_dictionaries < CHECKPOINT_MAX_DICTIONARIES) {
		checkpoint_dictionary *x = &c->dictionaries[c->n_dictionaries++];
		*x = (checkpoint_dictionary){ .tensors = n };
		snprintf(x->name, sizeof x->name, "%s", called);
	}
	for (uint32_t i = 0; !code && n && i < d->n; i += 2) {
		const pickle_value *key = &p->values[d->items[i]], *v = &p->values[d->items[i + 1]];
		if (key->kind != PICKLE_TEXT || v->kind != PICKLE_TENSOR)
			continue;
		if (*where && (!name_ok(key->text, key->n) || c->n >= PICKLE_MAX_TENSORS))
			continue;
		code = add_pickled(c, where, key, &p->tensors[v->place], e);
		if (*where && code == ERR_CONFIG)
			code = e->code = 0;
	}
	return code;
}

/* The dictionaries below d that were not seen yet, by the way there. */
static int add_below(checkpoint *c, const pickle_value *d, const char *where, int deep, bool *seen, err *e)
{
	enum { DEEPEST = 4 };
	const pickle *p = &c->p->values;
	int code = 0;
	for (uint32_t i = 0; !code && d->kind == PICKLE_DICT && i < d->n; i += 2) {
		const pickle_value *key = &p->values[d->items[i]], *v = &p->values[d->items[i + 1]];
		char below[LONGEST_NAME];
		if (v->kind != PICKLE_DICT || seen[d->items[i + 1]] || key->kind != PICKLE_TEXT || !name_ok(key->text, key->n) ||
		    snprintf(below, sizeof below, "%s%.*s/", where, (int)key->n, key->text) >= (int)sizeof below)
			continue;
		seen[d->items[i + 1]] = true;
		char called[LONGEST_NAME];
		snprintf(called, sizeof called, "%.*s", (int)strlen(below) - 1, below);
		code = add_dictionary(c, v, below, called, e);
		if (!code && deep < DEEPEST)
			code = add_below(c, v, below, deep + 1, seen, e);
	}
	return code;
}

/* There is an object where names and tensors should be: which? */
static int refuse_object(const checkpoint *c, const char *where, const pickle_value *v, err *e)
{
	char class[PICKLE_CLASS];
	pickle_class(&c->p->values, v, class);
	return err_set(e, ERR_CONFIG, "%s an object of %s, which would have to be executed, and no dictionary of names and tensors", where,
		       class);
}

/* The dictionary that counts is the one under state_dict, else the outermost; those besides are read, too. */
static int add_state(checkpoint *c, uint32_t root, err *e)
{
	const pickle *p = &c->p->values;
	const pickle_value *outermost = &p->values[root], *state = pickle_get(p, outermost, "state_dict");
	bool *seen = NULL, under = state && count_tensors(p, state);
	if (outermost->kind == PICKLE_OTHER)
		return refuse_object(c, "holds", outermost, e);
	if (state && state->kind == PICKLE_OTHER)
		return refuse_object(c, "state_dict is", state, e);
	c->p->state = under ? state : outermost;
	int code = mem_zero(&c->p->places, p->n_storages, sizeof *c->p->places, "storages", e);
	if (!code)
		code = mem_zero(&seen, p->n, sizeof *seen, "dictionaries", e);
	if (!code)
		code = add_dictionary(c, c->p->state, "", under ? "state_dict" : "", e);
	if (!code) {
		seen[root] = seen[c->p->state - p->values] = true;
		code = add_below(c, outermost, "", 1, seen, e);
	}
	free(seen);
	return code || c->n ? code : err_set(e, ERR_CONFIG, "holds no dictionary of names and tensors");
}

static int add_safetensors(checkpoint *c, const void *bytes, size_t n, err *e)
{
	int code = st_parse(&c->p->safetensors, bytes, n, c->p->name, e);
	for (size_t i = 0; !code && i < c->p->safetensors->n; i++) {
		const st_tensor *s = &c->p->safetensors->tensors[i];
		checkpoint_tensor t = { .dtype = s->dtype, .rank = s->rank, .data = s->data, .storage = i };
		int64_t step = 1;
		for (int k = s->rank; k-- > 0;) {
			t.n[k] = s->n[k];
			t.stride[k] = step;
			step *= s->n[k];
		}
		measure(&t);
		code = add(c, "", s->name, strlen(s->name), &t, e);
		if (code)
			err_prefix(e, "%s", c->p->name);
	}
	return code || c->n ? code : err_set(e, ERR_CONFIG, "%s: holds no tensors", c->p->name);
}

static int parse(checkpoint *c, const void *bytes, size_t n, const char *name, err *e)
{
	const unsigned char *b = bytes;
	uint32_t root = 0;
	int code = mem_text(&c->p->name, name, e);
	if (code)
		return code;
	c->bytes = n;
	if (n > 8 && b[8] == '{' && !b[7])
		return add_safetensors(c, bytes, n, e);
	if (zip_is(bytes, n))
		code = open_archive(c->p, bytes, n, &root, e);
	else if (is_old(b, n))
		code = open_old(c->p, b, n, &root, e);
	else
		code = err_set(e, ERR_CONFIG, "neither a PyTorch checkpoint nor a safetensors file");
	if (!code)
		code = add_state(c, root, e);
	if (code)
		err_prefix(e, "%s", name);
	return code;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(checkpoint_tensor *const *)a)->name, (*(checkpoint_tensor *const *)b)->name);
}

/* The index of names, when all tensors are there. */
static int sort_names(checkpoint *c, err *e)
{
	checkpoint_tensor **by_name = NULL;
	int code = mem_zero(&by_name, c->n, sizeof *by_name, "tensors", e);
	if (code)
		return code;
	for (size_t i = 0; i < c->n; i++)
		by_name[i] = &c->tensors[i];
	qsort(by_name, c->n, sizeof *by_name, compare_names);
	c->p->by_name = by_name;
	for (size_t i = 1; i < c->n; i++)
		if (!compare_names(&by_name[i - 1], &by_name[i]))
			return err_set(e, ERR_CONFIG, "%s: tensor %s appears twice", c->p->name, by_name[i]->name);
	return 0;
}

int checkpoint_parse(checkpoint *c, const void *bytes, size_t n, const char *name, err *e)
{
	*c = (checkpoint){ 0 };
	int code = mem_zero(&c->p, 1, sizeof *c->p, name, e);
	if (!code)
		code = parse(c, bytes, n, name, e);
	return code ? code : sort_names(c, e);
}

int checkpoint_open(checkpoint *c, const char *path, err *e)
{
	*c = (checkpoint){ 0 };
	int code = mem_zero(&c->p, 1, sizeof *c->p, path, e);
	if (!code)
		code = file_map(path, &c->p->map, &c->p->map_bytes, e);
	if (!code)
		code = parse(c, c->p->map, c->p->map_bytes, path, e);
	return code ? code : sort_names(c, e);
}

void checkpoint_close(checkpoint *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->tensors[i].name);
	free(c->tensors);
	if (c->p) {
		st_close(c->p->safetensors);
		pickle_free(&c->p->values);
		zip_free(&c->p->archive);
		free(c->p->places);
		free(c->p->verified);
		free(c->p->by_name);
		free(c->p->old);
		free(c->p->folder);
		free(c->p->name);
		file_unmap(c->p->map, c->p->map_bytes);
		free(c->p);
	}
	*c = (checkpoint){ 0 };
}

static int name_against(const void *name, const void *t) { return strcmp(name, (*(checkpoint_tensor *const *)t)->name); }

const checkpoint_tensor *checkpoint_find(const checkpoint *c, const char *name)
{
	checkpoint_tensor **at = bsearch(name, c->p->by_name, c->n, sizeof *c->p->by_name, name_against);
	return at ? *at : NULL;
}

bool checkpoint_object(const checkpoint *c, const char *name, char class[PICKLE_CLASS])
{
	const pickle_value *v = c->p->state ? pickle_get(&c->p->values, c->p->state, name) : NULL;
	if (!v || v->kind != PICKLE_OTHER)
		return false;
	pickle_class(&c->p->values, v, class);
	return true;
}

int checkpoint_verify(checkpoint *c, const checkpoint_tensor *t, err *e)
{
	const zip_member *m = c->p->places ? c->p->places[t->storage].member : NULL;
	bool *done = m ? &c->p->verified[m - c->p->archive.members] : NULL;
	if (!m || *done)
		return 0;
	int code = zip_verify(m, e);
	*done = !code;
	return code;
}

void checkpoint_copy(void *out, const checkpoint_tensor *t)
{
	size_t size = dtype_size(t->dtype);
	int64_t at[PICKLE_MAX_RANK] = { 0 }, from = 0;
	unsigned char *to = out;
	if (t->contiguous) {
		memcpy(out, t->data, t->count * size);
		return;
	}
	for (size_t i = 0; i < t->count; i++, to += size) {
		memcpy(to, t->data + (size_t)from * size, size);
		for (int k = t->rank; k-- > 0;) {
			from += t->stride[k];
			if (++at[k] < t->n[k])
				break;
			from -= at[k] * t->stride[k];
			at[k] = 0;
		}
	}
}
