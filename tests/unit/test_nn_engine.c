/* A graph of everything: threads, errors, what is told beforehand, where values lie, where gradients end. */
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "../unit.h"
#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "nn/loss.h"
#include "nn/norm.h"
#include "nn/resample.h"

/* A small network with everything in it: first layer, residual block, down, up, batch norm, a last layer through tiles. */
enum { WIDE = 36, LAST = 3 };

static const shape SCAN = { 2, 20, 22, 24, 1 };

static params network(uint64_t seed)
{
	static const struct {
		const char *name;
		int rank;
		int64_t n[5];
	} table[] = {
		{ "first.weight", 5, { WIDE, 1, 3, 3, 3 } },	 { "first.bias", 1, { WIDE } },
		{ "norm.weight", 1, { WIDE } },			 { "norm.bias", 1, { WIDE } },
		{ "middle.weight", 5, { WIDE, WIDE, 3, 3, 3 } }, { "middle.bias", 1, { WIDE } },
		{ "down.weight", 5, { WIDE, WIDE, 3, 3, 3 } },	 { "down.bias", 1, { WIDE } },
		{ "up.weight", 5, { WIDE, WIDE, 3, 3, 3 } },	 { "batch.weight", 1, { WIDE } },
		{ "batch.bias", 1, { WIDE } },			 { "batch.running_mean", 1, { WIDE } },
		{ "batch.running_var", 1, { WIDE } },		 { "batch.num_batches_tracked", 0, { 0 } },
		{ "last.weight", 5, { LAST, WIDE, 4, 4, 4 } },	 { "last.bias", 1, { LAST } },
	};
	err e;
	params ps = { 0 };
	dice d = dice_of(seed);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		param *p;
		SUCCEEDS(params_add(&ps, table[i].name, table[i].rank, table[i].n, &p, &e));
		normals(&d, p->count, p->rank == 5 ? sqrt((double)p->n[0] / (double)p->count) : .5, p->v, NULL);
		p->counter = p->rank == 0;
		for (size_t k = 0; !strcmp(p->name, "batch.running_var") && k < p->count; k++)
			p->v[k] = .5f + p->v[k] * p->v[k];
	}
	SUCCEEDS(params_with_gradients(&ps, &e));
	return ps;
}

static layer *conv_to(graph *g, layer *x, int out, conv_spec s, const char *at)
{
	s.out = out;
	s.k = s.k ? s.k : 3;
	return conv(g, x, &s, at);
}

static layer *forward(graph *g, layer *x)
{
	layer *h = conv_to(g, x, WIDE, (conv_spec){ .pad_low = 1, .pad_high = 1 }, "first");
	layer *norm = group_norm(g, h, 6, 1e-6, "norm");
	layer *a = conv_to(g, h, WIDE, (conv_spec){ .pad_low = 1, .pad_high = 1, .norm = norm, .act = ACT_SILU, .add = h }, "middle");
	layer *down = conv_to(g, a, WIDE, (conv_spec){ .stride = 2, .pad_high = 1 }, "down");
	layer *up = conv_to(g, down, WIDE, (conv_spec){ .pad_low = 1, .pad_high = 1, .up = { 2, 2, 2 }, .no_bias = true }, "up");
	const conv_spec last = { .k = 4, .stride = 2, .pad_low = 1, .pad_high = 1, .norm = batch_norm(g, up, 1e-5, .1, "batch"),
				 .act = ACT_LEAKY };
	return graph_keep(conv_to(g, up, LAST, last, "last"));
}

/* The network in a graph, its result read. */
typedef struct whole {
	graph *g;
	layer *x, *y;
} whole;

static whole whole_of(enum graph_use use, enum nn_math math, int threads)
{
	whole w = { .g = graph_new(use, math, threads) };
	w.x = graph_input(w.g, SCAN);
	w.y = forward(w.g, w.x);
	return w;
}

/* Everything that a training step computes, end to end. */
typedef struct bytes {
	float *v;
	size_t n;
} bytes;

