/* Winograd by blocks of channels, where weights are large beside the volume, as in the U-Nets.
 *
 * A volume is taken in slabs, one tile thick along x. All tiles of some slabs are transformed first:
 *
 *      points [point][channels / side][tile][side]
 *
 * Then each block of output channels transforms its own weights, a block of input channels at a time, multiplies and stores. Nothing is
 * transformed twice, and of the transformed weights, 64/27 of the weights or more, no thread has more than a plane of points of one block
 * at a time.
 *
 * The weight gradient transforms inputs and gradients of all tiles, then takes each block of input by output channels through the products
 * at all points and back to taps. The transformed gradient of all weights is never there as a whole. */
#include <omp.h>

#include "nn/conv/winograd.h"

/* Pairs of channels: of MANY the transformed weights take 17 MB or more. */
enum { MANY = 1 << 16, SOME = 1 << 11 };
/* Tiles, and floats of these, at a time, if one slab is not more: so many that making transformed weights anew for the next ones costs
 * little, and so few that a block's products stay in cache. */
enum { TILES = 96, TRANSFORMED = 3 << 23 };
enum { GRADIENT_SIDE = 32 }; /* channels of a block of weight gradients, either way */

/* Input and output channels at a time: their taps and a plane of their transformed weights shall stay in the second-level cache. Squares of
 * matrix instructions pay from more channels on (winograd_is_large). */
static int forward_side(void) { return nn_kernels()->squares ? 64 : 32; }

/* Are the weights many, or many for so few voxels? */
static bool fits(const conv_shape *conv)
{
	const long pairs = (long)conv->in.c * conv->out.c, voxels = (long)conv->volumes * conv->out.x * conv->out.y * conv->out.z;
	return winograd_fits(conv) &&
	       (pairs >= MANY || (pairs >= SOME && 2 * pairs >= voxels && conv->stride == 1 && !winograd_doubles(conv)));
}

/* ---- slabs ---- */

typedef struct slabs {
	wino_tile tile;
	int points;
	int ny, nz, each; /* tiles in a slab: ny*nz */
	int per, all, together; /* slabs of a volume; of all volumes; at a time */
} slabs;

/* channels: how many are transformed, of all that read the slabs. */
static slabs slabs_of(const conv_shape *conv, int channels)
{
	const wino_tile t = winograd_tile(conv);
	slabs s = { .tile = t, .points = winograd_points(t) };
	s.ny = (conv->out.y + t.m[1] - 1) / t.m[1];
	s.nz = (conv->out.z + t.m[2] - 1) / t.m[2];
	s.each = s.ny * s.nz;
	s.per = (conv->out.x + t.m[0] - 1) / t.m[0];
	s.all = conv->out.b * s.per;
	size_t fit = TRANSFORMED / ((size_t)s.points * s.each * channels);
	int most = least(TILES / s.each, fit < (size_t)s.all ? (int)fit : s.all);
	if (most < 1)
		most = 1;
	int rounds = (s.all + most - 1) / most;
	s.together = (s.all + rounds - 1) / rounds;
	return s;
}

/* Tile i, counted from the first of slab `from` on: its volume, and its first output voxel in `at`. */
static int tile_at(const slabs *s, int from, int i, int at[3])
{
	int slab = from + i / s->each;
	at[0] = slab % s->per * s->tile.m[0];
	at[1] = i / s->nz % s->ny * s->tile.m[1];
	at[2] = i % s->nz * s->tile.m[2];
	return slab / s->per;
}

/* What is transformed of a slab: the input that its tiles read, or the gradient at what they write. */
typedef struct view {
	conv_source from;
	wino_transform *transform;
	int pad;
	int step[3]; /* voxels from tile to tile */
	int n[3]; /* voxels of a slab */
	int channels; /* whole vectors */
	int side; /* channels of a block */
	size_t staged; /* floats that loading a slab takes */
	size_t point; /* floats from point to point of all tiles that are transformed at a time */
	float *v; /* these */
} view;

/* tile: voxels of a tile on each axis. */
static view view_of(const slabs *s, view w, const int step[3], const int tile[3])
{
	const int tiles[3] = { 1, s->ny, s->nz };
	w.channels = lanes_up(w.from.s.c);
	w.staged = (size_t)w.channels;
	for (int a = 0; a < 3; a++) {
		w.step[a] = step[a];
		w.n[a] = (tiles[a] - 1) * step[a] + tile[a];
		w.staged *= (size_t)w.n[a];
	}
	/* a vector more than they are, so that points do not drive each other out of cache */
	w.point = (size_t)s->each * s->together * w.channels + LANES;
	return w;
}

static view inputs_of(const slabs *s, const conv_source *in, int pad, int side)
{
	const view w = { .from = winograd_source(in, s->tile), .transform = nn_kernels()->wino_input, .pad = pad, .side = side };
	return view_of(s, w, s->tile.step, s->tile.p);
}

static view gradients_of(const slabs *s, shape out, const float *dout, int side)
{
	const view w = { .from = conv_plain(out, dout), .transform = nn_kernels()->wino_output_adjoint, .side = side };
	return view_of(s, w, s->tile.m, s->tile.m);
}

