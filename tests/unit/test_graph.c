/* The graph with layers of its own: where things lie, in which order they work, which gradients are stored and which added to. */
#include "../unit.h"

#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "nn/graph_private.h"

/* ---- memory ---- */

static bool overlap(const memory_block *a, const memory_block *b)
{
	return a->from <= b->to && b->from <= a->to && a->at < b->at + b->bytes && b->at < a->at + a->bytes;
}

static void blocks_by_hand(void **state)
{
	(void)state;
	err e;
	size_t total;
	memory_block b[] = { { 100, 0, 1, 0 }, { 1000, 1, 2, 0 }, { 64, 2, 3, 0 }, { 65, 3, 3, 0 } };
	SUCCEEDS(memory_lay_out(b, 4, &total, &e));
	/* the largest at 0; 100, which lives beside it, behind it; 64 too; 65 begins when the largest is gone */
	assert_int_equal(b[1].at, 0);
	assert_int_equal(b[0].at, 1024);
	assert_int_equal(b[2].at, 1024);
	assert_int_equal(b[3].at, 0);
	assert_int_equal(total, 1024 + 128);
	SUCCEEDS(memory_lay_out(b, 0, &total, &e));
	assert_int_equal(total, 0);
}

static void blocks_at_random(void **state)
{
	(void)state;
	enum { N = 60, STEPS = 40 };
	err e;
	for (uint64_t seed = 0; seed < 30; seed++) {
		const philox p = philox_make(seed, 1);
		memory_block b[N];
		size_t total, most = 0, reach = 0;
		for (uint64_t i = 0; i < N; i++) {
			const int from = (int)(philox_uniform(p, 3 * i) * STEPS), more = (int)(philox_uniform(p, 3 * i + 1) * 6);
			b[i] = (memory_block){ 1 + (size_t)(philox_uniform(p, 3 * i + 2) * 5000), from, from + more, 0 };
		}
		SUCCEEDS(memory_lay_out(b, N, &total, &e));
		for (int i = 0; i < N; i++) {
			assert_int_equal(b[i].at % MEMORY_ALIGN, 0);
			reach = b[i].at + b[i].bytes > reach ? b[i].at + b[i].bytes : reach;
			for (int k = 0; k < i; k++)
				assert_false(overlap(&b[i], &b[k]));
		}
		assert_true(total >= reach && total < reach + MEMORY_ALIGN);
		for (int t = 0; t < STEPS + 6; t++) {
			size_t now = 0;
			for (int i = 0; i < N; i++)
				now += b[i].from <= t && t <= b[i].to ? b[i].bytes : 0;
			most = now > most ? now : most;
		}
		assert_true(total < most * 5 / 4);
	}
}

/* ---- layers for the test: y = a x + b x', element by element ---- */

typedef struct sum_layer {
	layer base;
	float a, b;
} sum_layer;

static void sum_forward(graph *g, layer *l)
{
	(void)g;
	const sum_layer *s = (const sum_layer *)l;
	for (size_t i = 0; i < shape_count(l->s); i++)
		l->v[i] = s->a * l->in[0]->v[i] + (l->in[1] ? s->b * l->in[1]->v[i] : 0);
}

static void sum_backward(graph *g, layer *l)
{
	(void)g;
	const sum_layer *s = (const sum_layer *)l;
	for (int k = 0; k < 2; k++) {
		float *d = layer_gradient(l, k);
		for (size_t i = 0; d && d != l->g && i < shape_count(l->s); i++)
			d[i] = (k ? s->b : s->a) * l->g[i] + (layer_is_fresh(l, k) ? 0 : d[i]);
	}
}

static void sum_settle(graph *g, layer *l)
{
	(void)g;
	l->over = 0;
	l->hands = ((sum_layer *)l)->b == 1 ? 1 : -1;
}

static const layer_kind sum_kind = {
	.name = "sum", .size = sizeof(sum_layer), .settle = sum_settle, .forward = sum_forward, .backward = sum_backward
};

