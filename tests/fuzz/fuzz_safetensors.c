/* Any bytes as a safetensors file: refused, or every tensor can be looked at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	err e = { 0 };
	st_file *f = NULL;
	char hex[SHA_TEXT];
	json_t *config = NULL;
	int code = st_parse(&f, data, size, "fuzz", &e);
	if (code) {
		if (code != ERR_CONFIG || e.code != code || strncmp(e.text, "fuzz: ", 6) || strchr(e.text, '\n'))
			abort();
		return 0;
	}
	size_t total = 0;
	for (size_t i = 0; i < f->n; i++) {
		const st_tensor *t = &f->tensors[i];
		float *v = malloc(t->count * sizeof *v + 1);
		if (!v)
			abort();
		dtype_to_float(v, t->data, t->dtype, t->count);
		free(v);
		total += t->bytes;
		if (st_find(f, t->name) != t)
			abort();
	}
	if (total != f->bytes)
		abort();
	if (!st_meta_json(f, "config", &config, NULL))
		json_decref(config);
	st_verify(f, &e);
	st_identity(f, hex);
	st_close(f);
	return 0;
}
