/* The operators of the semantic encoder against their plain references in double: results, gradients by finite differences, adjoint,
 * threads, places in memory.
 *
 * Tolerances, as rms of the error over rms of what is compared, u = 2^-24: a float sum of K products strays by some u sqrt(K)/2; K is at
 * most 49 or some hundred here. A norm divides by a spread of 1 or more. 1e-6 for results, 3e-6 for gradients, which are products of two
 * such sums. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"
#include "../reference/convnext.h"

#include "nn/convnext.h"
#include "nn/depthwise.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/slices.h"

static const double RESULT = 1e-6, GRADIENT = 3e-6;

enum { MOST_PARAMS = 8 };

enum kind { DEPTHWISE_CONV, LAYER_NORM, CONVNEXT, MAP_MEAN, ADD_CODE, SOFT_POOL };

/* An operator with its numbers, and the same in double. */
typedef struct setup {
	enum kind kind;
	shape s, s2, out;
	int wide;
	params ps;
	float *x, *second, *r; /* second: CONVNEXT's d, SOFT_POOL's scores */
	double *rx, *rsecond, *rp[MOST_PARAMS], *rkeep, *rr;
	uint64_t seed;
	double rate; /* of stochastic depth */
} setup;

typedef struct entry {
	const char *name;
	int rank;
	int64_t n[4];
} entry;

static void add_params(setup *u, dice *d)
{
	int64_t c = u->s.c, h = u->wide, z = u->s.z;
	const entry depthwise_[] = { { "weight", 4, { c, 1, 7, 7 } }, { "bias", 1, { c } } };
	const entry norm[] = { { "weight", 1, { c } }, { "bias", 1, { c } } };
	const entry block[] = { { "block.2.weight", 1, { c } },	   { "block.2.bias", 1, { c } },   { "block.3.weight", 2, { h, c } },
				{ "block.3.bias", 1, { h } },	   { "block.5.weight", 2, { c, h } }, { "block.5.bias", 1, { c } },
				{ "layer_scale", 3, { c, 1, 1 } } };
	const entry code[] = { { "code", 3, { 1, z + 2, c } } };
	const entry *all = u->kind == DEPTHWISE_CONV ? depthwise_ : u->kind == LAYER_NORM ? norm : u->kind == CONVNEXT ? block : code;
	int n = u->kind == CONVNEXT ? 7 : u->kind <= LAYER_NORM ? 2 : u->kind == ADD_CODE;
	err e;
	for (int i = 0; i < n; i++) {
		param *p;
		SUCCEEDS(params_add(&u->ps, all[i].name, all[i].rank, all[i].n, &p, &e));
		u->rp[i] = doubles(p->count);
		double fan = p->rank == 2 ? (double)p->n[1] : p->rank == 4 ? 49 : 1;
		normals(d, p->count, 1 / sqrt(fan), p->v, u->rp[i]);
	}
	SUCCEEDS(params_with_gradients(&u->ps, &e));
}

/* What stochastic depth makes of each map. */
static void draw_keep(setup *u)
{
	const drop now = { .rate = u->rate, .random = random_of(&u->seed, "depth") };
	const size_t maps = (size_t)(u->s.b * u->s.x);
	u->rkeep = doubles(maps);
	for (size_t i = 0; i < maps; i++)
		u->rkeep[i] = (double)drop_factor(&now, i);
}

static setup make(enum kind kind, shape s, int wide, uint64_t seed)
{
	dice d = dice_of(seed);
	setup u = { .kind = kind, .s = s, .out = s, .wide = wide, .seed = seed };
	if (kind == MAP_MEAN)
		u.out = (shape){ s.b, 1, 1, s.x, s.c };
	if (kind == SOFT_POOL)
		u.out.z = 1;
	add_params(&u, &d);
	u.x = random_values(&d, s, 1);
	u.rx = widened(u.x, shape_count(s));
	if (kind == CONVNEXT || kind == SOFT_POOL) {
		u.s2 = s;
		if (kind == SOFT_POOL)
			u.s2.c = 1;
		u.second = random_values(&d, u.s2, 1);
		u.rsecond = widened(u.second, shape_count(u.s2));
	}
	if (kind == CONVNEXT && seed % 2) { /* stochastic depth */
		u.rate = 1 / 3.;
		draw_keep(&u);
	}
	directions(seed + 1, shape_count(u.out), &u.r, &u.rr);
	return u;
}

