#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/json.h"
#include "format/safetensors.h"

/* The tensors of a checkpoint, and where each is kept in memory. */
typedef struct list {
	st_item *items;
	float **memory;
	size_t n;
} list;

static void list_free(list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free((char *)l->items[i].name);
	free(l->items);
	free(l->memory);
}

static int list_add(list *l, const char *part, const char *group, const param *p, float *v, err *e)
{
	char *name;
	if (asprintf(&name, "%s.%s/%s", part, group, p->name) < 0)
		return err_set(e, ERR_OS, "%s: no memory", p->name);
	l->items[l->n] = (st_item){ name, DTYPE_F32, p->rank, p->n, v };
	l->memory[l->n++] = v;
	return 0;
}

/* Counters go as F32, as they are in memory (exact below 2^24): a checkpoint brings back bits. */
static int list_make(list *l, const train_part *parts, size_t n, err *e)
{
	size_t most = 0;
	for (size_t i = 0; i < n; i++)
		most += 4 * parts[i].weights.n;
	*l = (list){ 0 };
	int code = mem_zero(&l->items, most, sizeof *l->items, "checkpoint", e);
	if (!code)
		code = mem_zero(&l->memory, most, sizeof *l->memory, "checkpoint", e);
	for (size_t i = 0; !code && i < n; i++) {
		const train_part *part = &parts[i];
		for (size_t k = 0; !code && k < part->weights.n; k++) {
			const param *p = &part->weights.p[k];
			code = list_add(l, part->name, "weights", p, p->v, e);
			if (!code && part->ema.n)
				code = list_add(l, part->name, "ema", p, part->ema.p[k].v, e);
			if (!code && part->optimiser.m[k])
				code = list_add(l, part->name, "m", p, part->optimiser.m[k], e);
			if (!code && part->optimiser.v[k])
				code = list_add(l, part->name, "v", p, part->optimiser.v[k], e);
		}
	}
	return code;
}

/* The file that is about to be replaced stays as PATH.previous; at no time is there none at all. */
static int keep_previous(const char *path, const char *previous, err *e)
{
	char *link_name = NULL;
	if (asprintf(&link_name, "%s.link", previous) < 0)
		return err_set(e, ERR_OS, "%s: no memory", path);
	unlink(link_name);
	bool linked = !link(path, link_name);
	/* without links the new file takes a name that is free */
	int bad = linked ? rename(link_name, previous) : errno != ENOENT && rename(path, previous);
	int code = bad ? err_set(e, ERR_CREATE, "%s: %s", previous, strerror(errno)) : 0;
	if (linked)
		unlink(link_name); /* rename() leaves it when both are one file */
	free(link_name);
	return code;
}

static int previous_of(char **out, const char *path, err *e)
{
	if (asprintf(out, "%s.previous", path) >= 0)
		return 0;
	*out = NULL;
	return err_set(e, ERR_OS, "%s: no memory", path);
}

/* ---- the seal: what the identity, which is of the data, does not cover ---- */

static void seal_text(struct sha256_ctx *h, const char *text) { sha256_update(h, strlen(text) + 1, (const uint8_t *)text); }

static void seal_tensor(struct sha256_ctx *h, const char *name, enum dtype type, int rank, const int64_t *n)
{
	char shape[ST_MAX_RANK * 21 + 32];
	int at = sprintf(shape, "%d", (int)type);
	for (int i = 0; i < rank; i++)
		at += sprintf(shape + at, " %lld", (long long)n[i]);
	seal_text(h, name);
	seal_text(h, shape);
}

static void seal_of_list(char seal[SHA_TEXT], const list *l, const char *state)
{
	struct sha256_ctx h;
	sha256_init(&h);
	seal_text(&h, state);
	for (size_t i = 0; i < l->n; i++)
		seal_tensor(&h, l->items[i].name, l->items[i].dtype, l->items[i].rank, l->items[i].n);
	sha256_text(&h, seal);
}

static void seal_of_file(char seal[SHA_TEXT], const st_file *f)
{
	struct sha256_ctx h;
	sha256_init(&h);
	seal_text(&h, st_meta(f, "state"));
	for (size_t i = 0; i < f->n; i++)
		seal_tensor(&h, f->tensors[i].name, f->tensors[i].dtype, f->tensors[i].rank, f->tensors[i].n);
	sha256_text(&h, seal);
}

/* Checkpoints of version 0.2 have no seal; no checkpoint has an entry besides these. */
static int check_seal(const st_file *f, err *e)
{
	static const char *const entries[] = { "kind", "state", "identity", "seal" };
	const char *sealed = st_meta(f, "seal");
	char seal[SHA_TEXT];
	size_t known = 0;
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
		known += st_meta(f, entries[i]) != NULL;
	seal_of_file(seal, f);
	if (json_object_size(f->metadata) != known || (sealed && strcmp(sealed, seal)))
		return err_set(e, ERR_CONFIG, "%s: damaged: its header is not what was written", f->path);
	return 0;
}

