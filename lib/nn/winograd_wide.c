/* Winograd where weights are large beside the volume, as in the U-Nets: all tiles of the input are transformed first, then each block of
 * output channels transforms its own weights, a block of input channels at a time, multiplies and stores. Nothing is transformed twice, and no
 * more than a plane of points of one block of transformed weights per thread exists at a time. */
#include <omp.h>

#include "nn/conv_job.h"

enum { WIDE = 1 << 16 }; /* pairs of channels: 17 MB of transformed weights */

/* Input and output channels at a time: their taps and a plane of their transformed weights shall stay in the second-level cache. Squares of
 * matrix instructions pay from more channels on (is_large). */
static int block_side(void) { return nn_kernels()->squares ? 64 : 32; }
enum { INPUT = 3 << 23 }; /* floats of transformed input at a time, if one slab is not more */

bool wino_is_wide(const conv_job *j) { return (long)j->in.c * j->out.c >= WIDE; }

/* The volume is cut into slabs, each one tile thick in x; some slabs are in work at a time. */
typedef struct slabs {
	int ny, nz, all, together; /* tiles in a slab: ny*nz; slabs of all volumes; slabs at a time */
	int x, y, z; /* voxels that a slab reads */
} slabs;

static slabs slabs_of(const conv_job *j, wino_tile t, int ip)
{
	slabs s = { .ny = (j->out.y + t.m[1] - 1) / t.m[1], .nz = (j->out.z + t.m[2] - 1) / t.m[2] };
	s.all = j->out.b * ((j->out.x + t.m[0] - 1) / t.m[0]);
	s.x = t.p[0];
	s.y = (s.ny - 1) * t.step[1] + t.p[1];
	s.z = (s.nz - 1) * t.step[2] + t.p[2];
	size_t fit = INPUT / ((size_t)wino_points(t) * s.ny * s.nz * ip);
	int most = fit < 1 ? 1 : fit < (size_t)s.all ? (int)fit : s.all, rounds = (s.all + most - 1) / most;
	s.together = (s.all + rounds - 1) / rounds;
	return s;
}

/* Slab i -> volume and first plane. */
static int slab_at(const conv_job *j, wino_tile t, int i, int *x)
{
	int per = (j->out.x + t.m[0] - 1) / t.m[0];
	*x = i % per * t.m[0];
	return i / per;
}

/* Transforms slab from+i: of v [p][channels / side][all][side], vp floats from point to point, the tiles of slab i. */
static void load_slab(const conv_job *j, const slabs *s, wino_tile t, const float *in, int from, int i, int ip, float *patch, float *v,
		      size_t vp, int all)
{
	const conv_job source = wino_source(j, t);
	int at, b = slab_at(j, t, from + i, &at), first = wino_first(&source, t, 0, at), side = block_side();
	size_t line = (size_t)s->z * ip;
	conv_load_box(&source, in, b, (int[3]){ first, -j->pad, -j->pad }, (int[3]){ s->x, s->y, s->z }, ip, patch);
	for (int c = 0; c < ip; c += side) {
		int n = least(ip - c, side);
		for (int y = 0; y < s->ny; y++)
			for (int z = 0; z < s->nz; z++)
				nn_kernels()->wino_input(t, patch + (size_t)y * t.step[1] * line + (size_t)z * t.step[2] * ip + c,
							 line * s->y, line, (size_t)ip, n,
							 v + (size_t)c * all + (size_t)((i * s->ny + y) * s->nz + z) * n, vp);
	}
}

/* What a thread works with. */
typedef struct block {
	int tiles, side;
	float *taps;		/* [rows / FACTOR_ROWS][columns / LANES][FACTOR_ROWS][27][LANES] of side x side channels */
	float *u, *m;		/* a plane of these transformed; products [p][tiles][side] */
	size_t up, mp;		/* from point to point */
	size_t taps_n, u_n, m_n;
} block;

static block block_of(wino_tile t, int tiles)
{
	block k = { .tiles = tiles, .side = block_side() };
	k.up = wino_weight_stride(k.side, k.side);
	k.mp = (size_t)lanes_up(tiles) * k.side + LANES;
	k.taps_n = (size_t)27 * k.side * k.side;
	k.u_n = t.p[1] * t.p[2] * k.up;
	k.m_n = wino_points(t) * k.mp;
	return k;
}

