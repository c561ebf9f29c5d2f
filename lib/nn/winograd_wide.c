/* Winograd where weights are large beside the volume, as in the U-Nets: all tiles of the input are transformed first, then each block of
 * output channels transforms its own weights, multiplies and stores. Nothing is transformed twice, and no more than a block of
 * transformed weights per thread exists at a time. */
#include <omp.h>

#include "nn/conv_job.h"
#include "nn/gemm.h"

enum { WIDE = 1 << 16 }; /* pairs of channels: 17 MB of transformed weights */
enum { BLOCK = 32 }; /* output channels that one thread works on */
enum { INPUT = 1 << 24 }; /* floats of transformed input at a time, if one slab is not more */

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
	s.x = t.m[0] + 2;
	s.y = s.ny * t.m[1] + 2;
	s.z = s.nz * t.m[2] + 2;
	size_t fit = INPUT / ((size_t)wino_points(t) * s.ny * s.nz * ip);
	s.together = fit < 1 ? 1 : fit < (size_t)s.all ? (int)fit : s.all;
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
	int first, b = slab_at(j, t, i, &first);
	size_t line = (size_t)s->z * ip;
	for (int x = 0; x < s->x; x++)
		for (int y = 0; y < s->y; y++)
			conv_load_line(j, in, b, first - j->pad + x, y - j->pad, -j->pad, s->z, ip, patch + ((size_t)x * s->y + y) * line);
	for (int y = 0; y < s->ny; y++)
		for (int z = 0; z < s->nz; z++)
			nn_kernels()->wino_input(t, patch + (size_t)y * t.m[1] * line + (size_t)z * t.m[2] * ip, line * s->y, line, ip,
						 v + (size_t)(y * s->nz + z) * ip, vp);
}

/* Output channels first .. first+n-1 of slabs from .. from+count-1. u [p][ip][BLOCK], m [p][tiles][BLOCK]. */
static void store_block(const conv_job *j, const slabs *s, wino_tile t, int from, int count, int first, int n, const float *bias,
			const float *add, float *out, const float *v, size_t vp, int ip, const float *u, float *m, size_t mp)
{
	int tiles = count * s->ny * s->nz;
	float padded[BLOCK] = { 0 };
	for (int i = 0; bias && i < n; i++)
		padded[i] = bias[first + i];
	for (int p = 0; p < wino_points(t); p++)
		gemm(false, false, tiles, BLOCK, ip, v + (size_t)p * vp, ip, u + (size_t)p * ip * BLOCK, BLOCK, 0, m + (size_t)p * mp,
		     BLOCK);
	for (int i = 0; i < tiles; i++) {
		int at[3], b = slab_at(j, t, from + i / (s->ny * s->nz), &at[0]);
		at[1] = i / s->nz % s->ny * t.m[1];
		at[2] = i % s->nz * t.m[2];
		wino_store(j, t, b, at, m + (size_t)i * BLOCK, mp, first, n, padded, add, out, NULL);
	}
}

void wino_wide_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const float *w, bool back, const float *bias,
		       const float *add, float *out)
{
	int ip = lanes_up(j->in.c), co = j->out.c, np = wino_points(t), threads = nn_threads(c);
	slabs s = slabs_of(j, t, ip);
	size_t tiles = (size_t)s.together * s.ny * s.nz, vp = tiles * ip + LANES, mp = tiles * BLOCK + LANES; /* LANES: see stride_of */
	size_t patch_n = (size_t)s.x * s.y * s.z * ip, u_n = (size_t)np * ip * BLOCK, own_n = u_n + np * mp;
	size_t each = patch_n > own_n ? patch_n : own_n;
	float *v = nn_take(c, np * vp), *work = nn_take(c, each * (size_t)threads);
	for (int from = 0; v && work && from < s.all; from += s.together) {
		int count = s.all - from < s.together ? s.all - from : s.together;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			load_slab(j, &s, t, in, from + i, ip, work + each * (size_t)omp_get_thread_num(), v + (size_t)i * s.ny * s.nz * ip,
				  vp);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < co; first += BLOCK) {
			float *u = work + each * (size_t)omp_get_thread_num();
			for (int r = 0; r < ip; r++)
				wino_transform_row(t, w, back ? j->in.c : co, back ? co : j->in.c, back, r, first, BLOCK,
						   u + (size_t)r * BLOCK, (size_t)ip * BLOCK);
			store_block(j, &s, t, from, count, first, co - first < BLOCK ? co - first : BLOCK, bias, add, out, v, vp, ip, u,
				    u + u_n, mp);
		}
	}
	nn_give(c, work, each * (size_t)threads);
	nn_give(c, v, np * vp);
}
