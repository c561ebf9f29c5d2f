/* The weight gradient with Winograd's form on one axis, by matrix instructions (kernels/axis.h): the exact adjoint of winograd_axis.c. Each
 * of 54 points and taps is a sum over tiles of products of transformed inputs and gradients, 32 tiles at a time. Such a square has 1 to 32
 * tiles of the axis itself, and these at as many places, far from each other, on the other two axes: a step of a tap then leads from one
 * square of inputs to the next. */
#include <omp.h>
#include <string.h>

#include "nn/conv_job.h"
#include "nn/kernels/axis.h"

enum { SQUARE = AXIS_SQUARE, PAIR = AXIS_CHANNELS };
enum { CACHED = 32 };		/* squares at a time: 32 channels of gradients, and what nine taps need of inputs, take 300 kB */
enum { STAGED = 8 << 20 };	/* floats of a piece, as voxels and as squares, if one plane is not more */

/* Axes of a layout: of the tiles, and the others. */
enum { ALONG, V, U };

/* A piece of a volume, some output planes or all of them, and how it lies in squares. */
typedef struct layout {
	int points, parts;
	int planes, cuts;	/* output planes of a piece, pieces of a volume */
	int axis[3];		/* x, y or z for each of ALONG, V, U */
	int in_square[3];	/* tiles of a square on these axes: their product is 32 */
	int count[3];		/* squares on these axes */
	int squares;		/* the product of count */
	int together;		/* lines of squares whose inputs stay in the second-level cache */
	int x[3], y[3];		/* voxels of inputs and gradients that are staged, on axes x, y, z */
	int ip, op;		/* channels */
} layout;

static size_t voxels_of(const int n[3]) { return (size_t)n[0] * n[1] * n[2]; }
/* Squares of inputs: two more on the axes of taps. */
static size_t read_of(const layout *l) { return (size_t)l->count[ALONG] * (l->count[V] + 2) * (l->count[U] + 2); }
/* In floats, each two numbers. */
static size_t inputs_of(const layout *l) { return (size_t)l->points * l->parts * l->ip / AXIS_RUN * read_of(l) * SQUARE / 2; }
static size_t gradients_of(const layout *l) { return (size_t)l->points * l->parts * l->op / AXIS_RUN * l->squares * SQUARE / 2; }
static size_t staged_of(const layout *l) { return voxels_of(l->x) * l->ip + voxels_of(l->y) * l->op; }

/* `planes` output planes in the fewest squares. */
static layout layout_of(const conv_job *j, int planes)
{
	const int n[3] = { planes, j->out.y, j->out.z };
	layout l = { .points = 6, .parts = 3, .planes = planes, .ip = up_to(j->in.c, PAIR), .op = up_to(j->out.c, PAIR) };
	l.cuts = (j->out.x + planes - 1) / planes;
	for (int along = 2; along >= 0; along--)
		for (int tiles = 1; tiles <= PAIR; tiles *= 2)
			for (int vs = 1; vs * tiles <= PAIR; vs *= 2) {
				const int v = along == 2 ? 1 : 2, axis[3] = { along, v, 3 - along - v };
				const int in[3] = { tiles, vs, PAIR / tiles / vs };
				int all = 1, count[3];
				for (int a = 0; a < 3; a++) {
					int unit = in[a] * (a == ALONG ? l.points - 2 : 1);
					count[a] = up_to(n[axis[a]], unit) / unit;
					all *= count[a];
				}
				if (l.squares && all >= l.squares)
					continue;
				l.squares = all;
				memcpy(l.axis, axis, sizeof axis);
				memcpy(l.in_square, in, sizeof in);
				memcpy(l.count, count, sizeof count);
			}
	l.together = CACHED / (l.count[ALONG] * l.count[V]) > 1 ? CACHED / (l.count[ALONG] * l.count[V]) : 1;
	for (int a = 0; a < 3; a++) {
		l.y[l.axis[a]] = l.in_square[a] * l.count[a] * (a == ALONG ? l.points - 2 : 1);
		l.x[l.axis[a]] = l.y[l.axis[a]] + 2;
	}
	return l;
}

