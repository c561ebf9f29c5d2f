/* Winograd on one axis, by matrix instructions (kernels/axis.h).
 *
 * It has half the products of a direct convolution, where three axes have a fifth; but these products are so fast that transforms on three
 * axes would take longer, and weights grow by 2 instead of 8. A tile is 4 or 6 voxels of one axis, which become as many points; on the
 * other two axes nine taps slide over the points. Numbers are cut into two or three parts of bfloat16, which matrix instructions take.
 *
 * Forward: tiles of a line along `along` follow each other for all lines on axis v, and are cut into runs of 16; lines are those on axis u.
 *
 *        input line u     transformed, in parts                 for each 32 output channels and 48 runs:
 *      v |  ......           run 0, run 1, ..            nine taps x 32 input channels at a time, weights being transformed
 *        |  ......   -->   [points][parts][tile][32]  -->   and cut when they are needed:  sums [points][run][16][32]  --> store
 *        +--along--
 *
 * The input is transformed and cut once, through norm and activation and with zeros around it.
 *
 * The weight gradient is the exact adjoint: each of 54 points and taps is a sum over tiles of products of transformed inputs and gradients,
 * 32 tiles at a time. Such a square has 1 to 32 tiles of the axis itself, and these at as many places, far from each other, on the other
 * two axes: a step of a tap then leads from one square of inputs to the next. */
#include <omp.h>
#include <string.h>

#include "nn/conv/winograd.h"
#include "nn/kernels/axis.h"

enum { CHUNK = 48 }; /* runs at a time: their sums take some 600 kB of the second-level cache */
enum { BLOCKS = 2 }; /* of 32 input channels at a time: their weights take 648 kB */
enum { WIDEST = 1 << 17 }; /* pairs of channels */
enum { LINE = 350000 }; /* floats of a line, as voxels: what stays in that cache. With more, tiles on three axes are faster */
enum { STAGED = 12 << 20 }; /* numbers that are staged at a time, if one line of a volume is not more */
static const int TAP_STEP[3] = { 9, 3, 1 }; /* of a cube's taps, on axes x, y, z */

/* ---- forward: how the tiles lie ---- */

typedef struct lines {
	int points, parts, blocks; /* blocks of 32 input channels */
	int along, v, u; /* axes: of the tiles, and the others */
	int tiles; /* on axis `along` */
	int n[3]; /* output voxels */
	int line, runs; /* tiles in a staged line; runs in a line */
	int lines, cuts; /* output lines of a piece; pieces of a volume */
	int all, together; /* pieces; at a time */
	size_t rows; /* staged tiles of `together` pieces */
} lines;

/* Two parts are off by 4e-6 of a convolution, which the transforms make 1e-5: a price for the widest alone, where they nearly halve the
 * time. Three are as exact as direct convolutions; sums of more than 1024 channels add so much of their own that tiles of six may not. */
static int parts_for(const conv_shape *conv, enum nn_math math)
{
	return math == NN_FAST && (long)conv->in.c * conv->out.c >= WIDEST ? 2 : 3;
}

static int points_for(const conv_shape *conv, enum nn_math math) { return math == NN_FAST || conv->in.c <= 1024 ? 6 : 4; }

/* The axes, and points of a tile, for which there are the fewest products. */
static void choose_axes(lines *l, int most_points)
{
	long fewest = 0;
	/* lines are read along z, so that u is one of the others */
	for (int u = 0; u < 2; u++)
		for (int along = 2; along >= 0; along--)
			for (int points = 4; points <= most_points; points += 2) {
				int v = 3 - u - along, tiles = up_to(l->n[along], points - 2) / (points - 2);
				if (along == u)
					continue;
				long products = (long)up_to(tiles * l->n[v], AXIS_RUN) * l->n[u] * points;
				if (fewest && products >= fewest)
					continue;
				fewest = products;
				l->along = along;
				l->v = v;
				l->u = u;
				l->points = points;
				l->tiles = tiles;
			}
}

