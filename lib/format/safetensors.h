/* The safetensors file format: eight bytes of header length (little-endian), a JSON header, then the tensors' bytes, little-endian
 * and row-major, without gaps. Read through a mapping: no copy is made, and processes share the pages.
 * Source: the format's own description, github.com/huggingface/safetensors. */
#ifndef FORMAT_SAFETENSORS_H
#define FORMAT_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha.h"
#include "format/dtype.h"

enum {
	ST_MAX_RANK = 8,
	ST_MAX_HEADER = 16 << 20,	/* bytes; the format allows 100 MB, 700 tensors take .1 */
};

typedef struct st_tensor {
	const char *name;	/* lives as long as the file is open */
	enum dtype dtype;	/* BOOL is read as DTYPE_U8 */
	int rank;
	int64_t n[ST_MAX_RANK];	/* each >= 0 */
	size_t count, bytes;	/* product of n (1 for rank 0); count * size of the type */
	const void *data; /* in the mapping, read-only; a multiple of the element's size from its start is not promised by the format */
} st_tensor;

typedef struct st_file {
	const char *path;
	st_tensor *tensors;	/* in the order in which they lie in the file */
	size_t n;
	json_t *metadata;	/* object of strings; empty when the file has none */
	const unsigned char *data; /* every byte after the header */
	size_t bytes;
	struct st_private *p;
} st_file;

/* Opens a file and checks all of its header: sizes against shapes, against each other and against the file, every byte covered
 * exactly once, no name twice. ERR_NOINPUT: cannot be opened; ERR_CONFIG: anything wrong inside. Close with st_close. */
int st_open(st_file **out, const char *path, err *e);
/* The same on n bytes in memory (name: for messages), which must stay until st_close. ERR_CONFIG. */
int st_parse(st_file **out, const void *bytes, size_t n, const char *name, err *e);
/* f may be NULL. */
void st_close(st_file *f);

/* NULL when there is none. */
const st_tensor *st_find(const st_file *f, const char *name);
const char *st_meta(const st_file *f, const char *key);
/* The JSON that the metadata entry `key` holds as text: a new reference in *out, NULL when there is no such entry. ERR_CONFIG when it is no
 * JSON. */
int st_meta_json(const st_file *f, const char *key, json_t **out, err *e);

/* Whether t->data may be read in place as an array of its type. */
bool st_aligned(const st_tensor *t);

/* The file is not needed for a while: its pages may go; they come back when they are read. */
void st_release(const st_file *f);

/* The file's identity: SHA-256, lower-case hexadecimal, of every byte after the header. Computed (all of the file is read). */
void st_identity(const st_file *f, char hex[SHA_TEXT]);
/* Recomputes the identity and compares it with the one stored in the metadata: ERR_CONFIG when they differ. Without a stored one: 0. */
int st_verify(const st_file *f, err *e);

typedef struct st_item {
	const char *name;
	enum dtype dtype;	/* of data; not DTYPE_UNKNOWN */
	int rank;
	const int64_t *n;	/* [rank] */
	const void *data;
} st_item;

/* Writes tensors in the order given to path, which appears whole or not at all (ERR_CREATE when it exists and !force). metadata: object
 * of strings or NULL; its order is kept, and `identity` is added. half: F32 tensors are stored as F16 (a value beyond 65504 is
 * ERR_DATA, as one that is no finite number always is), but those with at most one axis longer than 1 stay F32: norms, biases, layer
 * scales. Same input, same bytes. */
int st_write(const char *path, bool force, const st_item *items, size_t n, const json_t *metadata, bool half, err *e);

#endif
