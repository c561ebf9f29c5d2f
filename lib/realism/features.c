#include "realism/features.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/philox.h"
#include "base/threads.h"
#include "nn/conv/conv.h"
#include "realism/boxes.h"
#include "realism/layers.h"
#include "volume/volume.h"

enum { AROUND = 9, FINE_TAPS = 5, COARSE_TAPS = 3, POOL = 2, BOX = 8, STEP = 4, SEED = 1 };

struct features {
	params weights;
	graph *g;
	layer *in, *fine, *coarse; /* a scan less its means; means over boxes of both convolutions */
	int n[3]; /* the grid */
	size_t *place, places; /* among all boxes */
	size_t boxes;
	float *high; /* [n]: the scan less its mean around */
	float *box; /* [FEATURES_COARSE][boxes], of either convolution */
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
			code = err_set(e, ERR_DATA, "no box of %d voxels a side lies in the brain on a grid of %dx%dx%d", BOX, f->n[0],
				       f->n[1], f->n[2]);
	}
	free(share);
	return code;
}

/* ReLU of a convolution, zeros around x, with the weights of this name. */
static layer *seen(graph *g, layer *x, int out, int taps, const char *weight)
{
	return relu(g, conv_named(g, x, &(conv_spec){ .out = out, .k = taps, .pad_low = taps / 2, .pad_high = taps / 2, .no_bias = true },
				  weight, ""));
}

static int describe(features *f, err *e)
{
	graph *g = f->g = graph_new(GRAPH_AGAIN, NN_EXACT, threads_count());
	if (!g)
		return err_set(e, ERR_OS, "no memory for the network");
	f->in = graph_input(g, (shape){ 1, f->n[0], f->n[1], f->n[2], 1 });
	layer *fine = seen(g, f->in, FEATURES_FINE, FINE_TAPS, "fine");
	f->fine = graph_keep(box_means(g, fine, BOX, STEP));
	layer *coarse = seen(g, box_means(g, fine, POOL, POOL), FEATURES_COARSE, COARSE_TAPS, "coarse");
	f->coarse = graph_keep(box_means(g, coarse, BOX / POOL, STEP / POOL));
	int code = graph_bind(g, (params *const[]){ &f->weights }, 1, e);
	if (!code)
		code = graph_settle(g, e);
	return code ? code : graph_open(g, e);
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
		f->boxes *= (size_t)boxes_along(n[i], BOX, STEP);
	}
	code = find_places(f, mask, e);
	if (!code)
		code = add_weight(f, "fine", FEATURES_FINE, 1, FINE_TAPS, 0, e);
	if (!code)
		code = add_weight(f, "coarse", FEATURES_COARSE, FEATURES_FINE, COARSE_TAPS, 1, e);
	if (!code)
		code = describe(f, e);
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
	graph_free(f->g);
	params_free(&f->weights);
	free(f->place);
	free(f->high);
	free(f->box);
	free(f);
}

size_t features_places(const features *f) { return f->places; }

/* Means of a convolution over boxes, at the places: `first` and on among the features. */
static void gather(features *f, float *out, const layer *means, int first)
{
	const int channels = graph_shape(means).c;
	graph_read(f->g, means, f->box);
	for (size_t i = 0; i < f->places; i++)
		for (int k = 0; k < channels; k++)
			out[i * FEATURES + (size_t)(first + k)] = f->box[(size_t)k * f->boxes + f->place[i]];
}

int features_of(features *f, float *out, const float *x, err *e)
{
	int code = boxes_high_pass(f->high, x, f->n, AROUND, e);
	if (code)
		return code;
	graph_write(f->g, f->in, f->high);
	code = graph_forward(f->g, e);
	if (code)
		return code;
	gather(f, out, f->fine, 0);
	gather(f, out, f->coarse, FEATURES_FINE);
	return 0;
}