static layer *sum(graph *g, float a, layer *x, float b, layer *other)
{
	layer *l = layer_add(g, &sum_kind, graph_shape(x), 2, (layer *[]){ x, other });
	if (l) {
		((sum_layer *)l)->a = a;
		((sum_layer *)l)->b = b;
	}
	return l;
}

/* y = x * w, w a parameter of one number */
static void scale_forward(graph *g, layer *l)
{
	(void)g;
	for (size_t i = 0; i < shape_count(l->s); i++)
		l->v[i] = l->p[0]->v[0] * l->in[0]->v[i];
}

static void scale_backward(graph *g, layer *l)
{
	(void)g;
	float *d = layer_gradient(l, 0);
	for (size_t i = 0; i < shape_count(l->s); i++) {
		if (layer_trains(l, 0))
			l->p[0]->g[0] += l->in[0]->v[i] * l->g[i];
		if (d)
			d[i] = l->p[0]->v[0] * l->g[i] + (layer_is_fresh(l, 0) ? 0 : d[i]);
	}
}

static void scale_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[0] = layer_trains(l, 0);
	l->over = l->reads_in[0] ? -1 : 0;
}

static const layer_kind scale_kind = {
	.name = "scale", .size = sizeof(layer), .settle = scale_settle, .forward = scale_forward, .backward = scale_backward
};

static layer *scale(graph *g, layer *x, const char *name)
{
	layer *l = layer_add(g, &scale_kind, graph_shape(x), 1, &x);
	layer_param(g, l, 0, (param_entry){ .rank = 1, .n = { 1 }, .rule = INIT_ONES }, name, "");
	return l;
}

static const shape FOUR = { 1, 1, 1, 4, 1 }, ONE = { 1, 1, 1, 1, 1 };

