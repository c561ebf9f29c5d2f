/* Winograd convolution in three dimensions (Lavin & Gray 2016), 3x3x3, stride 1. The volume is cut into bricks of tiles small
 * enough that the transformed brick stays in cache: load (with the prologue) -> B^T d B -> one product per transform point ->
 * A^T m A -> store. The weight gradient is the exact adjoint: dU = sum over tiles of (B^T d B)^T (A dy A^T), dw = G^T dU G.
 * Convolutions behind a doubling of the voxels and such of stride 2 have forms of their own (kernels.h), which need no more than
 * differences of two inputs. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv_job.h"
#include "nn/pack.h"

enum { MOST_PLANE = 36, FEW_TILES = 16 };

enum form { SLIDE_2, SLIDE_4, DOUBLED, HALVED, GATHERED };

static void set_axis(wino_tile *t, int axis, enum form f)
{
	static const struct { int m, p, step; } of[] = { { 2, 4, 2 }, { 4, 6, 4 }, { 2, 3, 1 }, { 2, 5, 4 }, { 1, 3, 2 } };
	t->m[axis] = of[f].m;
	t->p[axis] = of[f].p;
	t->step[axis] = of[f].step;
}

static wino_tile tile_of(enum form x, enum form y, enum form z)
{
	wino_tile t;
	set_axis(&t, 0, x);
	set_axis(&t, 1, y);
	set_axis(&t, 2, z);
	return t;
}

int wino_points(wino_tile t) { return t.p[0] * t.p[1] * t.p[2]; }

bool wino_fits(const conv_job *j)
{
	return j->k[0] == 3 && j->k[1] == 3 && j->k[2] == 3 && j->stride <= 2 && (j->in.c >= LANES || j->out.c >= LANES);
}

bool wino_doubles(const conv_job *j)
{
	for (int a = 0; a < 3; a++)
		if (j->up[a] != 2)
			return false;
	return j->stride == 1 && j->pad == 1 && j->out.x == j->virt[0] && j->out.y == j->virt[1] && j->out.z == j->virt[2];
}

wino_tile wino_gathering(void) { return tile_of(GATHERED, GATHERED, GATHERED); }

static int tiles_of(const int n[3], wino_tile t)
{
	int all = 1;
	for (int a = 0; a < 3; a++)
		all *= (n[a] + t.m[a] - 1) / t.m[a];
	return all;
}

wino_tile wino_choose(const conv_job *j)
{
	if (j->stride == 2)
		return tile_of(HALVED, HALVED, HALVED);
	if (wino_doubles(j))
		return tile_of(DOUBLED, DOUBLED, DOUBLED);
	const int n[3] = { j->out.x, j->out.y, j->out.z };
	wino_tile t;
	/* tiles of four where they make fewer points: 18 instead of 20 for 10 outputs, but for 5 as many */
	for (int a = 0; a < 3; a++)
		set_axis(&t, a, 6 * ((n[a] + 3) / 4) < 4 * ((n[a] + 1) / 2) ? SLIDE_4 : SLIDE_2);
	/* few tiles do not pay for so many points of transformed weights */
	for (int a = 2; a >= 0 && j->volumes * tiles_of(n, t) < FEW_TILES; a--)
		set_axis(&t, a, SLIDE_2);
	return t;
}

conv_job wino_source(const conv_job *j, wino_tile t)
{
	conv_job s = *j;
	for (int a = 0; a < 3; a++)
		if (t.step[a] < t.m[a]) {
			s.virt[a] /= s.up[a];
			s.up[a] = 1;
		}
	return s;
}

conv_job wino_gradient_job(const conv_job *j)
{
	return (conv_job){
		.in = j->out, .up = { 1, 1, 1 }, .virt = { j->out.x, j->out.y, j->out.z }, .out = j->out, .k = { 3, 3, 3 }, .stride = 1
	};
}

/* Below this many pairs of channels a product is too short to pay for what goes before it: cutting factors, reading the weights of a
 * brick. */
static bool is_large(int rows, int columns) { return rows * columns >= 1 << 12; }

const factor_kernels *wino_factor(int rows, int columns)
{
	const kernels *k = nn_kernels();
	return k->squares && is_large(rows, columns) ? k->squares : k->panels;
}

/* A vector more than they are: see stride_of. */
size_t wino_weight_stride(int rows, int columns) { return wino_factor(rows, columns)->floats(rows, columns) + LANES; }

size_t wino_weight_count(wino_tile t, int cin, int cout) { return wino_points(t) * wino_weight_stride(lanes_up(cin), lanes_up(cout)); }

wino_table wino_table_of(const float *w, int in, int no, int ni, bool back)
{
	size_t out = (size_t)in * 27;
	return back ? (wino_table){ w, out, 27, no, ni, true } : (wino_table){ w, 27, out, ni, no, false };
}

void wino_read_part(const wino_table *k, int r, int c, int n, float *taps, size_t st, size_t line)
{
	int across = k->columns - c < LANES ? k->columns - c : LANES;
	for (int i = 0; i < n; i++)
		nn_kernels()->wino_taps(k->w + (r + i) * k->row + c * k->column, k->column, r + i < k->rows ? across : 0, k->flip,
					taps + i * line, st);
}

