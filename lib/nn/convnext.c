#include "nn/convnext.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gemm.h"
#include "nn/internal.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer_norm.h"
#include "nn/sums.h"

/* Block shapes depend on sizes alone. */
enum { MOST_ROWS = 256, LEAST_ROWS = 16, WANTED_BLOCKS = 16 }; /* of the rows that one product takes */
enum { CHUNK = 1024 }; /* rows on the way back whose H channels are held at once */
enum { PANEL = 32 }; /* rows of a weight's gradient that one product makes */

typedef struct convnext_node {
	node base; /* in: d, x; owned: keep */
	convnext_spec s;
} convnext_node;

enum { D, X };

static bool takes_gradient(const param *p) { return p->g && !p->frozen; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Rows of a block: some blocks for every thread where there are few rows. */
static size_t rows_of(size_t n)
{
	size_t rows = (n / WANTED_BLOCKS + LEAST_ROWS - 1) / LEAST_ROWS * LEAST_ROWS;
	return rows < LEAST_ROWS ? LEAST_ROWS : least(rows, MOST_ROWS);
}

/* out = x + keep scale (branch + bias) for the rows from..from+m, of which branch holds those m. */
static void residual(float *out, const float *x, const float *branch, const convnext_spec *s, size_t map, size_t from, size_t m, int ch)
{
	for (size_t i = from, n; i < from + m; i += n) {
		n = least((i / map + 1) * map, from + m) - i; /* to the end of this map */
		nn_kernels()->channels->scaled_residual(out + i * ch, x + i * ch, branch + (i - from) * ch, s->narrow_bias->v, s->scale->v,
							s->keep ? s->keep[i / map] : 1, n, ch);
	}
}

static void forward(nn *c, const tensor *d, const tensor *x, const convnext_spec *s, tensor *out)
{
	const channel_kernels *k = nn_kernels()->channels;
	int ch = d->s.c, wide = (int)s->widen->n[0], threads = nn_threads(c);
	/* blocks of each volume by itself: a product's rounding depends on its rows, and a volume's shall not on the others */
	size_t map = (size_t)d->s.y * (size_t)d->s.z, volume = (size_t)d->s.x * map, rows = rows_of(volume);
	size_t blocks = (volume + rows - 1) / rows, all = blocks * (size_t)d->s.b;
	size_t room = rows * (size_t)(ch + wide);
	float *work = nn_take(c, room * (size_t)threads);
	if (work)
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (size_t i = 0; i < all; i++) {
			size_t done = i % blocks * rows, from = i / blocks * volume + done, m = least(rows, volume - done);
			float *narrow = work + room * (size_t)omp_get_thread_num(), *h = narrow + rows * ch;
			k->normalise(narrow, NULL, d->v + from * ch, m, ch, s->gain->v, s->offset->v, (float)s->eps);
			gemm(false, true, (int)m, wide, ch, narrow, ch, s->widen->v, ch, 0, h, wide);
			k->gelu(h, h, s->widen_bias->v, m, wide);
			gemm(false, true, (int)m, ch, wide, h, wide, s->narrow->v, wide, 0, narrow, ch);
			residual(out->v, x->v, narrow, s, map, from, m, ch);
		}
	nn_give(c, work, room * (size_t)threads);
}

/* What the way back holds of a chunk of rows. */
typedef struct chunk {
	size_t from, n; /* rows */
	float *normed, *dout, *dnormed; /* [n][C]: behind the norm; keep times the gradient of the result; the gradient at normed */
	float *before, *h, *dbefore; /* [n][H]: before and behind GELU, the gradient before it */
} chunk;

/* dout = keep * gradient of the result; scaled = that times layer scale. */
static void scale_gradient(const convnext_node *n, size_t row, size_t m, float *dout, float *scaled)
{
	const tensor *out = n->base.out;
	size_t ch = (size_t)out->s.c, map = (size_t)out->s.y * (size_t)out->s.z;
	for (size_t i = 0; i < m; i++) {
		const float *g = out->g + (row + i) * ch, keep = n->s.keep ? n->s.keep[(row + i) / map] : 1;
		for (size_t k = 0; k < ch; k++) {
			dout[i * ch + k] = keep * g[k];
			scaled[i * ch + k] = dout[i * ch + k] * n->s.scale->v[k];
		}
	}
}

/* The branch again, then back through it to the norm. */
static void chunk_rows(nn *c, const convnext_node *n, const chunk *u)
{
	const channel_kernels *k = nn_kernels()->channels;
	const convnext_spec *s = &n->s;
	const tensor *d = n->base.in[D];
	int ch = d->s.c, wide = (int)s->widen->n[0];
	size_t rows = rows_of(u->n);
#pragma omp parallel for schedule(dynamic) num_threads(nn_threads(c))
	for (size_t i = 0; i < u->n; i += rows) {
		size_t m = least(rows, u->n - i), at = i * ch, wide_at = i * wide;
		float *scaled = u->dnormed + at; /* until its place is needed */
		k->normalise(u->normed + at, NULL, d->v + (u->from + i) * ch, m, ch, s->gain->v, s->offset->v, (float)s->eps);
		gemm(false, true, (int)m, wide, ch, u->normed + at, ch, s->widen->v, ch, 0, u->before + wide_at, wide);
		k->gelu(u->h + wide_at, u->before + wide_at, s->widen_bias->v, m, wide);
		scale_gradient(n, u->from + i, m, u->dout + at, scaled);
		gemm(false, false, (int)m, wide, ch, scaled, ch, s->narrow->v, wide, 0, u->dbefore + wide_at, wide);
		k->gelu_backward(u->dbefore + wide_at, u->before + wide_at, s->widen_bias->v, m, wide);
		gemm(false, false, (int)m, ch, wide, u->dbefore + wide_at, wide, s->widen->v, ch, 0, u->dnormed + at, ch);
	}
}

/* Adds to the gradients of both matrices, a panel of rows at a time: dnarrow [C,H] (before layer scale), widen->g [H,C]. */
static void chunk_weights(nn *c, const convnext_node *n, const chunk *u, float *dnarrow)
{
	param *w = n->s.widen;
	int ch = n->base.in[D]->s.c, wide = (int)w->n[0], rows = (int)u->n;
	int first = (ch + PANEL - 1) / PANEL, panels = first + (takes_gradient(w) ? (wide + PANEL - 1) / PANEL : 0);
#pragma omp parallel for schedule(dynamic) num_threads(nn_threads(c))
	for (int i = 0; i < panels; i++) {
		int from = (i < first ? i : i - first) * PANEL, most = i < first ? ch : wide, m = most - from < PANEL ? most - from : PANEL;
		if (i < first)
			gemm(true, false, m, wide, rows, u->dout + from, ch, u->h, wide, 1, dnarrow + (size_t)from * wide, wide);
		else
			gemm(true, false, m, ch, rows, u->dbefore + from, wide, u->normed, ch, 1, w->g + (size_t)from * ch, ch);
	}
}

static void add_sums(param *p, const double *sum)
{
	for (size_t i = 0; takes_gradient(p) && i < p->count; i++)
		p->g[i] += (float)sum[i];
}

/* From the gradients before layer scale to those of narrow, its bias and the scale itself. The branch's value is needed for the last one,
 * sum of dout (narrow h + bias): this is <narrow, dnarrow> + bias <dout>, row by row, so that nobody computes the branch again. */
static void unscale(const convnext_spec *s, const float *dnarrow, double *dbias)
{
	size_t ch = s->scale->count, wide = s->narrow->count / ch;
	for (size_t k = 0; k < ch; k++) {
		double sum = (double)s->narrow_bias->v[k] * dbias[k];
		for (size_t i = k * wide; i < (k + 1) * wide; i++) {
			sum += (double)s->narrow->v[i] * (double)dnarrow[i];
			if (takes_gradient(s->narrow))
				s->narrow->g[i] += s->scale->v[k] * dnarrow[i];
		}
		if (takes_gradient(s->scale))
			s->scale->g[k] += (float)sum;
		dbias[k] *= (double)s->scale->v[k];
	}
	add_sums(s->narrow_bias, dbias);
}

static void pass_on(nn *c, tensor *x, const float *g)
{
	bool fresh = false;
	float *dx = nn_gradient_raw(c, x, &fresh);
	size_t count = shape_count(x->s);
	if (dx && !nn_planning(c))
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < count; i++)
			dx[i] = fresh ? g[i] : dx[i] + g[i];
}