static void a_chain_takes_one_place(void **state)
{
	(void)state;
	err e;
	params ps = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, FOUR), *h = x;
	for (int i = 0; i < 10; i++)
		h = scale(g, h, "w");
	graph_keep(h);
	assert_int_equal(graph_parameters(g)->n, 1); /* one name, one parameter */
	SUCCEEDS(table_fresh(graph_parameters(g), 1, &ps, &e));
	ps.p[0].v[0] = 2;
	SUCCEEDS(graph_bind(g, (params *const[]){ &ps }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	assert_int_equal(graph_bytes(g), 2 * MEMORY_ALIGN); /* the input, which is written again before each run, and all the others */
	SUCCEEDS(graph_open(g, &e));
	for (int run = 0; run < 2; run++) {
		float v[4] = { 1, -2, 3, 0 };
		graph_write(g, x, v);
		SUCCEEDS(graph_forward(g, &e));
		graph_read(g, h, v);
		assert_true(v[0] == 1024 && v[1] == -2048 && v[2] == 3072 && v[3] == 0);
	}
	graph_free(g);
	params_free(&ps);
}

/* loss = sum of w1 x (three ways) + w2 (w1 x), by hand: d/dw and d/dx */
static void gradients_meet(void **state)
{
	(void)state;
	err e;
	params ps = { 0 };
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *x = graph_input(g, ONE);
	graph_want_gradient(x);
	layer *a = scale(g, x, "w1"), *b = scale(g, a, "w2"), *c = sum(g, 3, a, 1, b), *unused = scale(g, c, "w3"), *d = sum(g, 2, c, 1, c);
	graph_minimise(d);
	SUCCEEDS(table_fresh(graph_parameters(g), 1, &ps, &e));
	SUCCEEDS(params_with_gradients(&ps, &e));
	ps.p[0].v[0] = 5;
	ps.p[1].v[0] = 7;
	SUCCEEDS(graph_bind(g, (params *const[]){ &ps }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	assert_false(unused->needs_grad); /* no loss reaches it */
	SUCCEEDS(graph_open(g, &e));
	for (int run = 1; run <= 2; run++) {
		const float v = 2;
		float dx;
		graph_write(g, x, &v);
		SUCCEEDS(graph_forward(g, &e));
		/* c = 3 (5 x) + 7 (5 x) = 50 x; d = 3 c */
		assert_true(graph_value(d) == 300);
		SUCCEEDS(graph_backward(g, d, .5f, &e));
		graph_gradient(g, x, &dx);
		assert_true(dx == 75);
		/* added up from run to run */
		assert_true(ps.p[0].g[0] == run * .5f * 3 * 10 * 2 && ps.p[1].g[0] == run * .5f * 3 * 10 && ps.p[2].g[0] == 0);
	}
	graph_free(g);
	params_free(&ps);
}

/* A layer for the test that looks at another's value and gradient when it works, there and back. */
typedef struct spy_layer {
	layer base;
	const layer *on;
	const float *v[2], *g[2];
	float first; /* of its own value's memory, before it stores that */
} spy_layer;

static void look(layer *l, int way)
{
	spy_layer *s = (spy_layer *)l;
	s->v[way] = s->on ? s->on->v : NULL;
	s->g[way] = s->on ? s->on->g : NULL;
}

static void spy_forward(graph *g, layer *l)
{
	(void)g;
	look(l, 0);
	((spy_layer *)l)->first = l->v[0];
	l->v[0] = l->in[0]->v[0];
}

static void spy_backward(graph *g, layer *l)
{
	look(l, 1);
	layer_pass_gradient(g, l, 0);
}

static const layer_kind spy_kind = { .name = "spy", .size = sizeof(spy_layer), .forward = spy_forward, .backward = spy_backward };

static layer *spy(graph *g, layer *x, const layer *on)
{
	layer *l = layer_add(g, &spy_kind, graph_shape(x), 1, &x);
	((spy_layer *)l)->on = on;
	return l;
}

static const spy_layer *seen(const layer *l) { return (const spy_layer *)l; }

/* Opened apart, what nobody said to need is not there, and what is new holds no number. */
static void apart(void **state)
{
	(void)state;
	err e;
	params ps = { 0 };
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *x = graph_input(g, ONE), *a = scale(g, x, "w1"), *b = scale(g, a, "w2");
	layer *near = spy(g, b, a), *far = spy(g, near, b), *later = spy(g, far, b), *loss = graph_minimise(scale(g, later, "w3"));
	SUCCEEDS(table_fresh(graph_parameters(g), 1, &ps, &e));
	SUCCEEDS(params_with_gradients(&ps, &e));
	SUCCEEDS(graph_bind(g, (params *const[]){ &ps }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	SUCCEEDS(graph_open_apart(g, &e));
	for (int run = 1; run <= 2; run++) {
		const float v = 2;
		assert_true(isnan(x->v[0])); /* to be written before each run */
		graph_write(g, x, &v);
		SUCCEEDS(graph_forward(g, &e));
		SUCCEEDS(graph_backward(g, loss, 1, &e));
		assert_true(graph_value(loss) == 2 && ps.p[0].g[0] == 2 * (float)run);
		/* the gradient of w2 reads a; nothing reads b once it is handed on */
		assert_true(seen(near)->v[0] && seen(near)->v[1] && !seen(far)->v[0] && !seen(later)->v[1]);
		/* the gradient of b begins to be there when what it is handed to works */
		assert_true(!seen(later)->g[0] && !seen(later)->g[1] && !seen(far)->g[1] && isnan(seen(far)->first));
	}
	graph_free(g);
	params_free(&ps);
}

static void errors_stay(void **state)
{
	(void)state;
	err e;
	params none = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, (shape){ 1 << 20, 1 << 20, 1 << 20, 1, 1 });
	assert_null(x);
	assert_null(scale(g, x, "w"));
	FAILS(ERR_DATA, "input: an impossible shape", graph_bind(g, (params *const[]){ &none }, 1, &e));
	graph_free(g);
	g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	graph_keep(scale(g, graph_input(g, ONE), "w"));
	FAILS(ERR_CONFIG, "w: is missing among the weights", graph_bind(g, (params *const[]){ &none }, 1, &e));
	graph_free(g);
	graph_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_by_hand), cmocka_unit_test(blocks_at_random), cmocka_unit_test(a_chain_takes_one_place),
		cmocka_unit_test(gradients_meet), cmocka_unit_test(apart), cmocka_unit_test(errors_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
