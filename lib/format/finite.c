#include "format/finite.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of each float type: the bits of the exponent, the lowest of them, and the sign, in every element of eight bytes. */
static const struct {
	uint64_t exponent, lowest, sign;
} bits[] = {
	[DTYPE_F64] = { 0x7ff0000000000000, 0x0010000000000000, 0x8000000000000000 },
	[DTYPE_F32] = { 0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000 },
	[DTYPE_F16] = { 0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000 },
	[DTYPE_BF16] = { 0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000 },
};

enum { WORDS = 512 };

/* Does one of n words hold a number that is not finite? All bits of its exponent are set: then, and only then, the lowest added to them
 * carries into the sign's place. Sums and ors alone, of which compilers make vectors. */
static bool holds(const uint64_t *w, size_t n, enum dtype t)
{
	const uint64_t exponent = bits[t].exponent, lowest = bits[t].lowest;
	uint64_t carried = 0;
	for (size_t i = 0; i < n; i++)
		carried |= (w[i] & exponent) + lowest;
	return carried & bits[t].sign;
}

size_t finite_first_not(const void *v, enum dtype t, size_t n)
{
	const unsigned char *p = v;
	const size_t size = dtype_size(t), bytes = n * size;
	uint64_t words[WORDS];
	if (t >= sizeof bits / sizeof *bits || !bits[t].sign)
		return n;
	for (size_t at = 0; at < bytes; at += sizeof words) {
		size_t some = bytes - at < sizeof words ? bytes - at : sizeof words;
		words[some / sizeof *words % WORDS] = 0; /* what a last word has behind the last element */
		memcpy(words, p + at, some);
		if (!holds(words, (some + sizeof *words - 1) / sizeof *words, t))
			continue;
		for (size_t i = 0; i < some; i += size) {
			words[0] = 0;
			memcpy(words, p + at + i, size);
			if (holds(words, 1, t))
				return (at + i) / size;
		}
	}
	return n;
}

int finite_check(const void *v, enum dtype t, size_t n, const char *name, int code, err *e)
{
	double is;
	size_t at = finite_first_not(v, t, n);
	if (at == n)
		return 0;
	dtype_to_double(&is, (const unsigned char *)v + at * dtype_size(t), t, 1);
	return err_set(e, code, "%s: element %zu is %s, no finite number", name, at, isnan(is) ? "nan" : is < 0 ? "-inf" : "inf");
}
