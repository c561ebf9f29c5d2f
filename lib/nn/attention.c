#include "nn/attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "nn/gemm.h"
#include "nn/internal.h"
#include "nn/kernels/channels.h"
#include "nn/kernels/kernels.h"

enum { RUN = 64 }; /* weights whose dropout is drawn together */
enum { QUERIES = 64 }; /* in a block: a constant, so that sums do not depend on the number of threads */
enum { SHARES = 4 }; /* of the blocks of one head, each with sums of its own for keys and values */

enum { Q, K, V };

typedef struct attention_node {
	node base; /* in: q, k, v */
	int first[3], step[3], heads, width;
	dropout drop;
} attention_node;

/* One of q, k, v as a matrix for one head: rows of `ld` floats, the head's channels at the front. */
typedef struct matrix {
	float *v, *g; /* g NULL: no gradient is wanted */
	int ld;
} matrix;

static int positions(const tensor *t) { return t->s.x * t->s.y * t->s.z; }

static matrix matrix_of(const attention_node *n, int part, int b, int head)
{
	const tensor *t = n->base.in[part];
	size_t at = (size_t)b * positions(t) * t->s.c + n->first[part] + (size_t)head * n->step[part];
	return (matrix){ t->v + at, t->needs_grad && t->g ? t->g + at : NULL, t->s.c };
}

/* A head's share of the work: queries from .. to, which is a whole number of blocks but for the last. */
typedef struct unit {
	int b, head, from, to;
} unit;

static int blocks_of(const attention_node *n) { return (positions(n->base.in[Q]) + QUERIES - 1) / QUERIES; }

/* Unit i when each head is cut into `shares`. */
static unit unit_of(const attention_node *n, int i, int shares)
{
	int blocks = blocks_of(n), share = i % shares, head = i / shares % n->heads, b = i / shares / n->heads,
	    all = positions(n->base.in[Q]);
	int to = (int)((long)blocks * (share + 1) / shares) * QUERIES;
	return (unit){ b, head, (int)((long)blocks * share / shares) * QUERIES, to < all ? to : all };
}

/* The weights of `rows` queries from `query` on, p [rows][keys], before dropout. */
static void weigh(const attention_node *n, const matrix *q, const matrix *k, int query, int rows, int keys, float *p)
{
	float scale = 1 / sqrtf((float)n->width);
	gemm(false, true, rows, keys, n->width, q->v + (size_t)query * q->ld, q->ld, k->v, k->ld, 0, p, keys);
	nn_kernels()->channels->softmax(p, (size_t)rows, keys, scale);
}

/* to = from with elements dropped; both [rows][keys], may be one. */
static void drop_weights(const attention_node *n, const unit *u, int query, int rows, int keys, const float *from, float *to)
{
	uint64_t at = ((uint64_t)(u->b * n->heads + u->head) * (uint64_t)positions(n->base.in[Q]) + (uint64_t)query) * (uint64_t)keys;
	for (int r = 0; r < rows; r++)
		for (int k = 0; k < keys; k += RUN) {
			float factors[RUN];
			int some = keys - k < RUN ? keys - k : RUN;
			size_t i = (size_t)r * keys + k;
			dropout_factors(&n->drop, at + i, (size_t)some, factors);
			for (int j = 0; j < some; j++)
				to[i + j] = from[i + j] * factors[j];
		}
}

static void attend(nn *c, const attention_node *n, tensor *out)
{
	int keys = positions(n->base.in[K]), blocks = blocks_of(n), threads = nn_threads(c), co = out->s.c;
	size_t room = (size_t)QUERIES * keys;
	float *work = nn_take(c, room * (size_t)threads);
	if (work)
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < out->s.b * n->heads * blocks; i++) {
			unit u = unit_of(n, i, blocks);
			int rows = u.to - u.from;
			float *p = work + room * (size_t)omp_get_thread_num();
			matrix q = matrix_of(n, Q, u.b, u.head), k = matrix_of(n, K, u.b, u.head), v = matrix_of(n, V, u.b, u.head);
			weigh(n, &q, &k, u.from, rows, keys, p);
			if (n->drop.rate > 0)
				drop_weights(n, &u, u.from, rows, keys, p, p);
			float *to = out->v + ((size_t)u.b * positions(out) + u.from) * co + (size_t)u.head * n->width;
			gemm(false, false, rows, n->width, keys, p, keys, v.v, v.ld, 0, to, co);
		}
	nn_give(c, work, room * (size_t)threads);
}

/* dp (gradient of the dropped weights) -> gradient of the scores: p (dp' - <dp', p>) / sqrt(width). */
static void score_gradient(const attention_node *n, const unit *u, int query, int rows, int keys, const float *p, float *dp)
{
	float scale = 1 / sqrtf((float)n->width);
	if (n->drop.rate > 0)
		drop_weights(n, u, query, rows, keys, dp, dp);
	nn_kernels()->channels->softmax_backward(dp, p, (size_t)rows, keys, scale);
}

