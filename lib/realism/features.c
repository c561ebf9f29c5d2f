#include "realism/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"
#include "base/threads.h"
#include "nn/conv/conv.h"
#include "realism/boxes.h"
#include "volume/volume.h"

enum { AROUND = 9, FINE_TAPS = 5, COARSE_TAPS = 3, POOL = 2, BOX = 8, STEP = 4, SEED = 1 };

struct features {
	nn *c;
	params weights;
	int n[3], half[3];	/* the grid, and that of the second convolution */
	size_t *place, places;	/* among all boxes */
	size_t boxes;
	float *high;		/* [n]: the scan less its mean around */
	float *box;		/* [boxes][FEATURES_COARSE] */
};

static int add_weight(features *f, const char *name, int out, int in, int taps, uint64_t stream, err *e)
{
	param *p;
	int code = params_add(&f->weights, name, 5, (const int64_t[]){ out, in, taps, taps, taps }, &p, e);
	for (size_t i = 0; !code && i < p->count; i++)
		p->v[i] = (float)(sqrt(2. / (in * taps * taps * taps)) * philox_normal(philox_make(SEED, stream), i));
	return code;
}

/* The boxes that lie inside. */
static int find_places(features *f, const float *mask, err *e)
{
	float *share = NULL;
	int code = mem_zero(&share, f->boxes, sizeof *share, "features", e);
	if (!code)
		code = mem_zero(&f->place, f->boxes, sizeof *f->place, "features", e);
	if (!code) {
		boxes_mean(share, mask, f->n, 1, BOX, STEP);
		for (size_t i = 0; i < f->boxes; i++)
			if (share[i] > .9f)
				f->place[f->places++] = i;
		if (!f->places)
			code = err_set(e, ERR_DATA, "no box of %d voxels a side lies in the brain on a grid of %dx%dx%d", BOX,
				       f->n[0], f->n[1], f->n[2]);
	}
	free(share);
	return code;
}

int features_open(features **out, const int n[3], const float *mask, err *e)
{
	features *f = NULL;
	int code = mem_zero(out, 1, sizeof **out, "features", e);
	if (code)
		return code;
	f = *out;
	f->boxes = 1;
	for (int i = 0; i < 3; i++) {
		f->n[i] = n[i];
		f->half[i] = boxes_along(n[i], POOL, POOL);
		f->boxes *= (size_t)boxes_along(n[i], BOX, STEP);
	}
	f->c = nn_new(NN_INFER, NN_EXACT, threads_count());
	code = f->c ? nn_error(f->c, e) : err_set(e, ERR_OS, "no memory for the network");
	if (!code)
		code = find_places(f, mask, e);
	if (!code)
		code = add_weight(f, "fine", FEATURES_FINE, 1, FINE_TAPS, 0, e);
	if (!code)
		code = add_weight(f, "coarse", FEATURES_COARSE, FEATURES_FINE, COARSE_TAPS, 1, e);
	if (!code)
		code = mem_zero(&f->high, volume_count(n), sizeof *f->high, "features", e);
	if (!code)
		code = mem_zero(&f->box, f->boxes * FEATURES_COARSE, sizeof *f->box, "features", e);
	return code;
}

void features_close(features *f)
{
	if (!f)
		return;
	nn_free(f->c);
	params_free(&f->weights);
	free(f->place);
	free(f->high);
	free(f->box);
	free(f);
}

size_t features_places(const features *f) { return f->places; }

/* ReLU of a convolution with weight number i, zeros around x, which is taken over. */
static tensor *layer(features *f, tensor *x, int i)
{
	param *w = &f->weights.p[i];
	int pad = (int)w->n[2] / 2;
	tensor *t = nn_conv(f->c, x, &(conv_spec){ .weight = w, .pad_low = pad, .pad_high = pad, .takes_x = true });
	for (size_t k = 0; t && k < shape_count(t->s); k++)
		t->v[k] = fmaxf(t->v[k], 0);
	return t;
}

/* Means of t over boxes, at the places: `first` and on among the features. */
static void gather(features *f, float *out, const tensor *t, int side, int step, int first)
{
	size_t c = (size_t)t->s.c;
	boxes_mean(f->box, t->v, (const int[3]){ t->s.x, t->s.y, t->s.z }, t->s.c, side, step);
	for (size_t i = 0; i < f->places; i++)
		memcpy(out + i * FEATURES + first, f->box + f->place[i] * c, c * sizeof *out);
}

int features_of(features *f, float *out, const float *x, err *e)
{
	int code = boxes_high_pass(f->high, x, f->n, AROUND, e);
	if (code)
		return code;
	tensor *fine = layer(f, nn_from_field(f->c, (shape){ 1, f->n[0], f->n[1], f->n[2], 1 }, f->high), 0);
	tensor *pooled = nn_tensor(f->c, (shape){ 1, f->half[0], f->half[1], f->half[2], FEATURES_FINE });
	if (fine && pooled) {
		gather(f, out, fine, BOX, STEP, 0);
		boxes_mean(pooled->v, fine->v, f->n, FEATURES_FINE, POOL, POOL);
	}
	nn_drop(f->c, fine);
	tensor *coarse = layer(f, pooled, 1);
	if (coarse)
		gather(f, out, coarse, BOX / POOL, STEP / POOL, FEATURES_FINE);
	nn_drop(f->c, coarse);
	return nn_error(f->c, e);
}
