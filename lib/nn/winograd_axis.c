/* Winograd on one axis, by matrix instructions (kernels/axis.h). It has half the products of a direct convolution, where three axes have a
 * fifth; but these products are so fast that transforms on three axes would take longer, and weights grow by 2 instead of 8.
 *
 * The input is transformed and cut into parts once, with the prologue and zeros around it. Then for each 32 output channels and chunk of
 * tiles the weights are transformed and cut, some input channels at a time, and multiplied. */
#include <omp.h>

#include "nn/conv_job.h"
#include "nn/kernels/axis.h"

enum { CHUNK = 48 };		/* runs at a time: their sums take some 600 kB of the second-level cache */
enum { BLOCKS = 2 };		/* of 32 input channels at a time: their weights take 648 kB */
enum { WIDEST = 1 << 17 };	/* pairs of channels */
enum { LINE = 350000 };		/* floats of a line, as voxels: what stays in that cache. With more, tiles on three axes are faster */
enum { STAGED = 12 << 20 };	/* numbers that are staged at a time, if one line of a volume is not more */

/* How the tiles lie: those of a line (u), of all v, follow each other, [v][along], and are cut into runs. */
typedef struct lay {
	int points, parts, blocks;
	int along, v, u;	/* axes: of the tiles, and the others */
	int tiles;		/* on axis `along` */
	int n[3];		/* output voxels */
	int line, runs;		/* tiles in a staged line; runs in a line */
	int lines, cuts;	/* output lines of a piece; pieces of a volume */
	int all, together;	/* pieces; at a time */
	size_t rows;		/* staged tiles of `together` pieces */
} lay;

/* Two parts are off by 4e-6 of a convolution, which the transforms make 1e-5: a price for the widest alone, where they nearly halve the
 * time. Three are as exact as direct convolutions; sums of more than 1024 channels add so much of their own that tiles may not. */
static int parts_for(const conv_job *j, enum nn_math math) { return math == NN_FAST && (long)j->in.c * j->out.c >= WIDEST ? 2 : 3; }
static int points_for(const conv_job *j, enum nn_math math) { return math == NN_FAST || j->in.c <= 1024 ? 6 : 4; }

static lay lay_of(const conv_job *j, enum nn_math math)
{
	lay l = { .parts = parts_for(j, math), .blocks = up_to(j->in.c, AXIS_CHANNELS) / AXIS_CHANNELS,
		  .n = { j->out.x, j->out.y, j->out.z } };
	long fewest = 0;
	/* lines are read along z, so that u is one of the others */
	for (int u = 0; u < 2; u++)
		for (int along = 2; along >= 0; along--)
			for (int points = 4; points <= points_for(j, math); points += 2) {
				int v = 3 - u - along, tiles = up_to(l.n[along], points - 2) / (points - 2);
				if (along == u)
					continue;
				long products = (long)up_to(tiles * l.n[v], AXIS_RUN) * l.n[u] * points;
				if (fewest && products >= fewest)
					continue;
				fewest = products;
				l.along = along;
				l.v = v;
				l.u = u;
				l.points = points;
				l.tiles = tiles;
			}
	l.line = l.tiles * (l.n[l.v] + 2);
	l.runs = up_to(l.tiles * l.n[l.v], AXIS_RUN) / AXIS_RUN;
	size_t each = (size_t)l.line * l.points * l.parts * l.blocks * AXIS_CHANNELS, fit = STAGED / each;
	l.lines = fit < 3 ? 1 : fit - 2 < (size_t)l.n[l.u] ? (int)fit - 2 : l.n[l.u];
	l.cuts = (l.n[l.u] + l.lines - 1) / l.lines;
	l.lines = (l.n[l.u] + l.cuts - 1) / l.cuts;
	l.all = j->out.b * l.cuts;
	l.together = l.cuts > 1 ? 1 : least(l.all, (int)(fit / (size_t)(l.lines + 2)));
	/* the last run of the last line may read behind it; and parts must not lie a multiple of 4096 bytes apart, where they would share
	 * sets of the first-level cache */
	l.rows = ((size_t)l.together * (l.lines + 2) * l.line + AXIS_RUN) / 64 * 64 + 64 + 21;
	return l;
}