static void setup_free(setup *u)
{
	params_free(&u->ps);
	free(u->x);
	free(u->second);
	free(u->r);
	free(u->rx);
	free(u->rsecond);
	for (int i = 0; i < MOST_PARAMS; i++)
		free(u->rp[i]);
	free(u->rkeep);
	free(u->rr);
}

static double *plain(const setup *u)
{
	err e;
	double *y = doubles(shape_count(u->out)), *const *p = u->rp;
	size_t n = shape_count(u->s);
	const ref_convnext block = { u->wide, p[0], p[1], p[2], p[3], p[4], p[5], p[6], u->rkeep, 1e-6 };
	switch (u->kind) {
	case DEPTHWISE_CONV:
		ref_depthwise(u->s, u->rx, p[0], p[1], y);
		break;
	case LAYER_NORM:
		ref_layer_norm(n / (size_t)u->s.c, u->s.c, u->rx, p[0], p[1], 1e-6, y);
		break;
	case CONVNEXT:
		SUCCEEDS(ref_convnext_forward(&block, u->s, u->rsecond, u->rx, y, &e));
		break;
	case MAP_MEAN:
		ref_map_mean(u->s, u->rx, y);
		break;
	case ADD_CODE:
		for (size_t i = 0; i < n; i++)
			y[i] = u->rx[i] + p[0][i % (n / (size_t)u->s.b)];
		break;
	case SOFT_POOL:
		ref_soft_pool(u->s.b, u->s.z, u->s.c, u->rx, u->rsecond, y);
		break;
	}
	return y;
}

static layer *ours(graph *g, const setup *u, layer *x, layer *second)
{
	switch (u->kind) {
	case DEPTHWISE_CONV:
		return depthwise(g, x, "");
	case LAYER_NORM:
		return layer_norm(g, x, 1e-6, "");
	case CONVNEXT:
		return convnext(g, second, x, &(convnext_spec){ u->wide, 1e-6, u->rate, "depth" }, "");
	case MAP_MEAN:
		return map_mean(g, x);
	case ADD_CODE:
		return add_code(g, x, u->s.z + 2, "code");
	default:
		return soft_pool(g, x, second);
	}
}

static double loss_value(const void *of)
{
	const setup *u = of;
	double *y = plain(u), sum = 0;
	for (size_t i = 0; i < shape_count(u->out); i++)
		sum += y[i] * u->rr[i];
	free(y);
	return sum;
}

/* ---- runs ---- */

enum { WANTS_X = 1, WANTS_SECOND = 2, WANTS_PARAMS = 4, WANTS_ALL = 7 };

typedef struct way {
	enum graph_use use;
	int threads;
	bool copied; /* inputs lie where others may take their place */
	int times; /* that the layer stands there */
	int wanted;
} way;

typedef struct results {
	float *y, *dx, *dsecond; /* NULL: not wanted; gradients of parameters stay there */
} results;

static void results_free(results *r)
{
	free(r->y);
	free(r->dx);
	free(r->dsecond);
}

