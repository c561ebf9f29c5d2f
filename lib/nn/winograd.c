/* Winograd convolution in three dimensions (Lavin & Gray 2016), 3x3x3, stride 1. The volume is cut into bricks of tiles small
 * enough that the transformed brick stays in cache: load (with the prologue) -> B^T d B -> one product per transform point ->
 * A^T m A -> store. The weight gradient is the exact adjoint: dU = sum over tiles of (B^T d B)^T (A dy A^T), dw = G^T dU G. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv_job.h"
#include "nn/gemm.h"

enum { MOST_POINTS = 216, FEW_TILES = 16 };

int wino_points(wino_tile t) { return (t.m[0] + 2) * (t.m[1] + 2) * (t.m[2] + 2); }

bool wino_fits(const conv_job *j)
{
	return j->k[0] == 3 && j->k[1] == 3 && j->k[2] == 3 && j->stride == 1 && (j->in.c >= LANES || j->out.c >= LANES);
}

wino_tile wino_choose(const conv_job *j, enum nn_math math)
{
	const int n[3] = { j->out.x, j->out.y, j->out.z };
	wino_tile t;
	int tiles = 1;
	/* larger tiles only where an axis fills them: 5 or 10 lines in tiles of 4 would waste the gain */
	for (int a = 0; a < 3; a++) {
		t.m[a] = math == NN_FAST && (n[a] % 4 == 0 || n[a] > 16) ? 4 : 2;
		tiles *= (n[a] + t.m[a] - 1) / t.m[a];
	}
	/* few tiles do not pay for so many points of transformed weights */
	return tiles < FEW_TILES ? (wino_tile){ { 2, 2, 2 } } : t;
}

size_t wino_weight_count(wino_tile t, int cin, int cout) { return (size_t)wino_points(t) * lanes_up(cin) * lanes_up(cout); }

void wino_transform_row(wino_tile t, const float *w, int out, int in, bool back, int row, int first, int n, float *u, size_t sp)
{
	int rows = back ? out : in, cols = back ? in : out;
	for (int k = 0; k < n; k += LANES) {
		float taps[27 * LANES] = { 0 };
		for (int l = 0; l < LANES && first + k + l < cols && row < rows; l++) {
			size_t o = (size_t)(back ? row : first + k + l), i = (size_t)(back ? first + k + l : row);
			for (int tap = 0; tap < 27; tap++)
				taps[tap * LANES + l] = w[(o * in + i) * 27 + (size_t)(back ? 26 - tap : tap)];
		}
		nn_kernels()->wino_weight(t, taps, u + k, sp);
	}
}

void wino_transform_weights(nn *c, wino_tile t, const float *w, int out, int in, bool back, float *u)
{
	int rp = lanes_up(back ? out : in), cp = lanes_up(back ? in : out);
#pragma omp parallel for num_threads(nn_threads(c))
	for (int r = 0; r < rp; r++)
		wino_transform_row(t, w, out, in, back, r, 0, cp, u + (size_t)r * cp, (size_t)rp * cp);
}

/* How the output is cut: bricks of n[0] x n[1] x n[2] tiles. */
typedef struct bricks {
	int n[3], count[3], total;
	int voxels[3];		/* of the staged input: n*m + 2 */
	int most;		/* tiles in a brick */
} bricks;

static bricks bricks_of(const conv_job *j, wino_tile t, int cin, int cout)
{
	const int extent[3] = { j->out.x, j->out.y, j->out.z };
	/* the transformed brick and its products, some 1.5 MB, shall stay in the second-level cache */
	int want = (3 << 17) / (wino_points(t) * (cin + cout));
	want = want < 16 ? 16 : want > 64 ? 64 : want;
	bricks k = { .n = { 1, 1, 1 } };
	for (;;) {
		int best = -1;
		for (int a = 2; a >= 0; a--)
			if (k.n[a] * t.m[a] < extent[a] && (best < 0 || k.n[a] * t.m[a] < k.n[best] * t.m[best]))
				best = a;
		if (best < 0 || 2 * k.n[0] * k.n[1] * k.n[2] > want)
			break;
		k.n[best] *= 2;
	}
	k.total = j->out.b;
	k.most = 1;
	for (int a = 0; a < 3; a++) {
		k.count[a] = (extent[a] + k.n[a] * t.m[a] - 1) / (k.n[a] * t.m[a]);
		k.total *= k.count[a];
		k.voxels[a] = k.n[a] * t.m[a] + 2;
		k.most *= k.n[a];
	}
	return k;
}

/* Floats between two points of a transformed brick: a line more than it holds, since the points of a tile would otherwise lie a
 * multiple of 4096 bytes apart and drive each other out of the first-level cache. */
