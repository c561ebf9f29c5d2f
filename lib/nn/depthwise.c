#include "nn/depthwise.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/internal.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/sums.h"

enum { TAPS = DEPTHWISE * DEPTHWISE };
enum { SHARES = 8 }; /* of the maps, each with sums of its own: a constant, so that sums do not depend on the number of threads */

typedef struct depthwise_node {
	node base; /* in: x */
	param *weight, *bias;
} depthwise_node;

static bool takes_gradient(const param *p) { return p && p->g && !p->frozen; }

static int blocks_of(int channels) { return lanes_up(channels) / LANES; }

/* Channels of block k that are there. */
static int some_of(int channels, int k) { return channels - k * LANES < LANES ? channels - k * LANES : LANES; }

static size_t frame_of(shape s) { return nn_kernels()->channels->depthwise_frame(s.y, s.z); }

/* [C][taps] -> [blocks][taps][LANES], zeros behind the last channel; back: flipped on both axes. */
static void arrange(const param *w, int channels, bool back, float *to)
{
	for (int k = 0; k < lanes_up(channels); k++)
		for (int t = 0; t < TAPS; t++)
			to[((size_t)k / LANES * TAPS + t) * LANES + k % LANES] =
				k < channels ? w->v[(size_t)k * TAPS + (back ? TAPS - 1 - t : t)] : 0;
}

/* The gradients of share `i` (all maps of it, one block of channels): dx stored or added, the taps' added to dtaps. */
static void share_backward(const depthwise_node *n, int i, float *dx, bool fresh, const float *taps, float *frame, double *dtaps)
{
	const channel_kernels *k = nn_kernels()->channels;
	const tensor *x = n->base.in[0], *out = n->base.out;
	shape s = x->s;
	int blocks = blocks_of(s.c), block = i % blocks, maps = s.b * s.x, some = some_of(s.c, block);
	int to = (int)((long)maps * (i / blocks + 1) / SHARES);
	for (int m = (int)((long)maps * (i / blocks) / SHARES); m < to; m++) {
		size_t at = (size_t)m * s.y * s.z * s.c + (size_t)block * LANES;
		if (dtaps) {
			k->depthwise_load(frame, x->v + at, s.y, s.z, s.c, some);
			k->depthwise_weight(dtaps, frame, out->g + at, s.y, s.z, s.c, some);
		}
		if (dx) {
			k->depthwise_load(frame, out->g + at, s.y, s.z, s.c, some);
			k->depthwise(dx + at, frame, taps + (size_t)block * TAPS * LANES, NULL, s.y, s.z, s.c, some, !fresh);
		}
	}
}

static void depthwise_backward(nn *c, node *base)
{
	depthwise_node *n = (depthwise_node *)base;
	tensor *x = base->in[0];
	int blocks = blocks_of(x->s.c), threads = nn_threads(c);
	bool fresh = false, weighs = takes_gradient(n->weight);
	float *dx = nn_gradient_raw(c, x, &fresh);
	size_t frame = frame_of(x->s), arranged = (size_t)blocks * TAPS * LANES;
	float *work = nn_take(c, frame * (size_t)threads), *taps = nn_take(c, arranged);
	double *dtaps = calloc(SHARES * arranged, sizeof *dtaps);
	if (!dtaps)
		nn_fail(c, ERR_OS, "no memory for sums");
	if (nn_ok(c) && !nn_planning(c)) {
		arrange(n->weight, x->s.c, true, taps);
		memset(work, 0, frame * (size_t)threads * sizeof *work);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < SHARES * blocks; i++)
			share_backward(n, i, dx, fresh, taps, work + frame * (size_t)omp_get_thread_num(),
				       weighs ? dtaps + (size_t)i * TAPS * LANES : NULL);
		for (int i = 0; weighs && i < SHARES; i++)
			for (int k = 0; k < x->s.c; k++)
				for (int t = 0; t < TAPS; t++)
					n->weight->g[(size_t)k * TAPS + t] +=
						(float)dtaps[i * arranged + ((size_t)k / LANES * TAPS + t) * LANES + k % LANES];
		if (takes_gradient(n->bias))
			sums_to_bias(c, base->out, n->bias);
	}
	free(dtaps);
	nn_give(c, taps, arranged);
	nn_give(c, work, frame * (size_t)threads);
}

static void convolve(nn *c, const tensor *x, const param *weight, const param *bias, tensor *out)
{
	const channel_kernels *kernel = nn_kernels()->channels;
	shape s = x->s;
	int blocks = blocks_of(s.c), threads = nn_threads(c);
	size_t frame = frame_of(s), arranged = (size_t)blocks * TAPS * LANES;
	float *work = nn_take(c, frame * (size_t)threads), *taps = nn_take(c, arranged);
	if (work && taps) {
		arrange(weight, s.c, false, taps);
		memset(work, 0, frame * (size_t)threads * sizeof *work);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < s.b * s.x * blocks; i++) {
			int k = i % blocks, some = some_of(s.c, k);
			size_t at = (size_t)(i / blocks) * s.y * s.z * s.c + (size_t)k * LANES;
			float *mine = work + frame * (size_t)omp_get_thread_num();
			kernel->depthwise_load(mine, x->v + at, s.y, s.z, s.c, some);
			kernel->depthwise(out->v + at, mine, taps + (size_t)k * TAPS * LANES, bias ? bias->v + k * LANES : NULL, s.y, s.z,
					  s.c, some, false);
		}
	}
	nn_give(c, taps, arranged);
	nn_give(c, work, frame * (size_t)threads);
}

tensor *nn_depthwise(nn *c, tensor *x, param *weight, param *bias)
{
	if (!x || !weight || !nn_ok(c))
		return NULL;
	if (weight->rank != 4 || weight->n[0] != x->s.c || weight->n[1] != 1 || weight->n[2] != DEPTHWISE || weight->n[3] != DEPTHWISE)
		return nn_fail(c, ERR_CONFIG, "%s: has not %dx%d taps for each of %d channels", weight->name, DEPTHWISE, DEPTHWISE, x->s.c);
	if (bias && (bias->rank != 1 || bias->n[0] != x->s.c))
		return nn_fail(c, ERR_CONFIG, "%s: has not one number for each of %d channels", bias->name, x->s.c);
	tensor *out = nn_tensor(c, x->s);
	nn_count_flop(c, 2. * TAPS * (double)shape_count(x->s));
	if (out)
		convolve(c, x, weight, bias, out);
	depthwise_node *n = nn_push(c, sizeof *n, depthwise_backward, out, 1, &x, takes_gradient(weight) || takes_gradient(bias));
	if (n) {
		n->weight = weight;
		n->bias = bias;
	}
	return out;
}
