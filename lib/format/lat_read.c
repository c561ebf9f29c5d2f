#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "format/head.h"
#include "format/json.h"
#include "format/lat.h"
#include "format/lat_internal.h"
#include "format/pack.h"

struct lat_reader {
	infile *in;
	int64_t records; /* since the last end marker */
	bool begun, closed; /* anything read; the last thing read was an end marker */
};

int lat_reader_new(lat_reader **out, infile *in, err *e)
{
	lat_reader *rd = NULL;
	int code = mem_zero(&rd, 1, sizeof *rd, in_name(in), e);
	if (code)
		return code;
	rd->in = in;
	*out = rd;
	return 0;
}

void lat_reader_free(lat_reader *rd) { free(rd); }

/* Says where in the input an error that is already set is. */
static int at(const lat_reader *rd, uint64_t offset, err *e)
{
	return err_prefix(e, "%s: byte %llu", in_name(rd->in), (unsigned long long)offset);
}

__attribute__((format(printf, 4, 5))) static int bad(const lat_reader *rd, uint64_t offset, err *e, const char *fmt, ...)
{
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	err_set(e, ERR_DATA, "%s", why);
	return at(rd, offset, e);
}

static uint32_t get_u32(const unsigned char *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* Exactly n bytes of something. */
static int read_block(lat_reader *rd, unsigned char **out, size_t n, const char *what, err *e)
{
	void *p = NULL;
	size_t got;
	int code = in_take(rd->in, &p, n, &got, e);
	if (!code && got < n) {
		free(p);
		return bad(rd, in_offset(rd->in), e, "the stream is cut short: it ends inside %s", what);
	}
	if (!code)
		*out = p;
	return code;
}

/* The next header: its kind and JSON, or kind 0 at the end of the input. */
static int read_head(lat_reader *rd, int *kind, json_t **head, err *e)
{
	static const unsigned char magic[] = { HEAD_MAGIC & 255, HEAD_MAGIC >> 8 & 255, HEAD_MAGIC >> 16 & 255, HEAD_MAGIC >> 24 };
	unsigned char front[HEAD_FRONT], *rest = NULL;
	uint64_t start = in_offset(rd->in);
	size_t got;
	int code = in_read(rd->in, front, sizeof front, &got, e);
	*kind = 0;
	if (code || !got)
		return code;
	if (memcmp(front, magic, got < 4 ? got : 4) || (got == sizeof front && memcmp(front + HEAD_SKIPPED, HEAD_NAME, 4)))
		return bad(rd, start, e, rd->begun ? "no record header and no end marker here" : "not a latpipe stream");
	if (got < sizeof front)
		return bad(rd, in_offset(rd->in), e, "the stream is cut short: it ends inside a header");
	if (front[12] != HEAD_MAJOR)
		return bad(rd, start, e, "format version %d.%d, this program reads %d.x", front[12], front[13], HEAD_MAJOR);
	uint32_t size = get_u32(front + 4), least = HEAD_FRONT - HEAD_SKIPPED + HEAD_BACK;
	if (size < least + 2 || size > least + LAT_MAX_HEADER)
		return bad(rd, start, e, "a header of %u bytes", size);
	size_t n = size - least;
	code = read_block(rd, &rest, n + HEAD_BACK, "a header", e);
	if (code)
		return code;
	if (get_u32(rest + n) != crc32_z(crc32_z(0, front, sizeof front), rest, n))
		code = bad(rd, start, e, "a damaged header (its CRC is wrong)");
	else if (front[15] || (front[14] != HEAD_RECORD && front[14] != HEAD_END))
		code = bad(rd, start, e, "a header of unknown kind %d", front[14]);
	else if ((code = json_parse_object(head, (char *)rest, n, e)))
		at(rd, start, e);
	free(rest);
	*kind = front[14];
	return code;
}

/* A text of 1 to `most` characters of [a-z0-9_-]. */
static bool is_word(const json_t *v, size_t most)
{
	const char *s = json_string_value(v);
	return s && *s && strlen(s) <= most && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

/* One entry of "tensors" into a tensor without elements yet. */
static int read_entry(lat_record *r, json_t *v, err *e)
{
	const char *name = json_string_value(json_object_get(v, "name"));
	const json_t *type = json_object_get(v, "dtype"), *filter = json_object_get(v, "filter"), *shape = json_object_get(v, "shape");
	const json_t *length = json_object_get(v, "length"), *crc = json_object_get(v, "crc32");
	lat_tensor *t;
	if (!name || !lat_name_ok(name))
		return err_set(e, ERR_DATA, "a tensor without a proper name");
	if (lat_find(r, name))
		return err_set(e, ERR_DATA, "two tensors %s", name);
	int code = lat_slot(r, name, &t, e);
	if (code)
		return code;
	if (json_object_update(t->meta, v))
		return err_set(e, ERR_OS, "tensor %s: no memory", name);
	static const char *const ours[] = { "name", "dtype", "filter", "shape", "length", "crc32" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		json_object_del(t->meta, ours[i]);
	if (!is_word(type, sizeof t->type_name - 1) || !is_word(filter, sizeof t->filter - 1) || !json_is_array(shape) ||
	    !json_is_integer(length) || !json_is_integer(crc))
		return err_set(e, ERR_DATA, "tensor %s: dtype, filter, shape, length or crc32 is missing or of a wrong type", name);
	strcpy(t->type_name, json_string_value(type));
	strcpy(t->filter, json_string_value(filter));
	t->dtype = dtype_of_name(t->type_name);
	if (json_array_size(shape) > LAT_MAX_RANK)
		return err_set(e, ERR_DATA, "tensor %s: more than %d dimensions", name, LAT_MAX_RANK);
	t->rank = (int)json_array_size(shape);
	for (int i = 0; i < t->rank; i++)
		t->shape[i] = json_integer_value(json_array_get(shape, (size_t)i));
	code = lat_shape_elements(&t->elements, t->rank, t->shape, e);
	if (code)
		return err_prefix(e, "tensor %s", name);
	/* Frames are hardly longer than what they hold, and zstd packs at most 128 KiB into the 4 bytes of a block. */
	json_int_t n = json_integer_value(length), size = (json_int_t)dtype_size(t->dtype), raw = t->elements * (size ? size : 64);
	if (n < 1 || n > raw + raw / 8 + 4096 || (size && raw / (128 << 10) > n / 4))
		return err_set(e, ERR_DATA, "tensor %s: %lld bytes cannot hold it", name, (long long)n);
	if (json_integer_value(crc) < 0 || json_integer_value(crc) > UINT32_MAX)
		return err_set(e, ERR_DATA, "tensor %s: a crc32 out of range", name);
	t->frame_bytes = (size_t)n;
	t->frame_crc = (uint32_t)json_integer_value(crc);
	return 0;
}

/* A record without frames from its header, which becomes part of it. */
static int record_of(lat_record **out, json_t *head, uint64_t offset, err *e)
{
	lat_record *r = NULL;
	const char *id = json_string_value(json_object_get(head, "id"));
	json_t *list = json_object_get(head, "tensors"), *history = json_object_get(head, "history"), *v;
	const json_t *months = json_object_get(head, "months");
	size_t i;
	int code = 0;
	if (!id || !lat_id_ok(id))
		code = err_set(e, ERR_DATA, "a record without a proper id");
	else if (!json_is_array(list))
		code = err_set(e, ERR_DATA, "record %s: no list of tensors", id);
	else if ((history && !json_is_array(history)) || (months && !json_is_number(months)))
		code = err_set(e, ERR_DATA, "record %s: history or months of a wrong type", id);
	if (!code)
		code = mem_zero(&r, 1, sizeof *r, "record", e);
	if (code)
		return code;
	r->header = json_incref(head);
	r->offset = offset;
	json_array_foreach (list, i, v)
		if (!code && (code = read_entry(r, v, e)))
			err_prefix(e, "record %s", lat_id(r));
	if (code) {
		lat_free(r);
		return code;
	}
	json_object_del(head, "tensors");
	*out = r;
	return 0;
}

static int read_frames(lat_reader *rd, lat_record *r, err *e)
{
	char what[LAT_MAX_NAME + LAT_MAX_ID + 32];
	for (int i = 0; i < r->count; i++) {
		lat_tensor *t = &r->tensors[i];
		uint64_t start = in_offset(rd->in);
		snprintf(what, sizeof what, "tensor %s of record %s", t->name, lat_id(r));
		int code = read_block(rd, &t->frame, t->frame_bytes, what, e);
		if (code)
			return code;
		if (crc32_z(0, t->frame, t->frame_bytes) != t->frame_crc)
			return bad(rd, start, e, "%s is damaged (its CRC is wrong)", what);
		/* Before anybody takes memory for the elements. */
		code = pack_inspect(t->frame, t->frame_bytes, (size_t)t->elements * dtype_size(t->dtype), e);
		if (code) {
			err_prefix(e, "%s", what);
			return at(rd, start, e);
		}
	}
	return 0;
}

/* The end marker counts: what is missing before it shows, also after `cat`. */
static int read_end(lat_reader *rd, const json_t *head, err *e)
{
	const json_t *n = json_object_get(head, "records");
	if (!json_is_integer(n))
		return err_set(e, ERR_DATA, "an end marker without a number of records");
	if (json_integer_value(n) != rd->records)
		return err_set(e, ERR_DATA, "an end marker of %lld records after %lld: some are missing, or a stream before was cut short",
			       (long long)json_integer_value(n), (long long)rd->records);
	rd->records = 0;
	return 0;
}

static int read_nothing(const lat_reader *rd, err *e)
{
	if (rd->closed)
		return 0;
	if (!rd->begun)
		return bad(rd, in_offset(rd->in), e, "empty, and even an empty stream has an end marker");
	return bad(rd, in_offset(rd->in), e, "the stream is cut short: no end marker after %lld records", (long long)rd->records);
}

int lat_read(lat_reader *rd, lat_record **r, err *e)
{
	int kind, code;
	*r = NULL;
	do {
		uint64_t start = in_offset(rd->in);
		json_t *head = NULL;
		code = read_head(rd, &kind, &head, e);
		if (code || !kind)
			return code ? code : read_nothing(rd, e);
		rd->begun = true;
		rd->closed = kind == HEAD_END;
		code = rd->closed ? read_end(rd, head, e) : record_of(r, head, start, e);
		json_decref(head);
		if (code)
			return at(rd, start, e);
	} while (rd->closed);
	code = read_frames(rd, *r, e);
	if (code) {
		lat_free(*r);
		*r = NULL;
		return code;
	}
	rd->records++;
	return 0;
}