static lines lines_of(const conv_shape *conv, enum nn_math math)
{
	lines l = { .parts = parts_for(conv, math),
		    .blocks = up_to(conv->in.c, AXIS_CHANNELS) / AXIS_CHANNELS,
		    .n = { conv->out.x, conv->out.y, conv->out.z } };
	choose_axes(&l, points_for(conv, math));
	l.line = l.tiles * (l.n[l.v] + 2);
	l.runs = up_to(l.tiles * l.n[l.v], AXIS_RUN) / AXIS_RUN;
	size_t each = (size_t)l.line * l.points * l.parts * l.blocks * AXIS_CHANNELS, fit = STAGED / each;
	l.lines = fit < 3 ? 1 : fit - 2 < (size_t)l.n[l.u] ? (int)fit - 2 : l.n[l.u];
	l.cuts = (l.n[l.u] + l.lines - 1) / l.lines;
	l.lines = (l.n[l.u] + l.cuts - 1) / l.cuts;
	l.all = conv->out.b * l.cuts;
	l.together = l.cuts > 1 ? 1 : least(l.all, (int)(fit / (size_t)(l.lines + 2)));
	/* the last run of the last line may read behind it; and parts must not lie a multiple of 4096 bytes apart, where they would share
	 * sets of the first-level cache */
	l.rows = ((size_t)l.together * (l.lines + 2) * l.line + AXIS_RUN) / 64 * 64 + 64 + 21;
	return l;
}

/* Voxels of a line that are read: [along][v] or, when tiles are along z, [v][along]. */
static int reads(const lines *l, int axis) { return axis == l->v ? l->n[axis] + 2 : l->tiles * (l->points - 2) + 2; }

static size_t line_floats(const lines *l) { return (size_t)reads(l, l->along) * reads(l, l->v) * l->blocks * AXIS_CHANNELS; }

static bool fits(const conv_shape *conv)
{
	bool possible = nn_kernels()->axis && conv_is_cube(conv) && conv->stride == 1 && !winograd_doubles(conv) &&
			conv->in.c >= AXIS_CHANNELS && conv->out.c >= AXIS_CHANNELS;
	if (!possible)
		return false;
	const lines l = lines_of(conv, NN_EXACT);
	return line_floats(&l) <= LINE;
}

/* What a thread works with, in floats. */
typedef struct work {
	size_t taps, weights, sums, each;
} work;

static work work_of(const lines *l)
{
	work w = { .taps = (size_t)27 * AXIS_SQUARE, .sums = (size_t)l->points * CHUNK * AXIS_SQUARE };
	/* two numbers in a float */
	w.weights = (size_t)l->points * BLOCKS * AXIS_TAPS * l->parts * AXIS_SQUARE;
	w.each = w.taps + w.weights + w.sums;
	if (w.each < line_floats(l))
		w.each = line_floats(l);
	return w;
}

/* ---- forward: the work ---- */

/* Staged line i of piece `piece`, number k of those at hand. room: line_floats. */
static void stage_line(const conv_task *task, const lines *l, int piece, int k, int i, float *room, uint16_t *to)
{
	const int pad = task->shape->pad, cp = l->blocks * AXIS_CHANNELS;
	int n[3], first[3] = { -pad, -pad, -pad };
	n[l->u] = 1;
	n[l->v] = reads(l, l->v);
	n[l->along] = reads(l, l->along);
	first[l->u] += piece % l->cuts * l->lines + i;
	conv_load_box(&task->in, piece / l->cuts, first, n, cp, room);
	size_t along = (size_t)cp * (l->along == 2 ? 1 : n[2]), across = (size_t)cp * (l->v == 2 ? 1 : n[2]);
	size_t row = ((size_t)k * (l->lines + 2) + i) * l->line;
	for (int v = 0; v < l->n[l->v] + 2; v++)
		for (int t = 0; t < l->tiles; t++, row++)
			nn_kernels()->axis->input(l->points, l->parts, room + v * across + t * (l->points - 2) * along, along, l->blocks,
						  to + row * AXIS_CHANNELS, l->rows);
}

