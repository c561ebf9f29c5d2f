/* The tensors of a PyTorch checkpoint (torch.save, the zip layout of 1.6 and later and the one before), or of a safetensors file: looked at
 * where they lie in a mapping. Nothing in the file is executed (format/pickle.h). */
#ifndef FORMAT_CHECKPOINT_H
#define FORMAT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/dtype.h"
#include "format/pickle.h"

typedef struct checkpoint_tensor {
	char *name;
	enum dtype dtype;
	int rank;
	int64_t n[PICKLE_MAX_RANK], stride[PICKLE_MAX_RANK]; /* elements */
	size_t count;
	const unsigned char *data; /* its first element; not aligned */
	bool contiguous; /* rows one after the other, the last axis fastest */
	size_t storage; /* which it looks into: several may share one */
	bool beside; /* not in the dictionary that counts */
} checkpoint_tensor;

enum { CHECKPOINT_MAX_DICTIONARIES = 64 }; /* that are listed; tensors are found in all */

typedef struct checkpoint_dictionary {
	char name[240]; /* "" the outermost, "state_dict", "ema/shadow" */
	size_t tensors;
} checkpoint_dictionary;

typedef struct checkpoint {
	checkpoint_tensor *tensors; /* in the file's order, no name twice */
	size_t n;
	size_t bytes; /* of the whole file */
	checkpoint_dictionary dictionaries[CHECKPOINT_MAX_DICTIONARIES]; /* that hold tensors, the one that counts first */
	int n_dictionaries;
	struct checkpoint_private *p;
} checkpoint;

/* Opens a file. The dictionary of names and tensors that counts is the one under state_dict, or the outermost one. Tensors of others that
 * are found by names from the outermost on are `beside`, with the way there before their names: "ema/shadow/encoder.weight". ERR_NOINPUT;
 * ERR_CONFIG "PATH: reason" for whatever is no such file, holds no tensors, is damaged or cut short. checkpoint_close also when it
 * failed. */
int checkpoint_open(checkpoint *c, const char *path, err *e);
/* The same on n bytes in memory (name: for messages), which must stay. */
int checkpoint_parse(checkpoint *c, const void *bytes, size_t n, const char *name, err *e);
void checkpoint_close(checkpoint *c);

/* NULL when there is none. */
const checkpoint_tensor *checkpoint_find(const checkpoint *c, const char *name);

/* Does the dictionary that counts have an object under this name, which is no tensor before it is executed? Then of this class. */
bool checkpoint_object(const checkpoint *c, const char *name, char class[PICKLE_CLASS]);

/* Compares a tensor's bytes with the file's checksum, where it has one. ERR_CONFIG, the reason alone. */
int checkpoint_verify(checkpoint *c, const checkpoint_tensor *t, err *e);
/* A tensor's elements, one after the other, to out [count * dtype_size]. */
void checkpoint_copy(void *out, const checkpoint_tensor *t);

#endif
