/* Attention against its plain formula in double, forward and gradients, and what is promised about threads and places in memory. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "nn/attention.h"
#include "nn/dropout.h"

/* q, k, v as parts of one value (head by head q, k, v: the U-Net's order), or each by itself. */
typedef struct attention_case {
	const char *what;
	int b, heads, width;
	int queries[3], keys[3];
	bool together; /* queries are keys */
	double rate;
} attention_case;

static const attention_case cases[] = {
	{ "one head", 1, 1, 16, { 2, 3, 4 }, { 2, 3, 4 }, true, 0 },
	{ "two volumes, three heads", 2, 3, 8, { 3, 5, 2 }, { 3, 5, 2 }, true, 0 },
	{ "blocks and a part of one", 1, 2, 5, { 4, 5, 9 }, { 4, 5, 9 }, true, .2 },
	{ "many blocks", 1, 1, 4, { 7, 8, 9 }, { 7, 8, 9 }, true, 0 },
	{ "one query", 2, 8, 4, { 1, 1, 1 }, { 33, 1, 1 }, false, 0 },
	{ "apart, dropout", 2, 4, 3, { 1, 7, 1 }, { 1, 1, 12 }, false, .3 },
	{ "one key", 1, 2, 3, { 1, 1, 5 }, { 1, 1, 1 }, false, 0 },
};

enum { Q, K, V };

typedef struct attention_setup {
	attention_case k;
	shape s[3]; /* of q, k, v: together, three times the same */
	float *v[3]; /* together: the first alone; else NULL */
	double *x[3]; /* of v; together: three times the same */
	attention_spec spec; /* but for the layers */
	int n[3]; /* positions */
	uint64_t seed;
	drop drop;
	float *r;
	double *rr;
} attention_setup;

static attention_part *part_of(attention_spec *s, int i) { return i == Q ? &s->q : i == K ? &s->k : &s->v; }

static shape shape_out(const attention_setup *s)
{
	return (shape){ s->k.b, s->s[Q].x, s->s[Q].y, s->s[Q].z, s->k.heads * s->k.width };
}

static void make(attention_setup *s, const attention_case *k, uint64_t seed)
{
	*s = (attention_setup){ .k = *k, .seed = seed, .drop = { .rate = k->rate, .random = random_of(&seed, "weights") } };
	dice d = dice_of(seed);
	int channels = k->heads * k->width;
	for (int i = 0; i < 3; i++) {
		const int *n = i == Q ? k->queries : k->keys;
		s->n[i] = n[0] * n[1] * n[2];
		s->s[i] = (shape){ k->b, n[0], n[1], n[2], k->together ? 3 * channels : channels + 2 };
		if (!k->together || i == Q)
			s->v[i] = random_values(&d, s->s[i], 1);
		s->x[i] = s->v[i] ? widened(s->v[i], shape_count(s->s[i])) : s->x[Q];
		*part_of(&s->spec, i) = k->together ? (attention_part){ NULL, i * k->width, 3 * k->width }
						    : (attention_part){ NULL, i % 2, k->width };
	}
	s->spec.heads = k->heads;
	s->spec.width = k->width;
	s->spec.rate = k->rate;
	s->spec.use = "weights";
	directions(seed, shape_count(shape_out(s)), &s->r, &s->rr);
}

static void unmake(attention_setup *s)
{
	for (int i = 0; i < 3; i++) {
		free(s->v[i]);
		if (!i || !s->k.together)
			free(s->x[i]);
	}
	free(s->r);
	free(s->rr);
}

/* y [b][queries][heads*width] */
static double *plain(attention_setup *s)
{
	int w = s->k.width, channels = s->k.heads * w;
	double *y = doubles((size_t)(s->k.b * s->n[Q] * channels)), *m[3], *one = doubles((size_t)(s->n[Q] * w));
	double *factor = doubles((size_t)(s->n[Q] * s->n[K]));
	for (int i = 0; i < 3; i++)
		m[i] = doubles((size_t)(s->n[i] * w));
	for (int b = 0; b < s->k.b; b++)
		for (int h = 0; h < s->k.heads; h++) {
			for (int i = 0; i < 3; i++)
				for (int p = 0; p < s->n[i]; p++)
					for (int c = 0; c < w; c++)
						m[i][p * w + c] =
							s->x[i][(b * s->n[i] + p) * s->s[i].c + part_of(&s->spec, i)->first +
								h * part_of(&s->spec, i)->step + c];
			for (int i = 0; i < s->n[Q] * s->n[K]; i++)
				factor[i] = (double)drop_factor(&s->drop, (uint64_t)((b * s->k.heads + h) * s->n[Q] * s->n[K] + i));
			err e;
			SUCCEEDS(ref_attention(s->n[Q], s->n[K], w, m[Q], m[K], m[V], s->k.rate > 0 ? factor : NULL, one, &e));
			for (int p = 0; p < s->n[Q]; p++)
				for (int c = 0; c < w; c++)
					y[(b * s->n[Q] + p) * channels + h * w + c] = one[p * w + c];
		}
	for (int i = 0; i < 3; i++)
		free(m[i]);
	free(one);
	free(factor);
	return y;
}

static double value(const void *of)
{
	attention_setup *s = (attention_setup *)(uintptr_t)of;
	double *y = plain(s), sum = 0;
	for (int i = 0; i < s->k.b * s->n[Q] * s->k.heads * s->k.width; i++)
		sum += y[i] * s->rr[i];
	free(y);
	return sum;
}

/* ---- runs ---- */

/* wanted: bits of whose gradients are; all of them, or none where one value is all three. */
enum { ALL = 7 };

