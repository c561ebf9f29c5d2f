/* Convolution of any shape as products of small im2col tiles: a tile is a run of output lines of one x-plane, unfolded for
 * one kx at a time, so that it stays in cache. No im2col of a whole layer ever exists. */
#include <omp.h>
#include <string.h>

#include "nn/conv_job.h"
#include "nn/gemm.h"

enum { OVER_FLOATS = 1 << 20 };	/* of results held until their place is free */
enum { TILE_ROWS = 256 };	/* rows of a tile: enough for sgemm to be efficient, few enough to stay in cache */

void conv_load_line(const conv_job *j, const float *in, int b, int x, int y, int z0, int nz, int cp, float *dst)
{
	int c = j->in.c;
	if (x < 0 || x >= j->virt[0] || y < 0 || y >= j->virt[1]) {
		memset(dst, 0, (size_t)nz * cp * sizeof(float));
		return;
	}
	int lo = z0 < 0 ? (-z0 < nz ? -z0 : nz) : 0, hi = nz;
	if (z0 + hi > j->virt[2])
		hi = j->virt[2] - z0 > lo ? j->virt[2] - z0 : lo;
	memset(dst, 0, (size_t)lo * cp * sizeof(float));
	memset(dst + (size_t)hi * cp, 0, (size_t)(nz - hi) * cp * sizeof(float));
	if (lo == hi)
		return;
	const float *affine = j->affine ? j->affine + (size_t)b * 2 * c : NULL;
	const prologue p = { affine, affine ? affine + c : NULL, j->act };
	const kernels *k = nn_kernels();
	const float *line = in + (((size_t)b * j->in.x + x / j->up[0]) * j->in.y + y / j->up[1]) * j->in.z * c;
	if (j->up[2] == 1) {
		k->load(dst + (size_t)lo * cp, line + (size_t)(z0 + lo) * c, (size_t)(hi - lo), c, cp, &p);
		return;
	}
	for (int z = lo; z < hi; z++) {
		float *to = dst + (size_t)z * cp;
		if (z > lo && (z0 + z) / j->up[2] == (z0 + z - 1) / j->up[2])
			memcpy(to, to - cp, (size_t)cp * sizeof(float));
		else
			k->load(to, line + (size_t)((z0 + z) / j->up[2]) * c, 1, c, cp, &p);
	}
}

void conv_load_box(const conv_job *j, const float *in, int b, const int first[3], const int n[3], int cp, float *dst)
{
	for (int x = 0; x < n[0]; x++)
		for (int y = 0; y < n[1]; y++)
			conv_load_line(j, in, b, first[0] + x, first[1] + y, first[2], n[2], cp, dst + ((size_t)x * n[1] + y) * n[2] * cp);
}

/* Zeros in front of an axis, and its stride: an axis of one tap has neither. */
static int low(const conv_job *j, int axis) { return j->k[axis] > 1 ? j->pad : 0; }
static int step(const conv_job *j, int axis) { return j->k[axis] > 1 ? j->stride : 1; }

/* A single tap: its weights lie as the field has them, [out][in]. */
static bool pointwise(const conv_job *j) { return j->k[0] * j->k[1] * j->k[2] == 1; }

/* A single tap sees no neighbours: its planes in one, so that small ones fill a tile together. */
static conv_job flattened(const conv_job *j)
{
	conv_job f = *j;
	if (pointwise(j) && j->up[0] == 1 && j->up[1] == 1) {
		f.in.y *= f.in.x;
		f.virt[1] *= f.virt[0];
		f.out.y *= f.out.x;
		f.in.x = f.virt[0] = f.out.x = 1;
	}
	return f;
}

/* How the output is cut: planes of x, each in runs of `rows` lines. */
typedef struct cut {
	int rows, runs, units;
	int line, lines;	/* of the staged part of the input plane: voxels in a line, lines */
	size_t staged, unfolded, work;	/* floats per thread */
} cut;

static cut cut_of(const conv_job *j)
{
	int most = (TILE_ROWS + j->out.z - 1) / j->out.z, runs = (j->out.y + most - 1) / most;
	cut u = { .rows = (j->out.y + runs - 1) / runs };
	u.runs = (j->out.y + u.rows - 1) / u.rows;
	u.units = j->out.b * j->out.x * u.runs;
	u.line = (j->out.z - 1) * step(j, 2) + j->k[2];
	u.lines = (u.rows - 1) * step(j, 1) + j->k[1];
	u.staged = ((size_t)u.line * u.lines * j->in.c + 15) / 16 * 16;
	u.unfolded = ((size_t)u.rows * j->out.z * j->k[1] * j->k[2] * j->in.c + 15) / 16 * 16;
	u.work = u.staged + u.unfolded;
	return u;
}

