/* Types of array elements, as streams and NumPy files hold them: always little-endian on disk; this code runs on
 * little-endian machines. */
#ifndef FORMAT_DTYPE_H
#define FORMAT_DTYPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum dtype {
	DTYPE_UNKNOWN, /* a type of a later version: can be handed on, not looked into */
	DTYPE_F32,
	DTYPE_F16, /* IEEE 754 binary16 */
	DTYPE_BF16, /* the upper half of an f32 */
	DTYPE_F64,
	DTYPE_I8,
	DTYPE_I16,
	DTYPE_I32,
	DTYPE_I64,
	DTYPE_U8,
	DTYPE_U16,
	DTYPE_U32,
	DTYPE_U64,
};

/* "f32", "bf16", "u8"..; NULL for DTYPE_UNKNOWN. */
const char *dtype_name(enum dtype t);
enum dtype dtype_of_name(const char *name);
/* Bytes of one element; 0 for DTYPE_UNKNOWN. */
size_t dtype_size(enum dtype t);

/* n elements of type t (not DTYPE_UNKNOWN) to float and double, rounded to nearest (wide integers to double first). src need not be
 * aligned. */
void dtype_to_float(float *dst, const void *src, enum dtype t, size_t n);
void dtype_to_double(double *dst, const void *src, enum dtype t, size_t n);

/* n floats to type t, which is a float type: rounded to nearest, ties to even. A finite value that becomes infinite is
 * ERR_DATA ("value 1e+06 is too large for f16"); NaN stays NaN. ERR_BUG for the other types. */
int dtype_from_float(void *dst, enum dtype t, const float *src, size_t n, err *e);

#endif
