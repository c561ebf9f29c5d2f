#include "nn/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/kernels/kernels.h"

struct packed {
	struct packed *next;
	int key;
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

/* The entry `key` of w; *made tells whether it is new and to be filled (count floats). A plan leaves entries without memory, which the
 * first real run gives them. */
static float *entry(nn *c, param *w, int key, size_t count, bool *made)
{
	*made = false;
	if (!nn_ok(c))
		return NULL;
	struct packed *k = w->packed;
	while (k && k->key != key)
		k = k->next;
	if (!k && (k = calloc(1, sizeof *k))) {
		*k = (struct packed){ w->packed, key, NULL };
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

const float *pack_taps(nn *c, param *w, int out, int in, int taps)
{
	bool made;
	float *to = entry(c, w, 0, w->count, &made);
	const float *v = made ? weights_take(c, w) : NULL;
	for (int t = 0; v && t < taps; t++)
		for (int i = 0; i < in; i++)
			for (int o = 0; o < out; o++)
				to[((size_t)t * in + i) * out + o] = v[((size_t)o * in + i) * taps + t];
	if (made)
		weights_give(c, w, v);
	return to;
}

static size_t wino_count(wino_tile t, int out, int in, bool back)
{
	return back ? wino_weight_count(t, out, in) : wino_weight_count(t, in, out);
}

const float *pack_wino_take(nn *c, param *w, wino_tile t, int out, int in, bool back, bool keep)
{
	bool made = true;
	int key = 1 + ((t.p[0] * 8 + t.p[1]) * 8 + t.p[2]) * 2 + back;
	size_t count = wino_count(t, out, in, back);
	float *to = keep ? entry(c, w, key, count, &made) : nn_take(c, count);
	const float *v = to && made ? weights_take(c, w) : NULL;
	if (v)
		wino_transform_weights(c, t, v, out, in, back, to);
	if (made)
		weights_give(c, w, v);
	return to;
}

void pack_wino_give(nn *c, wino_tile t, int out, int in, bool back, bool keep, const float *u)
{
	if (!keep)
		nn_give(c, (float *)u, wino_count(t, out, in, back));
}
