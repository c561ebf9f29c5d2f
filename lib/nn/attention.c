#include "nn/attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "nn/dropout.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"
#include "nn/matmul.h"

enum { RUN = 64 }; /* weights whose dropout is drawn together */
enum { QUERIES = 64 }; /* in a block: a constant, so that sums do not depend on the number of threads */
enum { SHARES = 4 }; /* of the blocks of one head, each with sums of its own for keys and values */

enum { Q, K, V };

typedef struct attention_layer {
	layer base; /* in: q, k, v */
	int first[3], step[3], heads, width;
	dropper dropper;
	drop now;
} attention_layer;

static attention_layer *of(layer *l) { return (attention_layer *)l; }

/* One of q, k, v as a matrix for one head: rows of `ld` floats, the head's channels at the front. */
typedef struct matrix {
	float *v, *g; /* g NULL: no gradient is wanted */
	int ld;
} matrix;

static int positions(const layer *x) { return x->s.x * x->s.y * x->s.z; }

static matrix matrix_of(const attention_layer *n, int part, int b, int head)
{
	const layer *x = n->base.in[part];
	const size_t at = (size_t)b * positions(x) * x->s.c + n->first[part] + (size_t)head * n->step[part];
	float *g = layer_gradient(&n->base, part);
	return (matrix){ x->v + at, g ? g + at : NULL, x->s.c };
}

/* A head's share of the work: queries from .. to, which is a whole number of blocks but for the last. */
typedef struct unit {
	int b, head, from, to;
} unit;

static int blocks_of(const attention_layer *n) { return (positions(n->base.in[Q]) + QUERIES - 1) / QUERIES; }

/* Unit i when each head is cut into `shares`. */
static unit unit_of(const attention_layer *n, int i, int shares)
{
	int blocks = blocks_of(n), share = i % shares, head = i / shares % n->heads, b = i / shares / n->heads,
	    all = positions(n->base.in[Q]);
	int to = (int)((long)blocks * (share + 1) / shares) * QUERIES;
	return (unit){ b, head, (int)((long)blocks * share / shares) * QUERIES, to < all ? to : all };
}

/* The weights of `rows` queries from `query` on, p [rows][keys], before dropout. */
static void weigh(const attention_layer *n, const matrix *q, const matrix *k, int query, int rows, int keys, float *p)
{
	float scale = 1 / sqrtf((float)n->width);
	matmul(rows, keys, n->width, plain(q->v + (size_t)query * q->ld, q->ld), transposed(k->v, k->ld), 0, p, keys);
	nn_kernels()->channels->softmax(p, (size_t)rows, keys, scale);
}

/* to = from with elements dropped; both [rows][keys], may be one. */
static void drop_weights(const attention_layer *n, const unit *u, int query, int rows, int keys, const float *from, float *to)
{
	uint64_t at = ((uint64_t)(u->b * n->heads + u->head) * (uint64_t)positions(n->base.in[Q]) + (uint64_t)query) * (uint64_t)keys;
	for (int r = 0; r < rows; r++)
		for (int k = 0; k < keys; k += RUN) {
			float factors[RUN];
			int some = keys - k < RUN ? keys - k : RUN;
			size_t i = (size_t)r * keys + k;
			drop_factors(&n->now, at + i, (size_t)some, factors);
			for (int j = 0; j < some; j++)
				to[i + j] = from[i + j] * factors[j];
		}
}

/* ---- what it needs ---- */

static bool drops(const attention_layer *n) { return n->dropper.rate > 0; }

static int keys_of(const attention_layer *n) { return positions(n->base.in[K]); }
static int shares_of(const attention_layer *n) { return blocks_of(n) < SHARES ? blocks_of(n) : SHARES; }

/* Scores of a block. */
static size_t scores_of(const attention_layer *n) { return (size_t)QUERIES * keys_of(n); }
/* The gradient of a head's keys, or values. */
static size_t own_floats(const attention_layer *n) { return (size_t)keys_of(n) * n->width; }