int checkpoint_write(const char *path, bool keep, const train_part *parts, size_t n, const json_t *state, err *e)
{
	list l = { 0 };
	char *text = NULL, *previous = NULL, seal[SHA_TEXT];
	size_t bytes = 0;
	json_t *all = json_deep_copy(state), *steps = json_object(), *metadata = json_object();
	int bad = !all || !steps || !metadata;
	for (size_t i = 0; !bad && i < n; i++)
		bad = json_object_set_new(steps, parts[i].name, json_integer(parts[i].optimiser.step));
	bad = bad || json_object_set(all, "optimiser_steps", steps) || json_object_set_new(metadata, "kind", json_string("checkpoint"));
	int code = bad ? err_set(e, ERR_OS, "%s: no memory", path) : json_text(&text, &bytes, all, e);
	if (!code && json_object_set_new(metadata, "state", json_stringn(text, bytes)))
		code = err_set(e, ERR_OS, "%s: no memory", path);
	if (!code)
		code = list_make(&l, parts, n, e);
	if (!code) {
		seal_of_list(seal, &l, text);
		if (json_object_set_new(metadata, "seal", json_string(seal)))
			code = err_set(e, ERR_OS, "%s: no memory", path);
	}
	if (!code)
		code = previous_of(&previous, path, e);
	if (!code && keep)
		code = keep_previous(path, previous, e);
	if (!code)
		code = st_write(path, true, l.items, l.n, metadata, false, e);
	free(previous);
	free(text);
	json_decref(all);
	json_decref(steps);
	json_decref(metadata);
	list_free(&l);
	return code;
}

/* Opens a checkpoint and makes sure that it is whole. */
static int open_whole(st_file **f, const char *path, err *e)
{
	int code = st_open(f, path, e);
	if (code)
		return code;
	const char *kind = st_meta(*f, "kind");
	if (!kind || strcmp(kind, "checkpoint") || !st_meta(*f, "identity") || !st_meta(*f, "state"))
		code = err_set(e, ERR_CONFIG, "%s: is no checkpoint", path);
	if (!code)
		code = check_seal(*f, e);
	if (!code)
		code = st_verify(*f, e);
	if (code) {
		st_close(*f);
		*f = NULL;
	}
	return code;
}

static int fill(const st_file *f, const list *l, err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const st_item *want = &l->items[i];
		const st_tensor *t = st_find(f, want->name);
		if (!t || t->dtype != DTYPE_F32 || t->rank != want->rank ||
		    (t->rank && memcmp(t->n, want->n, (size_t)t->rank * sizeof *t->n)))
			return err_set(e, ERR_CONFIG, "%s: %s: %s: the checkpoint is of another configuration", f->path, want->name,
				       t ? "another shape" : "missing");
	}
	if (f->n != l->n)
		return err_set(e, ERR_CONFIG, "%s: %zu tensors instead of %zu: the checkpoint is of another configuration", f->path, f->n,
			       l->n);
	for (size_t i = 0; i < l->n; i++) {
		const st_tensor *t = st_find(f, l->items[i].name);
		memcpy(l->memory[i], t->data, t->bytes);
	}
	return 0;
}

int checkpoint_read(const char *path, train_part *parts, size_t n, json_t **state, bool *fell_back, err *e)
{
	list l = { 0 };
	st_file *f = NULL;
	char *previous = NULL;
	json_t *all = NULL;
	bool second = false;
	int code = list_make(&l, parts, n, e);
	if (!code)
		code = previous_of(&previous, path, e);
	if (!code) {
		code = open_whole(&f, path, e);
		if (code && !open_whole(&f, previous, NULL)) {
			code = 0;
			second = true;
		}
	}
	if (!code)
		code = st_meta_json(f, "state", &all, e);
	if (!code)
		code = fill(f, &l, e);
	for (size_t i = 0; !code && i < n; i++) {
		parts[i].optimiser.step = json_integer_value(json_object_get(json_object_get(all, "optimiser_steps"), parts[i].name));
		for (size_t k = 0; k < parts[i].weights.n; k++)
			param_touch(&parts[i].weights.p[k]);
	}
	if (!code && fell_back)
		*fell_back = second;
	if (!code)
		*state = json_incref(all);
	json_decref(all);
	st_close(f);
	free(previous);
	list_free(&l);
	return code;
}

int checkpoint_forget(const char *path, err *e)
{
	char *previous = NULL;
	int code = previous_of(&previous, path, e);
	if (!code && unlink(path) && errno != ENOENT)
		code = err_set(e, ERR_CREATE, "%s: %s", path, strerror(errno));
	if (!code && unlink(previous) && errno != ENOENT)
		code = err_set(e, ERR_CREATE, "%s: %s", previous, strerror(errno));
	free(previous);
	return code;
}