/* As many planes as fit. */
static layout layout_fitting(const conv_job *j)
{
	for (int cuts = 1;; cuts++) {
		layout l = layout_of(j, (j->out.x + cuts - 1) / cuts);
		if (l.planes == 1 || inputs_of(&l) + gradients_of(&l) + staged_of(&l) <= STAGED)
			return l;
	}
}

/* conv_load_box by all threads, line by line. */
static void stage(nn *c, const conv_job *j, const float *from, int b, const int first[3], const int n[3], int cp, float *to)
{
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < n[0] * n[1]; i++)
		conv_load_line(j, from, b, first[0] + i / n[1], first[1] + i % n[1], first[2], n[2], cp, to + (size_t)i * n[2] * cp);
}

/* Squares [points][cp/AXIS_RUN][parts][u][v][along] of what is staged, n voxels with cp channels; with `more` squares on axes of taps. */
static void to_squares(nn *c, const layout *l, const float *staged, const int n[3], int cp, int more, bool inputs, uint16_t *to)
{
	const axis_kernels *k = nn_kernels()->axis;
	to_square *cut = inputs ? k->inputs : k->gradients;
	const size_t voxel[3] = { (size_t)n[1] * n[2] * cp, (size_t)n[2] * cp, (size_t)cp };
	const size_t along = voxel[l->axis[ALONG]], v = voxel[l->axis[V]], u = voxel[l->axis[U]], tile = along * (l->points - 2);
	const int vs = l->count[V] + more, us = l->count[U] + more, across = l->count[ALONG];
	const size_t part = (size_t)us * vs * across * SQUARE, point = (size_t)cp / AXIS_RUN * l->parts * part;
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < us * vs; i++)
		for (int a = 0; a < across; a++)
			for (int ch = 0; ch < cp; ch += AXIS_RUN) {
				const int as = l->in_square[ALONG], vs_in = l->in_square[V];
				const float *first[PAIR], *at = staged + i / vs * u + i % vs * v + a * as * tile + ch;
				for (int r = 0; r < PAIR; r++)
					first[r] = at + r % as * tile + r / as % vs_in * l->count[V] * v +
						   r / as / vs_in * l->count[U] * u;
				cut(l->points, l->parts, first, along,
				    to + (size_t)ch / AXIS_RUN * l->parts * part + ((size_t)i * across + a) * SQUARE, point, part);
			}
}

/* Products of the nine taps of one point with 32 channels on either side, i of the input and o of the output, for lines first .. last-1
 * of squares. at: room for l->squares places; sums [AXIS_TAPS][PAIR][PAIR]. */