/* The tile of input plane x for output lines y0 .. y0+rows-1: [rows*out.z][ky*kz*in.c]. */
static const float *unfold(const conv_job *j, const cut *u, const float *in, int b, int x, int y0, int rows, float *work)
{
	int c = j->in.c, taps = j->k[1] * j->k[2] * c;
	float *staged = work, *to = work + u->staged;
	int lines = (rows - 1) * step(j, 1) + j->k[1];
	for (int i = 0; i < lines; i++)
		conv_load_line(j, in, b, x, y0 * step(j, 1) - low(j, 1) + i, -low(j, 2), u->line, c, staged + (size_t)i * u->line * c);
	if (j->k[1] == 1 && j->k[2] == 1)
		return staged;
	for (int r = 0; r < rows; r++)
		for (int z = 0; z < j->out.z; z++)
			for (int ky = 0; ky < j->k[1]; ky++)
				memcpy(to + ((size_t)r * j->out.z + z) * taps + (size_t)ky * j->k[2] * c,
				       staged + ((size_t)(r * step(j, 1) + ky) * u->line + (size_t)z * step(j, 2)) * c,
				       (size_t)j->k[2] * c * sizeof(float));
	return to;
}

/* Unit i of the cut -> volume, plane, first line, lines. */
static void place(const conv_job *j, const cut *u, int i, int *b, int *x, int *y0, int *rows)
{
	*b = i / (j->out.x * u->runs);
	*x = i / u->runs % j->out.x;
	*y0 = i % u->runs * u->rows;
	*rows = j->out.y - *y0 < u->rows ? j->out.y - *y0 : u->rows;
}

/* Where the output of unit i begins; i may be the number of units. */
static size_t begin_of(const conv_job *j, const cut *u, int i)
{
	return ((size_t)(i / u->runs) * j->out.y + (size_t)(i % u->runs * u->rows)) * j->out.z * j->out.c;
}

/* The output of units from .. to-1, which lies from `out` on; add: of unit 0 on. */
static void forward_units(nn *c, const conv_job *j, const cut *u, int from, int to, const float *in, const float *w, const float *bias,
			  const float *add, float *out)
{
	int taps = j->k[1] * j->k[2] * j->in.c, co = j->out.c, threads = nn_threads(c);
	float *work = nn_work(c, u->work * (size_t)threads);
	if (!work)
		return;
	size_t begins = begin_of(j, u, from);
#pragma omp parallel num_threads(threads)
	{
		float *mine = work + u->work * (size_t)omp_get_thread_num();
#pragma omp for schedule(dynamic)
		for (int i = from; i < to; i++) {
			int b, x, y0, rows;
			place(j, u, i, &b, &x, &y0, &rows);
			size_t at = begin_of(j, u, i);
			float *result = out + (at - begins);
			int m = rows * j->out.z;
			for (size_t v = 0; v < (size_t)m; v++)
				for (int k = 0; k < co; k++)
					result[v * co + k] = (add ? add[at + v * co + k] : 0) + (bias ? bias[k] : 0);
			for (int kx = 0; kx < j->k[0]; kx++) {
				int ix = x * step(j, 0) - low(j, 0) + kx;
				if (ix < 0 || ix >= j->virt[0])
					continue;
				const float *tile = unfold(j, u, in, b, ix, y0, rows, mine);
				gemm(false, pointwise(j), m, co, taps, tile, taps, w + (size_t)kx * taps * co,
				     pointwise(j) ? taps : co, 1, result, co);
			}
		}
	}
}

void conv_tiles_forward(nn *c, const conv_job *j, const float *in, const float *w, const float *bias, const float *add, float *out)
{
	const conv_job flat = flattened(j);
	const cut u = cut_of(&flat);
	forward_units(c, &flat, &u, 0, u.units, in, w, bias, add, out);
}

void conv_tiles_over(nn *c, const conv_job *j, float *x, const float *w, const float *bias)
{
	const conv_job flat = flattened(j);
	const cut u = cut_of(&flat);
	size_t each = (size_t)u.rows * (size_t)flat.out.z * (size_t)flat.out.c;
	int most = least(u.units, (int)(OVER_FLOATS / each) + 1);
	float *slab = nn_take(c, (size_t)most * each);
	for (int from = 0, to; nn_ok(c) && from < u.units; from = to) {
		to = least(u.units, from + most);
		forward_units(c, &flat, &u, from, to, x, w, bias, NULL, slab);
		size_t begins = begin_of(&flat, &u, from);
		if (x && nn_ok(c))
			memcpy(x + begins, slab, (begin_of(&flat, &u, to) - begins) * sizeof *x);
	}
	nn_give(c, slab, (size_t)most * each);
}

