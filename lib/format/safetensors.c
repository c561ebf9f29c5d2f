#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"

struct st_private {
	char *path;
	json_t *root;			/* the header; owns the names */
	const st_tensor **by_name;	/* sorted */
	const void *map;		/* NULL: the bytes are the caller's */
	size_t map_bytes;
};

/* ---- header ---- */

static enum dtype type_of(const char *name)
{
	static const struct {
		const char *name;
		enum dtype type;
	} types[] = { { "F64", DTYPE_F64 }, { "F32", DTYPE_F32 }, { "F16", DTYPE_F16 }, { "BF16", DTYPE_BF16 }, { "I64", DTYPE_I64 },
		      { "I32", DTYPE_I32 }, { "I16", DTYPE_I16 }, { "I8", DTYPE_I8 }, { "U64", DTYPE_U64 }, { "U32", DTYPE_U32 },
		      { "U16", DTYPE_U16 }, { "U8", DTYPE_U8 }, { "BOOL", DTYPE_U8 } };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	return DTYPE_UNKNOWN;
}

/* One entry of the header into *t; its range of the data in begin and end. The error's text is the reason alone. */
static int read_entry(st_tensor *t, const json_t *entry, size_t data_bytes, size_t *begin, size_t *end, err *e)
{
	const json_t *type = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
	const json_t *range = json_object_get(entry, "data_offsets"), *a = json_array_get(range, 0), *b = json_array_get(range, 1);
	if (!json_is_string(type) || !json_is_array(shape) || json_array_size(range) != 2 || !json_is_integer(a) || !json_is_integer(b))
		return err_set(e, ERR_CONFIG, "an entry needs dtype, shape and data_offsets");
	t->dtype = type_of(json_string_value(type));
	if (t->dtype == DTYPE_UNKNOWN)
		return err_set(e, ERR_CONFIG, "type %.20s is not supported", json_string_value(type));
	if (json_array_size(shape) > ST_MAX_RANK)
		return err_set(e, ERR_CONFIG, "%zu axes, at most %d are possible", json_array_size(shape), ST_MAX_RANK);
	t->rank = (int)json_array_size(shape);
	t->count = 1;
	for (int i = 0; i < t->rank; i++) {
		const json_t *axis = json_array_get(shape, (size_t)i);
		if (!json_is_integer(axis) || json_integer_value(axis) < 0)
			return err_set(e, ERR_CONFIG, "impossible shape");
		t->n[i] = json_integer_value(axis);
		if (__builtin_mul_overflow(t->count, (size_t)t->n[i], &t->count))
			return err_set(e, ERR_CONFIG, "impossible shape");
	}
	if (__builtin_mul_overflow(t->count, dtype_size(t->dtype), &t->bytes))
		return err_set(e, ERR_CONFIG, "impossible shape");
	json_int_t lo = json_integer_value(a), hi = json_integer_value(b);
	if (lo < 0 || hi < lo)
		return err_set(e, ERR_CONFIG, "impossible data_offsets");
	if ((uint64_t)hi > data_bytes)
		return err_set(e, ERR_CONFIG, "its data end at byte %lld, the file's at %zu", (long long)hi, data_bytes);
	if ((uint64_t)(hi - lo) != t->bytes)
		return err_set(e, ERR_CONFIG, "%lld bytes of data for a shape of %zu", (long long)(hi - lo), t->bytes);
	*begin = (size_t)lo;
	*end = (size_t)hi;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const st_tensor *s = a, *t = b;
	const char *p = s->data, *q = t->data;
	if (p != q)
		return p < q ? -1 : 1;
	if (s->bytes != t->bytes) /* empty tensors come first where they share a place */
		return s->bytes < t->bytes ? -1 : 1;
	return strcmp(s->name, t->name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const st_tensor *const *)a)->name, (*(const st_tensor *const *)b)->name);
}

/* Fills tensors, metadata and the index from the parsed header. */
static int read_header(st_file *f, err *e)
{
	const char *name;
	json_t *entry;
	struct st_private *p = f->p;
	int code = mem_zero(&f->tensors, json_object_size(p->root), sizeof *f->tensors, f->path, e);
	if (!code)
		code = mem_zero(&p->by_name, json_object_size(p->root), sizeof *p->by_name, f->path, e);
	if (code)
		return code;
	json_object_foreach(p->root, name, entry) {
		if (!strcmp(name, "__metadata__")) {
			const char *key;
			json_t *text;
			if (!json_is_object(entry))
				return err_set(e, ERR_CONFIG, "%s: __metadata__ is no object", f->path);
			json_object_foreach(entry, key, text)
				if (!json_is_string(text))
					return err_set(e, ERR_CONFIG, "%s: metadata %.60s is no string", f->path, key);
			f->metadata = json_incref(entry);
			continue;
		}
		size_t begin = 0, end = 0;
		st_tensor *t = &f->tensors[f->n];
		code = read_entry(t, entry, f->bytes, &begin, &end, e);
		if (code) {
			err_prefix(e, "%s: tensor %.120s", f->path, name);
			return code;
		}
		t->name = name;
		t->data = f->data + begin;
		f->n++;
	}
	qsort(f->tensors, f->n, sizeof *f->tensors, by_place);
	const unsigned char *at = f->data;
	for (size_t i = 0; i < f->n; i++) {
		const st_tensor *t = &f->tensors[i];
		if ((const unsigned char *)t->data != at)
			return err_set(e, ERR_CONFIG, "%s: tensor %.120s: its data %s", f->path, t->name,
				       (const unsigned char *)t->data < at ? "overlap another's" : "leave a gap before them");
		at += t->bytes;
		p->by_name[i] = t;
	}
	if (at != f->data + f->bytes)
		return err_set(e, ERR_CONFIG, "%s: %zu bytes at the end belong to no tensor", f->path, (size_t)(f->data + f->bytes - at));
	qsort(p->by_name, f->n, sizeof *p->by_name, by_name);
	if (!f->metadata)
		f->metadata = json_object();
	return f->metadata ? 0 : err_set(e, ERR_OS, "%s: no memory", f->path);
}

