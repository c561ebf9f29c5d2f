/* The semantic encoder against the reference implementation's golden values (tests/oracle/golden), and its gradients. */
#include "../unit.h"

#include "../golden.h"

#include "model/semantic.h"
#include "model/weights.h"
#include "nn/loss.h"

static const shape SCAN = { 2, 32, 40, 32, 1 }, CODE = { 2, 1, 1, 1, 64 };

static weights w;

static int setup(void **state)
{
	(void)state;
	err e;
	SUCCEEDS(st_open(&values, GOLDEN "values.safetensors", &e));
	SUCCEEDS(weights_open(&w, GOLDEN "semantic.safetensors", "semantic", &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weights_close(&w);
	st_close(values);
	return 0;
}

/* The codes of scans, into y. */
static void encode(int threads, const sem_config *s, params *p, shape of, const float *x, float *y)
{
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, threads);
	layer *in = graph_input(g, of), *code = graph_keep(semantic_encode(g, s, in, false, false));
	assert_true(shape_equal(graph_shape(code), (shape){ of.b, 1, 1, 1, s->embedding }));
	made_ready(g, p);
	graph_write(g, in, x);
	run_forward(g);
	graph_read(g, code, y);
	graph_free(g);
}

static void test_golden(void **state)
{
	(void)state;
	float y[128], again[128], one[64];
	const float *x = golden("x", shape_count(SCAN));
	for (int threads = 1; threads <= 3; threads++) {
		encode(threads, &w.config.semantic, &w.params, SCAN, x, y);
		double far = strays(y, golden("semantic", shape_count(CODE)), 128);
		if (!(far <= 1e-5))
			fail_msg("strays by %.1e", far);
		print_message("semantic: %.1e\n", far);
		if (threads > 1)
			assert_memory_equal(y, again, sizeof y);
		memcpy(again, y, sizeof y);
		/* alone: the same code but for the products' blocks */
		shape single = SCAN;
		single.b = 1;
		encode(threads, &w.config.semantic, &w.params, single, x + shape_count(single), one);
		assert_true(strays(one, y + 64, 64) < 1e-6);
	}
}

/* The other planes: the same numbers when the axes are exchanged beforehand. */
static void test_planes(void **state)
{
	(void)state;
	const shape one = { 1, 32, 40, 32, 1 }, coronal = { 1, 32, 32, 40, 1 }, sagittal = { 1, 32, 32, 40, 1 };
	const float *x = golden("x", shape_count(SCAN));
	float *moved = malloc(shape_count(one) * sizeof *moved), want[64], got[64];
	sem_config s = w.config.semantic;
	encode(2, &s, &w.params, one, x, want);
	for (int i = 0; i < 32; i++)
		for (int j = 0; j < 40; j++)
			for (int k = 0; k < 32; k++)
				moved[(i * 32 + k) * 40 + j] = x[(i * 40 + j) * 32 + k];
	s.plane = PLANE_CORONAL;
	encode(2, &s, &w.params, coronal, moved, got);
	assert_memory_equal(got, want, sizeof got);
	for (int i = 0; i < 32; i++)
		for (int j = 0; j < 40; j++)
			for (int k = 0; k < 32; k++)
				moved[(k * 32 + i) * 40 + j] = x[(i * 40 + j) * 32 + k];
	s.plane = PLANE_SAGITTAL;
	encode(2, &s, &w.params, sagittal, moved, got);
	assert_memory_equal(got, want, sizeof got);
	int slices, size[2];
	s.plane = PLANE_CORONAL;
	semantic_slices(&s, (const int[3]){ 5, 6, 7 }, &slices, size);
	assert_true(slices == 6 && size[0] == 5 && size[1] == 7);
	free(moved);
}

/* <y, r> of both scans with what `seed` drops (0: nothing); with `back` gradients are added. */
static double loss_of(params *p, const sem_config *s, const float *r, uint64_t seed, bool back)
{
	graph *g = graph_new(back ? GRAPH_TRAIN : GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, SCAN), *directions = graph_input(g, CODE);
	layer *y = graph_keep(semantic_encode(g, s, x, seed != 0, false)), *loss = graph_minimise(weighed(g, y, directions));
	made_ready(g, p);
	graph_write(g, x, golden("x", shape_count(SCAN)));
	give(directions, r);
	if (seed)
		graph_random(g, random_of, &seed);
	run_forward(g);
	double sum = 0;
	for (size_t i = 0; i < shape_count(CODE); i++)
		sum += (double)y->v[i] * (double)r[i];
	if (back)
		run_backward(g, loss);
	graph_free(g);
	return sum;
}

/* The loss when p is moved by `step` along its gradient. */
static double moved(param *p, double step, params *all, const sem_config *s, const float *r, uint64_t seed)
{
	float *before = malloc(p->count * sizeof *before);
	memcpy(before, p->v, p->count * sizeof *before);
	for (size_t i = 0; i < p->count; i++)
		p->v[i] += (float)(step * (double)p->g[i]);
	param_touch(p);
	double loss = loss_of(all, s, r, seed, false);
	memcpy(p->v, before, p->count * sizeof *before);
	param_touch(p);
	free(before);
	return loss;
}

/* Every tensor moved along its gradient: the loss must change by the gradient's square. In float, differences of 1 % of the loss are good
 * to some 1e-4, and the network is not linear: 2e-3. (The operators are compared in double, test_nn_convnext and test_nn_attention.) */
static void gradients(uint64_t seed)
{
	err e;
	weights own = { 0 };
	float r[128];
	philox random = philox_make(5, 5);
	SUCCEEDS(weights_open(&own, GOLDEN "semantic.safetensors", "semantic", &e));
	SUCCEEDS(params_own(&own.params, &e));
	SUCCEEDS(params_with_gradients(&own.params, &e));
	for (uint64_t i = 0; i < 128; i++)
		r[i] = (float)philox_normal(random, i);
	const sem_config *s = &own.config.semantic;
	loss_of(&own.params, s, r, seed, true);
	double most = 0, worst = 0;
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < own.params.n; i++) {
			param *p = &own.params.p[i];
			double square = 0, value[4];
			for (size_t k = 0; k < p->count; k++)
				square += (double)p->g[k] * (double)p->g[k];
			if (!strcmp(p->name, "positional_encoding.pe"))
				assert_true(square == 0); /* a constant */
			if (turn == 0)
				most = fmax(most, square);
			/* the rest vanish by construction: an offset of all keys, of all scores */
			if (turn == 0 || square < 1e-10 * most)
				continue;
			double step = .01 / square;
			for (int k = 0; k < 4; k++)
				value[k] = moved(p, step * (k - 2 + (k > 1)), &own.params, s, r, seed);
			double slope = (8 * (value[2] - value[1]) - (value[3] - value[0])) / 12 / step;
			worst = fmax(worst, fabs(slope / square - 1));
			if (!(fabs(slope / square - 1) < 2e-3))
				fail_msg("%s: the loss changes by %.6g, not %.6g", p->name, slope, square);
		}
	print_message("gradients: %.1e\n", worst);
	weights_close(&own);
}