/* Taps of FACTOR_ROWS input channels from r on and LANES output channels from c on, both within the block: [FACTOR_ROWS][27][LANES]. */
static float *taps_at(const block *k, int r, int c) { return k->taps + (size_t)27 * ((size_t)r * k->side + (size_t)c * FACTOR_ROWS); }

/* Products of all tiles with n output channels from `first` on: m. */
static void multiply_block(const conv_job *j, wino_tile t, const block *k, int first, int n, const float *v, size_t vp, int ip,
			   const param *w, bool back)
{
	int np = lanes_up(n), plane = t.p[1] * t.p[2];
	for (int from = 0; from < ip; from += k->side) {
		int rows = least(ip - from, k->side);
		for (int r = 0; r < rows; r += FACTOR_ROWS)
			for (int c = 0; c < np; c += LANES)
				wino_read_weights(j, w, back, from + r, first + c, least(rows - r, FACTOR_ROWS), taps_at(k, r, c), LANES,
						  27 * LANES);
		for (int x = 0; x < t.p[0]; x++) {
			for (int r = 0; r < rows; r += FACTOR_ROWS)
				for (int c = 0; c < np; c += LANES)
					wino_transform_part(t, x, taps_at(k, r, c), LANES, 27 * LANES, r, c, rows, np, k->u, k->up);
			wino_factor(rows, np)->multiply(plane, k->tiles, v + x * plane * vp + (size_t)from * k->tiles, (size_t)rows, vp, k->u,
							k->up, rows, np, from > 0, k->m + x * plane * k->mp, np, k->mp);
		}
	}
}

/* Stores these channels of slabs from .. from+count-1. */
static void store_block(const conv_job *j, const slabs *s, wino_tile t, int from, const block *k, int first, int n, const float *bias,
			const float *add, float *out)
{
	for (int i = 0; i < k->tiles; i++) {
		int at[3], b = slab_at(j, t, from + i / (s->ny * s->nz), &at[0]);
		at[1] = i / s->nz % s->ny * t.m[1];
		at[2] = i % s->nz * t.m[2];
		wino_store(j, t, b, at, k->m + (size_t)i * lanes_up(n), k->mp, first, n, bias + first, add, out, NULL);
	}
}

void wino_wide_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const param *w, bool back, const float *bias,
		       const float *add, float *out)
{
	int ip = lanes_up(j->in.c), np = wino_points(t), threads = nn_threads(c), padded_n = up_to(j->out.c, block_side());
	slabs s = slabs_of(j, t, ip);
	size_t a_slab = (size_t)s.ny * s.nz, vp = a_slab * s.together * ip + LANES;
	const block most = block_of(t, (int)a_slab * s.together);
	size_t patch_n = (size_t)s.x * s.y * s.z * ip, own_n = most.taps_n + most.u_n + most.m_n, each = patch_n > own_n ? patch_n : own_n;
	float *v = nn_work(c, np * vp + each * (size_t)threads + (size_t)padded_n);
	if (!v)
		return;
	float *work = v + np * vp, *padded = work + each * (size_t)threads;
	for (int i = 0; i < padded_n; i++)
		padded[i] = bias && i < j->out.c ? bias[i] : 0;
	for (int from = 0; from < s.all; from += s.together) {
		int count = least(s.all - from, s.together), tiles = count * (int)a_slab;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			load_slab(j, &s, t, in, from, i, ip, work + each * (size_t)omp_get_thread_num(), v, vp, tiles);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < j->out.c; first += most.side) {
			block k = most;
			int n = least(j->out.c - first, k.side);
			k.tiles = tiles;
			k.taps = work + each * (size_t)omp_get_thread_num();
			k.u = k.taps + k.taps_n;
			k.m = k.u + k.u_n;
			multiply_block(j, t, &k, first, n, v, vp, ip, w, back);
			store_block(j, &s, t, from, &k, first, n, padded, add, out);
		}
	}
}
