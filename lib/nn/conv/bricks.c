/* Winograd by bricks of voxels, for volumes that are large beside the weights.
 *
 * The output is cut into bricks of 16 to 64 tiles, small enough that a brick stays in the second-level cache in all its forms:
 *
 *      voxels that its tiles read        points                       products                  voxels that they write
 *      [x][y][z][in]        B' d B       [point][tile][in]    times   [point][tile][out]  A' m A   [x][y][z][out]
 *      through norm and activation  -->                 weights [point][in][out]         -->       + bias + residual
 *
 * so that each voxel is read once and written once. Weights are transformed before, for all bricks. With the last step the sums over voxels
 * that a norm behind the convolution wants are taken, brick by brick.
 *
 * The data gradient is a convolution with flipped kernels; behind a doubling of voxels it has a tile of its own, which gathers. The weight
 * gradient sums dU over bricks, in fixed shares, and transforms it back at the end. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv/winograd.h"
#include "nn/packed_weights.h"

enum { CACHED = 3 << 17 }; /* floats of a transformed brick and its products, some 1.5 MB */
enum { SMALL_VOLUME = 1 << 16 }; /* voxels */
enum { SHARES = 4 }; /* of the bricks, in a weight gradient */

/* ---- how the output is cut ---- */

/* Bricks of n[0] x n[1] x n[2] tiles. */
typedef struct bricks {
	wino_tile tile;
	shape out;
	int n[3], count[3], total;
	int most; /* tiles in a brick */
	int points;
	int in, out_c; /* channels, whole vectors */
} bricks;

static bricks bricks_of(const conv_shape *conv, wino_tile t)
{
	const int extent[3] = { conv->out.x, conv->out.y, conv->out.z };
	bricks k = { .tile = t,
		     .out = conv->out,
		     .n = { 1, 1, 1 },
		     .total = conv->out.b,
		     .most = 1,
		     .points = winograd_points(t),
		     .in = lanes_up(conv->in.c),
		     .out_c = lanes_up(conv->out.c) };
	/* each brick reads all the weights, and with many channels these are more than it */
	int want = CACHED / (k.points * (k.in + k.out_c)), fewest = winograd_is_large(k.in, k.out_c) ? 32 : 16;
	want = want < fewest ? fewest : least(want, 64);
	for (;;) {
		int best = -1;
		for (int a = 2; a >= 0; a--)
			if (k.n[a] * t.m[a] < extent[a] && (best < 0 || k.n[a] * t.m[a] < k.n[best] * t.m[best]))
				best = a;
		if (best < 0 || 2 * k.n[0] * k.n[1] * k.n[2] > want)
			break;
		k.n[best] *= 2;
	}
	for (int a = 0; a < 3; a++) {
		k.count[a] = (extent[a] + k.n[a] * t.m[a] - 1) / (k.n[a] * t.m[a]);
		k.total *= k.count[a];
		k.most *= k.n[a];
	}
	return k;
}

/* Brick i: its volume, and its first output voxel in `at`. */
static int brick_at(const bricks *k, int i, int at[3])
{
	for (int a = 2; a >= 0; a--) {
		at[a] = i % k->count[a] * k->n[a] * k->tile.m[a];
		i /= k->count[a];
	}
	return i;
}

/* Floats from point to point of a transformed brick with so many channels: a line more than it holds, since the points of a tile would
 * otherwise lie a multiple of 4096 bytes apart and drive each other out of the first-level cache. */
static size_t stride_of(const bricks *k, int channels) { return (size_t)lanes_up(k->most) * channels + LANES; }

/* Voxels of a brick as they are staged, [n][n][n][channels], where tiles begin `apart` from each other; and how a tile becomes points. */
typedef struct view {
	int n[3];
	const int *apart;
	int channels;
	wino_transform *transform;
} view;

/* What the tiles of a brick read. */
static view inputs_of(const bricks *k)
{
	const wino_tile *t = &k->tile;
	view r = { .apart = t->step, .channels = k->in, .transform = nn_kernels()->wino_input };
	for (int a = 0; a < 3; a++)
		r.n[a] = (k->n[a] - 1) * t->step[a] + (t->m[a] == 1 ? 4 : t->p[a]);
	return r;
}

