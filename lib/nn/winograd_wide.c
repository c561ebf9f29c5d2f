/* Winograd where weights are large beside the volume, as in the U-Nets: all tiles of the input are transformed first, then each block of
 * output channels transforms its own weights, multiplies and stores. Nothing is transformed twice, and no more than a block of
 * transformed weights per thread exists at a time. */
#include <omp.h>

#include "nn/conv_job.h"
#include "nn/pack.h"

enum { WIDE = 1 << 16 }; /* pairs of channels: 17 MB of transformed weights */
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

/* Transforms slab i: v [p][tiles][ip] with vp floats from point to point. */
static void load_slab(const conv_job *j, const slabs *s, wino_tile t, const float *in, int i, int ip, float *patch, float *v, size_t vp)
{
	const conv_job source = wino_source(j, t);
	int at, b = slab_at(j, t, i, &at), first = wino_first(&source, t, 0, at);
	size_t line = (size_t)s->z * ip;
	for (int x = 0; x < s->x; x++)
		for (int y = 0; y < s->y; y++)
			conv_load_line(&source, in, b, first + x, y - j->pad, -j->pad, s->z, ip, patch + ((size_t)x * s->y + y) * line);
	for (int y = 0; y < s->ny; y++)
		for (int z = 0; z < s->nz; z++)
			nn_kernels()->wino_input(t, patch + (size_t)y * t.step[1] * line + (size_t)z * t.step[2] * ip, line * s->y, line,
						 ip, v + (size_t)(y * s->nz + z) * ip, vp);
}

/* What a thread works with: for n output channels, the weights of `rows` input channels at a time. With few tiles the transformed weights
 * shall stay in the second-level cache; with many it is input and products that should be read seldom. */
typedef struct block {
	int n, rows, tiles;
	size_t taps_n;		/* of the weights as they are */
	size_t up, u_n;		/* transformed, u [p] of [rows][n] in panels; up from point to point, a vector more */
	size_t mp, m_n;		/* products m [p][tiles][n] */
} block;

static block block_of(const conv_job *j, int tiles, int np, int threads)
{
	bool many = tiles >= 128 && j->out.c >= 128 * threads;
	block k = { .n = many ? 128 : 32, .rows = many ? 256 : 128, .tiles = tiles };
	k.taps_n = (size_t)k.rows * k.n * 27;
	k.up = (size_t)k.rows * k.n + LANES;
	k.mp = (size_t)tiles * k.n + LANES;
	k.u_n = np * k.up;
	k.m_n = np * k.mp;
	return k;
}

/* Products of all tiles with output channels first .. first+n-1: m. Weights are copied, in runs as they lie in memory, before they are
 * transformed kernel by kernel across those runs: it is the memory that limits here. */
static void multiply_block(const conv_job *j, wino_tile t, const block *k, int first, int n, const param *w, bool back, const float *v,
			   size_t vp, int ip, float *taps, float *u, float *m)
{
	int np = lanes_up(n), in = back ? j->out.c : j->in.c;
	for (int from = 0; from < ip; from += k->rows) {
		int rows = ip - from < k->rows ? ip - from : k->rows, there = j->in.c - from < rows ? j->in.c - from : rows;
		int outs = back ? there : n, ins = back ? n : there, o = back ? from : first, i = back ? first : from;
		for (int r = 0; r < outs; r++)
			weights_part(w, ((size_t)(o + r) * in + i) * 27, (size_t)ins * 27, taps + (size_t)r * ins * 27);
		const wino_table table = wino_table_of(taps, ins, outs, ins, back);
		wino_transform_rows(t, &table, 0, rows, rows, np, u, k->up);
		for (int p = 0; p < wino_points(t); p++)
			wino_multiply(k->tiles, rows, v + (size_t)p * vp + from, (size_t)ip, u + (size_t)p * k->up, rows, np, from > 0,
				      m + (size_t)p * k->mp, np);
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
	block k = block_of(j, (int)tiles, np, threads);
	size_t patch_n = (size_t)s.x * s.y * s.z * ip, own_n = k.taps_n + k.u_n + k.m_n;
	size_t each = patch_n > own_n ? patch_n : own_n, padded_n = (size_t)op + k.n;
	float *v = nn_take(c, np * vp), *work = nn_take(c, each * (size_t)threads), *padded = nn_take(c, padded_n);
	bool there = v && work && padded;
	for (int i = 0; there && i < (int)padded_n; i++)
		padded[i] = bias && i < j->out.c ? bias[i] : 0;
	for (int from = 0; there && from < s.all; from += s.together) {
		int count = s.all - from < s.together ? s.all - from : s.together;
		k.tiles = count * (int)a_slab;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			load_slab(j, &s, t, in, from + i, ip, work + each * (size_t)omp_get_thread_num(), v + i * a_slab * ip, vp);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < j->out.c; first += k.n) {
			float *taps = work + each * (size_t)omp_get_thread_num(), *u = taps + k.taps_n, *m = u + k.u_n;
			int n = j->out.c - first < k.n ? j->out.c - first : k.n;
			multiply_block(j, t, &k, first, n, w, back, v, vp, ip, taps, u, m);
			store_block(j, &s, t, from, &k, first, n, padded, add, out, m);
		}
	}
	nn_give(c, padded, padded_n);
	nn_give(c, work, each * (size_t)threads);
	nn_give(c, v, np * vp);
}
