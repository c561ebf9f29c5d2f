/* Winograd where weights are large beside the volume, as in the U-Nets: all tiles of the input are transformed first, then each block of
 * output channels transforms its own weights, multiplies and stores. Nothing is transformed twice, and no more than a block of
 * transformed weights per thread exists at a time. */
#include <omp.h>

#include "nn/conv_job.h"

enum { WIDE = 1 << 16 }; /* pairs of channels: 17 MB of transformed weights */
enum { BLOCK = 64 }; /* input and output channels at a time */
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

/* Transforms slab from+i: of v [p][channels / BLOCK][all][BLOCK], vp floats from point to point, the tiles of slab i. */
static void load_slab(const conv_job *j, const slabs *s, wino_tile t, const float *in, int from, int i, int ip, float *patch, float *v,
		      size_t vp, int all)
{
	const conv_job source = wino_source(j, t);
	int at, b = slab_at(j, t, from + i, &at), first = wino_first(&source, t, 0, at);
	size_t line = (size_t)s->z * ip;
	conv_load_box(&source, in, b, (int[3]){ first, -j->pad, -j->pad }, (int[3]){ s->x, s->y, s->z }, ip, patch);
	for (int c = 0; c < ip; c += BLOCK) {
		int n = ip - c < BLOCK ? ip - c : BLOCK;
		for (int y = 0; y < s->ny; y++)
			for (int z = 0; z < s->nz; z++)
				nn_kernels()->wino_input(t, patch + (size_t)y * t.step[1] * line + (size_t)z * t.step[2] * ip + c,
							 line * s->y, line, (size_t)ip, n,
							 v + (size_t)c * all + (size_t)((i * s->ny + y) * s->nz + z) * n, vp);
	}
}

/* What a thread works with: BLOCK output channels, and the transformed weights of as many input channels and one plane of points at a time,
 * so that these and the plane's products stay in the second-level cache. */
typedef struct block {
	int tiles;
	size_t st, taps_n;	/* taps [27][ip][BLOCK], st from tap to tap */
	size_t up, u_n;		/* transformed, up from point to point */
	size_t mp, m_n;		/* products m [p][tiles][BLOCK] */
} block;

static block block_of(wino_tile t, int tiles, int ip)
{
	block k = { .tiles = tiles };
	k.st = (size_t)ip * BLOCK + LANES;
	k.taps_n = 27 * k.st;
	k.up = wino_weight_stride(BLOCK, BLOCK);
	k.mp = (size_t)lanes_up(tiles) * BLOCK + LANES;
	k.u_n = t.p[1] * t.p[2] * k.up;
	k.m_n = wino_points(t) * k.mp;
	return k;
}

/* The taps of output channels first .. first+n-1. */
static void read_taps(const conv_job *j, const block *k, int first, int n, const param *w, bool back, int ip, float *taps)
{
	for (int r = 0; r < ip; r += FACTOR_ROWS)
		for (int c = 0; c < lanes_up(n); c += LANES)
			wino_read_weights(j, w, back, r, first + c, ip - r < FACTOR_ROWS ? ip - r : FACTOR_ROWS,
					  taps + (size_t)r * BLOCK + c, k->st, BLOCK);
}

/* Products of all tiles with n output channels, whose taps are given: m. */
static void multiply_block(wino_tile t, const block *k, int n, const float *v, size_t vp, int ip, const float *taps, float *u, float *m)
{
	int np = lanes_up(n), plane = t.p[1] * t.p[2];
	for (int x = 0; x < t.p[0]; x++, v += plane * vp, m += plane * k->mp)
		for (int from = 0; from < ip; from += BLOCK) {
			int rows = ip - from < BLOCK ? ip - from : BLOCK;
			for (int r = 0; r < rows; r += FACTOR_ROWS)
				for (int c = 0; c < np; c += LANES)
					wino_transform_part(t, x, taps + (size_t)(from + r) * BLOCK + c, k->st, BLOCK, r, c, rows, np, u,
							    k->up);
			wino_factor(rows, np)->multiply(plane, k->tiles, v + (size_t)from * k->tiles, (size_t)rows, vp, u, k->up, rows, np,
							from > 0, m, np, k->mp);
		}
}

/* Stores these channels of slabs from .. from+count-1. */
static void store_block(const conv_job *j, const slabs *s, wino_tile t, int from, const block *k, int first, int n, const float *bias,
			const float *add, float *out, const float *m)
{
	for (int i = 0; i < k->tiles; i++) {
		int at[3], b = slab_at(j, t, from + i / (s->ny * s->nz), &at[0]);
		at[1] = i / s->nz % s->ny * t.m[1];
		at[2] = i % s->nz * t.m[2];
		wino_store(j, t, b, at, m + (size_t)i * lanes_up(n), k->mp, first, n, bias + first, add, out, NULL);
	}
}

void wino_wide_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const param *w, bool back, const float *bias,
		       const float *add, float *out)
{
	int ip = lanes_up(j->in.c), op = lanes_up(j->out.c), np = wino_points(t), threads = nn_threads(c);
	slabs s = slabs_of(j, t, ip);
	size_t a_slab = (size_t)s.ny * s.nz, tiles = a_slab * s.together, vp = tiles * ip + LANES;
	block k = block_of(t, (int)tiles, ip);
	size_t patch_n = (size_t)s.x * s.y * s.z * ip, own_n = k.taps_n + k.u_n + k.m_n;
	size_t each = patch_n > own_n ? patch_n : own_n, padded_n = (size_t)op + BLOCK;
	float *v = nn_work(c, np * vp + each * (size_t)threads + padded_n);
	if (!v)
		return;
	float *work = v + np * vp, *padded = work + each * (size_t)threads;
	for (int i = 0; i < (int)padded_n; i++)
		padded[i] = bias && i < j->out.c ? bias[i] : 0;
	for (int from = 0; from < s.all; from += s.together) {
		int count = s.all - from < s.together ? s.all - from : s.together;
		k.tiles = count * (int)a_slab;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			load_slab(j, &s, t, in, from, i, ip, work + each * (size_t)omp_get_thread_num(), v, vp, k.tiles);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < j->out.c; first += BLOCK) {
			float *taps = work + each * (size_t)omp_get_thread_num(), *u = taps + k.taps_n, *m = u + k.u_n;
			int n = j->out.c - first < BLOCK ? j->out.c - first : BLOCK;
			read_taps(j, &k, first, n, w, back, ip, taps);
			multiply_block(t, &k, n, v, vp, ip, taps, u, m);
			store_block(j, &s, t, from, &k, first, n, padded, add, out, m);
		}
	}
}