/* The gradient at what they write. */
static view gradients_of(const bricks *k)
{
	view w = { .apart = k->tile.m, .channels = k->out_c, .transform = nn_kernels()->wino_output_adjoint };
	for (int a = 0; a < 3; a++)
		w.n[a] = k->n[a] * k->tile.m[a];
	return w;
}

static size_t staged_floats(const view *w) { return (size_t)w->n[0] * w->n[1] * w->n[2] * w->channels; }

/* Stages the box of a view that begins at voxel `first`, and transforms all tiles of the brick at output voxel `at` that have an output
 * inside the volume: points [point][tile][channels]. Returns their number. */
static int transform_brick(const bricks *k, const view *w, const conv_source *from, int b, const int at[3], const int first[3],
			   float *staged, float *points)
{
	const int *m = k->tile.m, cp = w->channels;
	size_t sy = (size_t)w->n[2] * cp, sx = sy * w->n[1], stride = stride_of(k, cp);
	int tiles = 0;
	conv_load_box(from, b, first, w->n, cp, staged);
	for (int x = 0; x < k->n[0] && at[0] + x * m[0] < k->out.x; x++)
		for (int y = 0; y < k->n[1] && at[1] + y * m[1] < k->out.y; y++)
			for (int z = 0; z < k->n[2] && at[2] + z * m[2] < k->out.z; z++)
				w->transform(k->tile, staged + x * w->apart[0] * sx + y * w->apart[1] * sy + (size_t)z * w->apart[2] * cp,
					     sx, sy, (size_t)cp, cp, points + (size_t)tiles++ * cp, stride);
	return tiles;
}

/* Of the input that the tiles of this brick read. */
static int transform_inputs(const bricks *k, const view *w, const conv_source *in, int pad, int b, const int at[3], float *staged,
			    float *points)
{
	int first[3];
	for (int a = 0; a < 3; a++)
		first[a] = at[a] / k->tile.m[a] * k->tile.step[a] - pad;
	return transform_brick(k, w, in, b, at, first, staged, points);
}

/* ---- weights ---- */

static void transform_weights(const graph *g, const bricks *k, const conv_task *task, const winograd_weights *all)
{
	const int vectors = k->out_c / LANES, parts = (k->in + FACTOR_ROWS - 1) / FACTOR_ROWS * vectors;
	const size_t plane = (size_t)(k->tile.p[1] * k->tile.p[2]) * all->stride;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < parts; i++) {
		float room[27 * FACTOR_ROWS * LANES];
		const winograd_taps taps = { room, (size_t)FACTOR_ROWS * LANES, LANES };
		int r = i / vectors * FACTOR_ROWS, column = i % vectors * LANES;
		winograd_read(task, r, column, least(k->in - r, FACTOR_ROWS), &taps);
		for (int x = 0; x < k->tile.p[0]; x++) {
			winograd_weights w = *all;
			w.u += x * plane;
			winograd_transform(k->tile, x, &taps, r, column, &w);
		}
	}
}

/* Floats of transformed weights. */
static size_t weight_floats(const bricks *k) { return (size_t)k->points * winograd_weights_of(k->in, k->out_c, NULL).stride; }

/* Do transformed weights last for the next run? They take 64/27 of the weights' memory or more, which pays where transforming them is a
 * good part of the work. */
static bool weights_last(const graph *g, const conv_shape *conv)
{
	return graph_use(g) == GRAPH_AGAIN && shape_voxels(conv->out) < SMALL_VOLUME;
}

/* The transformed weights: those that last, or made in work. */
static winograd_weights weights_for(const graph *g, const bricks *k, const conv_task *task, float *work)
{
	winograd_weights w = winograd_weights_of(k->in, k->out_c, work);
	bool stale = true;
	if (!work)
		w.u = packed_of(task->lasts, task->weight, &stale);
	if (stale)
		transform_weights(g, k, task, &w);
	return w;
}

/* ---- forward ---- */