static void test_gradients(void **state)
{
	(void)state;
	gradients(0);
}

static void test_gradients_dropped(void **state)
{
	(void)state;
	gradients(3);
}

/* What is dropped depends on the generator, and on nothing else. */
static void test_dropping(void **state)
{
	(void)state;
	float r[128];
	for (int i = 0; i < 128; i++)
		r[i] = 1.f / (float)(i + 1);
	const sem_config *s = &w.config.semantic;
	double none = loss_of(&w.params, s, r, 0, false), one = loss_of(&w.params, s, r, 1, false),
	       two = loss_of(&w.params, s, r, 2, false);
	assert_true(one == loss_of(&w.params, s, r, 1, false));
	assert_true(one != two && one != none && two != none);
	sem_config off = *s;
	off.drop_path = off.dropout = 0;
	assert_true(loss_of(&w.params, &off, r, 1, false) == none);
}

/* What a run takes. */
static void plan(enum graph_use use, params *p, size_t *bytes, double *flop)
{
	err e;
	graph *g = graph_new(use, NN_EXACT, 2);
	layer *x = graph_input(g, SCAN), *y = graph_keep(semantic_encode(g, &w.config.semantic, x, use == GRAPH_TRAIN, false));
	if (use == GRAPH_TRAIN)
		graph_minimise(squared_to(g, y, 1));
	SUCCEEDS(graph_bind(g, (params *const[]){ p }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	*bytes = graph_bytes(g);
	*flop = graph_flop(g);
	graph_free(g);
}

/* Plans of inference and of training; made_ready sees to it that runs need no more. */
static void test_plans(void **state)
{
	(void)state;
	err e;
	weights own = { 0 };
	size_t once, train;
	double flop, with_back;
	SUCCEEDS(weights_open(&own, GOLDEN "semantic.safetensors", "semantic", &e));
	SUCCEEDS(params_with_gradients(&own.params, &e));
	plan(GRAPH_ONCE, &own.params, &once, &flop);
	plan(GRAPH_TRAIN, &own.params, &train, &with_back);
	assert_true(flop > 1e7 && with_back == 3 * flop); /* every layer has gradients, of its input and its weights */
	assert_true(once > shape_count(SCAN) * sizeof(float) && train > 2 * once);
	weights_close(&own);
}

/* The network's names and shapes are those of the file, all of them, in its order. */
static void test_table(void **state)
{
	(void)state;
	err e;
	param_table t = { 0 };
	SUCCEEDS(semantic_table(&w.config.semantic, &t, &e));
	assert_int_equal(t.n, w.params.n);
	SUCCEEDS(table_check(&t, &w.params, &e));
	table_free(&t);
	/* the published size: LDAE-FACTS, section 6 */
	const model_config whole = config_default();
	size_t all = 0, backbone = 0;
	SUCCEEDS(semantic_table(&whole.semantic, &t, &e));
	for (size_t i = 0; i < t.n; i++) {
		size_t count = 1;
		for (int k = 0; k < t.t[i].rank; k++)
			count *= (size_t)t.t[i].n[k];
		if (strcmp(t.t[i].name, "positional_encoding.pe"))
			all += count;
		if (strstr(t.t[i].name, "backbone."))
			backbone += count;
	}
	assert_int_equal(t.n, 357);
	assert_int_equal(backbone, 49451616);
	assert_int_equal(all, 53588065);
	table_free(&t);
}

static void test_fresh(void **state)
{
	(void)state;
	err e;
	params ps = { 0 };
	sem_config s = w.config.semantic;
	s.layer_scale = .25;
	SUCCEEDS(semantic_fresh(&s, 7, &ps, &e));
	param *places = params_find(&ps, "positional_encoding.pe"), *given = params_find(&w.params, "positional_encoding.pe");
	assert_int_equal(places->count, given->count);
	assert_true(strays(places->v, given->v, given->count) < 1e-7);
	const param *scale = params_find(&ps, "backbone.backbone.features.5.1.layer_scale");
	for (size_t i = 0; i < scale->count; i++)
		assert_true(scale->v[i] == .25f);
	const param *taps = params_find(&ps, "backbone.backbone.features.7.0.block.0.weight");
	double square = 0;
	for (size_t i = 0; i < taps->count; i++)
		square += (double)taps->v[i] * (double)taps->v[i];
	assert_float_equal(sqrt(square / (double)taps->count), .02, .001);
	/* where a scan is 0, what the first norm sees is not: its eps of 1e-6 is far below the variance */
	const param *stem = params_find(&ps, "backbone.backbone.features.0.0.bias");
	square = 0;
	for (size_t i = 0; i < stem->count; i++)
		square += (double)stem->v[i] * (double)stem->v[i];
	assert_true(square / (double)stem->count > 1e-4);
	/* a network that works: finite codes, of both scans, that differ */
	float y[128];
	encode(2, &s, &ps, SCAN, golden("x", shape_count(SCAN)), y);
	assert_true(isfinite(y[0]) && memcmp(y, y + 64, 64 * sizeof *y));
	params_free(&ps);
}

/* State dicts that hold the ConvNeXt twice, or under its other name. */
static void test_names(void **state)
{
	(void)state;
	err e;
	param_table t = { 0 };
	weights own = { 0 };
	SUCCEEDS(semantic_table(&w.config.semantic, &t, &e));
	SUCCEEDS(weights_open(&own, GOLDEN "semantic.safetensors", "semantic", &e));
	size_t n = own.params.n;
	for (size_t i = 0; i < n; i++) {
		char name[160];
		param *p = &own.params.p[i], *copy;
		if (strncmp(p->name, "backbone.", 9))
			continue;
		snprintf(name, sizeof name, "slice_distributed.module.%s", p->name + 9);
		if (i % 2) { /* only the other name */
			free(p->name);
			p->name = strdup(name);
			continue;
		}
		SUCCEEDS(params_add(&own.params, name, p->rank, p->n, &copy, &e));
		memcpy(copy->v, own.params.p[i].v, copy->count * sizeof *copy->v);
	}
	assert_true(own.params.n > n);
	SUCCEEDS(semantic_names(&own.params, &e));
	assert_int_equal(own.params.n, n);
	SUCCEEDS(table_check(&t, &own.params, &e));
	param *other;
	SUCCEEDS(params_add(&own.params, "slice_distributed.module.backbone.features.0.1.bias", 1, (int64_t[]){ 16 }, &other, &e));
	other->v[3] = 77;
	FAILS(ERR_CONFIG, "slice_distributed.module.backbone.features.0.1.bias: differs from backbone.backbone.features.0.1.bias",
	      semantic_names(&own.params, &e));
	weights_close(&own);
	table_free(&t);
}

static void test_config(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "{\"semantic\": {\"dims\": [8, 16], \"depths\": [1]}}", "semantic.depths: 1 numbers for 2 levels" },
		{ "{\"semantic\": {\"embedding\": 64}}", "semantic.embedding: 64 is not the last of dims, 768" },
		{ "{\"semantic\": {\"heads\": 7}}", "semantic.heads: 7 does not divide 768" },
		{ "{\"semantic\": {\"plane\": \"oblique\"}}", "semantic.plane" },
		{ "{\"semantic\": {\"dims\": []}}", "semantic.dims" },
		{ "{\"semantic\": {\"drop_path\": 1}}", "semantic.drop_path" },
	};
	err e;
	model_config m;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *root = json_loads(bad[i].text, 0, NULL);
		FAILS(ERR_CONFIG, bad[i].reason, config_parse(&m, root, "c.json", &e));
		json_decref(root);
	}
	json_t *root =
		json_loads("{\"semantic\": {\"dims\": [8, 24], \"depths\": [1, 0], \"heads\": 3, \"plane\": \"sagittal\"}}", 0, NULL);
	SUCCEEDS(config_parse(&m, root, "c.json", &e));
	assert_true(m.semantic.levels == 2 && m.semantic.embedding == 24 && m.semantic.plane == PLANE_SAGITTAL &&
		    m.semantic.drop_path == .4);
	json_decref(root);
}

