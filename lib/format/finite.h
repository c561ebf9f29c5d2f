/* Numbers that are none: NaN and the infinities have no place in tensors and weights, and are refused wherever these come in or go out. */
#ifndef FORMAT_FINITE_H
#define FORMAT_FINITE_H

#include <stddef.h>

#include "base/err.h"
#include "format/dtype.h"

/* The place of the first of n elements of type t (not DTYPE_UNKNOWN; v need not be aligned) that is no finite number; n when all are, as
 * whole numbers always are. */
size_t finite_first_not(const void *v, enum dtype t, size_t n);

/* `code` and "NAME: element 17 is nan, no finite number" when there is one; 0. */
int finite_check(const void *v, enum dtype t, size_t n, const char *name, int code, err *e);

#endif
