#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/finite.h"
#include "format/safetensors.h"

enum { CHUNK = 1 << 16 };	/* elements converted at a time */

static const char *type_name(enum dtype d)
{
	switch (d) {
	case DTYPE_F64: return "F64";
	case DTYPE_F32: return "F32";
	case DTYPE_F16: return "F16";
	case DTYPE_BF16: return "BF16";
	case DTYPE_I64: return "I64";
	case DTYPE_I32: return "I32";
	case DTYPE_I16: return "I16";
	case DTYPE_I8: return "I8";
	case DTYPE_U64: return "U64";
	case DTYPE_U32: return "U32";
	case DTYPE_U16: return "U16";
	case DTYPE_U8: return "U8";
	case DTYPE_UNKNOWN: break;
	}
	return NULL;
}

/* Where the bytes go: into the hash first, since the header that stands before them names it, then into the file. */
typedef struct sink {
	struct sha256_ctx *hash;
	outfile *file;
} sink;

static int put(const sink *s, const void *p, size_t n, err *e)
{
	if (s->file)
		return out_write(s->file, p, n, e);
	sha256_update(s->hash, n, p);
	return 0;
}

static size_t count_of(const st_item *t)
{
	size_t count = 1;
	for (int i = 0; i < t->rank; i++)
		count *= (size_t)t->n[i];
	return count;
}

/* A vector may be written as [n,1,1], as the layer scales of a ConvNeXt are, which begin too small for 16 bits. */
static bool is_vector(const st_item *t)
{
	int long_axes = 0;
	for (int i = 0; i < t->rank; i++)
		long_axes += t->n[i] > 1;
	return long_axes < 2;
}

static enum dtype stored_as(const st_item *t, bool half)
{
	return half && t->dtype == DTYPE_F32 && !is_vector(t) ? DTYPE_F16 : t->dtype;
}

static int put_item(const sink *s, const char *path, const st_item *t, bool half, uint16_t *chunk, err *e)
{
	size_t count = count_of(t);
	if (stored_as(t, half) == t->dtype)
		return put(s, t->data, count * dtype_size(t->dtype), e);
	const float *v = t->data;
	int code = 0;
	for (size_t at = 0, n; !code && at < count; at += n) {
		n = count - at < CHUNK ? count - at : CHUNK;
		code = dtype_from_float(chunk, DTYPE_F16, v + at, n, e);
		if (code)
			err_prefix(e, "%s: %s", path, t->name);
		else
			code = put(s, chunk, n * sizeof *chunk, e);
	}
	return code;
}

/* The header's JSON, padded so that the data begin at a multiple of 8. */
static int header_text(char **text, const st_item *items, size_t n, const json_t *metadata, bool half, const char *identity, err *e)
{
	json_t *root = json_object(), *meta = metadata ? json_deep_copy(metadata) : json_object();
	int bad = !root || !meta || json_object_set_new(meta, "identity", json_string(identity)) ||
		  json_object_set(root, "__metadata__", meta);
	size_t at = 0;
	for (size_t i = 0; !bad && i < n; i++) {
		enum dtype d = stored_as(&items[i], half);
		size_t bytes = count_of(&items[i]) * dtype_size(d);
		json_t *shape = json_array();
		for (int k = 0; k < items[i].rank; k++)
			bad |= json_array_append_new(shape, json_integer(items[i].n[k]));
		json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", type_name(d), "shape", shape, "data_offsets", (json_int_t)at,
					  (json_int_t)(at + bytes));
		bad |= !entry || json_object_get(root, items[i].name) || json_object_set(root, items[i].name, entry);
		json_decref(entry);
		at += bytes;
	}
	char *plain = bad ? NULL : json_dumps(root, JSON_COMPACT);
	json_decref(meta);
	json_decref(root);
	if (!plain)
		return err_set(e, ERR_OS, "no memory for a safetensors header, a name that is no UTF-8, or appears twice");
	size_t have = strlen(plain), padded = (have + 7) / 8 * 8;
	int code = mem_zero(text, padded + 1, 1, "safetensors header", e);
	if (!code) {
		memcpy(*text, plain, have);
		memset(*text + have, ' ', padded - have);
	}
	free(plain);
	return code;
}

static int check(const char *path, const st_item *items, size_t n, const json_t *metadata, err *e)
{
	const char *key;
	json_t *value;
	if (metadata)
		json_object_foreach((json_t *)metadata, key, value)
			if (!json_is_string(value))
				return err_set(e, ERR_BUG, "%s: metadata %s is no string", path, key);
	for (size_t i = 0; i < n; i++) {
		size_t bytes = dtype_size(items[i].dtype);
		bool bad = items[i].rank < 0 || items[i].rank > ST_MAX_RANK || !bytes;
		for (int k = 0; !bad && k < items[i].rank; k++)
			bad = items[i].n[k] < 0 || __builtin_mul_overflow(bytes, (size_t)items[i].n[k], &bytes);
		if (bad)
			return err_set(e, ERR_BUG, "%s: %s: impossible type or shape", path, items[i].name);
		if (finite_check(items[i].data, items[i].dtype, count_of(&items[i]), items[i].name, ERR_DATA, e))
			return err_prefix(e, "%s", path);
	}
	return 0;
}

int st_write(const char *path, bool force, const st_item *items, size_t n, const json_t *metadata, bool half, err *e)
{
	struct sha256_ctx hash;
	char identity[SHA_TEXT], *text = NULL;
	unsigned char length[8];
	uint16_t *chunk = NULL;
	outfile *file = NULL;
	int code = check(path, items, n, metadata, e);
	if (!code)
		code = out_open(&file, path, force, e);
	if (!code)
		code = mem_zero(&chunk, CHUNK, sizeof *chunk, path, e);
	sha256_init(&hash);
	for (size_t i = 0; !code && i < n; i++)
		code = put_item(&(sink){ .hash = &hash }, path, &items[i], half, chunk, e);
	if (!code) {
		sha256_text(&hash, identity);
		code = header_text(&text, items, n, metadata, half, identity, e);
	}
	if (!code) {
		uint64_t bytes = strlen(text);
		for (int i = 0; i < 8; i++)
			length[i] = (unsigned char)(bytes >> 8 * i);
		code = out_write(file, length, sizeof length, e);
		if (!code)
			code = out_write(file, text, bytes, e);
	}
	for (size_t i = 0; !code && i < n; i++)
		code = put_item(&(sink){ .file = file }, path, &items[i], half, chunk, e);
	free(text);
	free(chunk);
	if (code) {
		out_abort(file);
		return code;
	}
	return out_commit(file, e);
}
