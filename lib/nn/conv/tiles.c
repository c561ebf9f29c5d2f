/* Convolution of any shape, by products of small matrices ("im2col", a tile at a time).
 *
 * The output is cut into units: runs of lines (along z) of one plane (of x), some 256 voxels. For one plane kx of taps, what a unit sees of
 * the input is copied out as a matrix, in which a row is a voxel of the output and holds the inputs under the taps (ky, kz):
 *
 *      input plane x + kx          unfolded                 weights of kx
 *      lines y0 .. y0+rows+1       ky,kz,in -->             out -->
 *      +------------------+        +----------+             +-----+
 *      |                  |  voxel |          |  ky,kz,in   |     |   added to the unit's output [voxel][out]
 *      +------------------+        +----------+    times    +-----+
 *
 * A unit's matrix stays in cache, and no im2col of a whole layer ever exists. Weights lie as [kx][ky][kz][in][out]; with a single tap they
 * are read transposed where they are, as [out][in].
 *
 * The data gradient is the same backwards: gradients of a unit times the transposed weights, each row added to the voxels that it came
 * from. The weight gradient is the unfolded matrix, transposed, times the unit's gradients, summed over units. */
#include <omp.h>
#include <string.h>

#include "nn/conv/algorithm.h"
#include "nn/matmul.h"
#include "nn/packed_weights.h"

enum { OVER_FLOATS = 1 << 20 }; /* of results held until their place is free */
enum { UNIT_ROWS = 256 }; /* voxels of a unit: enough for sgemm to be efficient, few enough to stay in cache */
enum { MOST_SHARES = 8, MOST_SUMS = 1 << 26 }; /* of a weight gradient; floats of all of them */

/* Zeros in front of an axis, and its stride: an axis of one tap has neither. */
static int low(const conv_shape *conv, int axis) { return conv->k[axis] > 1 ? conv->pad : 0; }
static int step(const conv_shape *conv, int axis) { return conv->k[axis] > 1 ? conv->stride : 1; }

static bool pointwise(const conv_shape *conv) { return conv_taps(conv) == 1; }

/* How the output is cut: planes of x, each in runs of `rows` lines. */
typedef struct units {
	conv_shape conv;
	conv_source in;
	int rows, runs, count;
	int line, lines; /* of what a unit sees of an input plane: voxels in a line, lines */
	size_t staged, unfolded, work; /* floats per thread */
} units;

static units units_of(const conv_shape *conv, const conv_source *in)
{
	units u = { .conv = *conv, .in = *in };
	const shape *out = &u.conv.out;
	int most = (UNIT_ROWS + out->z - 1) / out->z;
	u.runs = (out->y + most - 1) / most;
	u.rows = (out->y + u.runs - 1) / u.runs;
	u.runs = (out->y + u.rows - 1) / u.rows;
	u.count = out->b * out->x * u.runs;
	u.line = (out->z - 1) * step(conv, 2) + conv->k[2];
	u.lines = (u.rows - 1) * step(conv, 1) + conv->k[1];
	u.staged = ((size_t)u.line * u.lines * conv->in.c + 15) / 16 * 16;
	u.unfolded = ((size_t)u.rows * out->z * conv->k[1] * conv->k[2] * conv->in.c + 15) / 16 * 16;
	u.work = u.staged + u.unfolded;
	return u;
}

/* A single tap sees no neighbours: its planes in one, so that small ones fill a unit together. */
static units units_flattened(const conv_shape *conv, const conv_source *in)
{
	conv_shape flat = *conv;
	conv_source from = *in;
	if (pointwise(conv) && conv->up[0] == 1 && conv->up[1] == 1) {
		flat.in.y *= flat.in.x;
		flat.virt[1] *= flat.virt[0];
		flat.out.y *= flat.out.x;
		flat.in.x = flat.virt[0] = flat.out.x = 1;
		from.s = flat.in;
		memcpy(from.virt, flat.virt, sizeof from.virt);
	}
	return units_of(&flat, &from);
}

/* One unit: the output's volume b, plane x, lines y0 .. y0+rows-1. */
typedef struct unit {
	int b, x, y0, rows;
} unit;

static unit unit_at(const units *u, int i)
{
	const int y0 = i % u->runs * u->rows;
	return (unit){ i / (u->conv.out.x * u->runs), i / u->runs % u->conv.out.x, y0, least(u->conv.out.y - y0, u->rows) };
}