static size_t stride_of(const bricks *k, int cp) { return (size_t)k->most * cp + LANES; }

/* Brick i -> volume and first output voxel. */
static int brick_at(const bricks *k, wino_tile t, int i, int at[3])
{
	for (int a = 2; a >= 0; a--) {
		at[a] = i % k->count[a] * k->n[a] * t.m[a];
		i /= k->count[a];
	}
	return i;
}

/* Stages the part of `in` that starts at `at` - pad. */
static void stage(const conv_job *j, const bricks *k, const float *in, int b, const int at[3], int pad, int cp, float *patch)
{
	for (int x = 0; x < k->voxels[0]; x++)
		for (int y = 0; y < k->voxels[1]; y++)
			conv_load_line(j, in, b, at[0] - pad + x, at[1] - pad + y, at[2] - pad, k->voxels[2], cp,
				       patch + ((size_t)x * k->voxels[1] + y) * k->voxels[2] * cp);
}

typedef void transform(wino_tile t, const float *patch, size_t sx, size_t sy, int cp, float *v, size_t sp);

/* Transforms every tile of a staged brick that has an output inside the volume: v [p][tiles][cp]. Returns the number of tiles. */
static int transform_brick(const conv_job *j, const bricks *k, wino_tile t, transform *one, const int at[3], int cp, const float *patch,
			   float *v)
{
	size_t sy = (size_t)k->voxels[2] * cp, sx = sy * k->voxels[1], sp = stride_of(k, cp);
	int tiles = 0;
	for (int x = 0; x < k->n[0] && at[0] + x * t.m[0] < j->out.x; x++)
		for (int y = 0; y < k->n[1] && at[1] + y * t.m[1] < j->out.y; y++)
			for (int z = 0; z < k->n[2] && at[2] + z * t.m[2] < j->out.z; z++)
				one(t, patch + x * t.m[0] * sx + y * t.m[1] * sy + (size_t)z * t.m[2] * cp, sx, sy, cp,
				    v + (size_t)tiles++ * cp, sp);
	return tiles;
}

void wino_store(const conv_job *j, wino_tile t, int b, const int at[3], const float *m, size_t mp, int first, int n, const float *bias,
		const float *add, float *out, double *sums)
{
	const int left[3] = { j->out.x - at[0], j->out.y - at[1], j->out.z - at[2] };
	size_t oz = (size_t)j->out.c, oy = oz * (size_t)j->out.z, ox = oy * (size_t)j->out.y;
	size_t to = (size_t)b * j->out.x * ox + (size_t)at[0] * ox + (size_t)at[1] * oy + (size_t)at[2] * oz + (size_t)first;
	int valid[3];
	for (int a = 0; a < 3; a++)
		valid[a] = left[a] < t.m[a] ? left[a] : t.m[a];
	nn_kernels()->wino_output(t, m, mp, n, lanes_up(n), bias, add ? add + to : NULL, out + to, ox, oy, oz, valid,
				  sums);
}

/* parts [bricks][2][cp] -> sums [b][2*out.c], in the order of the bricks. */
static void merge_sums(const conv_job *j, const bricks *k, int cp, const double *parts, double *sums)
{
	int each = k->total / j->out.b;
	for (int i = 0; i < k->total; i++)
		for (int half = 0; half < 2; half++) {
			const double *from = parts + ((size_t)i * 2 + half) * cp;
			double *to = sums + ((size_t)(i / each) * 2 + half) * j->out.c;
			for (int o = 0; o < j->out.c; o++)
				to[o] += from[o];
		}
}

void wino_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const float *u, const float *bias, const float *add, float *out,
		  double *sums)
{
	int ip = lanes_up(j->in.c), op = lanes_up(j->out.c), co = j->out.c, np = wino_points(t), threads = nn_threads(c);
	bricks k = bricks_of(j, t, ip, op);
	size_t patch_n = (size_t)k.voxels[0] * k.voxels[1] * k.voxels[2] * ip;
	size_t vp = stride_of(&k, ip), mp = stride_of(&k, op), v_n = np * vp, m_n = np * mp, work_n = patch_n + v_n + m_n;
	float *work = nn_take(c, work_n * (size_t)threads + (size_t)op);
	double *parts = sums ? calloc((size_t)k.total * 2 * op, sizeof *parts) : NULL;
	if (!work || (sums && !parts)) {
		if (sums)
			nn_fail(c, ERR_OS, "no memory for sums");
		goto done;
	}
	float *padded = work + work_n * (size_t)threads;
	for (int i = 0; i < op; i++)
		padded[i] = bias && i < co ? bias[i] : 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int i = 0; i < k.total; i++) {
		float *patch = work + work_n * (size_t)omp_get_thread_num(), *v = patch + patch_n, *m = v + v_n;
		int at[3], b = brick_at(&k, t, i, at);
		stage(j, &k, in, b, at, j->pad, ip, patch);
		int tiles = transform_brick(j, &k, t, nn_kernels()->wino_input, at, ip, patch, v);
		for (int p = 0; p < np; p++)
			gemm(false, false, tiles, op, ip, v + p * vp, ip, u + (size_t)p * ip * op, op, 0, m + p * mp, op);
		tiles = 0;
		for (int x = at[0]; x < at[0] + k.n[0] * t.m[0] && x < j->out.x; x += t.m[0])
			for (int y = at[1]; y < at[1] + k.n[1] * t.m[1] && y < j->out.y; y += t.m[1])
				for (int z = at[2]; z < at[2] + k.n[2] * t.m[2] && z < j->out.z; z += t.m[2]) {
					const int tile[3] = { x, y, z };
					wino_store(j, t, b, tile, m + (size_t)tiles++ * op, mp, 0, co, padded, add, out,
						   parts ? parts + (size_t)i * 2 * op : NULL);
				}
	}
	if (sums)
		merge_sums(j, &k, op, parts, sums);