/* Voxels of a line that are read: [along][v] or, when tiles are along z, [v][along]. */
static int reads(const lay *l, int axis) { return axis == l->v ? l->n[axis] + 2 : l->tiles * (l->points - 2) + 2; }

static size_t line_floats(const lay *l) { return (size_t)reads(l, l->along) * reads(l, l->v) * l->blocks * AXIS_CHANNELS; }

bool axis_fits(const conv_job *j)
{
	bool possible = nn_kernels()->axis && j->k[0] == 3 && j->k[1] == 3 && j->k[2] == 3 && j->stride == 1 && !wino_doubles(j) &&
			j->in.c >= AXIS_CHANNELS && j->out.c >= AXIS_CHANNELS;
	if (!possible)
		return false;
	const lay l = lay_of(j, NN_EXACT);
	return line_floats(&l) <= LINE;
}

/* Staged line i of piece `from` + k. work: line_floats. */
static void stage_line(const conv_job *j, const lay *l, const float *in, int from, int k, int i, float *work, uint16_t *to)
{
	int b = (from + k) / l->cuts, cp = l->blocks * AXIS_CHANNELS, n[3], first[3] = { -j->pad, -j->pad, -j->pad };
	n[l->u] = 1;
	n[l->v] = reads(l, l->v);
	n[l->along] = reads(l, l->along);
	first[l->u] += (from + k) % l->cuts * l->lines + i;
	conv_load_box(j, in, b, first, n, cp, work);
	size_t along = (size_t)cp * (l->along == 2 ? 1 : n[2]), across = (size_t)cp * (l->v == 2 ? 1 : n[2]);
	size_t row = ((size_t)k * (l->lines + 2) + i) * l->line;
	for (int v = 0; v < l->n[l->v] + 2; v++)
		for (int t = 0; t < l->tiles; t++, row++)
			nn_kernels()->axis->input(l->points, l->parts, work + v * across + t * (l->points - 2) * along, along, l->blocks,
						  to + row * AXIS_CHANNELS, l->rows);
}

/* Weights of `blocks` times 32 input channels from r on and of 32 output channels from `first` on. */
static void transform_weights(const conv_job *j, const lay *l, const param *w, bool back, int r, int blocks, int first, float *taps,
			      uint16_t *to)
{
	const int apart[3] = { 9, 3, 1 };
	const size_t each = (size_t)AXIS_TAPS * l->parts * 2 * AXIS_SQUARE;
	for (int b = 0; b < blocks; b++)
		for (int half = 0; half < 2; half++) {
			wino_read_weights(j, w, back, r + b * AXIS_CHANNELS, first + half * LANES, AXIS_CHANNELS, taps, AXIS_SQUARE, LANES);
			nn_kernels()->axis->weights(l->points, l->parts, taps, apart[l->along], apart[l->u], apart[l->v],
						    to + b * each + (size_t)half * AXIS_SQUARE, blocks * each);
		}
}

/* Stores output channels first .. of runs from .. of these pieces. sums: [points][runs][AXIS_RUN][32]. */
static void store_runs(const conv_job *j, const lay *l, int piece, int run, int runs, int room, int first, const float *sums,
		       const float *bias, const float *add, float *out)
{
	const size_t step[3] = { (size_t)j->out.y * j->out.z * j->out.c, (size_t)j->out.z * j->out.c, (size_t)j->out.c };
	int channels = least(j->out.c - first, AXIS_CHANNELS), m = l->points - 2;
	for (int r = run; r < run + runs; r++) {
		int line = r / l->runs % l->lines, k = piece + r / l->runs / l->lines, u = k % l->cuts * l->lines + line;
		if (u >= l->n[l->u])
			continue;
		size_t at = k / l->cuts * j->out.x * step[0] + u * step[l->u] + (size_t)first;
		for (int i = 0; i < AXIS_RUN; i++) {
			int tile = r % l->runs * AXIS_RUN + i, v = tile / l->tiles, w = tile % l->tiles * m;
			if (v >= l->n[l->v])
				break;
			size_t to = at + v * step[l->v] + w * step[l->along];
			nn_kernels()->axis->output(l->points, sums + ((size_t)(r - run) * AXIS_RUN + i) * AXIS_CHANNELS,
						   (size_t)room * AXIS_SQUARE, channels, bias + first, add ? add + to : NULL, out + to,
						   step[l->along], least(m, l->n[l->along] - w));
		}
	}
}