/* The gradients of one unit: q's to its place, those of keys and values to dk, dv [keys][width]. work: three blocks of scores. */
static void unit_backward(const attention_node *n, const unit *u, float *work, float *dk, float *dv)
{
	const tensor *out = n->base.out;
	int keys = positions(n->base.in[K]), w = n->width, co = out->s.c;
	matrix q = matrix_of(n, Q, u->b, u->head), k = matrix_of(n, K, u->b, u->head), v = matrix_of(n, V, u->b, u->head);
	float *p = work, *dp = p + (size_t)QUERIES * keys, *dropped = n->drop.rate > 0 ? dp + (size_t)QUERIES * keys : p;
	memset(dk, 0, (size_t)keys * w * sizeof *dk);
	memset(dv, 0, (size_t)keys * w * sizeof *dv);
	for (int query = u->from; query < u->to; query += QUERIES) {
		int rows = u->to - query < QUERIES ? u->to - query : QUERIES;
		const float *d = out->g + ((size_t)u->b * positions(out) + query) * co + (size_t)u->head * w;
		weigh(n, &q, &k, query, rows, keys, p);
		if (dropped != p)
			drop_weights(n, u, query, rows, keys, p, dropped);
		if (v.g)
			gemm(true, false, keys, w, rows, dropped, keys, d, co, 1, dv, w);
		gemm(false, true, rows, keys, w, d, co, v.v, v.ld, 0, dp, keys);
		score_gradient(n, u, query, rows, keys, p, dp);
		if (q.g)
			gemm(false, false, rows, w, keys, dp, keys, k.v, k.ld, 1, q.g + (size_t)query * q.ld, q.ld);
		if (k.g)
			gemm(true, false, keys, w, rows, dp, keys, q.v + (size_t)query * q.ld, q.ld, 1, dk, w);
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

static void attention_backward(nn *c, node *base)
{
	attention_node *n = (attention_node *)base;
	for (int i = 0; i < 3; i++)
		nn_gradient(c, base->in[i]);
	int keys = positions(base->in[K]), blocks = blocks_of(n), shares = blocks < SHARES ? blocks : SHARES, threads = nn_threads(c);
	int heads = base->out->s.b * n->heads;
	size_t room = (size_t)3 * QUERIES * keys, own = (size_t)keys * n->width;
	float *work = nn_take(c, room * (size_t)threads), *sums = nn_take(c, 2 * own * (size_t)shares * heads);
	if (work && sums) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < heads * shares; i++) {
			unit u = unit_of(n, i, shares);
			float *dk = sums + 2 * own * (size_t)i;
			unit_backward(n, &u, work + room * (size_t)omp_get_thread_num(), dk, dk + own);
		}
#pragma omp parallel for num_threads(threads)
		for (int i = 0; i < heads; i++) {
			const float *parts = sums + 2 * own * (size_t)i * shares;
			matrix k = matrix_of(n, K, i / n->heads, i % n->heads), v = matrix_of(n, V, i / n->heads, i % n->heads);
			merge(&k, parts, 2 * own, shares, keys, n->width);
			merge(&v, parts + own, 2 * own, shares, keys, n->width);
		}
	}
	nn_give(c, sums, 2 * own * (size_t)shares * heads);
	nn_give(c, work, room * (size_t)threads);
}

static bool fits(const attention_part *p, const attention_spec *s, int b)
{
	return p->t->s.b == b && p->first >= 0 && p->step >= s->width && p->first + (s->heads - 1) * p->step + s->width <= p->t->s.c;
}

tensor *nn_attention(nn *c, const attention_spec *s)
{
	const attention_part *part[3] = { &s->q, &s->k, &s->v };
	attention_node call = { .heads = s->heads, .width = s->width };
	if (!s->q.t || !s->k.t || !s->v.t || !nn_ok(c))
		return NULL;
	bool good = s->heads > 0 && s->width > 0 && positions(s->k.t) == positions(s->v.t);
	for (int i = 0; i < 3; i++) {
		good = good && fits(part[i], s, s->q.t->s.b);
		call.base.in[i] = part[i]->t;
		call.first[i] = part[i]->first;
		call.step[i] = part[i]->step;
	}
	if (!good)
		return nn_fail(c, ERR_BUG, "attention: queries, keys and values do not fit together");
	if (s->drop)
		call.drop = *s->drop;
	shape to = s->q.t->s;
	to.c = s->heads * s->width;
	tensor *out = nn_tensor(c, to);
	nn_count_flop(c, 4. * (double)shape_count(to) * positions(s->k.t));
	if (out)
		attend(c, &call, out);
	attention_node *n = nn_push(c, sizeof *n, attention_backward, out, 3, call.base.in, false);
	if (n) {
		call.base = n->base;
		*n = call;
	}
	return out;
}