static void append(bytes *b, const float *v, size_t n)
{
	b->v = realloc(b->v, (b->n + n) * sizeof *v);
	assert_non_null(b->v);
	memcpy(b->v + b->n, v, n * sizeof *v);
	b->n += n;
}

static bytes step(enum nn_math math, int threads, bool apart)
{
	err e;
	bytes b = { 0 };
	params ps = network(3);
	dice d = dice_of(8);
	whole w = whole_of(GRAPH_TRAIN, math, threads);
	const shape out = graph_shape(w.y);
	float *x = random_values(&d, SCAN, 1), *drawn = random_values(&d, out, 1);
	graph_want_gradient(w.x);
	layer *noise = graph_input(w.g, out), *z = posterior(w.g, w.y, w.y, noise);
	layer *part[] = { l1(w.g, z, noise), squared_to(w.g, z, 1), kl(w.g, w.y, z) };
	layer *loss = graph_minimise(weigh(w.g, 3, part, (float[]){ 1, .5f, 1e-3f }));
	made(w.g, &ps, apart);
	give(w.x, x);
	give(noise, drawn);
	SUCCEEDS(graph_forward(w.g, &e));
	append(&b, w.y->v, shape_count(out));
	append(&b, loss->v, 1);
	SUCCEEDS(graph_backward(w.g, loss, 1, &e));
	append(&b, w.x->g, shape_count(SCAN));
	for (size_t i = 0; i < ps.n; i++) {
		append(&b, ps.p[i].v, ps.p[i].count);	/* running statistics have moved */
		if (ps.p[i].g)
			append(&b, ps.p[i].g, ps.p[i].count);
	}
	free(x);
	free(drawn);
	graph_free(w.g);
	params_free(&ps);
	return b;
}

/* The same bytes for any number of threads, and whether blocks share memory or not. */
static void test_threads(void **state)
{
	(void)state;
	for (int math = NN_EXACT; math <= NN_FAST; math++) {
		bytes one = step((enum nn_math)math, 1, true);
		for (size_t i = 0; i < one.n; i++)
			assert_true(isfinite(one.v[i]));
		for (int threads = 1; threads <= 4; threads++) {
			bytes more = step((enum nn_math)math, threads, false);
			assert_int_equal(more.n, one.n);
			size_t i = 0;
			while (i < one.n && !memcmp(&one.v[i], &more.v[i], sizeof(float)))
				i++;
			if (i < one.n)
				fail_msg("%d threads, math %d: value %zu of %zu is %.9g, not %.9g", threads, math, i, one.n,
					 (double)more.v[i], (double)one.v[i]);
			free(more.v);
		}
		free(one.v);
	}
}

/* ---- errors ---- */

enum misfit { CHANNELS, SHORT_BIAS, GRID, RESIDUAL, NORM_CHANNELS, GROUPS, BATCH_BIAS, SHAPE, AFFINE, MISFITS };

/* Describes something that does not fit; NULL where the description alone tells. */
static layer *misfit(graph *g, enum misfit i, layer *x)
{
	const conv_spec around = { .pad_low = 1, .pad_high = 1 };
	layer *wide = graph_input(g, (shape){ 1, 4, 4, 4, WIDE }), *small = graph_input(g, (shape){ 1, 1, 4, 4, WIDE });
	conv_spec s = around;
	switch (i) {
	case CHANNELS:
		return conv_to(g, x, WIDE, s, "middle");
	case SHORT_BIAS:
		return conv_to(g, x, WIDE, s, "first");
	case GRID:
		s.k = 4;
		return conv_to(g, small, LAST, s, "last");
	case RESIDUAL:
		s.add = graph_input(g, (shape){ 1, 4, 4, 5, WIDE });
		return conv_to(g, x, WIDE, s, "first");
	case NORM_CHANNELS:
		return group_norm(g, x, 1, 1e-6, "norm");
	case GROUPS:
		return group_norm(g, wide, 5, 1e-6, "norm");
	case BATCH_BIAS:
		return batch_norm(g, wide, 1e-5, .1, "batch");
	case SHAPE:
		return graph_input(g, (shape){ 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 });
	default:
		s.norm = small;
		return conv_to(g, wide, WIDE, s, "middle");
	}
}