static void store_brick(const bricks *k, const conv_task *task, int b, const int at[3], winograd_products *from)
{
	const int *m = k->tile.m;
	for (int x = at[0]; x < at[0] + k->n[0] * m[0] && x < k->out.x; x += m[0])
		for (int y = at[1]; y < at[1] + k->n[1] * m[1] && y < k->out.y; y += m[1])
			for (int z = at[2]; z < at[2] + k->n[2] * m[2] && z < k->out.z; z += m[2], from->m += k->out_c)
				winograd_store(task, k->tile, b, (int[]){ x, y, z }, from);
}

/* parts [bricks][2][channels] -> sums [b][2*out.c], stored, in the order of the bricks. */
static void merge_sums(const bricks *k, const double *parts, double *sums)
{
	const int each = k->total / k->out.b;
	memset(sums, 0, (size_t)k->out.b * 2 * (size_t)k->out.c * sizeof *sums);
	for (int i = 0; i < k->total; i++)
		for (int square = 0; square < 2; square++) {
			const double *from = parts + ((size_t)i * 2 + square) * k->out_c;
			double *to = sums + ((size_t)(i / each) * 2 + square) * k->out.c;
			for (int o = 0; o < k->out.c; o++)
				to[o] += from[o];
		}
}

/* Floats that a thread takes on the way there, and what all take. */
static size_t thread_floats(const bricks *k)
{
	const view reads = inputs_of(k);
	return staged_floats(&reads) + k->points * (stride_of(k, k->in) + stride_of(k, k->out_c));
}

static size_t forward_floats(const graph *g, const bricks *k) { return thread_floats(k) * (size_t)graph_threads(g) + (size_t)k->out_c; }

static void all_bricks(graph *g, const bricks *k, const conv_task *task, const winograd_weights *w, float *work)
{
	const int threads = graph_threads(g), co = k->out.c;
	const view reads = inputs_of(k);
	const conv_source in = winograd_source(&task->in, k->tile);
	const size_t staged_n = staged_floats(&reads), vp = stride_of(k, k->in), mp = stride_of(k, k->out_c), each = thread_floats(k);
	float *bias = work + each * (size_t)threads;
	double *parts = task->sums ? calloc((size_t)k->total * 2 * k->out_c, sizeof *parts) : NULL;
	if (task->sums && !parts) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	winograd_pad_bias(task->bias, co, k->out_c, bias);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int i = 0; i < k->total; i++) {
		float *staged = work + each * (size_t)omp_get_thread_num(), *v = staged + staged_n, *m = v + k->points * vp;
		int at[3], b = brick_at(k, i, at), tiles = transform_inputs(k, &reads, &in, task->shape->pad, b, at, staged, v);
		w->kernels->multiply(k->points, tiles, v, k->in, vp, w->u, w->stride, k->in, k->out_c, false, m, k->out_c, mp);
		store_brick(k, task, b, at, &(winograd_products){ m, mp, 0, co, bias, parts ? parts + (size_t)i * 2 * k->out_c : NULL });
	}
	if (parts)
		merge_sums(k, parts, task->sums);
	free(parts);
}

static void forward_by(graph *g, const conv_task *task, wino_tile t)
{
	const bricks k = bricks_of(task->shape, t);
	const bool last = task->lasts && weights_last(g, task->shape);
	const winograd_weights w = weights_for(g, &k, task, last ? NULL : task->work);
	all_bricks(g, &k, task, &w, task->work + (last ? 0 : up_to_vector(weight_floats(&k))));
}

/* With weights that are made anew. */
static size_t forward_room(const graph *g, const conv_shape *conv, wino_tile t)
{
	const bricks k = bricks_of(conv, t);
	return up_to_vector(weight_floats(&k)) + forward_floats(g, &k);
}

static void forward(graph *g, const conv_task *task) { forward_by(g, task, winograd_tile(task->shape)); }

/* ---- gradients ---- */

/* Behind a doubling: the convolution that makes the gradient at the input as it is stored, from that at the output in steps of two. */
static conv_shape gathering(const conv_shape *conv)
{
	conv_shape back = conv_transposed(conv);
	back.out = conv->in;
	back.stride = 2;
	return back;
}

static void data_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const conv_shape back = gathering(task->shape);
	if (!winograd_doubles(task->shape))
		winograd_data_gradient(g, task, to);
	else
		forward_by(g,
			   &(conv_task){ .shape = &back,
					 .in = conv_plain(back.in, to->dout),
					 .weight = task->weight,
					 .flipped = true,
					 .out = to->d,
					 .work = task->work },
			   winograd_gathering());
}

