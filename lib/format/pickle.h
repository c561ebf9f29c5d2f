/* Python's pickles, as far as PyTorch's checkpoints need them: read as data. Nothing is imported, called or executed: the operations are
 * those listed in pickle.c. Where a name is "called" that weights are made by (a short list), a tensor or dictionary is made of its
 * arguments; any other name makes an object that is carried along, of which nothing is known but that name: schedulers, settings and random
 * states stand beside the weights in most checkpoints. Other operations are refused. Source: the table of opcodes in CPython's
 * pickletools. */
#ifndef FORMAT_PICKLE_H
#define FORMAT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/dtype.h"

enum {
	PICKLE_MAX_RANK = 8,
	PICKLE_MAX_BYTES = 64 << 20, /* of one pickle */
	PICKLE_MAX_TENSORS = 1 << 17, /* and as many storages */
	PICKLE_MAX_VALUES = 1 << 20, /* values, and elements of all tuples, lists and dictionaries together */
	PICKLE_CLASS = 200,
};

enum pickle_kind {
	PICKLE_NONE,
	PICKLE_INT, /* booleans too */
	PICKLE_REAL,
	PICKLE_TEXT, /* texts, bytes, and whole numbers of more than 64 bits as their bytes */
	PICKLE_LIST, /* tuples and sets too */
	PICKLE_DICT, /* key, value, key, value .. */
	PICKLE_NAME, /* of a class or function, not called */
	PICKLE_STORAGE,
	PICKLE_TENSOR,
	PICKLE_OTHER, /* an object that is carried along, or a storage or tensor of a type that weights do not have */
};

typedef struct pickle_value {
	enum pickle_kind kind;
	uint32_t n; /* text: bytes; list, dict: elements; name: its place in pickle.c's list, or that list's length */
	union {
		int64_t whole;
		double real;
		const char *text; /* in the pickle, not ended by a zero */
		uint32_t *items; /* values */
		uint32_t place; /* in storages, tensors; name: value of its module's text, its own is the next; other: value of its name */
	};
	uint32_t room; /* of items */
} pickle_value;

/* Numbers that tensors look into: which file they lie in is the archive's matter. */
typedef struct pickle_storage {
	enum dtype dtype;
	const char *key;
	uint32_t key_bytes;
	int64_t elements;
} pickle_storage;

typedef struct pickle_tensor {
	uint32_t storage;
	int64_t offset; /* elements */
	int rank;
	int64_t n[PICKLE_MAX_RANK], stride[PICKLE_MAX_RANK];
} pickle_tensor;

typedef struct pickle {
	pickle_value *values;
	size_t n, values_room;
	size_t held; /* elements of containers, of all */
	pickle_storage *storages;
	size_t n_storages, storages_room;
	pickle_tensor *tensors;
	size_t n_tensors, tensors_room;
} pickle;

/* Reads one pickle from the front of n bytes, which must stay; *used of them. Its value is *root. Several may be read into one p (zeroed at
 * first). ERR_CONFIG: "byte N: reason", for anything that is not listed, and beyond the limits above. pickle_free also when it failed. */
int pickle_read(pickle *p, const void *bytes, size_t n, size_t *used, uint32_t *root, err *e);
void pickle_free(pickle *p);

/* The value of a dictionary under a text; NULL when there is none, or d is none. The last of several counts. */
const pickle_value *pickle_get(const pickle *p, const pickle_value *d, const char *key);
/* Of a PICKLE_OTHER or PICKLE_NAME, "module.name" for messages, cut where it is longer. */
void pickle_class(const pickle *p, const pickle_value *v, char out[PICKLE_CLASS]);
bool pickle_text_is(const pickle_value *v, const char *text);

#endif