typedef struct results {
	float *y, *d[3]; /* NULL: not wanted */
} results;

static void results_free(results *r)
{
	free(r->y);
	for (int i = 0; i < 3; i++)
		free(r->d[i]);
}

/* times: that the same attention stands there, its losses added up. */
static results result_of(const attention_setup *s, int threads, int wanted, int times)
{
	err e;
	params none = { 0 };
	graph *g = graph_new(wanted ? GRAPH_TRAIN : GRAPH_ONCE, NN_EXACT, threads);
	attention_spec spec = s->spec;
	layer *in[3] = { NULL }, *r = graph_input(g, shape_out(s)), *y = NULL, *loss = NULL;
	for (int i = 0; i < 3; i++) {
		in[i] = s->v[i] ? graph_input(g, s->s[i]) : NULL;
		if (wanted >> i & 1)
			graph_want_gradient(in[i]);
		part_of(&spec, i)->x = in[i] ? in[i] : in[Q];
	}
	for (int i = 0; i < times; i++) {
		y = graph_keep(attention(g, &spec));
		loss = weighed_and(g, y, r, loss);
	}
	graph_minimise(loss);
	assert_true(shape_equal(graph_shape(y), shape_out(s)));
	graph_random(g, random_of, &s->seed);
	made_ready(g, &none);
	for (int i = 0; i < 3; i++)
		if (in[i])
			give(in[i], s->v[i]);
	give(r, s->r);
	SUCCEEDS(graph_forward(g, &e));
	if (wanted)
		SUCCEEDS(graph_backward(g, loss, 1, &e));
	results out = { .y = copy_of(y->v, shape_count(y->s)) };
	for (int i = 0; i < 3; i++)
		out.d[i] = in[i] ? copy_of(in[i]->g, shape_count(s->s[i])) : NULL;
	graph_free(g);
	return out;
}

static void test_formula(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		attention_setup s;
		make(&s, &cases[i], 20 + i);
		const size_t n = shape_count(shape_out(&s));
		for (int times = 1; times <= 2; times++) {
			results got = result_of(&s, 1 + (int)(i % 3), ALL, times);
			double *want = plain(&s), far = strays(got.y, want, n);
			free(want);
			if (!(far < 1e-6))
				fail_msg("%s: strays by %.1e", cases[i].what, far);
			for (size_t k = 0; times == 2 && k < n; k++)
				s.rr[k] *= 2;
			for (int p = 0; p < (s.k.together ? 1 : 3); p++)
				if (!is_gradient(cases[i].what, value, &s, s.x[p], got.d[p], shape_count(s.s[p]), 2e-6))
					fail_msg("%s: part %d", cases[i].what, p);
			results_free(&got);
		}
		unmake(&s);
	}
}

/* Scores far beyond what exp can take. */
static void test_large(void **state)
{
	(void)state;
	attention_setup s;
	make(&s, &cases[0], 5);
	for (size_t i = 0; i < shape_count(s.s[0]); i++) {
		s.v[0][i] *= 100;
		s.x[0][i] = (double)s.v[0][i];
	}
	results got = result_of(&s, 2, 0, 1);
	double *want = plain(&s);
	assert_true(strays(got.y, want, shape_count(shape_out(&s))) < 1e-4); /* scores of 1e5, in float */
	free(want);
	results_free(&got);
	unmake(&s);
}

/* Bytes do not depend on threads, nor on whose gradients are wanted. */
static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		attention_setup s;
		make(&s, &cases[i], 7);
		results first = result_of(&s, 1, ALL, 1);
		for (int threads = 1; threads <= 3; threads++)
			for (int wanted = 0; wanted <= ALL; wanted++) {
				if (s.k.together && wanted > 1)
					continue;
				results got = result_of(&s, threads, wanted, 1);
				assert_memory_equal(first.y, got.y, shape_count(shape_out(&s)) * sizeof(float));
				for (int p = 0; p < 3; p++) {
					assert_true(!got.d[p] == !(wanted >> p & 1));
					if (got.d[p])
						assert_memory_equal(first.d[p], got.d[p], shape_count(s.s[p]) * sizeof(float));
				}
				results_free(&got);
			}
		results_free(&first);
		unmake(&s);
	}
}

/* A description with this mistake: its error. */
static int mistake(int i, err *e)
{
	params none = { 0 };
	attention_setup s;
	make(&s, &cases[0], 1);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, s.s[0]), *other = graph_input(g, (shape){ i == 0 ? 2 : 1, 2, 3, 5, 48 });
	attention_spec bad = s.spec;
	bad.q.x = i == 0 ? other : x;
	bad.k.x = x;
	bad.v.x = i == 1 ? other : x;
	if (i == 2)
		bad.k.first = 33;
	if (i == 3)
		bad.q.step = 1;
	if (i == 4)
		bad.rate = 1;
	bad.heads = i == 3 ? 2 : 1;
	assert_null(attention(g, &bad));
	/* the first error stays, and NULL is taken */
	bad.k.x = NULL;
	assert_null(attention(g, &bad));
	const int code = graph_bind(g, (params *const[]){ &none }, 1, e);
	graph_free(g);
	unmake(&s);
	return code;
}

static void test_misfits(void **state)
{
	(void)state;
	err e;
	for (int i = 0; i < 4; i++)
		FAILS(ERR_BUG, "queries, keys and values do not fit together", mistake(i, &e));
	FAILS(ERR_BUG, "attention: a rate of 1", mistake(4, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_formula), cmocka_unit_test(test_large), cmocka_unit_test(test_ways),
					    cmocka_unit_test(test_misfits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