static void test_misfits(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		int code;
		const char *part;
		bool bound; /* it is only the weights that do not fit */
	} want[MISFITS] = {
		[CHANNELS] = { "channels", ERR_CONFIG, "middle.weight", true },
		[SHORT_BIAS] = { "bias", ERR_CONFIG, "first.bias", true },
		[GRID] = { "grid", ERR_DATA, "last", false },
		[RESIDUAL] = { "residual", ERR_BUG, "first", false },
		[NORM_CHANNELS] = { "group norm", ERR_CONFIG, "norm.weight", true },
		[GROUPS] = { "groups", ERR_CONFIG, "norm.weight", false },
		[BATCH_BIAS] = { "batch norm", ERR_CONFIG, "batch.bias", true },
		[SHAPE] = { "shape", ERR_DATA, "impossible", false },
		[AFFINE] = { "affine", ERR_BUG, "middle", false },
	};
	err e;
	for (int i = 0; i < MISFITS; i++) {
		params ps = network(1);
		graph *g = graph_new(i % 2 ? GRAPH_TRAIN : GRAPH_ONCE, NN_EXACT, 2);
		layer *x = graph_input(g, (shape){ 1, 4, 4, 4, 1 });
		params_find(&ps, "first.bias")->n[0] -= i == SHORT_BIAS;
		params_find(&ps, "batch.bias")->n[0] += i == BATCH_BIAS;
		layer *out = misfit(g, (enum misfit)i, x);
		if (!out == want[i].bound)
			fail_msg("%s: %s", want[i].what, out ? "accepted" : "refused");
		if (!out) {
			/* the first error stays, and nothing is described behind it */
			assert_null(graph_fail(g, ERR_BUG, "later"));
			assert_null(conv_to(g, x, WIDE, (conv_spec){ .pad_low = 1, .pad_high = 1 }, "first"));
			assert_null(graph_input(g, SCAN));
		}
		int code = graph_bind(g, (params *const[]){ &ps }, 1, &e);
		if (code != want[i].code || !strstr(e.text, want[i].part))
			fail_msg("%s: %d %s", want[i].what, code, e.text);
		assert_int_equal(graph_error(g, &e), 0);
		graph_free(g);
		params_free(&ps);
	}
}

/* What a function hands on after an error is NULL: the next ones take it. */
static void test_null(void **state)
{
	(void)state;
	err e;
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *t = graph_input(g, (shape){ 1, 1, 1, 1, 1 });
	assert_null(graph_fail(g, ERR_DATA, "first"));
	assert_null(forward(g, NULL));
	assert_null(l1(g, NULL, t));
	assert_null(l1(g, t, NULL));
	assert_null(squared_to(g, NULL, 1));
	assert_null(kl(g, NULL, t));
	assert_null(posterior(g, t, NULL, t));
	assert_null(ssim(g, t, NULL));
	assert_null(noise_loss(g, t, NULL, t, NULL, NULL, t));
	assert_null(weigh(g, 1, &(layer *){ NULL }, (float[]){ 1 }));
	assert_null(graph_keep(NULL));
	assert_null(graph_minimise(NULL));
	graph_want_gradient(NULL);
	layer_want_sums(NULL);
	assert_true(shape_equal(graph_shape(NULL), (shape){ 0 }));
	assert_true(isnan(graph_value(NULL)));
	FAILS(ERR_DATA, "first", graph_error(g, &e));
	graph_free(g);
	graph_free(NULL);
}