/* Where the output of unit i begins; i may be the number of units. */
static size_t begin_of(const units *u, int i)
{
	const shape *out = &u->conv.out;
	return ((size_t)(i / u->runs) * out->y + (size_t)(i % u->runs * u->rows)) * out->z * out->c;
}

/* The plane of the virtual input that plane kx of taps sees; false: it lies outside. */
static bool plane_under(const conv_shape *conv, const unit *at, int kx, int *x)
{
	*x = at->x * step(conv, 0) - low(conv, 0) + kx;
	return *x >= 0 && *x < conv->virt[0];
}

/* What a unit sees of input plane x: [rows*out.z][ky*kz*in.c]. */
static const float *unfold(const units *u, const unit *at, int x, float *work)
{
	const conv_shape *conv = &u->conv;
	int c = conv->in.c, taps = conv->k[1] * conv->k[2] * c, lines = (at->rows - 1) * step(conv, 1) + conv->k[1];
	float *staged = work, *to = work + u->staged;
	for (int i = 0; i < lines; i++)
		conv_load_line(&u->in, at->b, x, at->y0 * step(conv, 1) - low(conv, 1) + i, -low(conv, 2), u->line, c,
			       staged + (size_t)i * u->line * c);
	if (conv->k[1] == 1 && conv->k[2] == 1)
		return staged;
	for (int r = 0; r < at->rows; r++)
		for (int z = 0; z < conv->out.z; z++)
			for (int ky = 0; ky < conv->k[1]; ky++)
				memcpy(to + ((size_t)r * conv->out.z + z) * taps + (size_t)ky * conv->k[2] * c,
				       staged + ((size_t)(r * step(conv, 1) + ky) * u->line + (size_t)z * step(conv, 2)) * c,
				       (size_t)conv->k[2] * c * sizeof(float));
	return to;
}

/* Weights as the products read them; work: weights_room of floats. */
static const float *taps_of(const graph *g, const conv_task *task, float *work)
{
	const conv_shape *conv = task->shape;
	const int taps = conv_taps(conv), in = conv->in.c, out = conv->out.c;
	const float *v;
	bool stale;
	if (taps == 1)
		return weights_of(task->weight, work, graph_threads(g));
	float *to = packed_of(task->lasts, task->weight, &stale);
	if (!stale)
		return to;
	v = weights_of(task->weight, work, graph_threads(g));
	for (int t = 0; t < taps; t++)
		for (int i = 0; i < in; i++)
			for (int o = 0; o < out; o++)
				to[((size_t)t * in + i) * out + o] = v[((size_t)o * in + i) * taps + t];
	return to;
}

/* The weights of plane kx of taps as a factor [ky,kz,in][out] or, turned, [out][ky,kz,in]. */
static factor taps_in_plane(const conv_shape *conv, const float *w, int kx, bool turned)
{
	const int taps = conv->k[1] * conv->k[2] * conv->in.c, out = conv->out.c;
	return (factor){ w + (size_t)kx * taps * out, pointwise(conv) ? taps : out, pointwise(conv) != turned };
}

/* ---- forward ---- */

static bool fits_all(const conv_shape *conv)
{
	(void)conv;
	return true;
}

/* One tap, and no more channels than before: what a unit has been made of is needed no more. */
static bool shrinks(const conv_shape *conv)
{
	return pointwise(conv) && conv->up[0] * conv->up[1] * conv->up[2] == 1 && conv->out.c <= conv->in.c;
}

static void one_unit(const units *u, const conv_task *task, const float *w, int i, float *work, float *out)
{
	const conv_shape *conv = &u->conv;
	const unit at = unit_at(u, i);
	const float *add = task->add ? task->add + begin_of(u, i) : NULL;
	int taps = conv->k[1] * conv->k[2] * conv->in.c, co = conv->out.c, m = at.rows * conv->out.z;
	for (size_t v = 0; v < (size_t)m; v++)
		for (int k = 0; k < co; k++)
			out[v * co + k] = (add ? add[v * co + k] : 0) + (task->bias ? task->bias[k] : 0);
	for (int kx = 0, x; kx < conv->k[0]; kx++)
		if (plane_under(conv, &at, kx, &x))
			matmul(m, co, taps, plain(unfold(u, &at, x, work), taps), taps_in_plane(conv, w, kx, false), 1, out, co);
}