/* Weights of `blocks` times 32 input channels from r on and of 32 output channels from `first` on. */
static void transform_weights(const conv_task *task, const lines *l, int r, int blocks, int first, float *room, uint16_t *to)
{
	const winograd_taps taps = { room, AXIS_SQUARE, LANES };
	const size_t each = (size_t)AXIS_TAPS * l->parts * 2 * AXIS_SQUARE;
	for (int b = 0; b < blocks; b++)
		for (int half = 0; half < 2; half++) {
			winograd_read(task, r + b * AXIS_CHANNELS, first + half * LANES, AXIS_CHANNELS, &taps);
			nn_kernels()->axis->weights(l->points, l->parts, room, TAP_STEP[l->along], TAP_STEP[l->u], TAP_STEP[l->v],
						    to + b * each + (size_t)half * AXIS_SQUARE, blocks * each);
		}
}

/* The output channels first .. first+31 of the n runs from `run` on, of the pieces from `piece` on. */
typedef struct chunk {
	int piece, run, n, first;
} chunk;

/* sums [points][runs, even][AXIS_RUN][32] of a chunk. */
static void multiply(const conv_task *task, const lines *l, const work *k, const chunk *at, const uint16_t *in, float *own)
{
	uint16_t *weights = (uint16_t *)(own + k->sums);
	float *taps = own + k->sums + k->weights;
	int start[CHUNK], tap[AXIS_TAPS], runs = up_to(at->n, 2);
	for (int t = 0; t < AXIS_TAPS; t++)
		tap[t] = t / 3 * l->line + t % 3 * l->tiles;
	for (int r = 0; r < runs; r++) {
		int run = at->run + least(r, at->n - 1), line = run / l->runs;
		start[r] = (line / l->lines * (l->lines + 2) + line % l->lines) * l->line + run % l->runs * AXIS_RUN;
	}
	for (int b = 0; b < l->blocks; b += BLOCKS) {
		int blocks = least(BLOCKS, l->blocks - b);
		transform_weights(task, l, b * AXIS_CHANNELS, blocks, at->first, taps, weights);
		nn_kernels()->axis->multiply(&(axis_sums){
			.points = l->points,
			.parts = l->parts,
			.blocks = blocks,
			.in = in + (size_t)b * l->points * l->parts * l->rows * AXIS_CHANNELS,
			.rows = l->rows,
			.runs = runs,
			.first = start,
			.tap = tap,
			.weights = weights,
			.add = b > 0,
			.sums = own,
		});
	}
}

static void store(const conv_task *task, const lines *l, const chunk *at, const float *sums, const float *bias)
{
	const shape *out = &task->shape->out;
	const size_t step[3] = { (size_t)out->y * out->z * out->c, (size_t)out->z * out->c, (size_t)out->c };
	const size_t point = (size_t)up_to(at->n, 2) * AXIS_SQUARE;
	int channels = least(out->c - at->first, AXIS_CHANNELS), m = l->points - 2;
	for (int r = at->run; r < at->run + at->n; r++) {
		int line = r / l->runs % l->lines, k = at->piece + r / l->runs / l->lines, u = k % l->cuts * l->lines + line;
		if (u >= l->n[l->u])
			continue;
		size_t begin = k / l->cuts * out->x * step[0] + u * step[l->u] + (size_t)at->first;
		for (int i = 0; i < AXIS_RUN; i++) {
			int tile = r % l->runs * AXIS_RUN + i, v = tile / l->tiles, w = tile % l->tiles * m;
			if (v >= l->n[l->v])
				break;
			size_t to = begin + v * step[l->v] + w * step[l->along];
			nn_kernels()->axis->output(l->points, sums + ((size_t)(r - at->run) * AXIS_RUN + i) * AXIS_CHANNELS, point,
						   channels, bias + at->first, task->add ? task->add + to : NULL, task->out + to,
						   step[l->along], least(m, l->n[l->along] - w));
		}
	}
}