/* Losses of values that do not belong together, or are none. */
static void test_unlike(void **state)
{
	(void)state;
	err e;
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *a = graph_input(g, (shape){ 1, 2, 2, 2, 3 }), *b = graph_input(g, (shape){ 1, 2, 2, 2, 1 });
	assert_null(l1(g, a, b));
	FAILS(ERR_BUG, "L1", graph_error(g, &e));
	assert_null(l1(g, a, NULL));
	FAILS(ERR_BUG, "L1", graph_error(g, &e));
	assert_null(kl(g, a, b));
	FAILS(ERR_BUG, "KL", graph_error(g, &e));
	assert_null(posterior(g, a, b, a));
	FAILS(ERR_BUG, "posterior", graph_error(g, &e));
	assert_null(posterior(g, a, a, b));
	FAILS(ERR_BUG, "posterior", graph_error(g, &e));
	assert_null(ssim(g, a, b));
	FAILS(ERR_BUG, "SSIM", graph_error(g, &e));
	assert_null(noise_loss(g, a, NULL, a, b, NULL, NULL));
	FAILS(ERR_BUG, "8 places, not 24", graph_error(g, &e));
	assert_null(noise_loss(g, a, NULL, a, NULL, b, NULL));
	FAILS(ERR_BUG, "8 numbers for 1 volumes", graph_error(g, &e));
	assert_null(weigh(g, 1, &a, (float[]){ 1 }));
	FAILS(ERR_BUG, "number 1", graph_error(g, &e));
	graph_free(g);
}

/* ---- what is told beforehand ---- */

/* Products of direct convolutions: 2 * outputs * taps * inputs each; three times as many while training. No memory is taken before the
 * graph is opened. */
static void test_needs(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	for (int threads = 1; threads <= 3; threads += 2)
		for (int math = NN_EXACT; math <= NN_FAST; math++) {
			size_t needed[2];
			for (int train = 0; train < 2; train++) {
				whole w = whole_of(train ? GRAPH_TRAIN : GRAPH_ONCE, (enum nn_math)math, threads);
				assert_true(shape_equal(graph_shape(w.y), (shape){ 2, 10, 11, 12, LAST }));
				graph_minimise(squared_to(w.g, w.y, 1));
				SUCCEEDS(graph_bind(w.g, (params *const[]){ &ps }, 1, &e));
				SUCCEEDS(graph_settle(w.g, &e));
				assert_null(w.g->memory);
				needed[train] = graph_bytes(w.g);
				double voxels = 2. * 20 * 22 * 24, c = WIDE;
				double flop = 2 * 27 * c * voxels * (1 + c + c / 8 + c) + 2 * 64 * c * LAST * voxels / 8;
				assert_true(graph_flop(w.g) == (train ? 3 : 1) * flop);
				/* once more: the same */
				SUCCEEDS(graph_settle(w.g, &e));
				assert_int_equal(graph_bytes(w.g), needed[train]);
				assert_true(graph_flop(w.g) == (train ? 3 : 1) * flop);
				graph_free(w.g);
			}
			/* x and the two of its size, or those of one layer after the other */
			const size_t map = shape_count(SCAN) * WIDE * sizeof(float);
			assert_true(needed[0] > 2 * map && needed[1] > needed[0] + map);
		}
	params_free(&ps);
}

static bytes result_of(whole *w, const float *x)
{
	err e;
	bytes b = { 0 };
	give(w->x, x);
	SUCCEEDS(graph_forward(w->g, &e));
	append(&b, w->y->v, shape_count(w->y->s));
	return b;
}

/* The same weights, in a graph that is only settled, and then in one that runs. */
static void test_settled_then_run(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	dice d = dice_of(1);
	float *x = random_values(&d, SCAN, 1);
	bytes got[2];
	for (int settled = 0; settled < 2; settled++) {
		whole first = whole_of(GRAPH_AGAIN, NN_EXACT, 2), w = whole_of(GRAPH_AGAIN, NN_EXACT, 2);
		if (settled) {
			SUCCEEDS(graph_bind(first.g, (params *const[]){ &ps }, 1, &e));
			SUCCEEDS(graph_settle(first.g, &e));
		}
		made_ready(w.g, &ps);
		got[settled] = result_of(&w, x);
		graph_free(first.g);
		graph_free(w.g);
	}
	assert_memory_equal(got[0].v, got[1].v, got[0].n * sizeof(float));
	free(got[0].v);
	free(got[1].v);
	free(x);
	params_free(&ps);
}

