/* lat: streams of records; formats/lat.5 is the specification.
 *
 * A record is a header (JSON) and a few named tensors. Tensors stay compressed until somebody looks into them, so that a tool
 * hands on what it does not touch bit for bit and at no cost. Order of tensors is kept. Arrays are in C order, [C,X,Y,Z] with Z fastest. */
#ifndef FORMAT_LAT_H
#define FORMAT_LAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "format/dtype.h"

enum {
	LAT_MAX_RANK = 8,
	LAT_MAX_NAME = 64, /* characters of a tensor's name */
	LAT_MAX_ID = ID_LONGEST, /* characters of a record's id */
	LAT_MAX_TENSORS = 256,
	LAT_MAX_HEADER = 16 << 20, /* bytes of JSON */
};
#define LAT_MAX_ELEMENTS ((int64_t)1 << 32)

typedef struct lat_tensor {
	char name[LAT_MAX_NAME + 1];
	enum dtype dtype;
	int rank; /* 0 .. LAT_MAX_RANK */
	int64_t shape[LAT_MAX_RANK]; /* each >= 1 */
	int64_t elements; /* product of shape */
	/* The tensor's other keys, an object, never NULL: "model" {"kind","identity",..} names the model that made it.
	 * It goes when the tensor goes. Change it freely (but not name, dtype, shape, filter, length, crc32). */
	json_t *meta;

	/* Below: lib/format's own. At least one of `data` and `frame` is there. */
	void *data; /* elements, or NULL when not decoded */
	unsigned char *frame; /* one zstd frame, or NULL when not compressed yet */
	size_t frame_bytes;
	uint32_t frame_crc;
	char type_name[17]; /* the dtype as the header says it */
	char filter[17]; /* of the frame: "none", "shuffle"; another one (of a later version) is only handed on */
} lat_tensor;

typedef struct lat_record {
	/* All of the header but the tensors: "id", "source", "preparation", "months", "history", and keys we do not know. */
	json_t *header;
	lat_tensor *tensors;
	int count;
	uint64_t offset; /* where in the input the record began, for messages */
} lat_record;

/* ---- records ---- */

/* True for [A-Za-z0-9._+-]+ without a leading dot, at most LAT_MAX_ID characters: it becomes a file name. */
bool lat_id_ok(const char *id);

/* A record without tensors. ERR_USAGE when id cannot be one. Freed with lat_free. */
int lat_new(lat_record **out, const char *id, err *e);
/* A record of its own with the same header and tensors. Freed with lat_free. */
int lat_copy(lat_record **out, const lat_record *r, err *e);
/* r may be NULL. */
void lat_free(lat_record *r);
const char *lat_id(const lat_record *r);
int lat_set_id(lat_record *r, const char *id, err *e);

/* Months since the first session: false when the header does not say. */
bool lat_months(const lat_record *r, double *months);

/* Appends an entry (cli_history(); NULL: nothing happens) to the history. The reference is taken over, also on failure. */
int lat_add_history(lat_record *r, json_t *entry, err *e);

/* ---- tensors ---- */

/* NULL when there is none. Pointers to tensors hold until a tensor is set or dropped. */
lat_tensor *lat_find(const lat_record *r, const char *name);
/* The same, but ERR_DATA "no tensor NAME (it has a, b)". */
int lat_need(const lat_record *r, const char *name, lat_tensor **t, err *e);
/* Is the shape this one? Counted from the front; rank must agree. */
bool lat_has_shape(const lat_tensor *t, int rank, const int64_t *shape);
/* ERR_DATA, which names the tensor and both shapes, when `like` is not of t's shape; a `like` of rank 0 says nothing yet. */
int lat_shaped_like(const lat_tensor *t, const lat_tensor *like, err *e);
/* The grid of a volume, a tensor of shape [channels,X,Y,Z]; ERR_DATA for any other, or more than 4096 along an axis. */
int lat_grid(int n[3], const lat_tensor *t, int channels, err *e);
/* "3x16x20x16"; "scalar" for rank 0. */
void lat_shape_text(const lat_tensor *t, char out[LAT_MAX_RANK * 21]);

/* Can this version look into it: are type and filter known? */
bool lat_is_known(const lat_tensor *t);
/* The elements as they are, decoded now if need be and kept with the tensor; freed with it. ERR_DATA when the frame is damaged or of
 * a kind this version cannot decode. */
int lat_data(lat_tensor *t, const void **data, err *e);
/* A copy as float (of t->elements), whatever the type; freed with free(). ERR_DATA also when one is no finite number. */
int lat_floats(lat_tensor *t, float **out, err *e);
/* Are all elements finite numbers? ERR_DATA, which names the tensor. */
int lat_finite(lat_tensor *t, err *e);
/* Decodes without keeping anything, in little memory whatever the tensor's size: is the frame as the specification wants it? */
int lat_verify(const lat_tensor *t, err *e);

/* Adds tensor NAME, or replaces it in its place (with an empty meta). Elements are copied. ERR_USAGE for a name that cannot be
 * one ([A-Za-z0-9._+-], no leading dot), ERR_DATA for a shape that cannot be one, or an element that is no finite number. *out (may
 * be NULL): the tensor. */
int lat_set(lat_record *r, const char *name, enum dtype t, int rank, const int64_t *shape, const void *data, lat_tensor **out, err *e);
/* The same from floats, stored as f32, f16, bf16 or f64 (ERR_DATA when a value is too large for f16, too). */
int lat_set_floats(lat_record *r, const char *name, enum dtype stored, int rank, const int64_t *shape, const float *v, lat_tensor **out,
		   err *e);
/* Other values, t->elements of them, stored as f32: shape and meta stay. ERR_DATA as lat_set. */
int lat_replace(lat_tensor *t, const float *v, err *e);
/* A copy of a tensor, meta included, in the place of r's tensor of this name or at the end. */
int lat_put_copy(lat_record *r, const lat_tensor *t, err *e);
/* Nothing happens when there is none. */
void lat_drop(lat_record *r, const char *name);

/* Names the model that made a tensor: {"kind": kind, "identity": identity} (format/maker.h reads it). */
int lat_set_model(lat_tensor *t, const char *kind, const char *identity, err *e);

/* ---- streams ---- */

typedef struct lat_reader lat_reader;
typedef struct lat_writer lat_writer;

/* Reads records from `in`, which is borrowed. Nothing is read yet. */
int lat_reader_new(lat_reader **out, infile *in, err *e);
/* The next record, its tensors still compressed (their CRC is verified), or NULL in *r at the proper end of the stream. Freed with
 * lat_free. ERR_DATA "INPUT: byte N: reason" for anything that is not a whole, undamaged stream; an empty input is one of these. */
int lat_read(lat_reader *rd, lat_record **r, err *e);
void lat_reader_free(lat_reader *rd);

/* Writes records to `out`, which is borrowed. */
int lat_writer_new(lat_writer **w, outfile *out, err *e);
/* Compresses what is not compressed yet, writes the record and flushes. */
int lat_write(lat_writer *w, lat_record *r, err *e);
/* The end marker: without it a stream is not whole. */
int lat_finish(lat_writer *w, err *e);
void lat_writer_free(lat_writer *w);

#endif