/* Work space: what each thread takes, the bias, and what is staged, in floats. */
static size_t padded_floats(const conv_shape *conv) { return (size_t)up_to(conv->out.c, AXIS_CHANNELS); }
static size_t own_floats(const graph *g, const conv_shape *conv, const work *k)
{
	return k->each * (size_t)graph_threads(g) + padded_floats(conv);
}
static size_t lines_floats(const lines *l) { return l->rows * l->points * l->parts * l->blocks * AXIS_CHANNELS / 2; }

static void forward(graph *g, const conv_task *task)
{
	const lines l = lines_of(task->shape, graph_math(g));
	const work k = work_of(&l);
	const int threads = graph_threads(g), out = task->shape->out.c, columns = up_to(out, AXIS_CHANNELS) / AXIS_CHANNELS;
	float *own = task->work, *bias = own + k.each * (size_t)threads;
	uint16_t *staged = (uint16_t *)(own + own_floats(g, task->shape, &k));
	winograd_pad_bias(task->bias, out, (int)padded_floats(task->shape), bias);
	for (int from = 0; from < l.all; from += l.together) {
		const int count = least(l.all - from, l.together), staged_lines = l.lines + 2;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count * staged_lines; i++)
			stage_line(task, &l, from + i / staged_lines, i / staged_lines, i % staged_lines,
				   own + k.each * (size_t)omp_get_thread_num(), staged);
		const int runs = count * l.lines * l.runs, chunks = (runs + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < chunks * columns; i++) {
			float *mine = own + k.each * (size_t)omp_get_thread_num();
			const int run = i % chunks * CHUNK;
			const chunk at = { from, run, least(runs - run, CHUNK), i / chunks * AXIS_CHANNELS };
			multiply(task, &l, &k, &at, staged, mine);
			store(task, &l, &at, mine, bias);
		}
	}
}

/* ---- weight gradient: how the tiles lie ---- */

enum { SQUARE = AXIS_SQUARE, PAIR = AXIS_CHANNELS };
enum { CACHED = 32 }; /* squares at a time: 32 channels of gradients, and what nine taps need of inputs, take 300 kB */
enum { PIECE = 8 << 20 }; /* floats of a piece, as voxels and as squares, if one plane is not more */

/* Axes of squares: of the tiles, and the others. */
enum { ALONG, V, U };

/* A piece of a volume, some output planes or all of them, and how it lies in squares. */
typedef struct squares {
	int points, parts;
	int planes, cuts; /* output planes of a piece, pieces of a volume */
	int axis[3]; /* x, y or z for each of ALONG, V, U */
	int tiles[3]; /* of a square on these axes: their product is 32 */
	int count[3]; /* squares on these axes */
	int all; /* the product of count */
	int together; /* lines of squares whose inputs stay in the second-level cache */
	int x[3], y[3]; /* voxels of inputs and gradients that are staged, on axes x, y, z */
	int ip, op; /* channels */
} squares;

static size_t voxels_of(const int n[3]) { return (size_t)n[0] * n[1] * n[2]; }
/* Squares of inputs: two more on the axes of taps. */
static size_t read_of(const squares *l) { return (size_t)l->count[ALONG] * (l->count[V] + 2) * (l->count[U] + 2); }
/* In floats, each two numbers. */
static size_t input_floats(const squares *l) { return (size_t)l->points * l->parts * l->ip / AXIS_RUN * read_of(l) * SQUARE / 2; }
static size_t gradient_floats(const squares *l) { return (size_t)l->points * l->parts * l->op / AXIS_RUN * l->all * SQUARE / 2; }
static size_t staged_floats(const squares *l) { return voxels_of(l->x) * l->ip + voxels_of(l->y) * l->op; }

