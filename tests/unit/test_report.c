/* What is told of each layer: names, shapes, parameters, operations, memory. */
#include "../unit.h"

#include "../nn_layers.h"

#include "nn/conv/conv.h"
#include "nn/norm.h"
#include "nn/report.h"
#include "nn/resample.h"

/* x -> a.b.first -> norm -> a.b.shared, which names the parameters of a.b.first once more -> means, which has none. */
static graph *described(enum graph_use use, params *ps)
{
	err e;
	graph *g = graph_new(use, NN_EXACT, 1);
	layer *x = graph_input(g, (shape){ 1, 4, 6, 8, 4 });
	graph_enter(g, "a");
	graph_enter(g, "b");
	layer *h = conv(g, x, &(conv_spec){ .out = 4, .k = 3, .pad_low = 1, .pad_high = 1 }, "first");
	layer *norm = group_norm(g, h, 2, 1e-6, "norm");
	h = conv_named(g, h, &(conv_spec){ .out = 4, .k = 3, .pad_low = 1, .pad_high = 1, .norm = norm }, "first.weight", "other_bias");
	graph_leave(g);
	h = mean_pool(g, h, NULL, ACT_NONE, (const int[]){ 2, 2, 2 });
	graph_leave(g);
	graph_minimise(weighed(g, h, graph_input(g, graph_shape(h))));
	SUCCEEDS(table_fresh(graph_parameters(g), 1, ps, &e));
	if (use == GRAPH_TRAIN)
		SUCCEEDS(params_with_gradients(ps, &e));
	SUCCEEDS(graph_bind(g, (params *const[]){ ps }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	return g;
}

enum { INPUT, FIRST, NORM, SHARED, MEANS, DIRECTIONS, WEIGHED, LAYERS };

static void layers_by_hand(void **state)
{
	(void)state;
	static const struct {
		const char *name, *kind;
		size_t parameters;
	} want[LAYERS] = { [INPUT] = { "", "input", 0 },       [FIRST] = { "a.b.first", "convolution", 4 * 4 * 27 + 4 },
			   [NORM] = { "a.b.norm", "norm", 8 }, [SHARED] = { "a.b", "convolution", 4 },
			   [MEANS] = { "a", "mean pool", 0 },  [DIRECTIONS] = { "", "input", 0 },
			   [WEIGHED] = { "", "weighed", 0 } };
	const double flop = 2. * 27 * 4 * 4 * 4 * 6 * 8;
	err e;
	params ps = { 0 };
	report r;
	graph *g = described(GRAPH_ONCE, &ps);
	SUCCEEDS(graph_report(g, &r, &e));
	assert_int_equal(r.n, LAYERS);
	for (int i = 0; i < LAYERS; i++) {
		assert_string_equal(r.layers[i].name, want[i].name);
		assert_string_equal(r.layers[i].kind, want[i].kind);
		assert_int_equal(r.layers[i].parameters, want[i].parameters);
		assert_true((r.layers[i].algorithm != NULL) == (i == FIRST || i == SHARED));
		assert_true(r.layers[i].flop == (i == FIRST || i == SHARED ? flop : 0));
		assert_true(r.layers[i].bytes >= shape_count(r.layers[i].out) * sizeof(float));
	}
	assert_true(shape_equal(r.layers[MEANS].out, (shape){ 1, 2, 3, 4, 4 }));
	assert_int_equal(r.layers[INPUT].bytes, 4 * 6 * 8 * 4 * sizeof(float));
	assert_true(r.layers[FIRST].bytes > r.layers[INPUT].bytes); /* as large, and works on something */
	assert_int_equal(r.parameters, ps.p[0].count + ps.p[1].count + 8 + 4);
	assert_true(r.flop == 2 * flop && r.flop == graph_flop(g));
	assert_int_equal(r.bytes, graph_bytes(g));
	report_free(&r);
	graph_free(g);
	params_free(&ps);
}

/* The way back: twice the operations of the way there, besides. */
static void trained(void **state)
{
	(void)state;
	err e;
	params ps = { 0 };
	report r;
	graph *g = described(GRAPH_TRAIN, &ps);
	double sum = 0;
	SUCCEEDS(graph_report(g, &r, &e));
	for (size_t i = 0; i < r.n; i++)
		sum += r.layers[i].flop;
	assert_true(sum == graph_flop(g) && sum == 3 * 2 * 2. * 27 * 4 * 4 * 4 * 6 * 8);
	report_free(&r);
	graph_free(g);
	params_free(&ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(layers_by_hand), cmocka_unit_test(trained) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
