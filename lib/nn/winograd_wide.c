/* Winograd where weights are large beside the volume, as in the U-Nets: all tiles of the input are transformed first, then each block of
 * output channels transforms its own weights, a block of input channels at a time, multiplies and stores. Nothing is transformed twice,
 * and no more than a plane of points of one block of transformed weights per thread exists at a time. */
#include <omp.h>

#include "nn/winograd_slabs.h"

/* Input and output channels at a time: their taps and a plane of their transformed weights shall stay in the second-level cache. Squares of
 * matrix instructions pay from more channels on (is_large). */
static int block_side(void) { return nn_kernels()->squares ? 64 : 32; }

enum { MANY = 1 << 16, SOME = 1 << 11 }; /* pairs of channels; so many are 17 MB of transformed weights or more */

bool wino_is_wide(const conv_job *j)
{
	long pairs = (long)j->in.c * j->out.c, voxels = (long)j->volumes * j->out.x * j->out.y * j->out.z;
	return pairs >= MANY || (pairs >= SOME && 2 * pairs >= voxels && j->stride == 1 && !wino_doubles(j));
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
			wino_factor(rows, np)->multiply(plane, k->tiles, v + x * plane * vp + (size_t)from * k->tiles, (size_t)rows, vp,
							k->u, k->up, rows, np, from > 0, k->m + x * plane * k->mp, np, k->mp);
		}
	}
}

/* Stores these channels of the tiles from slab `from` on. */
static void store_block(const conv_job *j, const slabs *s, int from, const block *k, int first, int n, const float *bias, const float *add,
			float *out)
{
	for (int i = 0; i < k->tiles; i++) {
		int at[3], b = wino_slab_tile(s, from, i, at);
		wino_store(j, s->tile, b, at, k->m + (size_t)i * lanes_up(n), k->mp, first, n, bias + first, add, out, NULL);
	}
}

void wino_wide_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const param *w, bool back, const float *bias,
		       const float *add, float *out)
{
	int ip = lanes_up(j->in.c), np = wino_points(t), threads = nn_threads(c), padded_n = up_to(j->out.c, block_side());
	slabs s = wino_slabs(j, t, ip);
	const slab_view reads = wino_slab_inputs(j, &s, block_side());
	const block most = block_of(t, s.each * s.together);
	size_t own_n = most.taps_n + most.u_n + most.m_n, each = reads.patch > own_n ? reads.patch : own_n;
	float *v = nn_work(c, np * reads.point + each * (size_t)threads + (size_t)padded_n);
	if (!v)
		return;
	float *work = v + np * reads.point, *padded = work + each * (size_t)threads;
	for (int i = 0; i < padded_n; i++)
		padded[i] = bias && i < j->out.c ? bias[i] : 0;
	for (int from = 0; from < s.all; from += s.together) {
		int count = least(s.all - from, s.together);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++)
			wino_load_slab(&reads, &s, in, from, i, count, work + each * (size_t)omp_get_thread_num(), v);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int first = 0; first < j->out.c; first += most.side) {
			block k = most;
			int n = least(j->out.c - first, k.side);
			k.tiles = count * s.each;
			k.taps = work + each * (size_t)omp_get_thread_num();
			k.u = k.taps + k.taps_n;
			k.m = k.u + k.u_n;
			multiply_block(j, t, &k, first, n, v, reads.point, ip, w, back);
			store_block(j, &s, from, &k, first, n, padded, add, out);
		}
	}
}