static void correlate(const layout *l, int point, int i, int o, int first, int last, const uint16_t *x, const uint16_t *y, int *at,
		      bool add, float *sums)
{
	size_t x_apart = read_of(l) * SQUARE, y_apart = (size_t)l->squares * SQUARE;
	for (int line = first; line < last; line += l->together, add = true)
		for (int t = 0; t < AXIS_TAPS; t++) {
			int n = 0;
			for (int u = line; u < last && u < line + l->together; u++)
				for (int v = 0; v < l->count[V]; v++)
					for (int a = 0; a < l->count[ALONG]; a++)
						at[n++] = ((u + t / 3) * (l->count[V] + 2) + v + t % 3) * l->count[ALONG] + a;
			nn_kernels()->axis->correlate(&(axis_products){
				.parts = l->parts,
				.n = n,
				.left = x + ((size_t)point * l->ip + i) / AXIS_RUN * l->parts * x_apart,
				.right = y + ((size_t)point * l->op + o) / AXIS_RUN * l->parts * y_apart +
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

/* dw += the adjoint of sums [shares][pairs of blocks][points][AXIS_TAPS][PAIR][PAIR]. */
static void add_weights(nn *c, const conv_job *j, const layout *l, int shares, float *sums, float *dw)
{
	const int apart[3] = { 9, 3, 1 };
	int across = l->op / PAIR, blocks = l->ip / PAIR * across;
	const size_t point = (size_t)AXIS_TAPS * PAIR * PAIR, block_n = l->points * point;
#pragma omp parallel for num_threads(nn_threads(c))
	for (int block = 0; block < blocks; block++) {
		float *sum = sums + block * block_n;
		for (int s = 1; s < shares; s++)
			for (size_t i = 0; i < block_n; i++)
				sum[i] += sum[(size_t)s * blocks * block_n + i];
		int first_i = block / across * PAIR, first_o = block % across * PAIR;
		for (int i = 0; i < PAIR && first_i + i < j->in.c; i++)
			for (int o = 0; o < PAIR && first_o + o < j->out.c; o += LANES)
				for (int t = 0; t < AXIS_TAPS; t++)
					nn_kernels()->axis->adjoint(l->points, sum + ((size_t)t * PAIR + i) * PAIR + o, point,
								    least(LANES, j->out.c - first_o - o),
								    dw + ((size_t)(first_o + o) * j->in.c + first_i + i) * 27 +
									    t / 3 * apart[l->axis[U]] + t % 3 * apart[l->axis[V]],
								    (size_t)j->in.c * 27, apart[l->axis[ALONG]]);
	}
}

void axis_backward_weight(nn *c, const conv_job *j, const float *in, const float *dout, float *dw)
{
	const layout l = layout_fitting(j);
	const conv_job dj = { .in = j->out, .up = { 1, 1, 1 }, .virt = { j->out.x, j->out.y, j->out.z }, .out = j->out };
	int threads = nn_threads(c), across = l.op / PAIR, blocks = l.ip / PAIR * across;
	/* fixed shares of the lines: the sums do not depend on the number of threads */
	int shares = blocks < 2 ? least(2, l.count[U]) : 1;
	size_t x_n = inputs_of(&l), y_n = gradients_of(&l), staged_n = staged_of(&l), at_n = (size_t)up_to(l.squares, LANES);
	size_t sums_n = (size_t)shares * blocks * l.points * AXIS_TAPS * PAIR * PAIR;
	float *x = nn_work(c, x_n + y_n + staged_n + sums_n + at_n * (size_t)threads);
	if (!x)
		return;
	float *y = x + x_n, *staged = y + y_n, *staged_y = staged + voxels_of(l.x) * l.ip, *sums = staged + staged_n;
	int *at = (int *)(sums + sums_n);
	/* gradients of whole squares are read where they are */
	bool whole = l.op == j->out.c && l.y[0] == l.planes && l.y[1] == j->out.y && l.y[2] == j->out.z;
	for (int piece = 0; piece < j->out.b * l.cuts; piece++) {
		int b = piece / l.cuts, x0 = piece % l.cuts * l.planes;
		stage(c, j, in, b, (int[3]){ x0 - j->pad, -j->pad, -j->pad }, l.x, l.ip, staged);
		const float *gradient = dout + ((size_t)b * j->out.x + x0) * j->out.y * j->out.z * j->out.c;
		if (!whole || x0 + l.planes > j->out.x) {
			stage(c, &dj, dout, b, (int[3]){ x0, 0, 0 }, l.y, l.op, staged_y);
			gradient = staged_y;
		}
		to_squares(c, &l, staged, l.x, l.ip, 2, true, (uint16_t *)x);
		to_squares(c, &l, gradient, l.y, l.op, 0, false, (uint16_t *)y);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < shares * blocks * l.points; i++) {
			int share = i / l.points / blocks, block = i / l.points % blocks;
			correlate(&l, i % l.points, block / across * PAIR, block % across * PAIR, share_of(l.count[U], share, shares),
				  share_of(l.count[U], share + 1, shares), (uint16_t *)x, (uint16_t *)y,
				  at + at_n * (size_t)omp_get_thread_num(), piece > 0, sums + (size_t)i * AXIS_TAPS * PAIR * PAIR);
		}
	}
	add_weights(c, j, &l, shares, sums, dw);
}
