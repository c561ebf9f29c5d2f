#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "format/head.h"
#include "format/json.h"
#include "format/lat.h"
#include "format/pack.h"

struct lat_writer {
	outfile *out;
	int64_t records; /* since the last end marker */
};

int lat_writer_new(lat_writer **w, outfile *out, err *e)
{
	lat_writer *p = NULL;
	int code = mem_zero(&p, 1, sizeof *p, out_name(out), e);
	if (code)
		return code;
	p->out = out;
	*w = p;
	return 0;
}

void lat_writer_free(lat_writer *w) { free(w); }

static void put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

/* A header or end marker. Takes the reference to v (NULL: no memory). */
static int write_head(lat_writer *w, int kind, json_t *v, err *e)
{
	char *text = NULL;
	size_t n = 0;
	int code = v ? json_text(&text, &n, v, e) : err_set(e, ERR_OS, "no memory");
	json_decref(v);
	if (!code && n > LAT_MAX_HEADER)
		code = err_set(e, ERR_DATA, "a header of %zu bytes where at most %d are possible", n, LAT_MAX_HEADER);
	if (!code) {
		unsigned char front[HEAD_FRONT] = { 0 }, back[HEAD_BACK];
		put_u32(front, HEAD_MAGIC);
		put_u32(front + 4, (uint32_t)(HEAD_FRONT - HEAD_SKIPPED + n + HEAD_BACK));
		memcpy(front + 8, HEAD_NAME, 4);
		front[12] = HEAD_MAJOR;
		front[13] = HEAD_MINOR;
		front[14] = (unsigned char)kind;
		put_u32(back, (uint32_t)crc32_z(crc32_z(0, front, sizeof front), (unsigned char *)text, n));
		code = out_write(w->out, front, sizeof front, e);
		if (!code)
			code = out_write(w->out, text, n, e);
		if (!code)
			code = out_write(w->out, back, sizeof back, e);
	}
	free(text);
	return code;
}

/* The tensor's entry in the header; NULL: no memory. */
static json_t *entry_of(const lat_tensor *t)
{
	json_t *v = json_copy(t->meta), *shape = json_array();
	int bad = !v || !shape;
	for (int i = 0; !bad && i < t->rank; i++)
		bad = json_array_append_new(shape, json_integer(t->shape[i]));
	bad = bad || json_object_set_new(v, "name", json_string(t->name));
	bad = bad || json_object_set_new(v, "dtype", json_string(t->type_name));
	bad = bad || json_object_set_new(v, "filter", json_string(t->filter));
	bad = bad || json_object_set_new(v, "length", json_integer((json_int_t)t->frame_bytes));
	bad = bad || json_object_set_new(v, "crc32", json_integer((json_int_t)t->frame_crc));
	bad = bad || json_object_set(v, "shape", shape);
	json_decref(shape);
	if (bad) {
		json_decref(v);
		return NULL;
	}
	return v;
}

static int make_frame(lat_tensor *t, err *e)
{
	const char *filter;
	int code = pack(&t->frame, &t->frame_bytes, &filter, t->data, (size_t)t->elements, dtype_size(t->dtype), e);
	if (code)
		return err_prefix(e, "tensor %s", t->name);
	strcpy(t->filter, filter);
	t->frame_crc = (uint32_t)crc32_z(0, t->frame, t->frame_bytes);
	return 0;
}

int lat_write(lat_writer *w, lat_record *r, err *e)
{
	json_t *head = json_copy(r->header), *entries = json_array();
	int code = 0;
	if (!head || !entries || json_object_set(head, "tensors", entries))
		code = err_set(e, ERR_OS, "%s: no memory", lat_id(r));
	for (int i = 0; !code && i < r->count; i++) {
		if (!r->tensors[i].frame)
			code = make_frame(&r->tensors[i], e);
		if (!code && json_array_append_new(entries, entry_of(&r->tensors[i])))
			code = err_set(e, ERR_OS, "%s: no memory", lat_id(r));
	}
	json_decref(entries);
	if (code)
		json_decref(head);
	else
		code = write_head(w, HEAD_RECORD, head, e);
	for (int i = 0; !code && i < r->count; i++)
		code = out_write(w->out, r->tensors[i].frame, r->tensors[i].frame_bytes, e);
	if (!code)
		code = out_flush(w->out, e);
	w->records += !code;
	return code;
}

int lat_finish(lat_writer *w, err *e)
{
	int code = write_head(w, HEAD_END, json_pack("{s:I}", "records", (json_int_t)w->records), e);
	if (!code)
		code = out_flush(w->out, e);
	w->records = 0;
	return code;
}