static void misfit(shape of, int code, const char *reason)
{
	err e;
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	assert_null(semantic_encode(g, &w.config.semantic, graph_input(g, of), false, false));
	FAILS(code, reason, graph_bind(g, (params *const[]){ &w.params }, 1, &e));
	graph_free(g);
}

static void test_misfits(void **state)
{
	(void)state;
	misfit((shape){ 1, 32, 31, 32, 1 }, ERR_DATA, "backbone.backbone.features.6.1: a grid of 32x2x1 is too small");
	misfit((shape){ 1, 32, 32, 33, 1 }, ERR_CONFIG, "positional_encoding.pe: made for 32 slices, not for 33");
	misfit((shape){ 1, 32, 32, 32, 2 }, ERR_DATA, "2 channels");
}

/* The coarse scan of x [2,2,4]; freed by the caller. */
static float *coarse_scan(const sem_config *s, const float *x, int numbers)
{
	params none = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	layer *in = graph_input(g, (shape){ 1, 2, 2, 4, 1 }), *coarse = graph_keep(semantic_coarse(g, s, in));
	assert_true(shape_equal(graph_shape(coarse), (shape){ 1, 1, 1, 1, numbers }));
	made_ready(g, &none);
	graph_write(g, in, x);
	run_forward(g);
	float *v = read_values(g, coarse);
	graph_free(g);
	return v;
}