/* Back: what each thread takes; behind that lie sums of keys and values for each share of each head. */
static size_t room_back(const attention_layer *n) { return (drops(n) ? 3 : 2) * scores_of(n); }
static size_t sums_floats(const attention_layer *n) { return 2 * own_floats(n) * (size_t)(n->base.s.b * n->heads * shares_of(n)); }

static void settle(graph *g, layer *l)
{
	const attention_layer *n = of(l);
	const size_t threads = (size_t)graph_threads(g);
	l->reads_in[Q] = l->reads_in[K] = true;
	l->reads_in[V] = l->in[Q]->needs_grad || l->in[K]->needs_grad;
	l->work = scores_of(n) * threads;
	l->work_back = room_back(n) * threads + sums_floats(n);
	l->flop = 4. * (double)shape_count(l->s) * keys_of(n);
}

/* ---- there ---- */

static void forward(graph *g, layer *l)
{
	attention_layer *n = of(l);
	const int keys = keys_of(n), blocks = blocks_of(n), co = l->s.c;
	n->now = drop_now(g, &n->dropper);
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (int i = 0; i < l->s.b * n->heads * blocks; i++) {
		unit u = unit_of(n, i, blocks);
		int rows = u.to - u.from;
		float *p = graph_work(g) + scores_of(n) * (size_t)omp_get_thread_num();
		matrix q = matrix_of(n, Q, u.b, u.head), k = matrix_of(n, K, u.b, u.head), v = matrix_of(n, V, u.b, u.head);
		weigh(n, &q, &k, u.from, rows, keys, p);
		if (n->now.rate > 0)
			drop_weights(n, &u, u.from, rows, keys, p, p);
		float *to = l->v + ((size_t)u.b * positions(l) + u.from) * co + (size_t)u.head * n->width;
		matmul(rows, n->width, keys, plain(p, keys), plain(v.v, v.ld), 0, to, co);
	}
}

/* ---- and back ---- */

/* dp (gradient of the dropped weights) -> gradient of the scores: p (dp' - <dp', p>) / sqrt(width). */
static void score_gradient(const attention_layer *n, const unit *u, int query, int rows, int keys, const float *p, float *dp)
{
	float scale = 1 / sqrtf((float)n->width);
	if (n->now.rate > 0)
		drop_weights(n, u, query, rows, keys, dp, dp);
	nn_kernels()->channels->softmax_backward(dp, p, (size_t)rows, keys, scale);
}

/* The gradients of one unit: q's to its place, those of keys and values to dk, dv [keys][width]. work: three blocks of scores, two where
 * nothing is dropped. */
static void unit_backward(const attention_layer *n, const unit *u, float *work, float *dk, float *dv)
{
	const layer *l = &n->base;
	int keys = keys_of(n), w = n->width, co = l->s.c;
	matrix q = matrix_of(n, Q, u->b, u->head), k = matrix_of(n, K, u->b, u->head), v = matrix_of(n, V, u->b, u->head);
	float *p = work, *dp = p + scores_of(n), *dropped = n->now.rate > 0 ? dp + scores_of(n) : p;
	memset(dk, 0, own_floats(n) * sizeof *dk);
	memset(dv, 0, own_floats(n) * sizeof *dv);
	for (int query = u->from; query < u->to; query += QUERIES) {
		int rows = u->to - query < QUERIES ? u->to - query : QUERIES;
		const float *d = l->g + ((size_t)u->b * positions(l) + query) * co + (size_t)u->head * w;
		weigh(n, &q, &k, query, rows, keys, p);
		if (dropped != p)
			drop_weights(n, u, query, rows, keys, p, dropped);
		if (v.g)
			matmul(keys, w, rows, transposed(dropped, keys), plain(d, co), 1, dv, w);
		if (!q.g && !k.g)
			continue;
		matmul(rows, keys, w, plain(d, co), transposed(v.v, v.ld), 0, dp, keys);
		score_gradient(n, u, query, rows, keys, p, dp);
		if (q.g)
			matmul(rows, w, keys, plain(dp, keys), plain(k.v, k.ld), 1, q.g + (size_t)query * q.ld, q.ld);
		if (k.g)
			matmul(keys, w, rows, transposed(dp, keys), plain(q.v + (size_t)query * q.ld, q.ld), 1, dk, w);
	}
}