static results result_of(setup *u, way w)
{
	err e;
	graph *g = graph_new(w.use, NN_EXACT, w.threads);
	layer *x = graph_input(g, u->s), *second = u->second ? graph_input(g, u->s2) : NULL, *r = graph_input(g, u->out);
	layer *from = x, *y = NULL, *loss = NULL;
	if (w.wanted & WANTS_X)
		graph_want_gradient(x);
	if (w.wanted & WANTS_SECOND)
		graph_want_gradient(second);
	params_freeze(&u->ps, !(w.wanted & WANTS_PARAMS));
	params_zero_gradients(&u->ps);
	for (int i = 0; i < w.times; i++) {
		from = w.copied ? copied(g, x) : x;
		y = graph_keep(ours(g, u, from, w.copied && second ? copied(g, second) : second));
		loss = weighed_and(g, w.copied ? copied(g, y) : y, r, loss);
	}
	graph_minimise(loss);
	assert_true(shape_equal(graph_shape(y), u->out));
	graph_random(g, random_of, &u->seed);
	made_ready(g, &u->ps);
	give(x, u->x);
	if (second)
		give(second, u->second);
	give(r, u->r);
	SUCCEEDS(graph_forward(g, &e));
	if (w.use == GRAPH_TRAIN)
		SUCCEEDS(graph_backward(g, loss, 1, &e));
	/* without a way back the residual's place is the result's, as is that of what is changed voxel by voxel */
	if (w.use != GRAPH_TRAIN && w.copied && (u->kind == LAYER_NORM || u->kind == CONVNEXT || u->kind == ADD_CODE))
		assert_true(takes_place_of(y, from));
	results out = { .y = copy_of(y->v, shape_count(u->out)), .dx = copy_of(x->g, shape_count(u->s)) };
	if (second)
		out.dsecond = copy_of(second->g, shape_count(u->s2));
	graph_free(g);
	return out;
}

/* Gradients of parameters, one behind the other. */
static float *all_gradients(const params *ps, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < ps->n; i++)
		*n += ps->p[i].count;
	float *all = malloc(*n ? *n * sizeof *all : 1), *to = all;
	for (size_t i = 0; i < ps->n; to += ps->p[i++].count)
		memcpy(to, ps->p[i].g, ps->p[i].count * sizeof *to);
	return all;
}

/* The same bytes for any number of threads, wherever values lie, whoever's gradient is wanted. */
static void check_ways(setup *u)
{
	size_t n;
	results first = result_of(u, (way){ GRAPH_TRAIN, 1, false, 1, WANTS_ALL });
	float *of_params = all_gradients(&u->ps, &n);
	for (int k = 0; k < 16; k++) {
		const int wanted = k & WANTS_ALL;
		if ((wanted & WANTS_SECOND && !u->second) || (wanted & WANTS_PARAMS && (!n || u->kind == ADD_CODE)))
			continue;
		results got = result_of(u, (way){ wanted ? GRAPH_TRAIN : GRAPH_ONCE, 1 + k % 3, k & 8, 1, wanted });
		float *now = all_gradients(&u->ps, &n);
		assert_memory_equal(first.y, got.y, shape_count(u->out) * sizeof(float));
		assert_true(!got.dx == !(wanted & WANTS_X) && !got.dsecond == !(wanted & WANTS_SECOND));
		if (got.dx)
			assert_memory_equal(first.dx, got.dx, shape_count(u->s) * sizeof(float));
		if (got.dsecond)
			assert_memory_equal(first.dsecond, got.dsecond, shape_count(u->s2) * sizeof(float));
		for (size_t i = 0; i < n; i++)
			assert_true(now[i] == (wanted & WANTS_PARAMS ? of_params[i] : 0));
		free(now);
		results_free(&got);
	}
	free(of_params);
	results_free(&first);
}

static void check(enum kind kind, shape s, int wide, uint64_t seed)
{
	setup u = make(kind, s, wide, seed);
	for (int times = 1; times <= 2; times++) { /* twice: gradients add up */
		results got = result_of(&u, (way){ GRAPH_TRAIN, 1 + (int)(seed % 3), false, times, WANTS_ALL });
		double *want = plain(&u), far = strays(got.y, want, shape_count(u.out));
		bool good = far <= RESULT;
		for (size_t i = 0; times == 2 && i < shape_count(u.out); i++)
			u.rr[i] *= 2;
		good &= is_gradient("x", loss_value, &u, u.rx, got.dx, shape_count(s), GRADIENT);
		if (u.second)
			good &= is_gradient("second", loss_value, &u, u.rsecond, got.dsecond, shape_count(u.s2), GRADIENT);
		for (size_t i = 0; i < u.ps.n && kind != ADD_CODE; i++)
			good &= is_gradient(u.ps.p[i].name, loss_value, &u, u.rp[i], u.ps.p[i].g, u.ps.p[i].count, GRADIENT);
		if (!good)
			fail_msg("operator %d on %dx[%dx%dx%d] of %d (%d): result strays by %.1e", kind, s.b, s.x, s.y, s.z, s.c, wide,
				 far);
		free(want);
		results_free(&got);
	}
	check_ways(&u);
	setup_free(&u);
}