done:
	free(parts);
	nn_give(c, work, work_n * (size_t)threads + (size_t)op);
}

/* dw += G^T du G for every pair of channels; du [p][ip][op] in `shares` parts. */
static void finish_weights(nn *c, wino_tile t, const float *du, size_t own, int shares, int in, int out, float *dw)
{
	int np = wino_points(t), ip = lanes_up(in), op = lanes_up(out);
	const kernels *kernel = nn_kernels();
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < in; i++)
		for (int o = 0; o < out; o += LANES) {
			double sum[MOST_POINTS * LANES] = { 0 };
			float taps[27 * LANES];
			for (int s = 0; s < shares; s++)
				for (int p = 0; p < np; p++)
					for (int l = 0; l < LANES; l++)
						sum[p * LANES + l] += (double)du[own * (size_t)s + ((size_t)p * ip + i) * op + o + l];
			kernel->wino_weight_adjoint(t, sum, taps);
			for (int l = 0; l < LANES && o + l < out; l++)
				for (int n = 0; n < 27; n++)
					dw[((size_t)(o + l) * in + i) * 27 + n] += taps[n * LANES + l];
		}
}

void wino_backward_weight(nn *c, const conv_job *j, wino_tile t, const float *in, const float *dout, float *dw)
{
	int ip = lanes_up(j->in.c), op = lanes_up(j->out.c), np = wino_points(t), threads = nn_threads(c);
	bricks k = bricks_of(j, t, ip, op);
	const conv_job dj = {
		.in = j->out, .up = { 1, 1, 1 }, .virt = { j->out.x, j->out.y, j->out.z }, .out = j->out, .k = { 3, 3, 3 }, .stride = 1
	};
	int wide = ip > op ? ip : op;
	size_t patch_n = (size_t)k.voxels[0] * k.voxels[1] * k.voxels[2] * wide;
	size_t vp = stride_of(&k, ip), dp = stride_of(&k, op), v_n = np * vp, d_n = np * dp, work_n = patch_n + v_n + d_n;
	size_t own = (size_t)np * ip * op;
	/* fixed shares of the bricks: the sums do not depend on the number of threads */
	int shares = k.total < 4 ? k.total : 4;
	float *work = nn_take(c, work_n * (size_t)threads), *du = nn_take(c, own * (size_t)shares);
	const kernels *kernel = nn_kernels();
	if (work && du) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int share = 0; share < shares; share++) {
			float *patch = work + work_n * (size_t)omp_get_thread_num(), *v = patch + patch_n, *d = v + v_n;
			float *sum = du + own * (size_t)share;
			int first = (int)((long)k.total * share / shares), last = (int)((long)k.total * (share + 1) / shares);
			for (int i = first; i < last; i++) {
				int at[3], b = brick_at(&k, t, i, at);
				stage(j, &k, in, b, at, j->pad, ip, patch);
				transform_brick(j, &k, t, kernel->wino_input, at, ip, patch, v);
				stage(&dj, &k, dout, b, at, 0, op, patch);
				int tiles = transform_brick(j, &k, t, kernel->wino_output_adjoint, at, op, patch, d);
				for (int p = 0; p < np; p++)
					gemm(true, false, ip, op, tiles, v + p * vp, ip, d + p * dp, op,
					     i > first, sum + (size_t)p * ip * op, op);
			}
		}
		finish_weights(c, t, du, own, shares, j->in.c, j->out.c, dw);
	}
	nn_give(c, du, own * (size_t)shares);
	nn_give(c, work, work_n * (size_t)threads);
}
