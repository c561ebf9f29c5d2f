#include "nn/convnext.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/channel_sums.h"
#include "nn/dropout.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"
#include "nn/layer_norm.h"
#include "nn/matmul.h"

/* Block shapes depend on sizes alone. */
enum { MOST_ROWS = 256, LEAST_ROWS = 16, WANTED_BLOCKS = 16 }; /* of the rows that one product takes */
enum { CHUNK = 1024 }; /* rows on the way back whose H channels are held at once */
enum { PANEL = 32 }; /* rows of a weight's gradient that one product makes */

typedef struct convnext_layer {
	layer base; /* in: d, x; kept: float [b*X], what the branch of each map is multiplied by, if there is a rate */
	int wide;
	float eps;
	dropper dropper;
} convnext_layer;

enum { D, X };
enum { GAIN = LAYER_NORM_GAIN, OFFSET = LAYER_NORM_OFFSET, WIDEN, WIDEN_BIAS, NARROW, NARROW_BIAS, SCALE };

static const convnext_layer *of(const layer *l) { return (const convnext_layer *)l; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Rows of a block: some blocks for every thread where there are few rows. */
static size_t rows_of(size_t n)
{
	size_t rows = (n / WANTED_BLOCKS + LEAST_ROWS - 1) / LEAST_ROWS * LEAST_ROWS;
	return rows < LEAST_ROWS ? LEAST_ROWS : least(rows, MOST_ROWS);
}

/* Rows of all maps; rows that the way back holds at once. */
static size_t all_rows(const layer *l) { return shape_count(l->s) / (size_t)l->s.c; }
static size_t most_rows(const layer *l) { return least(all_rows(l), CHUNK); }

static size_t map_of(shape s) { return (size_t)s.y * (size_t)s.z; }

/* Of the way back: what a chunk holds. The gradient of the second matrix lies behind it. */
static size_t chunk_floats(const layer *l) { return most_rows(l) * 3 * (size_t)(l->s.c + of(l)->wide); }

static void settle(graph *g, layer *l)
{
	const convnext_layer *n = of(l);
	const size_t rows = rows_of((size_t)l->s.x * map_of(l->s));
	l->reads_in[D] = true;
	l->over = l->hands = X;
	l->work = rows * (size_t)(l->s.c + n->wide) * (size_t)graph_threads(g);
	l->work_back = chunk_floats(l) + (size_t)l->s.c * (size_t)n->wide;
	l->state = n->dropper.rate > 0 ? (size_t)l->s.b * (size_t)l->s.x * sizeof(float) : 0;
	l->flop = 4. * (double)n->wide * (double)shape_count(l->s);
}

/* ---- there ---- */

/* Stochastic depth (Huang et al. 2016): whole maps lose their branch. */
static void draw_keep(const graph *g, layer *l)
{
	const drop now = drop_now(g, &of(l)->dropper);
	float *keep = l->kept;
	for (size_t i = 0; keep && i < (size_t)l->s.b * (size_t)l->s.x; i++)
		keep[i] = now.rate > 0 ? drop_factor(&now, i) : 1;
}

static float keep_of(const layer *l, size_t row) { return l->kept ? ((const float *)l->kept)[row / map_of(l->s)] : 1; }

/* The result for the rows from..from+m, of whose branch, before the last bias, those m are given. */
static void residual(const layer *l, const float *branch, size_t from, size_t m)
{
	const size_t map = map_of(l->s), ch = (size_t)l->s.c;
	for (size_t i = from, n; i < from + m; i += n) {
		n = least((i / map + 1) * map, from + m) - i; /* to the end of this map */
		nn_kernels()->channels->scaled_residual(l->v + i * ch, l->in[X]->v + i * ch, branch + (i - from) * ch, l->p[NARROW_BIAS]->v,
							l->p[SCALE]->v, keep_of(l, i), n, l->s.c);
	}
}

static void forward(graph *g, layer *l)
{
	const channel_kernels *k = nn_kernels()->channels;
	const int ch = l->s.c, wide = of(l)->wide;
	/* blocks of each volume by itself: a product's rounding depends on its rows, and a volume's shall not on the others */
	const size_t volume = (size_t)l->s.x * map_of(l->s), rows = rows_of(volume), blocks = (volume + rows - 1) / rows;
	draw_keep(g, l);
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (size_t i = 0; i < blocks * (size_t)l->s.b; i++) {
		size_t done = i % blocks * rows, from = i / blocks * volume + done, m = least(rows, volume - done);
		float *narrow = graph_work(g) + rows * (size_t)(ch + wide) * (size_t)omp_get_thread_num(), *h = narrow + rows * ch;
		k->normalise(narrow, NULL, l->in[D]->v + from * ch, m, ch, l->p[GAIN]->v, l->p[OFFSET]->v, of(l)->eps);
		matmul((int)m, wide, ch, plain(narrow, ch), transposed(l->p[WIDEN]->v, ch), 0, h, wide);
		k->gelu(h, h, l->p[WIDEN_BIAS]->v, m, wide);
		matmul((int)m, ch, wide, plain(h, wide), transposed(l->p[NARROW]->v, wide), 0, narrow, ch);
		residual(l, narrow, from, m);
	}
}

/* ---- and back ---- */

/* What the way back holds of a chunk of rows. */
typedef struct chunk {
	size_t from, n; /* rows */
	float *normed, *dout, *dnormed; /* [n][C]: behind the norm; keep times the gradient of the result; the gradient at normed */
	float *before, *h, *dbefore; /* [n][H]: before and behind GELU, the gradient before it */
} chunk;

static chunk first_chunk(const layer *l, float *work)
{
	const size_t narrow = most_rows(l) * (size_t)l->s.c, wide = most_rows(l) * (size_t)of(l)->wide;
	chunk u = { .normed = work };
	u.dout = u.normed + narrow;
	u.dnormed = u.dout + narrow;
	u.before = u.dnormed + narrow;
	u.h = u.before + wide;
	u.dbefore = u.h + wide;
	return u;
}

/* dout = keep * gradient of the result; scaled = that times layer scale. */
static void scale_gradient(const layer *l, size_t row, size_t m, float *dout, float *scaled)
{
	const size_t ch = (size_t)l->s.c;
	for (size_t i = 0; i < m; i++) {
		const float *g = l->g + (row + i) * ch, keep = keep_of(l, row + i);
		for (size_t k = 0; k < ch; k++) {
			dout[i * ch + k] = keep * g[k];
			scaled[i * ch + k] = dout[i * ch + k] * l->p[SCALE]->v[k];
		}
	}
}

/* The branch again, then back through it to the norm. */
static void chunk_rows(const graph *g, const layer *l, const chunk *u)
{
	const channel_kernels *k = nn_kernels()->channels;
	const float *widen = l->p[WIDEN]->v, *bias = l->p[WIDEN_BIAS]->v, *d = l->in[D]->v + u->from * l->s.c;
	const int ch = l->s.c, wide = of(l)->wide;
	const size_t rows = rows_of(u->n);
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (size_t i = 0; i < u->n; i += rows) {
		size_t m = least(rows, u->n - i), at = i * ch, wide_at = i * wide;
		float *scaled = u->dnormed + at; /* until its place is needed */
		k->normalise(u->normed + at, NULL, d + at, m, ch, l->p[GAIN]->v, l->p[OFFSET]->v, of(l)->eps);
		matmul((int)m, wide, ch, plain(u->normed + at, ch), transposed(widen, ch), 0, u->before + wide_at, wide);
		k->gelu(u->h + wide_at, u->before + wide_at, bias, m, wide);
		scale_gradient(l, u->from + i, m, u->dout + at, scaled);
		matmul((int)m, wide, ch, plain(scaled, ch), plain(l->p[NARROW]->v, wide), 0, u->dbefore + wide_at, wide);
		k->gelu_backward(u->dbefore + wide_at, u->before + wide_at, bias, m, wide);
		matmul((int)m, ch, wide, plain(u->dbefore + wide_at, wide), plain(widen, ch), 0, u->dnormed + at, ch);
	}
}

/* Adds to the gradients of both matrices, a panel of rows at a time: dnarrow [C,H] (before layer scale), the first one's [H,C]. */
static void chunk_weights(const graph *g, const layer *l, const chunk *u, float *dnarrow)
{
	const int ch = l->s.c, wide = of(l)->wide, rows = (int)u->n;
	const int first = (ch + PANEL - 1) / PANEL, panels = first + (layer_trains(l, WIDEN) ? (wide + PANEL - 1) / PANEL : 0);
	float *dwiden = l->p[WIDEN]->g;
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (int i = 0; i < panels; i++) {
		int from = (i < first ? i : i - first) * PANEL, most = i < first ? ch : wide, m = most - from < PANEL ? most - from : PANEL;
		if (i < first)
			matmul(m, wide, rows, transposed(u->dout + from, ch), plain(u->h, wide), 1, dnarrow + (size_t)from * wide, wide);
		else
			matmul(m, ch, rows, transposed(u->dbefore + from, wide), plain(u->normed, ch), 1, dwiden + (size_t)from * ch, ch);
	}
}

static void add_sums(const layer *l, int i, const double *sum)
{
	for (size_t k = 0; layer_trains(l, i) && k < l->p[i]->count; k++)
		l->p[i]->g[k] += (float)sum[k];
}

/* From the gradients before layer scale to those of narrow, its bias and the scale itself. The branch's value is needed for the last one,
 * sum of dout (narrow h + bias): this is <narrow, dnarrow> + bias <dout>, row by row, so that nobody computes the branch again. */
static void unscale(const layer *l, const float *dnarrow, double *dbias)
{
	const size_t ch = (size_t)l->s.c, wide = (size_t)of(l)->wide;
	const float *narrow = l->p[NARROW]->v, *scale = l->p[SCALE]->v;
	for (size_t k = 0; k < ch; k++) {
		double sum = (double)l->p[NARROW_BIAS]->v[k] * dbias[k];
		for (size_t i = k * wide; i < (k + 1) * wide; i++) {
			sum += (double)narrow[i] * (double)dnarrow[i];
			if (layer_trains(l, NARROW))
				l->p[NARROW]->g[i] += scale[k] * dnarrow[i];
		}
		if (layer_trains(l, SCALE))
			l->p[SCALE]->g[k] += (float)sum;
		dbias[k] *= (double)scale[k];
	}
	add_sums(l, NARROW_BIAS, dbias);
}

static void norm_backward(graph *g, layer *l, const chunk *u)
{
	const int ch = l->s.c;
	float *dd = layer_gradient(l, D);
	layer_norm_backward(g, l,
			    &(layer_norm_rows){ .x = l->in[D]->v + u->from * ch,
						.d = u->dnormed,
						.dx = dd ? dd + u->from * ch : NULL,
						.fresh = layer_is_fresh(l, D),
						.n = u->n,
						.channels = ch,
						.eps = of(l)->eps });
}

static void backward(graph *g, layer *l)
{
	const int ch = l->s.c, wide = of(l)->wide;
	const size_t all = all_rows(l);
	float *dnarrow = graph_work(g) + chunk_floats(l);
	double *sums = calloc((size_t)(ch + wide), sizeof *sums);
	if (!sums) {
		graph_fail(g, ERR_OS, "no memory for sums");
		return;
	}
	memset(dnarrow, 0, (size_t)ch * (size_t)wide * sizeof *dnarrow);
	for (chunk u = first_chunk(l, graph_work(g)); u.from < all; u.from += u.n) {
		u.n = least(all - u.from, CHUNK);
		chunk_rows(g, l, &u);
		chunk_weights(g, l, &u, dnarrow);
		channel_sums(g, u.dout, 1, u.n, ch, false, sums);
		channel_sums(g, u.dbefore, 1, u.n, wide, false, sums + ch);
		norm_backward(g, l, &u);
	}
	unscale(l, dnarrow, sums);
	add_sums(l, WIDEN_BIAS, sums + ch);
	free(sums);
	layer_pass_gradient(g, l, X);
}

static const layer_kind kind = {
	.name = "ConvNeXt", .size = sizeof(convnext_layer), .settle = settle, .forward = forward, .backward = backward
};

/* ---- description ---- */

layer *convnext(graph *g, layer *d, layer *x, const convnext_spec *s, const char *at)
{
	const int ch = graph_shape(x).c, wide = s->wide;
	const dropper depth = dropper_of(g, s->rate, s->use, "stochastic depth");
	if (!shape_equal(graph_shape(d), graph_shape(x)))
		return graph_fail(g, ERR_BUG, "%s: the residual has another shape", at);
	layer *l = layer_add(g, &kind, graph_shape(x), 2, (layer *[]){ d, x });
	if (!l)
		return NULL;
	((convnext_layer *)l)->wide = wide;
	((convnext_layer *)l)->eps = (float)s->eps;
	((convnext_layer *)l)->dropper = depth;
	const param_entry bias = { .rank = 1, .n = { wide }, .rule = INIT_ZEROS };
	layer_param(g, l, SCALE, (param_entry){ .rank = 3, .n = { ch, 1, 1 }, .rule = INIT_ONES }, at, "layer_scale");
	layer_norm_params(g, l, ch, at, "block.2.weight", "block.2.bias");
	layer_param(g, l, WIDEN, (param_entry){ .rank = 2, .n = { wide, ch }, .rule = INIT_NORMAL }, at, "block.3.weight");
	layer_param(g, l, WIDEN_BIAS, bias, at, "block.3.bias");
	layer_param(g, l, NARROW, (param_entry){ .rank = 2, .n = { ch, wide }, .rule = INIT_NORMAL }, at, "block.5.weight");
	layer_param(g, l, NARROW_BIAS, (param_entry){ .rank = 1, .n = { ch }, .rule = INIT_ZEROS }, at, "block.5.bias");
	return l;
}