/* What a thread works with, in floats. */
typedef struct work {
	size_t taps, weights, sums, each;
} work;

static work work_of(const lay *l)
{
	work w = { .taps = (size_t)27 * AXIS_SQUARE, .sums = (size_t)l->points * CHUNK * AXIS_SQUARE };
	/* two numbers in a float */
	w.weights = (size_t)l->points * BLOCKS * AXIS_TAPS * l->parts * AXIS_SQUARE;
	w.each = w.taps + w.weights + w.sums;
	if (w.each < line_floats(l))
		w.each = line_floats(l);
	return w;
}

/* Output channels first .. first+31 of `some` runs from `run` on. */
static void multiply_runs(const conv_job *j, const lay *l, const work *k, const uint16_t *in, const param *w, bool back, int run, int some,
			  int first, float *own)
{
	uint16_t *weights = (uint16_t *)(own + k->sums);
	float *taps = own + k->sums + k->weights;
	int start[CHUNK], tap[AXIS_TAPS];
	for (int t = 0; t < AXIS_TAPS; t++)
		tap[t] = t / 3 * l->line + t % 3 * l->tiles;
	for (int r = 0; r < up_to(some, 2); r++) {
		int at = run + least(r, some - 1), line = at / l->runs;
		start[r] = (line / l->lines * (l->lines + 2) + line % l->lines) * l->line + at % l->runs * AXIS_RUN;
	}
	for (int b = 0; b < l->blocks; b += BLOCKS) {
		int blocks = least(BLOCKS, l->blocks - b);
		transform_weights(j, l, w, back, b * AXIS_CHANNELS, blocks, first, taps, weights);
		nn_kernels()->axis->multiply(&(axis_sums){
			.points = l->points,
			.parts = l->parts,
			.blocks = blocks,
			.in = in + (size_t)b * l->points * l->parts * l->rows * AXIS_CHANNELS,
			.rows = l->rows,
			.runs = up_to(some, 2),
			.first = start,
			.tap = tap,
			.weights = weights,
			.add = b > 0,
			.sums = own,
		});
	}
}

void axis_forward(nn *c, const conv_job *j, const float *in, const param *w, bool back, const float *bias, const float *add, float *out)
{
	int threads = nn_threads(c), columns = up_to(j->out.c, AXIS_CHANNELS) / AXIS_CHANNELS;
	const lay l = lay_of(j, nn_math(c));
	const work k = work_of(&l);
	size_t padded_n = (size_t)columns * AXIS_CHANNELS, own_n = k.each * (size_t)threads + padded_n;
	float *own = nn_work(c, own_n + l.rows * l.points * l.parts * l.blocks * AXIS_CHANNELS / 2);
	if (!own)
		return;
	float *padded = own + k.each * (size_t)threads;
	uint16_t *staged = (uint16_t *)(own + own_n);
	for (int i = 0; i < (int)padded_n; i++)
		padded[i] = bias && i < j->out.c ? bias[i] : 0;
	for (int from = 0; from < l.all; from += l.together) {
		int count = least(l.all - from, l.together), lines = l.lines + 2;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count * lines; i++)
			stage_line(j, &l, in, from, i / lines, i % lines, own + k.each * (size_t)omp_get_thread_num(), staged);
		int runs = count * l.lines * l.runs, chunks = (runs + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < chunks * columns; i++) {
			float *mine = own + k.each * (size_t)omp_get_thread_num();
			int run = i % chunks * CHUNK, some = least(runs - run, CHUNK), first = i / chunks * AXIS_CHANNELS;
			multiply_runs(j, &l, &k, staged, w, back, run, some, first, mine);
			store_runs(j, &l, from, run, some, up_to(some, 2), first, mine, padded, add, out);
		}
	}
}