/* ---- memory ---- */

/* Run after run gets the same result, also when memory was given back in between. */
static void test_again(void **state)
{
	(void)state;
	dice d = dice_of(1);
	float *x = random_values(&d, SCAN, 1);
	bytes kept = { 0 };
	for (int use = GRAPH_ONCE; use <= GRAPH_AGAIN; use++) {
		params ps = network(2);
		whole w = whole_of((enum graph_use)use, NN_EXACT, 2);
		made_ready(w.g, &ps);
		for (int i = 0; i < 4; i++) {
			bytes now = result_of(&w, x);
			if (!kept.v)
				kept = now;
			assert_memory_equal(now.v, kept.v, kept.n * sizeof(float));
			if (now.v != kept.v)
				free(now.v);
			if (i == 2)
				graph_release(w.g);
		}
		/* changed weights: seen after param_touch */
		param *last = params_find(&ps, "last.weight");
		memset(last->v, 0, last->count * sizeof(float));
		param_touch(last);
		bytes now = result_of(&w, x);
		for (size_t i = 0; i < now.n; i++)
			assert_true(now.v[i] == params_find(&ps, "last.bias")->v[i % LAST]);
		free(now.v);
		graph_free(w.g);
		params_free(&ps);
	}
	free(kept.v);
	free(x);
}

/* A residual's place is the result's where nobody else reads it, there or back. */
static void test_in_place(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	const shape s = { 1, 5, 6, 7, WIDE };
	dice d = dice_of(1);
	float *x = random_values(&d, s, 1), *add = random_values(&d, s, 1);
	for (int use = GRAPH_ONCE; use <= GRAPH_TRAIN; use++) {
		graph *g = graph_new((enum graph_use)use, NN_EXACT, 2);
		layer *in = graph_input(g, s), *other = graph_input(g, s), *read = copied(g, other), *unread = copied(g, other);
		conv_spec spec = { .pad_low = 1, .pad_high = 1, .add = read };
		layer *apart = graph_keep(conv_to(g, in, WIDE, spec, "middle"));
		layer *reader = graph_keep(copied(g, read)); /* somebody else reads it */
		spec.add = unread;
		layer *over = graph_keep(conv_to(g, in, WIDE, spec, "middle"));
		/* what is its own residual is read while that is added */
		layer *own = copied(g, in);
		spec.add = own;
		layer *both = graph_keep(conv_to(g, own, WIDE, spec, "middle"));
		/* an input is left alone */
		spec.add = other;
		layer *beside = graph_keep(conv_to(g, in, WIDE, spec, "middle"));
		made_ready(g, &ps);
		assert_true(takes_place_of(over, unread) && !takes_place_of(apart, read) && !takes_place_of(both, own) &&
			    !takes_place_of(beside, other));
		give(in, x);
		give(other, add);
		SUCCEEDS(graph_forward(g, &e));
		assert_memory_equal(reader->v, add, shape_count(s) * sizeof(float));
		assert_memory_equal(over->v, apart->v, shape_count(s) * sizeof(float));
		assert_memory_equal(beside->v, apart->v, shape_count(s) * sizeof(float));
		graph_free(g);
	}
	free(x);
	free(add);
	params_free(&ps);
}

