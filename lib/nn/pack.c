#include "nn/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/internal.h"
#include "nn/kernels/kernels.h"

struct packed {
	struct packed *next;
	const void *owner;
	int variant;
	float *w;
};

void param_touch(param *p)
{
	for (struct packed *k = p->packed, *next; k; k = next) {
		next = k->next;
		free(k->w);
		free(k);
	}
	p->packed = NULL;
}

float *packed_of(nn *c, param *w, const void *owner, int variant, size_t count, bool *made)
{
	*made = false;
	if (!nn_ok(c))
		return NULL;
	struct packed *k = w->packed;
	while (k && (k->owner != owner || k->variant != variant))
		k = k->next;
	if (!k && (k = calloc(1, sizeof *k))) {
		*k = (struct packed){ w->packed, owner, variant, NULL };
		w->packed = k;
		nn_count_packed(c, count * sizeof(float));
	}
	if (k && !k->w && !nn_planning(c)) {
		k->w = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
		*made = k->w != NULL;
	}
	if (!k || (!k->w && !nn_planning(c)))
		return nn_fail(c, ERR_OS, "no memory for the transformed weights of %s", w->name);
	return k->w;
}

const float *weights_take(nn *c, const param *w)
{
	if (!w->half)
		return nn_ok(c) && !nn_planning(c) ? w->v : NULL;
	float *v = nn_take(c, w->count);
	const size_t part = (size_t)1 << 14;
	if (v)
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < w->count; i += part)
			nn_kernels()->widen(v + i, w->half + i, w->count - i < part ? w->count - i : part);
	return v;
}

void weights_give(nn *c, const param *w, const float *v)
{
	if (w->half)
		nn_give(c, (float *)v, w->count);
}

void weights_part(const param *w, size_t at, size_t n, float *to)
{
	if (w->half)
		nn_kernels()->widen(to, w->half + at, n);
	else
		memcpy(to, w->v + at, n * sizeof *to);
}