void wino_read_weights(const conv_job *j, const param *w, bool back, int r, int c, int n, float *taps, size_t st, size_t line)
{
	float raw[27 * FACTOR_ROWS * LANES];
	int in = back ? j->out.c : j->in.c, there = least(j->in.c - r, n), across = least(j->out.c - c, LANES);
	if (across < 0)
		across = 0;
	int outs = back ? there : across, ins = back ? across : there, o = back ? r : c, i = back ? c : r;
	for (int l = 0; l < outs && ins; l++)
		weights_part(w, ((size_t)(o + l) * in + i) * 27, (size_t)ins * 27, raw + (size_t)l * ins * 27);
	const wino_table table = wino_table_of(raw, ins, outs, ins, back);
	wino_read_part(&table, 0, 0, n, taps, st, line);
}

void wino_transform_part(wino_tile t, int x, const float *taps, size_t st, size_t line, int r, int c, int rows, int columns, float *u,
			 size_t up)
{
	const factor_kernels *k = wino_factor(rows, columns);
	int n = least(rows - r, FACTOR_ROWS);
	if (k->at) {
		size_t ld;
		float *to = k->at(u, rows, columns, r, c, &ld);
		for (int i = 0; i < n; i++)
			nn_kernels()->wino_weight(t, x, taps + i * line, st, to + i * ld, up);
		return;
	}
	enum { STRIDE = (FACTOR_ROWS + 1) * LANES };
	float part[MOST_PLANE * STRIDE] __attribute__((aligned(64)));
	for (int i = 0; i < n; i++)
		nn_kernels()->wino_weight(t, x, taps + i * line, st, part + (size_t)i * LANES, STRIDE);
	for (int p = 0; p < t.p[1] * t.p[2]; p++)
		k->place(u + p * up, rows, columns, r, c, n, part + (size_t)p * STRIDE);
}

void wino_transform_weights(nn *c, wino_tile t, const float *w, int out, int in, bool back, float *u)
{
	const wino_table k = wino_table_of(w, in, out, in, back);
	int rp = lanes_up(k.rows), cp = lanes_up(k.columns), vectors = cp / LANES, parts = (rp + FACTOR_ROWS - 1) / FACTOR_ROWS * vectors;
	size_t up = wino_weight_stride(rp, cp);
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < parts; i++) {
		float taps[27 * FACTOR_ROWS * LANES];
		const size_t st = FACTOR_ROWS * LANES;
		int r = i / vectors * FACTOR_ROWS, column = i % vectors * LANES;
		wino_read_part(&k, r, column, rp - r < FACTOR_ROWS ? rp - r : FACTOR_ROWS, taps, st, LANES);
		for (int x = 0; x < t.p[0]; x++)
			wino_transform_part(t, x, taps, st, LANES, r, column, rp, cp, u + (size_t)x * t.p[1] * t.p[2] * up, up);
	}
}

/* Voxels of a brick as they are staged, [n][n][n][channels]; tiles begin `apart` from each other. */
typedef struct box {
	int n[3];
	const int *apart;
} box;

/* How the output is cut: bricks of n[0] x n[1] x n[2] tiles. */
typedef struct bricks {
	int n[3], count[3], total;
	int most;	/* tiles in a brick */
} bricks;

static bricks bricks_of(const conv_job *j, wino_tile t, int cin, int cout)
{
	const int extent[3] = { j->out.x, j->out.y, j->out.z };
	/* the transformed brick and its products, some 1.5 MB, shall stay in the second-level cache; but each brick reads all the weights,
	 * and with many channels these are more */
	int want = (3 << 17) / (wino_points(t) * (cin + cout)), fewest = is_large(cin, cout) ? 32 : 16;
	want = want < fewest ? fewest : want > 64 ? 64 : want;
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
		k.most *= k.n[a];
	}
	return k;
}

/* Floats between two points of a transformed brick: a line more than it holds, since the points of a tile would otherwise lie a
 * multiple of 4096 bytes apart and drive each other out of the first-level cache. */
static size_t stride_of(const bricks *k, int cp) { return (size_t)lanes_up(k->most) * cp + LANES; }

/* What the tiles of a brick read, and what they write. */
static box read_by(const bricks *k, const wino_tile *t)
{
	box r = { .apart = t->step };
	for (int a = 0; a < 3; a++)
		r.n[a] = (k->n[a] - 1) * t->step[a] + (t->m[a] == 1 ? 4 : t->p[a]);
	return r;
}

static box written_by(const bricks *k, const wino_tile *t)
{
	box w = { .apart = t->m };
	for (int a = 0; a < 3; a++)
		w.n[a] = k->n[a] * t->m[a];
	return w;
}

static size_t voxels_of(const box *b) { return (size_t)b->n[0] * b->n[1] * b->n[2]; }

/* Brick i -> volume and first output voxel. */
static int brick_at(const bricks *k, wino_tile t, int i, int at[3])
{
	for (int a = 2; a >= 0; a--) {
		at[a] = i % k->count[a] * k->n[a] * t.m[a];
		i /= k->count[a];
	}
	return i;
}

