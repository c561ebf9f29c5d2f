#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/finite.h"
#include "format/json.h"
#include "model/conventions.h"
#include "model/eight_bits.h"
#include "model/weights.h"

/* Metadata entry `key`: v as text. */
static int put_json(json_t *metadata, const char *key, const json_t *v, err *e)
{
	char *text = NULL;
	size_t n = 0;
	int code = json_text(&text, &n, v, e);
	if (!code && json_object_set_new(metadata, key, json_stringn(text, n)))
		code = err_set(e, ERR_OS, "%s: no memory", key);
	free(text);
	return code;
}

int weights_note_conventions(json_t *metadata, const char *kind, const json_t *conventions, err *e)
{
	for (size_t i = 0; weights_named[i].kind; i++)
		if (!strcmp(kind, weights_named[i].kind))
			return put_json(metadata, weights_named[i].conventions, conventions, e);
	return 0;
}

/* Of the networks that the metadata name: a trainer's configuration is that of all its networks. */
static int put_conventions(json_t *metadata, const char *kind, const json_t *config, const char *path, err *e)
{
	model_config all;
	int code = config_parse(&all, config, path, e);
	for (size_t i = 0; weights_named[i].kind && !code; i++) {
		if (!strcmp(kind, weights_named[i].kind) || !json_object_get(metadata, weights_named[i].kind))
			continue;
		json_t *v = conventions_of(&all, weights_named[i].kind);
		code = v ? weights_note_conventions(metadata, weights_named[i].kind, v, e) : err_set(e, ERR_OS, "%s: no memory", path);
		json_decref(v);
	}
	return code;
}

enum { MADE = 3 }; /* arrays for one parameter */

/* The tensors of a file, and what was made for it. */
typedef struct items {
	st_item *v;
	void **made;
	size_t n, n_made;
} items;

static void items_free(items *all)
{
	for (size_t i = 0; i < all->n_made; i++)
		free(all->made[i]);
	free(all->made);
	free(all->v);
}

/* n zeros of this size, which live as long as `all`, in *out, a pointer. */
static int make(items *all, void *out, size_t n, size_t size, const char *name, err *e)
{
	int code = mem_zero(out, n, size, name, e);
	if (!code)
		all->made[all->n_made++] = *(void **)out;
	return code;
}

static int put_counter(items *all, const param *p, err *e)
{
	int64_t *v;
	int code = make(all, &v, p->count, sizeof *v, p->name, e);
	if (code)
		return code;
	for (size_t i = 0; i < p->count; i++)
		v[i] = (int64_t)p->v[i];
	all->v[all->n++] = (st_item){ p->name, DTYPE_I64, p->rank, p->n, v };
	return 0;
}

static int put_eight_bits(items *all, const param *p, err *e)
{
	const size_t rows = (size_t)p->n[0], length = strlen(p->name) + sizeof EIGHT_BITS_SCALE;
	char *name;
	int8_t *q;
	float *scale;
	int code = finite_check(p->v, DTYPE_F32, p->count, p->name, ERR_DATA, e);
	if (!code)
		code = make(all, &name, length, 1, p->name, e);
	if (!code)
		code = make(all, &q, p->count, sizeof *q, p->name, e);
	if (!code)
		code = make(all, &scale, rows, sizeof *scale, p->name, e);
	if (code)
		return code;
	snprintf(name, length, "%s" EIGHT_BITS_SCALE, p->name);
	eight_bits_store(q, scale, p->v, rows, p->count / rows);
	all->v[all->n++] = (st_item){ p->name, DTYPE_I8, p->rank, p->n, q };
	all->v[all->n++] = (st_item){ name, DTYPE_F32, 1, p->n, scale };
	return 0;
}

static int items_of(items *all, const params *ps, enum weights_store as, const char *path, err *e)
{
	int code = mem_zero(&all->v, 2 * ps->n, sizeof *all->v, path, e);
	if (!code)
		code = mem_zero(&all->made, MADE * ps->n, sizeof *all->made, path, e);
	for (size_t i = 0; !code && i < ps->n; i++) {
		const param *p = &ps->p[i];
		if (p->counter)
			code = put_counter(all, p, e);
		else if (as == WEIGHTS_I8 && eight_bits_fits(p->rank, p->n))
			code = put_eight_bits(all, p, e);
		else
			all->v[all->n++] = (st_item){ p->name, DTYPE_F32, p->rank, p->n, p->v };
	}
	return code ? err_prefix(e, "%s", path) : 0;
}

int weights_write(const char *path, bool force, const weights_content *w, err *e)
{
	items all = { 0 };
	json_t *metadata = json_object();
	int bad = !metadata || json_object_set_new(metadata, "kind", json_string(w->kind)) ||
		  (w->notes && json_object_update(metadata, (json_t *)w->notes));
	int code = bad ? err_set(e, ERR_OS, "%s: no memory", path) : put_json(metadata, "config", w->config, e);
	if (!code && w->preparation)
		code = put_json(metadata, "preparation", w->preparation, e);
	if (!code)
		code = put_conventions(metadata, w->kind, w->config, path, e);
	if (!code)
		code = items_of(&all, w->params, w->store, path, e);
	if (!code)
		code = st_write(path, force, all.v, all.n, metadata, w->store != WEIGHTS_F32, e);
	items_free(&all);
	json_decref(metadata);
	return code;
}