/* Adds a tile of gradients [rows*out.z][ky*kz*in.c] to plane `d` of the virtual input. */
static void fold(const conv_job *j, const float *tile, int y0, int rows, float *d)
{
	int c = j->in.c, taps = j->k[1] * j->k[2] * c;
	for (int r = 0; r < rows; r++)
		for (int ky = 0; ky < j->k[1]; ky++) {
			int y = (y0 + r) * step(j, 1) - low(j, 1) + ky;
			if (y < 0 || y >= j->virt[1])
				continue;
			for (int oz = 0; oz < j->out.z; oz++) {
				const float *from = tile + ((size_t)r * j->out.z + oz) * taps + (size_t)ky * j->k[2] * c;
				int z = oz * step(j, 2) - low(j, 2);
				int lo = z < 0 ? -z : 0, hi = z + j->k[2] > j->virt[2] ? j->virt[2] - z : j->k[2];
				float *to = d + ((size_t)y * j->virt[2] + z) * c;
				for (int k = lo * c; k < hi * c; k++)
					to[k] += from[k];
			}
		}
}

void conv_tiles_backward_data(nn *c, const conv_job *j, const float *dout, const float *w, float *d)
{
	cut u = cut_of(j);
	int taps = j->k[1] * j->k[2] * j->in.c, co = j->out.c, threads = nn_threads(c);
	size_t plane = (size_t)j->virt[1] * j->virt[2] * j->in.c;
	float *work = nn_work(c, u.unfolded * (size_t)threads);
	if (!work)
		return;
	/* each plane of the input gathers from the planes of the output that saw it: no two threads write one place */
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int i = 0; i < j->in.b * j->virt[0]; i++) {
		int b = i / j->virt[0], ix = i % j->virt[0];
		float *tile = work + u.unfolded * (size_t)omp_get_thread_num();
		memset(d + (size_t)i * plane, 0, plane * sizeof(float));
		for (int kx = 0; kx < j->k[0]; kx++) {
			int x = ix + low(j, 0) - kx;
			if (x < 0 || x % step(j, 0) || x / step(j, 0) >= j->out.x)
				continue;
			x /= step(j, 0);
			for (int y0 = 0; y0 < j->out.y; y0 += u.rows) {
				int rows = j->out.y - y0 < u.rows ? j->out.y - y0 : u.rows;
				const float *from = dout + (((size_t)b * j->out.x + x) * j->out.y + y0) * j->out.z * co;
				gemm(false, !pointwise(j), rows * j->out.z, taps, co, from, co, w + (size_t)kx * taps * co,
				     pointwise(j) ? taps : co, 0, tile, taps);
				fold(j, tile, y0, rows, d + (size_t)i * plane);
			}
		}
	}
}

void conv_tiles_backward_weight(nn *c, const conv_job *job, const float *in, const float *dout, float *dw)
{
	const conv_job flat = flattened(job), *j = &flat;
	cut u = cut_of(j);
	int taps = j->k[1] * j->k[2] * j->in.c, co = j->out.c, threads = nn_threads(c);
	size_t count = (size_t)j->k[0] * taps * co;
	/* sums run over fixed shares of the units, so that they do not depend on the number of threads */
	int shares = u.units < 8 ? u.units : 8;
	while (shares > 2 && (size_t)shares * count > (size_t)1 << 26)
		shares--;
	size_t own = (count + 15) / 16 * 16;
	float *sums = nn_work(c, own * (size_t)shares + u.work * (size_t)threads);
	if (!sums)
		return;
	float *work = sums + own * (size_t)shares;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int share = 0; share < shares; share++) {
		float *sum = sums + own * (size_t)share, *mine = work + u.work * (size_t)omp_get_thread_num();
		memset(sum, 0, count * sizeof(float));
		for (int i = share_of(u.units, share, shares); i < share_of(u.units, share + 1, shares); i++) {
			int b, x, y0, rows;
			place(j, &u, i, &b, &x, &y0, &rows);
			const float *from = dout + (((size_t)b * j->out.x + x) * j->out.y + y0) * j->out.z * co;
			for (int kx = 0; kx < j->k[0]; kx++) {
				int ix = x * step(j, 0) - low(j, 0) + kx;
				if (ix < 0 || ix >= j->virt[0])
					continue;
				const float *tile = unfold(j, &u, in, b, ix, y0, rows, mine);
				gemm(true, false, taps, co, rows * j->out.z, tile, taps, from, co, 1, sum + (size_t)kx * taps * co, co);
			}
		}
	}
	memcpy(dw, sums, count * sizeof(float));
	for (int share = 1; share < shares; share++)
		for (size_t i = 0; i < count; i++)
			dw[i] += sums[own * (size_t)share + i];
}