/* If n output voxels lie in fewer squares in this way, they shall. */
static void try_squares(squares *l, const int n[3], int along, int tiles, int vs)
{
	const int v = along == 2 ? 1 : 2, axis[3] = { along, v, 3 - along - v }, in[3] = { tiles, vs, PAIR / tiles / vs };
	int all = 1, count[3];
	for (int a = 0; a < 3; a++) {
		int unit = in[a] * (a == ALONG ? l->points - 2 : 1);
		count[a] = up_to(n[axis[a]], unit) / unit;
		all *= count[a];
	}
	if (l->all && all >= l->all)
		return;
	l->all = all;
	memcpy(l->axis, axis, sizeof axis);
	memcpy(l->tiles, in, sizeof in);
	memcpy(l->count, count, sizeof count);
}

/* `planes` output planes in the fewest squares. */
static squares squares_of(const conv_shape *conv, int planes)
{
	const int n[3] = { planes, conv->out.y, conv->out.z };
	squares l = { .points = 6, .parts = 3, .planes = planes, .ip = up_to(conv->in.c, PAIR), .op = up_to(conv->out.c, PAIR) };
	l.cuts = (conv->out.x + planes - 1) / planes;
	for (int along = 2; along >= 0; along--)
		for (int tiles = 1; tiles <= PAIR; tiles *= 2)
			for (int vs = 1; vs * tiles <= PAIR; vs *= 2)
				try_squares(&l, n, along, tiles, vs);
	l.together = CACHED / (l.count[ALONG] * l.count[V]) > 1 ? CACHED / (l.count[ALONG] * l.count[V]) : 1;
	for (int a = 0; a < 3; a++) {
		l.y[l.axis[a]] = l.tiles[a] * l.count[a] * (a == ALONG ? l.points - 2 : 1);
		l.x[l.axis[a]] = l.y[l.axis[a]] + 2;
	}
	return l;
}

/* As many planes as fit. */
static squares squares_fitting(const conv_shape *conv)
{
	for (int cuts = 1;; cuts++) {
		squares l = squares_of(conv, (conv->out.x + cuts - 1) / cuts);
		if (l.planes == 1 || input_floats(&l) + gradient_floats(&l) + staged_floats(&l) <= PIECE)
			return l;
	}
}

/* ---- weight gradient: the work ---- */

/* conv_load_box by all threads, line by line. */
static void stage(const graph *g, const conv_source *from, int b, const int first[3], const int n[3], int cp, float *to)
{
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < n[0] * n[1]; i++)
		conv_load_line(from, b, first[0] + i / n[1], first[1] + i % n[1], first[2], n[2], cp, to + (size_t)i * n[2] * cp);
}

/* Squares [points][cp/AXIS_RUN][parts][u][v][along] of what is staged: of inputs, or of gradients. */
static void to_squares(const graph *g, const squares *l, const float *staged, bool inputs, uint16_t *to)
{
	const axis_kernels *k = nn_kernels()->axis;
	to_square *cut = inputs ? k->inputs : k->gradients;
	const int *n = inputs ? l->x : l->y, cp = inputs ? l->ip : l->op, more = inputs ? 2 : 0; /* on axes of taps */
	const size_t voxel[3] = { (size_t)n[1] * n[2] * cp, (size_t)n[2] * cp, (size_t)cp };
	const size_t along = voxel[l->axis[ALONG]], v = voxel[l->axis[V]], u = voxel[l->axis[U]], tile = along * (l->points - 2);
	const int vs = l->count[V] + more, us = l->count[U] + more, across = l->count[ALONG];
	const size_t part = (size_t)us * vs * across * SQUARE, point = (size_t)cp / AXIS_RUN * l->parts * part;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < us * vs; i++)
		for (int a = 0; a < across; a++)
			for (int ch = 0; ch < cp; ch += AXIS_RUN) {
				const int as = l->tiles[ALONG], vs_in = l->tiles[V];
				const float *first[PAIR], *at = staged + i / vs * u + i % vs * v + a * as * tile + ch;
				for (int r = 0; r < PAIR; r++)
					first[r] = at + r % as * tile + r / as % vs_in * l->count[V] * v + r / as / vs_in * l->count[U] * u;
				cut(l->points, l->parts, first, along,
				    to + (size_t)ch / AXIS_RUN * l->parts * part + ((size_t)i * across + a) * SQUARE, point, part);
			}
}

