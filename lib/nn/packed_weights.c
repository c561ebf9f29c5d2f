#include "nn/packed_weights.h"

#include <stdint.h>
#include <string.h>

#include "nn/kernels/kernels.h"

enum { ALIGN = 64, PART = 1 << 14 };

size_t weights_room(const param *w) { return w->half ? w->count : 0; }

const float *weights_of(const param *w, float *work, int threads)
{
	if (!w->half)
		return w->v;
#pragma omp parallel for num_threads(threads)
	for (size_t i = 0; i < w->count; i += PART)
		nn_kernels()->widen(work + i, w->half + i, w->count - i < PART ? w->count - i : PART);
	return work;
}

void weights_part(const param *w, size_t at, size_t n, float *to)
{
	if (w->half)
		nn_kernels()->widen(to, w->half + at, n);
	else
		memcpy(to, w->v + at, n * sizeof *to);
}

/* In front of the floats: for which version of the weights they were made, counted from 1. */
size_t packed_bytes(size_t floats) { return 2 * ALIGN + floats * sizeof(float); }

float *packed_of(void *lasts, const param *w, bool *stale)
{
	uint64_t *made = (uint64_t *)(((uintptr_t)lasts + ALIGN - 1) / ALIGN * ALIGN);
	*stale = *made != w->version + 1;
	*made = w->version + 1;
	return (float *)((char *)made + ALIGN);
}