static void convnext_backward(nn *c, node *base)
{
	convnext_node *n = (convnext_node *)base;
	tensor *d = base->in[D];
	int ch = d->s.c, wide = (int)n->s.widen->n[0];
	size_t all = shape_count(d->s) / (size_t)ch, most = least(all, CHUNK), room = most * 3 * (size_t)(ch + wide),
	       count = n->s.narrow->count;
	bool fresh = false;
	float *dd = nn_gradient_raw(c, d, &fresh), *work = nn_take(c, room), *dnarrow = nn_take(c, count);
	double *sums = calloc((size_t)(ch + wide), sizeof *sums);
	if (!sums)
		nn_fail(c, ERR_OS, "no memory for sums");
	if (nn_ok(c) && !nn_planning(c)) {
		memset(dnarrow, 0, count * sizeof *dnarrow);
		chunk u = { .normed = work };
		u.dout = u.normed + most * ch;
		u.dnormed = u.dout + most * ch;
		u.before = u.dnormed + most * ch;
		u.h = u.before + most * wide;
		u.dbefore = u.h + most * wide;
		for (; u.from < all; u.from += u.n) {
			u.n = least(all - u.from, CHUNK);
			chunk_rows(c, n, &u);
			chunk_weights(c, n, &u, dnarrow);
			sums_of(c, u.dout, 1, u.n, ch, false, sums);
			sums_of(c, u.dbefore, 1, u.n, wide, false, sums + ch);
			layer_norm_backward(c, dd ? dd + u.from * ch : NULL, fresh, u.dnormed, d->v + u.from * ch, u.n, ch, n->s.gain,
					    n->s.offset, (float)n->s.eps);
		}
		unscale(&n->s, dnarrow, sums);
		add_sums(n->s.widen_bias, sums + ch);
	}
	free(sums);
	nn_give(c, dnarrow, count);
	nn_give(c, work, room);
	pass_on(c, base->in[X], base->out->g);
}