/* A convolution of one tap whose input nobody else reads writes over it, slab by slab; the way back is a reader. */
static void test_over_input(void **state)
{
	(void)state;
	err e;
	enum { IN = 16, OUT = 15 };
	const shape coarse = { 2, 20, 30, 32, IN }, s = { 2, 40, 60, 64, OUT };	/* several slabs */
	params ps = { 0 };
	dice d = dice_of(3);
	param *w, *b;
	SUCCEEDS(params_add(&ps, "skip.weight", 5, (int64_t[]){ OUT, IN, 1, 1, 1 }, &w, &e));
	SUCCEEDS(params_add(&ps, "skip.bias", 1, (int64_t[]){ OUT }, &b, &e));
	w = params_find(&ps, "skip.weight");
	normals(&d, w->count, .3, w->v, NULL);
	normals(&d, b->count, .3, b->v, NULL);
	SUCCEEDS(params_with_gradients(&ps, &e));
	float *x = random_values(&d, coarse, 1), *want = NULL;
	for (int way = 0; way < 3; way++) { /* read by somebody else; by nobody; by the way back */
		graph *g = graph_new(way == 2 ? GRAPH_TRAIN : GRAPH_ONCE, NN_EXACT, 2);
		layer *in = graph_input(g, coarse), *fine = upsample(g, in, (int[]){ 2, 2, 2 });
		layer *got = graph_keep(conv(g, fine, &(conv_spec){ .out = OUT, .act = ACT_SILU }, "skip"));
		if (way == 0)
			graph_keep(fine);
		if (way == 2)
			graph_minimise(squared_to(g, got, 0));
		made_ready(g, &ps);
		assert_true(takes_place_of(got, fine) == (way == 1));
		if (way == 1)
			assert_true(graph_bytes(g) < shape_count(s) * IN / OUT * sizeof(float) * 3 / 2);
		give(in, x);
		SUCCEEDS(graph_forward(g, &e));
		assert_true(shape_equal(got->s, s));
		if (!want)
			want = copy_of(got->v, shape_count(s));
		assert_memory_equal(got->v, want, shape_count(s) * sizeof(float));
		graph_free(g);
	}
	free(x);
	free(want);
	params_free(&ps);
}

/* ---- where gradients end ---- */

static void expect_no_gradients(const params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		for (size_t k = 0; ps->p[i].g && k < ps->p[i].count; k++)
			assert_true(ps->p[i].g[k] == 0);
}

static void test_frozen(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	dice d = dice_of(1);
	float *x = random_values(&d, SCAN, 1);
	for (int way = 0; way < 4; way++) { /* no gradient wanted at all; only x's; with weights; a graph without a way back */
		whole w = whole_of(way == 3 ? GRAPH_ONCE : GRAPH_TRAIN, NN_EXACT, 2);
		layer *loss = graph_minimise(squared_to(w.g, w.y, 0));
		if (way == 1 || way == 3)
			graph_want_gradient(w.x);
		/* frozen weights take no gradient but let it through */
		params_freeze(&ps, way < 2);
		made_ready(w.g, &ps);
		assert_true(w.y->needs_grad == (way == 1 || way == 2) && loss->needs_grad == w.y->needs_grad);
		assert_true(w.x->needs_grad == (way == 1));
		give(w.x, x);
		SUCCEEDS(graph_forward(w.g, &e));
		SUCCEEDS(graph_backward(w.g, loss, 1, &e));
		double *g = way == 1 ? widened(w.x->g, shape_count(SCAN)) : NULL;
		assert_true(!w.x->g == !g && (!g || rms(g, shape_count(SCAN)) > 0));
		if (way != 2)
			expect_no_gradients(&ps);
		for (size_t i = 0; way == 2 && i < ps.n; i++)
			if (ps.p[i].g && strncmp(ps.p[i].name, "batch.running", 13)) {
				double *now = widened(ps.p[i].g, ps.p[i].count);
				assert_true(rms(now, ps.p[i].count) > 0);
				free(now);
			}
		params_zero_gradients(&ps);
		free(g);
		graph_free(w.g);
	}
	free(x);
	params_free(&ps);
}

/* Runs without their way back, and a graph that is freed in between or was never opened: the sanitizer tells whether all goes. */
static void test_forgotten(void **state)
{
	(void)state;
	params ps = network(2);
	dice d = dice_of(1);
	float *x = random_values(&d, SCAN, 1);
	for (int runs = 0; runs < 3; runs++) {
		whole w = whole_of(GRAPH_TRAIN, NN_EXACT, 1);
		graph_minimise(squared_to(w.g, w.y, 0));
		if (runs)
			made_ready(w.g, &ps);
		for (int i = 0; i < runs; i++)
			free(result_of(&w, x).v);
		graph_free(w.g);
	}
	free(x);
	params_free(&ps);
}