/* Adds the sums of a head's shares, in their order, to the gradient of its keys or values. parts: `apart` floats from one to the next. */
static void merge(const matrix *to, const float *parts, size_t apart, int shares, int keys, int width)
{
	for (int share = 0; to->g && share < shares; share++)
		for (int i = 0; i < keys; i++)
			for (int j = 0; j < width; j++)
				to->g[(size_t)i * to->ld + j] += parts[(size_t)share * apart + (size_t)i * width + j];
}

static void backward(graph *g, layer *l)
{
	const attention_layer *n = of(l);
	const int keys = keys_of(n), shares = shares_of(n), heads = l->s.b * n->heads;
	const size_t own = own_floats(n);
	float *work = graph_work(g), *sums = work + room_back(n) * (size_t)graph_threads(g);
	for (int i = 0; i < 3; i++) /* parts may leave channels out */
		if (layer_is_fresh(l, i))
			memset(layer_gradient(l, i), 0, shape_count(l->in[i]->s) * sizeof(float));
#pragma omp parallel for schedule(dynamic) num_threads(graph_threads(g))
	for (int i = 0; i < heads * shares; i++) {
		unit u = unit_of(n, i, shares);
		float *dk = sums + 2 * own * (size_t)i;
		unit_backward(n, &u, work + room_back(n) * (size_t)omp_get_thread_num(), dk, dk + own);
	}
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < heads; i++) {
		const float *parts = sums + 2 * own * (size_t)i * shares;
		matrix k = matrix_of(n, K, i / n->heads, i % n->heads), v = matrix_of(n, V, i / n->heads, i % n->heads);
		merge(&k, parts, 2 * own, shares, keys, n->width);
		merge(&v, parts + own, 2 * own, shares, keys, n->width);
	}
}

static const layer_kind kind = {
	.name = "attention", .size = sizeof(attention_layer), .settle = settle, .forward = forward, .backward = backward
};

/* ---- description ---- */

static bool fits(const attention_part *p, const attention_spec *s, int b)
{
	const shape x = graph_shape(p->x);
	return x.b == b && p->first >= 0 && p->step >= s->width && p->first + (s->heads - 1) * p->step + s->width <= x.c;
}

static bool fit(const attention_spec *s)
{
	const shape q = graph_shape(s->q.x), k = graph_shape(s->k.x), v = graph_shape(s->v.x);
	return s->heads > 0 && s->width > 0 && shape_voxels(k) == shape_voxels(v) && fits(&s->q, s, q.b) && fits(&s->k, s, q.b) &&
	       fits(&s->v, s, q.b);
}

layer *attention(graph *g, const attention_spec *s)
{
	const attention_part *const part[3] = { &s->q, &s->k, &s->v };
	const dropper weights = dropper_of(g, s->rate, s->use, "attention");
	shape to = graph_shape(s->q.x);
	if (!fit(s))
		return graph_fail(g, ERR_BUG, "attention: queries, keys and values do not fit together");
	to.c = s->heads * s->width;
	layer *l = layer_add(g, &kind, to, 3, (layer *[]){ s->q.x, s->k.x, s->v.x });
	if (!l)
		return NULL;
	of(l)->heads = s->heads;
	of(l)->width = s->width;
	of(l)->dropper = weights;
	for (int i = 0; i < 3; i++) {
		of(l)->first[i] = part[i]->first;
		of(l)->step[i] = part[i]->step;
	}
	return l;
}
