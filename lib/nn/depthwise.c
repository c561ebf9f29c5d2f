#include "nn/depthwise.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/channel_sums.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

enum { TAPS = DEPTHWISE * DEPTHWISE };
enum { SHARES = 8 }; /* of the maps, each with sums of its own: a constant, so that sums do not depend on the number of threads */

enum { WEIGHT, BIAS };

static int blocks_of(int channels) { return lanes_up(channels) / LANES; }

/* Channels of block k that are there. */
static int some_of(int channels, int k) { return channels - k * LANES < LANES ? channels - k * LANES : LANES; }

/* Work space: the taps, arranged for the kernels, then a frame for each thread. */
static size_t frame_of(shape s) { return nn_kernels()->channels->depthwise_frame(s.y, s.z); }
static size_t arranged(shape s) { return (size_t)blocks_of(s.c) * TAPS * LANES; }
static float *frames_of(const graph *g, const layer *l) { return graph_work(g) + arranged(l->s); }

static void settle(graph *g, layer *l)
{
	l->reads_in[0] = layer_trains(l, WEIGHT);
	l->work = l->work_back = arranged(l->s) + frame_of(l->s) * (size_t)graph_threads(g);
	l->flop = 2. * TAPS * (double)shape_count(l->s);
}

/* [C][taps] -> [blocks][taps][LANES], zeros behind the last channel; back: flipped on both axes. Frames are made empty. */
static void prepare(const graph *g, const layer *l, bool back)
{
	const int channels = l->s.c;
	const float *w = l->p[WEIGHT]->v;
	float *to = graph_work(g);
	for (int k = 0; k < lanes_up(channels); k++)
		for (int t = 0; t < TAPS; t++)
			to[((size_t)k / LANES * TAPS + t) * LANES + k % LANES] =
				k < channels ? w[(size_t)k * TAPS + (back ? TAPS - 1 - t : t)] : 0;
	memset(frames_of(g, l), 0, frame_of(l->s) * (size_t)graph_threads(g) * sizeof(float));
}

/* ---- there ---- */

static void forward(graph *g, layer *l)
{
	const channel_kernels *kernel = nn_kernels()->channels;
	const shape s = l->s;
	const float *x = l->in[0]->v, *taps = graph_work(g), *bias = l->p[BIAS]->v;
	const int blocks = blocks_of(s.c);
	prepare(g, l, false);
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (int i = 0; i < s.b * s.x * blocks; i++) {
		int k = i % blocks, some = some_of(s.c, k);
		size_t at = (size_t)(i / blocks) * s.y * s.z * s.c + (size_t)k * LANES;
		float *mine = frames_of(g, l) + frame_of(s) * (size_t)omp_get_thread_num();
		kernel->depthwise_load(mine, x + at, s.y, s.z, s.c, some);
		kernel->depthwise(l->v + at, mine, taps + (size_t)k * TAPS * LANES, bias + k * LANES, s.y, s.z, s.c, some, false);
	}
}

/* ---- and back ---- */

/* The gradients of share `i` (all maps of it, one block of channels): at x stored or added, the taps' added to dtaps. */
static void share_backward(const layer *l, int i, const float *taps, float *frame, double *dtaps)
{
	const channel_kernels *k = nn_kernels()->channels;
	const float *x = l->in[0]->v;
	const shape s = l->s;
	const bool fresh = layer_is_fresh(l, 0);
	float *dx = layer_gradient(l, 0);
	int blocks = blocks_of(s.c), block = i % blocks, maps = s.b * s.x, some = some_of(s.c, block);
	int to = (int)((long)maps * (i / blocks + 1) / SHARES);
	for (int m = (int)((long)maps * (i / blocks) / SHARES); m < to; m++) {
		size_t at = (size_t)m * s.y * s.z * s.c + (size_t)block * LANES;
		if (dtaps) {
			k->depthwise_load(frame, x + at, s.y, s.z, s.c, some);
			k->depthwise_weight(dtaps, frame, l->g + at, s.y, s.z, s.c, some);
		}
		if (dx) {
			k->depthwise_load(frame, l->g + at, s.y, s.z, s.c, some);
			k->depthwise(dx + at, frame, taps + (size_t)block * TAPS * LANES, NULL, s.y, s.z, s.c, some, !fresh);
		}
	}
}

static void add_taps(const layer *l, const double *dtaps)
{
	for (int i = 0; i < SHARES; i++)
		for (int k = 0; k < l->s.c; k++)
			for (int t = 0; t < TAPS; t++)
				l->p[WEIGHT]->g[(size_t)k * TAPS + t] +=
					(float)dtaps[i * arranged(l->s) + ((size_t)k / LANES * TAPS + t) * LANES + k % LANES];
}

static void backward(graph *g, layer *l)
{
	const int blocks = blocks_of(l->s.c);
	const bool weighs = layer_trains(l, WEIGHT);
	double *dtaps = calloc(SHARES * arranged(l->s), sizeof *dtaps);
	if (!dtaps) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	prepare(g, l, true);
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (int i = 0; i < SHARES * blocks; i++)
		share_backward(l, i, graph_work(g), frames_of(g, l) + frame_of(l->s) * (size_t)omp_get_thread_num(),
			       weighs ? dtaps + (size_t)i * TAPS * LANES : NULL);
	if (weighs)
		add_taps(l, dtaps);
	if (layer_trains(l, BIAS))
		bias_gradient(g, l->g, l->s, l->p[BIAS]);
	free(dtaps);
}

static const layer_kind kind = {
	.name = "depthwise convolution", .size = sizeof(layer), .settle = settle, .forward = forward, .backward = backward
};

layer *depthwise(graph *g, layer *x, const char *at)
{
	const shape s = graph_shape(x);
	layer *l = layer_add(g, &kind, s, 1, &x);
	layer_param(g, l, WEIGHT, (param_entry){ .rank = 4, .n = { s.c, 1, DEPTHWISE, DEPTHWISE }, .rule = INIT_NORMAL }, at, "weight");
	layer_param(g, l, BIAS, (param_entry){ .rank = 1, .n = { s.c }, .rule = INIT_ZEROS }, at, "bias");
	return l;
}