/* Each loss goes back on its own: the other one's seed is no part of it. */
static void test_two_losses(void **state)
{
	(void)state;
	err e;
	params none = { 0 };
	const shape s = { 1, 2, 3, 4, 5 };
	dice d = dice_of(1);
	float *x = random_values(&d, s, 1);
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *in = learnt_input(g, s), *first = graph_minimise(squared_to(g, in, 0)), *second = graph_minimise(squared_to(g, in, 1));
	made_ready(g, &none);
	for (int i = 0; i < 2; i++) {
		const size_t n = shape_count(s);
		give(in, x);
		SUCCEEDS(graph_forward(g, &e));
		SUCCEEDS(graph_backward(g, i ? second : first, 2, &e));
		for (size_t k = 0; k < n; k++)
			assert_float_equal(in->g[k], 4 * (x[k] - (float)i) / (float)n, 1e-6);
	}
	graph_free(g);
	free(x);
}

static void test_field(void **state)
{
	(void)state;
	err e;
	params none = { 0 };
	const shape s = { 2, 3, 4, 5, 6 };
	size_t n = shape_count(s);
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 3);
	layer *in = learnt_input(g, s), *t = graph_keep(copied(g, in)), *r = graph_input(g, s), *loss = graph_minimise(weighed(g, t, r));
	float *data = malloc(n * sizeof *data), *back = malloc(n * sizeof *back);
	for (size_t i = 0; i < n; i++)
		data[i] = (float)i;
	made_ready(g, &none);
	graph_write(g, in, data);
	graph_write(g, r, data);
	SUCCEEDS(graph_forward(g, &e));
	/* channel 5 of voxel (2,1,3) of volume 1 */
	assert_true(t->v[((((size_t)1 * 3 + 2) * 4 + 1) * 5 + 3) * 6 + 5] == (float)((((1 * 6 + 5) * 3 + 2) * 4 + 1) * 5 + 3));
	graph_read(g, t, back);
	assert_memory_equal(data, back, n * sizeof *data);
	SUCCEEDS(graph_backward(g, loss, 1, &e));
	graph_gradient(g, in, back);
	assert_memory_equal(data, back, n * sizeof *data);
	free(data);
	free(back);
	graph_free(g);
}

/* LATPIPE_ARCH holds the kernels back; without it they are the best that the processor has. */
static void test_level(void **state)
{
	(void)state;
#ifdef __x86_64__
	const char *limit = getenv("LATPIPE_ARCH"), *want = "v2";
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !(limit && !strcmp(limit, "x86-64-v2")))
		want = __builtin_cpu_supports("avx512vl") && !(limit && !strcmp(limit, "x86-64-v3")) ? "v4" : "v3";
	/* ARCH_REQ_XCOMP_PERM for the tiles' registers, arch_prctl(2) */
	unsigned a, b, c, d;
	if (!limit && !strcmp(want, "v4") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1 && !syscall(SYS_arch_prctl, 0x1023, 18))
		want = "amx";
	assert_string_equal(nn_kernels()->level, want);
#else
	assert_string_equal(nn_kernels()->level, "base");
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads), cmocka_unit_test(test_misfits),	   cmocka_unit_test(test_null),
		cmocka_unit_test(test_unlike),	cmocka_unit_test(test_needs),	   cmocka_unit_test(test_settled_then_run),
		cmocka_unit_test(test_again),	cmocka_unit_test(test_in_place),   cmocka_unit_test(test_over_input),
		cmocka_unit_test(test_frozen),	cmocka_unit_test(test_forgotten),  cmocka_unit_test(test_two_losses),
		cmocka_unit_test(test_field),	cmocka_unit_test(test_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