static bool is_matrix(const param *p, int64_t rows, int64_t columns) { return p->rank == 2 && p->n[0] == rows && p->n[1] == columns; }

static bool fits(nn *c, const tensor *d, const tensor *x, const convnext_spec *s)
{
	int ch = d->s.c;
	const param *const all[] = { s->gain, s->offset, s->widen, s->widen_bias, s->narrow, s->narrow_bias, s->scale };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!all[i])
			return nn_fail(c, ERR_BUG, "a ConvNeXt block without all of its parameters");
	if (!shape_equal(d->s, x->s))
		nn_fail(c, ERR_BUG, "%s: the residual has another shape", s->widen->name);
	else if (s->widen->rank != 2 || !is_matrix(s->widen, s->widen->n[0], ch) || !is_matrix(s->narrow, ch, s->widen->n[0]) ||
		 s->widen_bias->count != (size_t)s->widen->n[0] || s->narrow_bias->count != (size_t)ch || s->scale->count != (size_t)ch)
		nn_fail(c, ERR_CONFIG, "%s: does not fit %d channels", s->widen->name, ch);
	return nn_ok(c) && layer_norm_fits(c, s->gain, s->offset, ch);
}

/* The node's own copy of what only the caller holds. */
static void keep_spec(nn *c, convnext_node *n, const convnext_spec *s, size_t maps)
{
	n->s = *s;
	if (!s->keep)
		return;
	float *copy = malloc(maps * sizeof *copy);
	if (copy)
		memcpy(copy, s->keep, maps * sizeof *copy);
	else
		nn_fail(c, ERR_OS, "no memory for the tape");
	n->base.owned = copy;
	n->s.keep = copy;
}

tensor *nn_convnext(nn *c, tensor *d, tensor *x, const convnext_spec *s)
{
	tensor *out = NULL;
	if (!d || !x || !nn_ok(c) || !fits(c, d, x, s))
		goto done;
	/* the residual's memory becomes the result's when this is its last reader */
	bool in_place = x->refs == 1 && x != d && !nn_recording(c);
	out = in_place ? nn_keep_memory(x) : nn_tensor(c, x->s);
	nn_count_flop(c, 4. * (double)s->widen->n[0] * (double)shape_count(d->s));
	if (out)
		forward(c, d, x, s, out);
	bool has_param = false;
	const param *const all[] = { s->gain, s->offset, s->widen, s->widen_bias, s->narrow, s->narrow_bias, s->scale };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		has_param |= takes_gradient(all[i]);
	convnext_node *n = nn_push(c, sizeof *n, convnext_backward, out, 2, (tensor *[]){ d, x }, has_param);
	if (n)
		keep_spec(c, n, s, (size_t)d->s.b * (size_t)d->s.x);
done:
	nn_drop(c, x);
	return out;
}