/* Two boxes of 2x2x2 voxels: means, and shares of ranges with soft edges. */
static void test_coarse(void **state)
{
	(void)state;
	err e;
	sem_config s = { .coarse = { 1, 1, 2 } };
	float x[16]; /* [2,2,4]: the first box lies at z 0 and 1 */
	for (int i = 0; i < 16; i++)
		x[i] = i % 4 < 2 ? .5f : (float)(i / 4) * .25f;
	x[0] = 1;
	assert_int_equal(semantic_box(&s, (int[]){ 2, 2, 4 }), 2);
	assert_int_equal(semantic_box(&s, (int[]){ 2, 2, 5 }), 0);
	assert_int_equal(semantic_coarse_count(&s), 2);
	float *means = coarse_scan(&s, x, 2);
	assert_float_equal(means[0], .5625, 1e-6);
	assert_float_equal(means[1], .375, 1e-6);
	s.n_shares = 2;
	s.shares[0] = .25; /* half of a voxel at the edge lies above it */
	s.shares[1] = .6;
	assert_int_equal(semantic_coarse_count(&s), 4);
	float *shares = coarse_scan(&s, x, 4);
	const double want[] = { 7. / 8, 1. / 8, (.5 + 1) / 4, 1. / 4 };
	for (int i = 0; i < 4; i++)
		assert_float_equal(shares[i], want[i], 1e-6);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	assert_null(semantic_coarse(g, &s, graph_input(g, (shape){ 1, 2, 2, 5, 1 })));
	FAILS(ERR_CONFIG, "2x2x5", graph_settle(g, &e));
	graph_free(g);
	free(means);
	free(shares);
}

/* With an argument: only the tests that match it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	  cmocka_unit_test(test_planes),
		cmocka_unit_test(test_gradients), cmocka_unit_test(test_gradients_dropped),
		cmocka_unit_test(test_dropping),  cmocka_unit_test(test_plans),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_config),
		cmocka_unit_test(test_misfits),	  cmocka_unit_test(test_coarse),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, setup, teardown);
}