/* One of the sums: of a point, 32 input channels from i on and 32 output channels from o on, over lines first .. last-1 of squares. */
typedef struct part {
	int point, i, o, first, last;
} part;

/* Products of the nine taps: sums [AXIS_TAPS][PAIR][PAIR]. at: room for l->all places. */
static void correlate(const squares *l, const part *k, const uint16_t *x, const uint16_t *y, int *at, bool add, float *sums)
{
	size_t x_apart = read_of(l) * SQUARE, y_apart = (size_t)l->all * SQUARE;
	for (int line = k->first; line < k->last; line += l->together, add = true)
		for (int t = 0; t < AXIS_TAPS; t++) {
			int n = 0;
			for (int u = line; u < k->last && u < line + l->together; u++)
				for (int v = 0; v < l->count[V]; v++)
					for (int a = 0; a < l->count[ALONG]; a++)
						at[n++] = ((u + t / 3) * (l->count[V] + 2) + v + t % 3) * l->count[ALONG] + a;
			nn_kernels()->axis->correlate(&(axis_products){
				.parts = l->parts,
				.n = n,
				.left = x + ((size_t)k->point * l->ip + k->i) / AXIS_RUN * l->parts * x_apart,
				.right = y + ((size_t)k->point * l->op + k->o) / AXIS_RUN * l->parts * y_apart +
					 (size_t)line * l->count[V] * l->count[ALONG] * SQUARE,
				.at = at,
				.left_below = l->parts * x_apart,
				.left_apart = x_apart,
				.right_beside = l->parts * y_apart,
				.right_apart = y_apart,
				.add = add,
				.sums = sums + (size_t)t * PAIR * PAIR,
			});
		}
}

/* Adds the adjoint of sums [shares][pairs of blocks][points][AXIS_TAPS][PAIR][PAIR]. */
static void add_weights(const graph *g, const squares *l, int shares, float *sums, const param *weight, float *dw)
{
	const int across = l->op / PAIR, blocks = l->ip / PAIR * across, out = (int)weight->n[0], in = (int)weight->n[1];
	const size_t point = (size_t)AXIS_TAPS * PAIR * PAIR, block_n = l->points * point;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int block = 0; block < blocks; block++) {
		float *sum = sums + block * block_n;
		for (int s = 1; s < shares; s++)
			for (size_t i = 0; i < block_n; i++)
				sum[i] += sum[(size_t)s * blocks * block_n + i];
		int first_i = block / across * PAIR, first_o = block % across * PAIR;
		for (int i = 0; i < PAIR && first_i + i < in; i++)
			for (int o = 0; o < PAIR && first_o + o < out; o += LANES)
				for (int t = 0; t < AXIS_TAPS; t++)
					nn_kernels()->axis->adjoint(l->points, sum + ((size_t)t * PAIR + i) * PAIR + o, point,
								    least(LANES, out - first_o - o),
								    dw + ((size_t)(first_o + o) * in + first_i + i) * 27 +
									    t / 3 * TAP_STEP[l->axis[U]] + t % 3 * TAP_STEP[l->axis[V]],
								    (size_t)in * 27, TAP_STEP[l->axis[ALONG]]);
	}
}

