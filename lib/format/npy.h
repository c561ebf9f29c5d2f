/* NumPy's .npy files (format versions 1.0 to 3.0). */
#ifndef FORMAT_NPY_H
#define FORMAT_NPY_H

#include "base/err.h"
#include "base/file.h"
#include "format/dtype.h"

typedef struct npy_array {
	enum dtype dtype;
	int rank; /* 0 .. 8 */
	int64_t shape[8]; /* each >= 1 */
	int64_t elements;
	void *data; /* C order, little-endian; freed with free() */
} npy_array;

/* Reads one array, to the end of f. Fortran order and big-endian files are turned round; booleans become u8. ERR_DATA "NAME: reason" for
 * everything else: complex, text and object arrays, dimensions of 0, short files, bytes behind the array. */
int npy_read(npy_array *a, infile *f, err *e);

/* Writes a version 1.0 file. bf16, which NumPy does not have, is written as f32 (exactly the same values). */
int npy_write(outfile *f, enum dtype t, int rank, const int64_t *shape, const void *data, err *e);

#endif