/* Transforms slab from+i of `count` to its tiles' place in w->v. staged: work space. */
static void transform_slab(const view *w, const slabs *s, int from, int i, int count, float *staged)
{
	int slab = from + i, pad = w->pad, all = count * s->each;
	size_t sz = (size_t)w->channels, sy = (size_t)w->n[2] * sz, sx = (size_t)w->n[1] * sy;
	conv_load_box(&w->from, slab / s->per, (int[3]){ slab % s->per * w->step[0] - pad, -pad, -pad }, w->n, w->channels, staged);
	for (int c = 0; c < w->channels; c += w->side) {
		int n = least(w->channels - c, w->side);
		float *to = w->v + (size_t)c * all + (size_t)i * s->each * n;
		for (int y = 0; y < s->ny; y++)
			for (int z = 0; z < s->nz; z++, to += n)
				w->transform(s->tile, staged + y * w->step[1] * sy + z * w->step[2] * sz + c, sx, sy, sz, n, to, w->point);
	}
}

/* ---- forward ---- */

/* What a thread works with on one block of output channels. */
typedef struct block {
	int first, n; /* output channels */
	int tiles, side;
	float *taps; /* [rows / FACTOR_ROWS][columns / LANES][FACTOR_ROWS][27][LANES] of side x side channels */
	float *u, *m; /* a plane of these transformed; products [point][tile][n, whole vectors] */
	size_t mp; /* from point to point of the products */
	size_t taps_n, u_n, m_n;
} block;

static block block_of(const slabs *s)
{
	block k = { .tiles = s->each * s->together, .side = forward_side() };
	k.mp = (size_t)lanes_up(k.tiles) * k.side + LANES;
	k.taps_n = (size_t)27 * k.side * k.side;
	k.u_n = s->tile.p[1] * s->tile.p[2] * winograd_weights_of(k.side, k.side, NULL).stride;
	k.m_n = s->points * k.mp;
	return k;
}

/* The taps of FACTOR_ROWS input channels from r on and LANES output channels from c on, both within the block. */
static winograd_taps taps_at(const block *k, int r, int c)
{
	return (winograd_taps){ k->taps + (size_t)27 * ((size_t)r * k->side + (size_t)c * FACTOR_ROWS), LANES, 27 * LANES };
}

/* Products of all tiles with the block's output channels. */
static void multiply_block(const conv_task *task, const slabs *s, const block *k, const view *reads)
{
	const int columns = lanes_up(k->n), plane = s->tile.p[1] * s->tile.p[2];
	const size_t stride = winograd_weights_of(k->side, k->side, NULL).stride;
	for (int from = 0; from < reads->channels; from += k->side) {
		winograd_weights w = winograd_weights_of(least(reads->channels - from, k->side), columns, k->u);
		w.stride = stride;
		for (int r = 0; r < w.rows; r += FACTOR_ROWS)
			for (int c = 0; c < columns; c += LANES) {
				const winograd_taps taps = taps_at(k, r, c);
				winograd_read(task, from + r, k->first + c, least(w.rows - r, FACTOR_ROWS), &taps);
			}
		for (int x = 0; x < s->tile.p[0]; x++) {
			for (int r = 0; r < w.rows; r += FACTOR_ROWS)
				for (int c = 0; c < columns; c += LANES) {
					const winograd_taps taps = taps_at(k, r, c);
					winograd_transform(s->tile, x, &taps, r, c, &w);
				}
			w.kernels->multiply(plane, k->tiles, reads->v + x * plane * reads->point + (size_t)from * k->tiles, (size_t)w.rows,
					    reads->point, w.u, w.stride, w.rows, columns, from > 0, k->m + x * plane * k->mp, columns,
					    k->mp);
		}
	}
}

/* Stores the block's channels of the tiles from slab `from` on. */
static void store_block(const conv_task *task, const slabs *s, int from, const block *k, const float *bias)
{
	for (int i = 0; i < k->tiles; i++) {
		int at[3], b = tile_at(s, from, i, at);
		winograd_store(task, s->tile, b, at,
			       &(winograd_products){ k->m + (size_t)i * lanes_up(k->n), k->mp, k->first, k->n, bias + k->first, NULL });
	}
}

/* Work space on the way there: the points of all tiles, what each thread takes, and the bias. */
typedef struct forward_work {
	slabs s;
	view reads;
	block whole;
	size_t points, each, padded;
} forward_work;

static forward_work forward_work_of(const conv_shape *conv, const conv_source *in)
{
	forward_work w = { .s = slabs_of(conv, lanes_up(conv->in.c)) };
	w.reads = inputs_of(&w.s, in, conv->pad, forward_side());
	w.whole = block_of(&w.s);
	w.points = w.s.points * w.reads.point;
	w.each = w.whole.taps_n + w.whole.u_n + w.whole.m_n;
	w.each = w.reads.staged > w.each ? w.reads.staged : w.each;
	w.padded = (size_t)up_to(conv->out.c, forward_side());
	return w;
}

