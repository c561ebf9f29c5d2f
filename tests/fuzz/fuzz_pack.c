/* libFuzzer: a tensor's frame of any bytes is inspected and, when it passes, decoded in both ways. The first three bytes say how many
 * elements of which size the header would have announced, and the filter. */
#include <stdint.h>
#include <stdlib.h>

#include "format/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t sizes[] = { 1, 2, 4, 8 };
	err e = { 0 };
	if (n < 3)
		return 0;
	size_t size = sizes[data[2] & 3], count = 1 + data[0] + 256 * (size_t)data[1];
	const char *filter = data[2] & 4 ? "shuffle" : "none";
	uint8_t *out = malloc(count * size);
	if (!out)
		return 0;
	if (!pack_inspect(data + 3, n - 3, count * size, &e)) {
		/* who decodes without keeping must come to the same judgement */
		int kept = unpack(out, count, size, data + 3, n - 3, filter, &e), forgotten = unpack_test(data + 3, n - 3, &e);
		if (kept != forgotten)
			abort();
	}
	pack_inspect(data + 3, n - 3, 0, &e);
	free(out);
	return 0;
}
