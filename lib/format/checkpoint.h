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
} checkpoint_tensor;

typedef struct checkpoint {
	checkpoint_tensor *tensors; /* in the file's order, no name twice */
	size_t n;
	size_t bytes; /* of the whole file */
	struct checkpoint_private *p;
} checkpoint;

/* Opens a file. Its dictionary of names and tensors is the outermost one, or the one under state_dict. ERR_NOINPUT; ERR_CONFIG "PATH:
 * reason" for whatever is no such file, is damaged, cut short or asks for more than weights need. checkpoint_close also when it failed. */
int checkpoint_open(checkpoint *c, const char *path, err *e);
/* The same on n bytes in memory (name: for messages), which must stay. */
int checkpoint_parse(checkpoint *c, const void *bytes, size_t n, const char *name, err *e);
void checkpoint_close(checkpoint *c);

/* NULL when there is none. */
const checkpoint_tensor *checkpoint_find(const checkpoint *c, const char *name);

/* Compares a tensor's bytes with the file's checksum, where it has one. ERR_CONFIG, the reason alone. */
int checkpoint_verify(checkpoint *c, const checkpoint_tensor *t, err *e);
/* A tensor's elements, one after the other, to out [count * dtype_size]. */
void checkpoint_copy(void *out, const checkpoint_tensor *t);

#endif