/* Transforms every tile of the brick that has an output inside the volume, from its staged box; at: the brick's first output.
 * v [p][tiles][cp]. Returns the number of tiles. */
static int transform_brick(const conv_job *j, const bricks *k, wino_tile t, wino_transform *one, const int at[3], const box *staged, int cp,
			   const float *patch, float *v)
{
	size_t sy = (size_t)staged->n[2] * cp, sx = sy * staged->n[1], sp = stride_of(k, cp);
	int tiles = 0;
	for (int x = 0; x < k->n[0] && at[0] + x * t.m[0] < j->out.x; x++)
		for (int y = 0; y < k->n[1] && at[1] + y * t.m[1] < j->out.y; y++)
			for (int z = 0; z < k->n[2] && at[2] + z * t.m[2] < j->out.z; z++)
				one(t, patch + x * staged->apart[0] * sx + y * staged->apart[1] * sy + (size_t)z * staged->apart[2] * cp,
				    sx, sy, (size_t)cp, cp, v + (size_t)tiles++ * cp, sp);
	return tiles;
}

/* Stages and transforms what the tiles of brick i read. Returns their number. */
static int read_brick(const conv_job *source, const bricks *k, wino_tile t, const float *in, int b, const int at[3], int cp, float *patch,
		      float *v)
{
	const box r = read_by(k, &t);
	int first[3];
	for (int a = 0; a < 3; a++)
		first[a] = at[a] / t.m[a] * t.step[a] - source->pad;
	conv_load_box(source, in, b, first, r.n, cp, patch);
	return transform_brick(source, k, t, nn_kernels()->wino_input, at, &r, cp, patch, v);
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
	const conv_job source = wino_source(j, t);
	const box reads = read_by(&k, &t);
	size_t patch_n = voxels_of(&reads) * ip;
	size_t vp = stride_of(&k, ip), mp = stride_of(&k, op), up = wino_weight_stride(ip, op);
	size_t v_n = np * vp, m_n = np * mp, work_n = patch_n + v_n + m_n;
	float *work = nn_work(c, work_n * (size_t)threads + (size_t)op);
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
		int tiles = read_brick(&source, &k, t, in, b, at, ip, patch, v);
		wino_factor(ip, op)->multiply(np, tiles, v, ip, vp, u, up, ip, op, false, m, op, mp);
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
}

/* dw += G^T du G for every pair of channels; du [p][ip][op] in `shares` parts. */
static void finish_weights(nn *c, wino_tile t, const float *du, size_t own, int shares, int in, int out, float *dw)
{
	int ip = lanes_up(in), op = lanes_up(out);
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < in; i++)
		for (int o = 0; o < out; o += LANES)
			nn_kernels()->wino_weight_adjoint(t, du + (size_t)i * op + o, (size_t)ip * op, shares, own, least(out - o, LANES),
							  dw + ((size_t)o * in + i) * 27, (size_t)in * 27);
}

void wino_backward_weight(nn *c, const conv_job *j, wino_tile t, const float *in, const float *dout, float *dw)
{
	int ip = lanes_up(j->in.c), op = lanes_up(j->out.c), np = wino_points(t), threads = nn_threads(c);
	bricks k = bricks_of(j, t, ip, op);
	const conv_job dj = wino_gradient_job(j);
	const conv_job source = wino_source(j, t);
	const box reads = read_by(&k, &t), writes = written_by(&k, &t);
	size_t read_n = voxels_of(&reads) * ip, written_n = voxels_of(&writes) * op, patch_n = read_n > written_n ? read_n : written_n;
	size_t vp = stride_of(&k, ip), dp = stride_of(&k, op), v_n = np * vp, d_n = np * dp, work_n = patch_n + v_n + d_n;
	size_t own = (size_t)np * ip * op;
	/* fixed shares of the bricks: the sums do not depend on the number of threads */
	int shares = k.total < 4 ? k.total : 4;
	float *work = nn_work(c, work_n * (size_t)threads + own * (size_t)shares);
	if (!work)
		return;
	float *du = work + work_n * (size_t)threads;
	product_kernel *product = nn_kernels()->product;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (int share = 0; share < shares; share++) {
		float *patch = work + work_n * (size_t)omp_get_thread_num(), *v = patch + patch_n, *d = v + v_n;
		float *sum = du + own * (size_t)share;
		int first = share_of(k.total, share, shares);
		for (int i = first; i < share_of(k.total, share + 1, shares); i++) {
			int at[3], b = brick_at(&k, t, i, at);
			read_brick(&source, &k, t, in, b, at, ip, patch, v);
			conv_load_box(&dj, dout, b, at, writes.n, op, patch);
			int tiles = transform_brick(j, &k, t, nn_kernels()->wino_output_adjoint, at, &writes, op, patch, d);
			for (int p = 0; p < np; p++)
				product(ip, op, tiles, v + p * vp, 1, ip, d + p * dp, op, i > first, sum + (size_t)p * ip * op, op);
		}
	}
	finish_weights(c, t, du, own, shares, j->in.c, j->out.c, dw);
}
