#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int mem_zero(void *out, size_t n, size_t size, const char *what, err *e)
{
	void *p = NULL;
	size_t bytes;
	if (!__builtin_mul_overflow(n, size, &bytes) && bytes <= PTRDIFF_MAX)
		p = calloc(bytes ? bytes : 1, 1);
	if (!p)
		return err_set(e, ERR_OS, "%s: no memory for %zu x %zu bytes", what, n, size);
	memcpy(out, &p, sizeof p);
	return 0;
}

int mem_grow(void *array, size_t *cap, size_t need, size_t size, const char *what, err *e)
{
	if (need <= *cap)
		return 0;
	size_t n = *cap ? *cap : 8, bytes;
	while (n < need)
		if (__builtin_mul_overflow(n, 2, &n))
			return err_set(e, ERR_OS, "%s: no memory for %zu elements", what, need);
	void *p = NULL;
	memcpy(&p, array, sizeof p);
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX || !(p = realloc(p, bytes)))
		return err_set(e, ERR_OS, "%s: no memory for %zu elements", what, need);
	memset((char *)p + *cap * size, 0, (n - *cap) * size);
	memcpy(array, &p, sizeof p);
	*cap = n;
	return 0;
}

int mem_text(char **out, const char *s, err *e)
{
	*out = strdup(s);
	return *out ? 0 : err_set(e, ERR_OS, "no memory for a text");
}
