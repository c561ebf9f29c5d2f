#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "format/json.h"
#include "model/conventions.h"
#include "model/eight_bits.h"

/* Values of 16 bits that convolutions read: matrices, and convolutions on three axes. */
static bool stays_half(const st_tensor *t)
{
	return t->dtype == DTYPE_F16 && (t->rank == 2 || t->rank == 3 || t->rank == 5) && st_aligned(t);
}

static int widen(param *p, const void *data, enum dtype t, err *e)
{
	int code = mem_zero(&p->v, p->count, sizeof *p->v, p->name, e);
	if (!code)
		dtype_to_float(p->v, data, t, p->count);
	return code;
}

/* One tensor of the file as a parameter: in place where it can be, else converted. */
static int adopt(params *ps, const st_file *f, const st_tensor *t, err *e)
{
	const st_tensor *scale;
	if (eight_bits_is_scale(f, t))
		return 0;
	if (t->rank > 5)
		return err_set(e, ERR_CONFIG, "%s: %s: %d axes, at most 5 are possible", f->path, t->name, t->rank);
	int code = eight_bits_find(&scale, f, t, e);
	if (!code)
		code = mem_grow(&ps->p, &ps->cap, ps->n + 1, sizeof *ps->p, f->path, e);
	if (code)
		return code;
	param p = { .rank = t->rank, .count = t->count };
	memcpy(p.n, t->n, sizeof p.n);
	p.counter = !scale && t->dtype != DTYPE_F32 && t->dtype != DTYPE_F16 && t->dtype != DTYPE_BF16 && t->dtype != DTYPE_F64;
	p.mapped = t->dtype == DTYPE_F32 && st_aligned(t);
	code = mem_text(&p.name, t->name, e);
	if (code)
		return code;
	if (p.mapped)
		p.v = (float *)t->data;
	else if (stays_half(t))
		p.half = t->data;
	else if ((code = widen(&p, t->data, t->dtype, e)))
		free(p.name);
	else if (scale)
		eight_bits_apply(p.v, t, scale);
	if (!code)
		ps->p[ps->n++] = p;
	return code;
}

static int widen_all(params *ps, err *e)
{
	int code = 0;
	for (size_t i = 0; i < ps->n && !code; i++)
		if (ps->p[i].half && !(code = widen(&ps->p[i], ps->p[i].half, DTYPE_F16, e)))
			ps->p[i].half = NULL;
	return code;
}

const struct weights_named weights_named[] = {
	{ "autoencoder", "autoencoder_conventions" },
	{ "semantic", "semantic_conventions" },
	{ NULL, NULL },
};

static int read_conventions(weights *w, const char *kind, err *e)
{
	const char *path = w->file->path, *is = st_meta(w->file, "kind"), *identity = st_meta(w->file, "identity");
	if (!is)
		return err_set(e, ERR_CONFIG,
			       "%s: does not say what it holds (no metadata \"kind\"); weights from elsewhere go through pt2st", path);
	w->kind = is;
	if (kind && strcmp(is, kind))
		return err_set(e, ERR_CONFIG, "%s: holds a model of kind %.60s, not %s", path, is, kind);
	int code = st_meta_json(w->file, "config", &w->config_json, e);
	if (!code && !w->config_json)
		code = err_set(e, ERR_CONFIG, "%s: has no configuration (metadata \"config\")", path);
	if (!code)
		code = config_parse(&w->config, w->config_json, path, e);
	if (!code)
		code = st_meta_json(w->file, "preparation", &w->preparation, e);
	if (code)
		return code;
	if (!(w->conventions = conventions_of(&w->config, is)) || !(w->others = json_object()))
		return err_set(e, ERR_OS, "%s: no memory", path);
	for (size_t i = 0; weights_named[i].kind && !code; i++) {
		json_t *its = NULL;
		code = st_meta_json(w->file, weights_named[i].conventions, &its, e);
		if (its && json_object_set_new(w->others, weights_named[i].kind, its))
			code = err_set(e, ERR_OS, "%s: no memory", path);
	}
	if (code)
		return code;
	w->identity_stored = identity != NULL;
	if (!identity) {
		st_identity(w->file, w->identity);
	} else if (strlen(identity) != SHA_TEXT - 1 || strspn(identity, "0123456789abcdef") != SHA_TEXT - 1) {
		return err_set(e, ERR_CONFIG, "%s: metadata identity is no SHA-256", path);
	} else {
		memcpy(w->identity, identity, SHA_TEXT);
	}
	return 0;
}

int weights_map(weights *w, const char *path, const char *kind, err *e)
{
	*w = (weights){ 0 };
	int code = st_open(&w->file, path, e);
	if (!code)
		code = read_conventions(w, kind, e);
	for (size_t i = 0; !code && i < w->file->n; i++)
		code = adopt(&w->params, w->file, &w->file->tensors[i], e);
	return code;
}

int weights_open(weights *w, const char *path, const char *kind, err *e)
{
	int code = weights_map(w, path, kind, e);
	for (size_t i = 0; !code && i < w->params.n; i++)
		if ((code = param_check(&w->params.p[i], threads_count(), e)))
			err_prefix(e, "%s", path);
	return code ? code : widen_all(&w->params, e);
}

maker weights_maker(const weights *w) { return (maker){ w->kind, w->identity, w->conventions, w->file->path }; }

maker weights_works_with(const weights *w, const char *kind)
{
	return (maker){ kind, st_meta(w->file, kind), json_object_get(w->others, kind), w->file->path };
}

int weights_error(const weights *w, int code, err *e)
{
	return code == ERR_CONFIG ? err_prefix(e, "%s", w->file->path) : code;
}

void weights_close(weights *w)
{
	params_free(&w->params);
	json_decref(w->config_json);
	json_decref(w->preparation);
	json_decref(w->conventions);
	json_decref(w->others);
	st_close(w->file);
	*w = (weights){ 0 };
}

int weights_copy(params *to, const weights *from, bool (*which)(const char *name), err *e)
{
	for (size_t i = 0; i < to->n; i++) {
		param *p = &to->p[i], *q;
		if (which && !which(p->name))
			continue;
		int code = params_expect(&from->params, p->name, p->rank, p->n, &q, e);
		if (code)
			return code;
		memcpy(p->v, q->v, p->count * sizeof *p->v);
		param_touch(p);
	}
	return 0;
}