/* g += G' du G for every pair of channels; du [point][in][out] in `shares` parts. */
static void transform_back(const graph *g, const bricks *k, const float *du, int shares, const param *weight, float *dw)
{
	const size_t point = (size_t)k->in * k->out_c, own = k->points * point;
	const int out = (int)weight->n[0], in = (int)weight->n[1];
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < in; i++)
		for (int o = 0; o < out; o += LANES)
			nn_kernels()->wino_weight_adjoint(k->tile, du + (size_t)i * k->out_c + o, point, shares, own, least(out - o, LANES),
							  dw + ((size_t)o * in + i) * 27, (size_t)in * 27);
}

/* What the weight gradient takes: `each` by a thread, behind that dU in fixed shares, so that sums do not depend on the number of threads.
 */
typedef struct gradient_work {
	view reads, writes;
	size_t staged, each;
	int shares;
	size_t point, own;
} gradient_work;

static gradient_work gradient_work_of(const bricks *k)
{
	gradient_work w = { .reads = inputs_of(k), .writes = gradients_of(k), .shares = least(k->total, SHARES) };
	const size_t read_n = staged_floats(&w.reads), written_n = staged_floats(&w.writes);
	w.staged = read_n > written_n ? read_n : written_n;
	w.each = w.staged + k->points * (stride_of(k, k->in) + stride_of(k, k->out_c));
	w.point = (size_t)k->in * k->out_c;
	w.own = k->points * w.point;
	return w;
}

static size_t gradient_floats(const graph *g, const bricks *k)
{
	const gradient_work w = gradient_work_of(k);
	return w.each * (size_t)graph_threads(g) + w.own * (size_t)w.shares;
}

static void weight_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const conv_shape *conv = task->shape;
	const bricks k = bricks_of(conv, winograd_tile(conv));
	const gradient_work w = gradient_work_of(&k);
	const int threads = graph_threads(g);
	const conv_source from = winograd_source(&task->in, k.tile), gradient = conv_plain(conv->out, to->dout);
	const size_t vp = stride_of(&k, k.in), dp = stride_of(&k, k.out_c);
	float *du = task->work + w.each * (size_t)threads;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int share = 0; share < w.shares; share++) {
		float *staged = task->work + w.each * (size_t)omp_get_thread_num(), *v = staged + w.staged, *d = v + k.points * vp;
		const int first = share_of(k.total, share, w.shares);
		for (int i = first; i < share_of(k.total, share + 1, w.shares); i++) {
			int at[3], b = brick_at(&k, i, at);
			transform_inputs(&k, &w.reads, &from, conv->pad, b, at, staged, v);
			int tiles = transform_brick(&k, &w.writes, &gradient, b, at, at, staged, d);
			for (int p = 0; p < k.points; p++)
				nn_kernels()->product(k.in, k.out_c, tiles, v + p * vp, 1, k.in, d + p * dp, k.out_c, i > first,
						      du + w.own * (size_t)share + p * w.point, k.out_c);
		}
	}
	transform_back(g, &k, du, w.shares, task->weight, to->dw);
}

static void room(const graph *g, const conv_shape *conv, const param *weight, bool back, conv_room *r)
{
	const bricks k = bricks_of(conv, winograd_tile(conv));
	const bool last = weights_last(g, conv);
	r->forward = last ? forward_floats(g, &k) : forward_room(g, conv, k.tile);
	r->lasting = last ? packed_bytes(weight_floats(&k)) : winograd_lasting(conv, weight, back);
	if (!back)
		return;
	const conv_shape gather = gathering(conv);
	r->data = winograd_doubles(conv) ? forward_room(g, &gather, winograd_gathering()) : winograd_data_room(g, conv, weight);
	r->weight = gradient_floats(g, &k);
}

const conv_algorithm conv_bricks = {
	.name = "winograd, bricks",
	.fits = winograd_fits,
	.room = room,
	.forward = forward,
	.data_gradient = data_gradient,
	.weight_gradient = weight_gradient,
	.takes_sums = true,
};
