/* Attention against its plain formula in double, forward and gradients, and what is promised about threads and plans. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"

#include "nn/attention.h"
#include "nn/internal.h"

/* q, k, v as parts of one tensor (head by head q, k, v: the U-Net's order), or each by itself. */
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
	tensor *t[3]; /* together: three times the same */
	attention_spec spec;
	dropout drop;
	double *x[3]; /* of t */
	int n[3]; /* positions */
	const double *r;
	err e;
} attention_setup;

static void make(attention_setup *s, nn *c, const attention_case *k, uint64_t seed)
{
	*s = (attention_setup){ .k = *k, .drop = { .rate = k->rate, .random = philox_make(seed, 3) } };
	dice d = dice_of(seed);
	int channels = k->heads * k->width;
	for (int i = 0; i < 3; i++) {
		const int *n = i == Q ? k->queries : k->keys;
		s->n[i] = n[0] * n[1] * n[2];
		if (k->together && i)
			s->t[i] = nn_keep(s->t[0]);
		else
			s->t[i] = random_tensor(c, &d, (shape){ k->b, n[0], n[1], n[2], k->together ? 3 * channels : channels + 2 }, 1);
		s->t[i]->needs_grad = true;
		s->x[i] = k->together && i ? s->x[0] : s->t[i]->v ? widened(s->t[i]->v, shape_count(s->t[i]->s)) : NULL;
	}
	attention_part *part[3] = { &s->spec.q, &s->spec.k, &s->spec.v };
	for (int i = 0; i < 3; i++)
		*part[i] = k->together ? (attention_part){ s->t[i], i * k->width, 3 * k->width }
				       : (attention_part){ s->t[i], i % 2, k->width };
	s->spec.heads = k->heads;
	s->spec.width = k->width;
	s->spec.drop = k->rate > 0 ? &s->drop : NULL;
}

static void unmake(attention_setup *s, nn *c)
{
	for (int i = 0; i < 3; i++) {
		nn_drop(c, s->t[i]);
		if (!i || !s->k.together)
			free(s->x[i]);
	}
}

/* y [b][queries][heads*width] */
static double *plain(attention_setup *s)
{
	int w = s->k.width, channels = s->k.heads * w;
	const attention_part *part[3] = { &s->spec.q, &s->spec.k, &s->spec.v };
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
							s->x[i][(b * s->n[i] + p) * s->t[i]->s.c + part[i]->first + h * part[i]->step + c];
			for (int i = 0; i < s->n[Q] * s->n[K]; i++)
				factor[i] = (double)dropout_factor(&s->drop, (uint64_t)((b * s->k.heads + h) * s->n[Q] * s->n[K] + i));
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
		sum += y[i] * s->r[i];
	free(y);
	return sum;
}

static void test_formula(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err e;
		nn *c = nn_new(NN_TRAIN, NN_EXACT, 1 + (int)(i % 3));
		attention_setup s;
		make(&s, c, &cases[i], 20 + i);
		tensor *y = nn_attention(c, &s.spec);
		SUCCEEDS(nn_error(c, &e));
		assert_int_equal(y->s.c, s.k.heads * s.k.width);
		assert_int_equal(y->s.x * y->s.y * y->s.z, s.n[Q]);
		double *want = plain(&s), far = strays(y->v, want, shape_count(y->s));
		free(want);
		if (!(far < 1e-6))
			fail_msg("%s: strays by %.1e", cases[i].what, far);
		double *r = random_floats(i, shape_count(y->s));
		s.r = r;
		back_from(c, y, r);
		for (int p = 0; p < (s.k.together ? 1 : 3); p++)
			if (!is_gradient(cases[i].what, value, &s, s.x[p], s.t[p]->g, shape_count(s.t[p]->s), 2e-6))
				fail_msg("%s: part %d", cases[i].what, p);
		free(r);
		nn_drop(c, y);
		unmake(&s, c);
		nn_free(c);
	}
}

/* Scores far beyond what exp can take. */
static void test_large(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	attention_setup s;
	make(&s, c, &cases[0], 5);
	for (size_t i = 0; i < shape_count(s.t[0]->s); i++) {
		s.t[0]->v[i] *= 100;
		s.x[0][i] = (double)s.t[0]->v[i];
	}
	tensor *y = nn_attention(c, &s.spec);
	SUCCEEDS(nn_error(c, &e));
	double *want = plain(&s);
	assert_true(strays(y->v, want, shape_count(y->s)) < 1e-4); /* scores of 1e5, in float */
	free(want);
	nn_drop(c, y);
	unmake(&s, c);
	nn_free(c);
}

/* Bytes do not depend on threads; a plan takes what a run takes. */
static void test_threads_and_plan(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		float *first = NULL;
		size_t n = 0, total = 0;
		for (int threads = 1; threads <= 3; threads++) {
			size_t peak[2];
			for (int run = 0; run < 2; run++) {
				err e;
				nn *c = nn_new(run ? NN_TRAIN : NN_PLAN, NN_EXACT, threads);
				nn_record(c, true);
				attention_setup s;
				make(&s, c, &cases[i], 7);
				tensor *y = nn_attention(c, &s.spec);
				double *r = random_floats(1, shape_count(y->s));
				if (run)
					back_from(c, y, r);
				else
					nn_gradient(c, y), nn_backward(c, y, 0);
				SUCCEEDS(nn_error(c, &e));
				free(r);
				n = shape_count(y->s);
				total = n + shape_count(s.t[0]->s);
				if (run && !first) {
					first = malloc(total * sizeof *first);
					memcpy(first, y->v, n * sizeof *first);
					memcpy(first + n, s.t[0]->g, (total - n) * sizeof *first);
				}
				if (run) {
					assert_memory_equal(first, y->v, n * sizeof *first);
					assert_memory_equal(first + n, s.t[0]->g, (total - n) * sizeof *first);
				}
				nn_drop(c, y);
				unmake(&s, c);
				peak[run] = nn_peak(c);
				nn_free(c);
			}
			assert_int_equal(peak[0], peak[1]);
		}
		free(first);
	}
}

static void test_misfits(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	attention_setup s;
	make(&s, c, &cases[0], 1);
	for (int i = 0; i < 4; i++) {
		attention_spec bad = s.spec;
		tensor *other = nn_tensor(c, (shape){ i == 0 ? 2 : 1, 2, 3, 5, 48 });
		if (i == 0)
			bad.q.t = other;
		else if (i == 1)
			bad.v.t = other;
		else if (i == 2)
			bad.k.first = 33;
		else
			bad.q.step = 1;
		bad.heads = i == 3 ? 2 : 1;
		assert_null(nn_attention(c, &bad));
		assert_int_equal(nn_error(c, &e), ERR_BUG);
		nn_drop(c, other);
	}
	s.spec.k.t = NULL;
	assert_null(nn_attention(c, &s.spec));
	assert_int_equal(nn_error(c, &e), 0);
	unmake(&s, c);
	nn_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_formula), cmocka_unit_test(test_large),
					    cmocka_unit_test(test_threads_and_plan), cmocka_unit_test(test_misfits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
