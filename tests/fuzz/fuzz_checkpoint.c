/* Any bytes as a checkpoint: refused, or every tensor can be looked at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const uint8_t *data, size_t size)
{
	err e = { 0 };
	checkpoint c;
	int code = checkpoint_parse(&c, data, size, "fuzz", &e);
	if (code && (code != ERR_CONFIG || e.code != code || strncmp(e.text, "fuzz: ", 6) || strchr(e.text, '\n')))
		abort();
	for (size_t i = 0; !code && i < c.n; i++) {
		const checkpoint_tensor *t = &c.tensors[i];
		if (checkpoint_find(&c, t->name) != t)
			abort();
		checkpoint_verify(&c, t, &e);
		void *copy = malloc(t->count * dtype_size(t->dtype) + 1);
		if (!copy)
			abort();
		checkpoint_copy(copy, t);
		free(copy);
	}
	checkpoint_close(&c);
}

/* The bytes themselves; as a pickle they stand in a checkpoint of the old layout, behind its magic number, version and system. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t begin[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3.\x80\2}.";
	uint8_t *old = malloc(size + sizeof begin);
	if (!old)
		abort();
	memcpy(old, begin, sizeof begin - 1);
	memcpy(old + sizeof begin - 1, data, size);
	look(data, size);
	look(old, size + sizeof begin - 1);
	free(old);
	return 0;
}