int st_parse(st_file **out, const void *bytes, size_t n, const char *name, err *e)
{
	const unsigned char *b = bytes;
	uint64_t header = 0;
	st_file *f = NULL;
	if (n < 8)
		return err_set(e, ERR_CONFIG, "%s: %zu bytes are too few for a safetensors file", name, n);
	for (int i = 7; i >= 0; i--)
		header = header << 8 | b[i];
	if (header > n - 8)
		return err_set(e, ERR_CONFIG, "%s: no safetensors file, or cut short: a header of %llu bytes in a file of %zu", name,
			       (unsigned long long)header, n);
	if (header > ST_MAX_HEADER)
		return err_set(e, ERR_CONFIG, "%s: a header of %llu bytes, at most %d are possible", name, (unsigned long long)header,
			       ST_MAX_HEADER);
	if (!header || b[8] != '{')
		return err_set(e, ERR_CONFIG, "%s: no safetensors file: its header is no JSON object", name);
	int code = mem_zero(&f, 1, sizeof *f, name, e);
	if (!code)
		code = mem_zero(&f->p, 1, sizeof *f->p, name, e);
	if (!code)
		code = mem_text(&f->p->path, name, e);
	if (!code) {
		f->path = f->p->path;
		f->data = b + 8 + header;
		f->bytes = n - 8 - (size_t)header;
		code = json_parse_object(&f->p->root, (const char *)b + 8, (size_t)header, e);
		if (code) {
			err_prefix(e, "%s: header", name);
			code = err_as(e, code, ERR_DATA, ERR_CONFIG); /* bad JSON is a matter of the weights here */
		}
	}
	if (!code)
		code = read_header(f, e);
	if (code) {
		st_close(f);
		return code;
	}
	*out = f;
	return 0;
}

int st_open(st_file **out, const char *path, err *e)
{
	const void *map = NULL;
	size_t n = 0;
	int code = file_map(path, &map, &n, e);
	if (code)
		return code;
	code = st_parse(out, map, n, path, e);
	if (code) {
		file_unmap(map, n);
		return code;
	}
	(*out)->p->map = map;
	(*out)->p->map_bytes = n;
	return 0;
}

void st_close(st_file *f)
{
	if (!f)
		return;
	if (f->p) {
		json_decref(f->p->root);
		free(f->p->by_name);
		free(f->p->path);
		file_unmap(f->p->map, f->p->map_bytes);
		free(f->p);
	}
	json_decref(f->metadata);
	free(f->tensors);
	free(f);
}

/* ---- looking things up ---- */

static int name_against(const void *name, const void *t) { return strcmp(name, (*(const st_tensor *const *)t)->name); }

const st_tensor *st_find(const st_file *f, const char *name)
{
	const st_tensor **at = bsearch(name, f->p->by_name, f->n, sizeof *f->p->by_name, name_against);
	return at ? *at : NULL;
}

const char *st_meta(const st_file *f, const char *key) { return json_string_value(json_object_get(f->metadata, key)); }

int st_meta_json(const st_file *f, const char *key, json_t **out, err *e)
{
	const char *text = st_meta(f, key);
	*out = NULL;
	if (!text)
		return 0;
	int code = json_parse_object(out, text, strlen(text), e);
	if (code == ERR_DATA)
		code = err_set(e, ERR_CONFIG, "%s: metadata %.60s is no JSON object", f->path, key);
	return code;
}

bool st_aligned(const st_tensor *t) { return (uintptr_t)t->data % dtype_size(t->dtype) == 0; }

void st_release(const st_file *f)
{
	if (f->p->map)
		file_rest(f->p->map, f->p->map_bytes);
}

void st_identity(const st_file *f, char hex[SHA_TEXT])
{
	struct sha256_ctx hash;
	sha256_init(&hash);
	sha256_update(&hash, f->bytes, f->data);
	sha256_text(&hash, hex);
	/* a tool needs a part of the tensors, and these when their turn comes */
	st_release(f);
}

int st_verify(const st_file *f, err *e)
{
	const char *stored = st_meta(f, "identity");
	char hex[SHA_TEXT];
	if (!stored)
		return 0;
	st_identity(f, hex);
	if (strcmp(stored, hex))
		return err_set(e, ERR_CONFIG, "%s: damaged: the data's SHA-256 is %s, its identity says %.64s", f->path, hex, stored);
	return 0;
}