/* Units from .. to-1, whose output lies from `out` on. */
static void some_units(const graph *g, const units *u, const conv_task *task, const float *w, int from, int to, float *work, float *out)
{
	const int threads = graph_threads(g);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int i = from; i < to; i++)
		one_unit(u, task, w, i, work + u->work * (size_t)omp_get_thread_num(), out + (begin_of(u, i) - begin_of(u, from)));
}

/* In place, results of some units wait until the inputs in their place have been read: floats of one, and how many. */
static size_t unit_floats(const units *u) { return (size_t)u->rows * (size_t)u->conv.out.z * (size_t)u->conv.out.c; }
static int most_waiting(const units *u) { return least(u->count, (int)(OVER_FLOATS / unit_floats(u)) + 1); }

/* The result lies at the front of the input. */
static void all_in_place(const graph *g, const units *u, const conv_task *task, const float *w, float *work)
{
	const int most = most_waiting(u);
	float *waiting = work, *own = work + (size_t)most * unit_floats(u);
	for (int from = 0, to; from < u->count; from = to) {
		to = least(u->count, from + most);
		some_units(g, u, task, w, from, to, own, waiting);
		memcpy(task->out + begin_of(u, from), waiting, (begin_of(u, to) - begin_of(u, from)) * sizeof *waiting);
	}
}

static void forward(graph *g, const conv_task *task)
{
	const units u = units_flattened(task->shape, &task->in);
	const float *w = taps_of(g, task, task->work);
	float *work = task->work + up_to_vector(weights_room(task->weight));
	if (task->in_place)
		all_in_place(g, &u, task, w, work);
	else
		some_units(g, &u, task, w, 0, u.count, work, task->out);
}

/* ---- gradients ---- */

/* Adds a matrix of gradients, as unfolded, to plane d of the virtual input. */
static void fold(const conv_shape *conv, const float *tile, int y0, int rows, float *d)
{
	int c = conv->in.c, taps = conv->k[1] * conv->k[2] * c;
	for (int r = 0; r < rows; r++)
		for (int ky = 0; ky < conv->k[1]; ky++) {
			int y = (y0 + r) * step(conv, 1) - low(conv, 1) + ky;
			if (y < 0 || y >= conv->virt[1])
				continue;
			for (int oz = 0; oz < conv->out.z; oz++) {
				const float *from = tile + ((size_t)r * conv->out.z + oz) * taps + (size_t)ky * conv->k[2] * c;
				int z = oz * step(conv, 2) - low(conv, 2);
				int lo = z < 0 ? -z : 0, hi = z + conv->k[2] > conv->virt[2] ? conv->virt[2] - z : conv->k[2];
				float *to = d + ((size_t)y * conv->virt[2] + z) * c;
				for (int k = lo * c; k < hi * c; k++)
					to[k] += from[k];
			}
		}
}

/* Plane i of the virtual input of all volumes gathers from the planes of the output that saw it: no two threads write one place. */
static void gather_plane(const units *u, int i, const float *dout, const float *w, float *tile, float *d)
{
	const conv_shape *conv = &u->conv;
	const shape *out = &conv->out;
	int taps = conv->k[1] * conv->k[2] * conv->in.c, co = out->c, b = i / conv->virt[0], ix = i % conv->virt[0];
	memset(d, 0, (size_t)conv->virt[1] * conv->virt[2] * conv->in.c * sizeof(float));
	for (int kx = 0; kx < conv->k[0]; kx++) {
		int x = ix + low(conv, 0) - kx;
		if (x < 0 || x % step(conv, 0) || x / step(conv, 0) >= out->x)
			continue;
		x /= step(conv, 0);
		for (int y0 = 0; y0 < out->y; y0 += u->rows) {
			int rows = least(out->y - y0, u->rows);
			const float *from = dout + (((size_t)b * out->x + x) * out->y + y0) * out->z * co;
			matmul(rows * out->z, taps, co, plain(from, co), taps_in_plane(conv, w, kx, true), 0, tile, taps);
			fold(conv, tile, y0, rows, d);
		}
	}
}

size_t conv_tiles_data_room(const graph *g, const conv_shape *conv)
{
	const conv_source unread = conv_input(conv, NULL, NULL);
	return up_to_vector(conv_virtual_floats(conv)) + units_of(conv, &unread).unfolded * (size_t)graph_threads(g);
}