/* Channels below, at and above a vector; maps smaller than the kernel, one pixel, wider than what is computed at once. */
static void test_depthwise(void **state)
{
	(void)state;
	check(DEPTHWISE_CONV, (shape){ 1, 2, 9, 10, 16 }, 0, 1);
	check(DEPTHWISE_CONV, (shape){ 2, 3, 2, 3, 17 }, 0, 2);
	check(DEPTHWISE_CONV, (shape){ 1, 1, 1, 1, 3 }, 0, 3);
	check(DEPTHWISE_CONV, (shape){ 1, 11, 4, 5, 40 }, 0, 4);
}

static void test_layer_norm(void **state)
{
	(void)state;
	check(LAYER_NORM, (shape){ 1, 2, 3, 4, 16 }, 0, 1);
	check(LAYER_NORM, (shape){ 2, 1, 1, 3, 40 }, 0, 2);
	check(LAYER_NORM, (shape){ 1, 5, 30, 20, 5 }, 0, 3); /* more than one block */
	check(LAYER_NORM, (shape){ 1, 1, 1, 1, 3 }, 0, 4); /* of two channels the norm is +-1, its gradient nothing but rounding */
}

/* Seeds that are odd drop branches. */
static void test_convnext(void **state)
{
	(void)state;
	check(CONVNEXT, (shape){ 1, 2, 3, 4, 16 }, 64, 2);
	check(CONVNEXT, (shape){ 2, 3, 5, 5, 17 }, 40, 3);
	check(CONVNEXT, (shape){ 1, 1, 1, 1, 8 }, 5, 4);
	check(CONVNEXT, (shape){ 1, 7, 4, 5, 5 }, 20, 5);
	check(CONVNEXT, (shape){ 1, 13, 11, 9, 8 }, 12, 7); /* more than one chunk, blocks that end within a map */
}

static void test_slices(void **state)
{
	(void)state;
	check(MAP_MEAN, (shape){ 2, 3, 4, 5, 16 }, 0, 1);
	check(MAP_MEAN, (shape){ 1, 5, 1, 1, 3 }, 0, 2);
	check(ADD_CODE, (shape){ 2, 1, 1, 5, 8 }, 0, 3);
	check(SOFT_POOL, (shape){ 2, 1, 1, 5, 8 }, 0, 4);
	check(SOFT_POOL, (shape){ 1, 1, 1, 1, 3 }, 0, 5);
	check(SOFT_POOL, (shape){ 1, 1, 1, 40, 17 }, 0, 6);
}

/* <A x, r> = <x, A' r> and the same for the taps, on maps too large for the reference; without a bias. */
static void test_adjoint(void **state)
{
	(void)state;
	setup u = make(DEPTHWISE_CONV, (shape){ 2, 9, 32, 41, 24 }, 0, 8);
	size_t n = shape_count(u.s);
	memset(u.ps.p[1].v, 0, u.ps.p[1].count * sizeof(float));
	results got = result_of(&u, (way){ GRAPH_TRAIN, 2, false, 1, WANTS_ALL });
	double forward = dot(u.rr, got.y, n), through_x = dot(u.rx, got.dx, n), through_w = dot(u.rp[0], u.ps.p[0].g, u.ps.p[0].count);
	/* sums of n products of numbers of size 1, each off by 1e-6 */
	assert_float_equal(through_x, forward, 5e-6 * sqrt((double)n));
	assert_float_equal(through_w, forward, 5e-6 * sqrt((double)n));
	results_free(&got);
	setup_free(&u);
}

