/* Memory whose size is checked. Everything here is freed with free(). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

/* n * size bytes, zeroed, in *out. ERR_OS when the product overflows or memory is short (what: for the message).
 * n = 0 gives a valid pointer. */
int mem_zero(void *out, size_t n, size_t size, const char *what, err *e);

/* Grows *array (of *cap elements of `size` bytes; NULL and 0 at first) to hold at least `need`, doubling. New elements are zeroed. */
int mem_grow(void *array, size_t *cap, size_t need, size_t size, const char *what, err *e);

/* A copy of s. ERR_OS when memory is short. */
int mem_text(char **out, const char *s, err *e);

#endif