void conv_tiles_data_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const conv_shape *conv = task->shape;
	const conv_source unread = conv_input(conv, NULL, NULL);
	const units u = units_of(conv, &unread);
	const int threads = graph_threads(g);
	const size_t plane = (size_t)conv->virt[1] * conv->virt[2] * conv->in.c, virtual_n = conv_virtual_floats(conv);
	float *virt = virtual_n ? task->work : to->d, *work = task->work + up_to_vector(virtual_n);
	const float *w = taps_of(g, task, NULL);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int i = 0; i < conv->in.b * conv->virt[0]; i++)
		gather_plane(&u, i, to->dout, w, work + u.unfolded * (size_t)omp_get_thread_num(), virt + (size_t)i * plane);
	conv_sum_virtual(g, conv, virt, to->d);
}

/* Adds the products of one unit to sum [kx][ky][kz][in][out]. */
static void correlate_unit(const units *u, int i, const float *dout, float *work, float *sum)
{
	const conv_shape *conv = &u->conv;
	const unit at = unit_at(u, i);
	int taps = conv->k[1] * conv->k[2] * conv->in.c, co = conv->out.c;
	for (int kx = 0, x; kx < conv->k[0]; kx++)
		if (plane_under(conv, &at, kx, &x))
			matmul(taps, co, at.rows * conv->out.z, transposed(unfold(u, &at, x, work), taps), plain(dout + begin_of(u, i), co),
			       1, sum + (size_t)kx * taps * co, co);
}

/* Adds sums [shares][kx][ky][kz][in][out], `own` floats apart, to g [out][in][kx][ky][kz]. */
static void add_sums(const conv_shape *conv, float *sums, int shares, size_t own, float *g)
{
	const int taps = conv_taps(conv), in = conv->in.c, out = conv->out.c;
	const size_t count = (size_t)taps * in * out;
	for (int share = 1; share < shares; share++)
		for (size_t i = 0; i < count; i++)
			sums[i] += sums[own * (size_t)share + i];
	for (int t = 0; t < taps; t++)
		for (int i = 0; i < in; i++)
			for (int o = 0; o < out; o++)
				g[((size_t)o * in + i) * taps + t] += sums[((size_t)t * in + i) * out + o];
}

/* Sums run over fixed shares of the units, so that they do not depend on the number of threads. */
static int shares_of(const units *u, size_t weights)
{
	int shares = least(u->count, MOST_SHARES);
	while (shares > 2 && (size_t)shares * weights > MOST_SUMS)
		shares--;
	return shares;
}

static void weight_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const units u = units_flattened(task->shape, &task->in);
	const size_t count = task->weight->count, own = up_to_vector(count);
	const int threads = graph_threads(g), shares = shares_of(&u, count);
	float *sums = task->work, *work = sums + own * (size_t)shares;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int share = 0; share < shares; share++) {
		float *sum = sums + own * (size_t)share;
		memset(sum, 0, count * sizeof(float));
		for (int i = share_of(u.count, share, shares); i < share_of(u.count, share + 1, shares); i++)
			correlate_unit(&u, i, to->dout, work + u.work * (size_t)omp_get_thread_num(), sum);
	}
	add_sums(task->shape, sums, shares, own, to->dw);
}

static void room(const graph *g, const conv_shape *conv, const param *weight, bool back, conv_room *r)
{
	const conv_source unread = conv_input(conv, NULL, NULL);
	const units u = units_flattened(conv, &unread);
	const size_t threads = (size_t)graph_threads(g);
	r->forward = up_to_vector(weights_room(weight)) + u.work * threads;
	if (shrinks(conv))
		r->forward += (size_t)most_waiting(&u) * unit_floats(&u);
	if (back) {
		r->data = conv_tiles_data_room(g, conv);
		r->weight = up_to_vector(weight->count) * (size_t)shares_of(&u, weight->count) + u.work * threads;
	}
	r->lasting = conv_taps(conv) > 1 ? packed_bytes(weight->count) : 0;
}

const conv_algorithm conv_tiles = {
	.name = "tiles",
	.fits = fits_all,
	.room = room,
	.forward = forward,
	.data_gradient = conv_tiles_data_gradient,
	.weight_gradient = weight_gradient,
	.in_place = shrinks,
};