/* GELU far out: no NaN, the tails right. */
static void test_gelu_tails(void **state)
{
	(void)state;
	const shape s = { 1, 1, 1, 17, 1 };
	setup u = make(CONVNEXT, s, 1, 2);
	const float chosen[] = { 0, 1, 2, 3, 4, 5, 6, 10, 100, 1e4f, -1, -2, -4, -5, -6, -20, -1e4f };
	/* with gain 0 the branch sees the bias alone */
	u.ps.p[0].v[0] = u.ps.p[1].v[0] = u.ps.p[5].v[0] = 0;
	u.ps.p[2].v[0] = u.ps.p[4].v[0] = u.ps.p[6].v[0] = 1;
	for (int k = 0; k < s.z; k++)
		u.x[k] = 0;
	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
		u.ps.p[3].v[0] = chosen[i];
		results got = result_of(&u, (way){ GRAPH_ONCE, 1, false, 1, 0 });
		assert_float_equal(got.y[0], ref_gelu((double)chosen[i]), 3e-7 * fmax(1, fabs((double)chosen[i])));
		results_free(&got);
	}
	setup_free(&u);
}

/* Where nothing is drawn every branch stays whole; else some go. */
static void test_depth(void **state)
{
	(void)state;
	setup u = make(CONVNEXT, (shape){ 2, 9, 3, 2, 8 }, 12, 3), whole = u;
	const size_t map = shape_count(u.s) / 18;
	int gone = 0;
	for (int i = 0; i < 18; i++) {
		assert_true(u.rkeep[i] == 0 || u.rkeep[i] == 1.5);
		gone += u.rkeep[i] == 0;
	}
	assert_true(gone > 0 && gone < 18);
	results got = result_of(&u, (way){ GRAPH_ONCE, 2, false, 1, 0 });
	whole.rkeep = NULL;
	double *want = plain(&u), *want_whole = plain(&whole);
	assert_true(strays(got.y, want, shape_count(u.s)) <= RESULT);
	for (int i = 0; i < 18; i++)
		assert_int_equal(!memcmp(got.y + (size_t)i * map, u.x + (size_t)i * map, map * sizeof(float)), u.rkeep[i] == 0);
	err e;
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	layer *x = graph_input(g, u.s), *d = graph_input(g, u.s), *y = graph_keep(ours(g, &u, x, d));
	made_ready(g, &u.ps);
	give(x, u.x);
	give(d, u.second);
	SUCCEEDS(graph_forward(g, &e));
	assert_true(strays(y->v, want_whole, shape_count(u.s)) <= RESULT);
	graph_free(g);
	free(want);
	free(want_whole);
	results_free(&got);
	setup_free(&u);
}

/* All of them in a row, forward and back; the bytes of everything that comes out. */
static float *chain(params *ps, const float *data, shape s, int threads, size_t *count)
{
	err e;
	const uint64_t seed = 0;
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, threads);
	layer *x = graph_input(g, s), *h = layer_norm(g, x, 1e-6, "block.2"), *d = depthwise(g, h, "block.0");
	h = convnext(g, d, h, &(convnext_spec){ 4 * s.c, 1e-6, .5, "depth" }, "");
	layer *coded = add_code(g, map_mean(g, h), 9, "code");
	layer *score = conv(g, coded, &(conv_spec){ .out = 1, .rank = 2, .no_bias = true }, "score");
	layer *y = graph_keep(soft_pool(g, coded, score)), *r = graph_input(g, graph_shape(y)), *loss = graph_minimise(weighed(g, y, r));
	const size_t n = shape_count(graph_shape(y));
	graph_random(g, random_of, &seed);
	made_ready(g, ps);
	give(x, data);
	for (size_t i = 0; i < n; i++)
		r->v[i] = 1;
	SUCCEEDS(graph_forward(g, &e));
	SUCCEEDS(graph_backward(g, loss, 1, &e));
	size_t of_params;
	float *gradients = all_gradients(ps, &of_params), *bytes = malloc((n + of_params) * sizeof *bytes);
	memcpy(bytes, y->v, n * sizeof *bytes);
	memcpy(bytes + n, gradients, of_params * sizeof *bytes);
	*count = n + of_params;
	free(gradients);
	graph_free(g);
	return bytes;
}