/* Piece by piece: squares x and y of inputs and gradients. room: staged_floats. */
static void piece_to_squares(const graph *g, const squares *l, const conv_shape *conv, const conv_source *in, const conv_source *gradient,
			     int piece, float *room, float *x)
{
	const shape *out = &conv->out;
	int b = piece / l->cuts, x0 = piece % l->cuts * l->planes, pad = conv->pad;
	float *room_y = room + voxels_of(l->x) * l->ip;
	stage(g, in, b, (int[3]){ x0 - pad, -pad, -pad }, l->x, l->ip, room);
	to_squares(g, l, room, true, (uint16_t *)x);
	/* gradients of whole squares are read where they are */
	const float *staged = gradient->v + ((size_t)b * out->x + x0) * out->y * out->z * out->c;
	bool whole = l->op == out->c && l->y[0] == l->planes && l->y[1] == out->y && l->y[2] == out->z && x0 + l->planes <= out->x;
	if (!whole) {
		stage(g, gradient, b, (int[3]){ x0, 0, 0 }, l->y, l->op, room_y);
		staged = room_y;
	}
	to_squares(g, l, staged, false, (uint16_t *)(x + input_floats(l)));
}

/* Work space: squares of inputs and gradients, the voxels of a piece, the sums, and places for each thread. */
typedef struct gradient_work {
	squares l;
	int blocks, shares;
	size_t both, each, sums, at;
} gradient_work;

static gradient_work gradient_work_of(const conv_shape *conv)
{
	gradient_work w = { .l = squares_fitting(conv), .each = (size_t)AXIS_TAPS * PAIR * PAIR };
	const squares *l = &w.l;
	w.blocks = l->ip / PAIR * (l->op / PAIR);
	/* fixed shares of the lines: the sums do not depend on the number of threads */
	w.shares = w.blocks < 2 ? least(2, l->count[U]) : 1;
	w.both = input_floats(l) + gradient_floats(l);
	w.sums = (size_t)w.shares * w.blocks * l->points * w.each;
	w.at = (size_t)up_to(l->all, LANES);
	return w;
}

static void weight_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const conv_shape *conv = task->shape;
	const gradient_work w = gradient_work_of(conv);
	const squares *l = &w.l;
	const conv_source gradient = conv_plain(conv->out, to->dout);
	const int threads = graph_threads(g), across = l->op / PAIR;
	float *x = task->work, *room = x + w.both, *sums = room + staged_floats(l);
	int *at = (int *)(sums + w.sums);
	for (int piece = 0; piece < conv->out.b * l->cuts; piece++) {
		piece_to_squares(g, l, conv, &task->in, &gradient, piece, room, x);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < w.shares * w.blocks * l->points; i++) {
			const int share = i / l->points / w.blocks, block = i / l->points % w.blocks;
			const part k = { i % l->points, block / across * PAIR, block % across * PAIR,
					 share_of(l->count[U], share, w.shares), share_of(l->count[U], share + 1, w.shares) };
			correlate(l, &k, (uint16_t *)x, (uint16_t *)(x + input_floats(l)), at + w.at * (size_t)omp_get_thread_num(),
				  piece > 0, sums + (size_t)i * w.each);
		}
	}
	add_weights(g, l, w.shares, sums, task->weight, to->dw);
}

static void room(const graph *g, const conv_shape *conv, const param *weight, bool back, conv_room *r)
{
	const lines l = lines_of(conv, graph_math(g));
	const work k = work_of(&l);
	r->forward = own_floats(g, conv, &k) + lines_floats(&l);
	r->lasting = 0;
	if (!back)
		return;
	const gradient_work w = gradient_work_of(conv);
	r->data = winograd_data_room(g, conv, weight);
	r->weight = w.both + staged_floats(&w.l) + w.sums + w.at * (size_t)graph_threads(g);
}

/* For stride 1 where there are matrix instructions and lines are short enough. */
const conv_algorithm conv_axis = {
	.name = "winograd, one axis",
	.fits = fits,
	.room = room,
	.forward = forward,
	.data_gradient = winograd_data_gradient,
	.weight_gradient = weight_gradient,
};