static void forward(graph *g, const conv_task *task)
{
	forward_work w = forward_work_of(task->shape, &task->in);
	const slabs *s = &w.s;
	const int out = task->shape->out.c, threads = graph_threads(g);
	float *work = task->work + w.points, *bias = work + w.each * (size_t)threads;
	w.reads.v = task->work;
	winograd_pad_bias(task->bias, out, (int)w.padded, bias);
	for (int from = 0; from < s->all; from += s->together) {
		const int count = least(s->all - from, s->together);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			transform_slab(&w.reads, s, from, i, count, work + w.each * (size_t)omp_get_thread_num());
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < out; first += w.whole.side) {
			block k = w.whole;
			k.first = first;
			k.n = least(out - first, k.side);
			k.tiles = count * s->each;
			k.taps = work + w.each * (size_t)omp_get_thread_num();
			k.u = k.taps + k.taps_n;
			k.m = k.u + k.u_n;
			multiply_block(task, s, &k, &w.reads);
			store_block(task, s, from, &k, bias);
		}
	}
}

/* ---- weight gradient ---- */

/* Adds the gradient of GRADIENT_SIDE x GRADIENT_SIDE kernels, from input channel i and output channel o on, from the points of `tiles`
 * tiles. du: work space for a block. */
static void add_block(const slabs *s, const view *reads, const view *writes, int i, int o, int tiles, float *du, float *dw)
{
	const int rows = least(reads->channels - i, GRADIENT_SIDE), columns = least(writes->channels - o, GRADIENT_SIDE);
	const int out = writes->from.s.c, in = reads->from.s.c;
	const size_t up = GRADIENT_SIDE * GRADIENT_SIDE + LANES;
	for (int p = 0; p < s->points; p++)
		nn_kernels()->product(rows, columns, tiles, reads->v + p * reads->point + (size_t)i * tiles, 1, (size_t)rows,
				      writes->v + p * writes->point + (size_t)o * tiles, (size_t)columns, false, du + p * up,
				      (size_t)columns);
	for (int r = 0; r < least(in - i, GRADIENT_SIDE); r++)
		for (int c = 0; c < columns; c += LANES)
			nn_kernels()->wino_weight_adjoint(s->tile, du + r * columns + c, up, 1, 0, least(out - o - c, LANES),
							  dw + ((size_t)(o + c) * in + i + r) * 27, (size_t)in * 27);
}

/* Work space: the points of inputs and gradients of all tiles, and what each thread takes. */
typedef struct gradient_work {
	slabs s;
	view reads, writes;
	size_t points, each;
} gradient_work;

static gradient_work gradient_work_of(const conv_shape *conv, const conv_source *in, const float *dout)
{
	enum { SIDE = GRADIENT_SIDE };
	gradient_work w = { .s = slabs_of(conv, lanes_up(conv->in.c) + lanes_up(conv->out.c)) };
	w.reads = inputs_of(&w.s, in, conv->pad, SIDE);
	w.writes = gradients_of(&w.s, conv->out, dout, SIDE);
	w.points = w.s.points * (w.reads.point + w.writes.point);
	w.each = (size_t)w.s.points * (SIDE * SIDE + LANES);
	w.each = w.reads.staged > w.each ? w.reads.staged : w.each;
	w.each = w.writes.staged > w.each ? w.writes.staged : w.each;
	return w;
}

static void weight_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	enum { SIDE = GRADIENT_SIDE };
	gradient_work w = gradient_work_of(task->shape, &task->in, to->dout);
	const slabs *s = &w.s;
	const int threads = graph_threads(g), down = (w.reads.channels + SIDE - 1) / SIDE;
	const int blocks = down * ((w.writes.channels + SIDE - 1) / SIDE);
	float *work = task->work + w.points;
	w.reads.v = task->work;
	w.writes.v = task->work + s->points * w.reads.point;
	for (int from = 0; from < s->all; from += s->together) {
		const int count = least(s->all - from, s->together);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++) {
			float *mine = work + w.each * (size_t)omp_get_thread_num();
			transform_slab(&w.reads, s, from, i, count, mine);
			transform_slab(&w.writes, s, from, i, count, mine);
		}
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < blocks; i++)
			add_block(s, &w.reads, &w.writes, i % down * SIDE, i / down * SIDE, count * s->each,
				  work + w.each * (size_t)omp_get_thread_num(), to->dw);
	}
}

static void room(const graph *g, const conv_shape *conv, const param *weight, bool back, conv_room *r)
{
	const conv_source in = conv_input(conv, NULL, NULL);
	const forward_work there = forward_work_of(conv, &in);
	const size_t threads = (size_t)graph_threads(g);
	r->forward = there.points + there.each * threads + there.padded;
	r->lasting = winograd_lasting(conv, weight, back);
	if (!back)
		return;
	const gradient_work w = gradient_work_of(conv, &in, NULL);
	r->data = winograd_data_room(g, conv, weight);
	r->weight = w.points + w.each * threads;
}

const conv_algorithm conv_blocks = {
	.name = "winograd, blocks",
	.fits = fits,
	.room = room,
	.forward = forward,
	.data_gradient = winograd_data_gradient,
	.weight_gradient = weight_gradient,
};