static params chain_params(int c)
{
	const entry all[] = { { "block.2.weight", 1, { c } },	    { "block.2.bias", 1, { c } },
			      { "block.3.weight", 2, { 4 * c, c } }, { "block.3.bias", 1, { 4 * c } },
			      { "block.5.weight", 2, { c, 4 * c } }, { "block.5.bias", 1, { c } },
			      { "layer_scale", 3, { c, 1, 1 } },     { "block.0.weight", 4, { c, 1, 7, 7 } },
			      { "block.0.bias", 1, { c } },	    { "code", 3, { 1, 9, c } },
			      { "score.weight", 2, { 1, c } } };
	err e;
	params ps = { 0 };
	dice d = dice_of(3);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		param *p;
		SUCCEEDS(params_add(&ps, all[i].name, all[i].rank, all[i].n, &p, &e));
		normals(&d, p->count, .2, p->v, NULL);
	}
	SUCCEEDS(params_with_gradients(&ps, &e));
	return ps;
}

static void test_threads(void **state)
{
	(void)state;
	enum { C = 24 };
	const shape s = { 1, 3, 30, 29, C };
	float *data = malloc(shape_count(s) * sizeof *data), *first = NULL;
	dice d = dice_of(4);
	normals(&d, shape_count(s), 1, data, NULL);
	for (int threads = 1; threads <= 3; threads++) {
		size_t n;
		params ps = chain_params(C);
		float *bytes = chain(&ps, data, s, threads, &n);
		if (first)
			assert_memory_equal(bytes, first, n * sizeof *bytes);
		if (first)
			free(bytes);
		else
			first = bytes;
		params_free(&ps);
	}
	free(first);
	free(data);
}

/* A description with this mistake, bound to parameters for 8 channels: its error. */
static int mistake(int i, err *e)
{
	params ps = chain_params(8);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, (shape){ 1, 2, 3, 4, 9 }), *line = graph_input(g, (shape){ 1, 1, 1, 10, 8 });
	convnext_spec block = { 32, 1e-6, 0, NULL };
	switch (i) {
	case 0:
		depthwise(g, x, "block.0");
		break;
	case 1:
		layer_norm(g, x, 1e-6, "block.2");
		break;
	case 2:
		convnext(g, x, x, &block, "");
		break;
	case 3:
		assert_null(convnext(g, line, x, &block, "block"));
		break;
	case 4:
		assert_null(add_code(g, line, 9, "code"));
		break;
	case 5:
		assert_null(soft_pool(g, line, x));
		break;
	case 6:
		block.rate = 1;
		assert_null(convnext(g, x, x, &block, ""));
		break;
	default:
		block.wide = 0;
		convnext(g, line, line, &block, "");
	}
	if (i >= 3 && i <= 6) { /* NULL is taken, and the first error stays */
		assert_null(depthwise(g, NULL, ""));
		assert_null(layer_norm(g, NULL, 1e-6, ""));
		assert_null(convnext(g, NULL, x, &block, ""));
		assert_null(map_mean(g, NULL));
		assert_null(add_code(g, NULL, 9, ""));
		assert_null(soft_pool(g, NULL, NULL));
	}
	const int code = graph_bind(g, (params *const[]){ &ps }, 1, e);
	graph_free(g);
	params_free(&ps);
	return code;
}

static void test_misfits(void **state)
{
	(void)state;
	err e;
	FAILS(ERR_CONFIG, "block.0.weight", mistake(0, &e));
	FAILS(ERR_CONFIG, "block.2.weight", mistake(1, &e));
	FAILS(ERR_CONFIG, "layer_scale", mistake(2, &e));
	FAILS(ERR_BUG, "block: the residual has another shape", mistake(3, &e));
	FAILS(ERR_CONFIG, "code: made for 9 slices, not for 10", mistake(4, &e));
	FAILS(ERR_BUG, "do not fit together", mistake(5, &e));
	FAILS(ERR_BUG, "stochastic depth: a rate of 1", mistake(6, &e));
	FAILS(ERR_CONFIG, "block.3.weight", mistake(7, &e));
}

/* With an argument: only the tests that match it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_depthwise), cmocka_unit_test(test_layer_norm),
					    cmocka_unit_test(test_convnext),  cmocka_unit_test(test_slices),
					    cmocka_unit_test(test_adjoint),   cmocka_unit_test(test_gelu_tails),
					    cmocka_unit_test(test_depth),     cmocka_unit_test(test_threads),
					    cmocka_unit_test(test_misfits) };
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
