/* The context of nn: threads, errors, plans, the pool, the tape's edges. */
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "../unit.h"
#include "../nn_case.h"

#include "nn/internal.h"
#include "nn/loss.h"
#include "nn/norm.h"
#include "nn/pool.h"

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
		{ "batch.bias", 1, { WIDE } },			 { "batch.mean", 1, { WIDE } },
		{ "batch.var", 1, { WIDE } },			 { "batch.steps", 0, { 0 } },
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
		for (size_t k = 0; !strcmp(p->name, "batch.var") && k < p->count; k++)
			p->v[k] = .5f + p->v[k] * p->v[k];
	}
	SUCCEEDS(params_with_gradients(&ps, &e));
	return ps;
}

static tensor *conv(nn *c, const params *ps, const char *name, tensor *x, conv_spec s)
{
	char text[32];
	snprintf(text, sizeof text, "%s.weight", name);
	s.weight = params_find(ps, text);
	snprintf(text, sizeof text, "%s.bias", name);
	s.bias = params_find(ps, text);
	return nn_conv(c, x, &s);
}

/* What is kept beside the result is dropped on the way, as the networks do. */
static tensor *forward(nn *c, const params *ps, tensor *x, bool training)
{
	tensor *h = conv(c, ps, "first", x, (conv_spec){ .pad_low = 1, .pad_high = 1 });
	tensor *norm = nn_group_norm(c, h, params_find(ps, "norm.weight"), params_find(ps, "norm.bias"), 6, 1e-6);
	tensor *a = conv(c, ps, "middle", h, (conv_spec){ .pad_low = 1, .pad_high = 1, .affine = norm, .act = ACT_SILU, .add = h });
	nn_drop(c, norm);
	tensor *down = conv(c, ps, "down", a, (conv_spec){ .stride = 2, .pad_high = 1 });
	nn_drop(c, a);
	tensor *up = conv(c, ps, "up", down, (conv_spec){ .pad_low = 1, .pad_high = 1, .up = { 2, 2, 2 } });
	nn_drop(c, down);
	const batch_norm bn = { params_find(ps, "batch.weight"), params_find(ps, "batch.bias"), params_find(ps, "batch.mean"),
				params_find(ps, "batch.var"),	 params_find(ps, "batch.steps"), 1e-5, .1 };
	tensor *batch = nn_batch_norm(c, up, &bn, training);
	tensor *y = conv(c, ps, "last", up, (conv_spec){ .stride = 2, .pad_low = 1, .pad_high = 1, .affine = batch, .act = ACT_LEAKY });
	nn_drop(c, batch);
	nn_drop(c, up);
	return y;
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

static bytes step(enum nn_math math, int threads)
{
	err e;
	bytes b = { 0 };
	params ps = network(3);
	nn *c = nn_new(NN_TRAIN, math, threads);
	dice d = dice_of(8);
	tensor *x = random_tensor(c, &d, SCAN, 1);
	x->needs_grad = true;
	tensor *y = forward(c, &ps, x, true);
	assert_non_null(y);
	tensor *noise = random_tensor(c, &d, y->s, 1), *z = nn_posterior(c, y, y, noise);
	tensor *part[] = { nn_l1(c, z, noise), nn_squared_to(c, z, 1), nn_kl(c, y, z) };
	tensor *loss = nn_weigh(c, 3, part, (float[]){ 1, .5f, 1e-3f });
	append(&b, y->v, shape_count(y->s));
	append(&b, loss->v, 1);
	nn_backward(c, loss, 1);
	SUCCEEDS(nn_error(c, &e));
	append(&b, x->g, shape_count(x->s));
	for (size_t i = 0; i < ps.n; i++) {
		append(&b, ps.p[i].v, ps.p[i].count);	/* running statistics have moved */
		if (ps.p[i].g)
			append(&b, ps.p[i].g, ps.p[i].count);
	}
	tensor *all[] = { x, y, noise, z, part[0], part[1], part[2], loss };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		nn_drop(c, all[i]);
	nn_free(c);
	params_free(&ps);
	return b;
}

static void test_threads(void **state)
{
	(void)state;
	for (int math = NN_EXACT; math <= NN_FAST; math++) {
		bytes one = step((enum nn_math)math, 1);
		for (size_t i = 0; i < one.n; i++)
			assert_true(isfinite(one.v[i]));
		for (int threads = 1; threads <= 4; threads++) {
			bytes more = step((enum nn_math)math, threads);
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

static void test_misfits(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		int code;
		const char *part;
	} want[] = {
		{ "channels", ERR_CONFIG, "middle.weight" }, { "bias", ERR_CONFIG, "norm.bias" },
		{ "grid", ERR_DATA, "last.weight" },	     { "residual", ERR_BUG, "first.weight" },
		{ "group norm", ERR_CONFIG, "norm.weight" }, { "groups", ERR_CONFIG, "norm.weight" },
		{ "batch norm", ERR_CONFIG, "first.bias" },  { "tensor", ERR_DATA, "impossible" },
		{ "affine", ERR_BUG, "middle.weight" },
	};
	params ps = network(1);
	err e;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		nn *c = nn_new(i % 2 ? NN_TRAIN : NN_INFER, NN_EXACT, 2);
		dice d = dice_of(1);
		param short_bias = *params_find(&ps, "norm.bias");
		short_bias.n[0] = WIDE - 1;	/* too short by one */
		tensor *x = random_tensor(c, &d, (shape){ 1, 4, 4, 4, 1 }, 1), *wide = random_tensor(c, &d, (shape){ 1, 4, 4, 4, WIDE }, 1),
		       *out = x;
		tensor *small = random_tensor(c, &d, (shape){ 1, 1, 4, 4, WIDE }, 1);
		const batch_norm bn = { params_find(&ps, "batch.weight"), params_find(&ps, "first.bias"), params_find(&ps, "batch.mean"),
					params_find(&ps, "batch.var"),	 params_find(&ps, "batch.steps"), 1e-5, .1 };
		param *first_bias = params_find(&ps, "first.bias");
		conv_spec s = { .weight = params_find(&ps, "first.weight"), .bias = &short_bias, .pad_low = 1, .pad_high = 1 };
		switch (i) {
		case 0: out = conv(c, &ps, "middle", x, (conv_spec){ .add = nn_keep(wide) }); break;
		case 1: out = nn_conv(c, x, &s); break;
		case 2: out = conv(c, &ps, "last", small, (conv_spec){ .pad_low = 1, .pad_high = 1 }); break;
		case 3: out = conv(c, &ps, "first", x, (conv_spec){ .add = nn_keep(wide) }); break;
		case 4: out = nn_group_norm(c, x, params_find(&ps, "norm.weight"), params_find(&ps, "norm.bias"), 1, 1e-6); break;
		case 5: out = nn_group_norm(c, wide, params_find(&ps, "norm.weight"), params_find(&ps, "norm.bias"), 5, 1e-6); break;
		case 6:
			first_bias->n[0] = WIDE + 1;
			out = nn_batch_norm(c, wide, &bn, true);
			first_bias->n[0] = WIDE;
			break;
		case 7: out = nn_tensor(c, (shape){ 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 }); break;
		case 8: out = conv(c, &ps, "middle", wide, (conv_spec){ .pad_low = 1, .pad_high = 1, .affine = small }); break;
		}
		if (out)
			fail_msg("%s: accepted", want[i].what);
		assert_int_equal(wide->refs, 1);	/* the residual's reference is taken over in any case */
		/* the first error stays, and nothing runs behind it */
		assert_null(nn_fail(c, ERR_BUG, "later"));
		assert_null(conv(c, &ps, "first", x, (conv_spec){ .pad_low = 1, .pad_high = 1 }));
		assert_null(nn_tensor(c, SCAN));
		int code = nn_error(c, &e);
		if (code != want[i].code || !strstr(e.text, want[i].part))
			fail_msg("%s: %d %s", want[i].what, code, e.text);
		assert_int_equal(nn_error(c, &e), 0);
		out = conv(c, &ps, "first", x, (conv_spec){ .pad_low = 1, .pad_high = 1 });
		assert_non_null(out);
		nn_drop(c, out);
		nn_drop(c, x);
		nn_drop(c, wide);
		nn_drop(c, small);
		nn_free(c);
	}
	params_free(&ps);
}

/* What an operator hands on after an error is NULL: the next ones take it. */
static void test_null(void **state)
{
	(void)state;
	err e;
	params ps = network(1);
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 1);
	tensor *t = nn_tensor(c, (shape){ 1, 1, 1, 1, 1 });
	assert_null(forward(c, &ps, NULL, true));
	assert_null(nn_l1(c, NULL, t));
	assert_null(nn_l1(c, t, NULL));
	assert_null(nn_squared_to(c, NULL, 1));
	assert_null(nn_kl(c, NULL, t));
	assert_null(nn_posterior(c, t, NULL, t));
	assert_null(nn_detach(c, NULL));
	assert_null(nn_keep(NULL));
	nn_drop(c, NULL);
	nn_backward(c, NULL, 1);
	nn_to_field(c, NULL, NULL);
	assert_true(isnan(nn_value(NULL)));
	assert_int_equal(nn_error(c, &e), 0);
	nn_drop(c, t);
	nn_free(c);
	nn_free(NULL);
	params_free(&ps);
}

/* Losses of tensors that do not belong together. */
static void test_unlike(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 1);
	tensor *a = nn_tensor(c, (shape){ 1, 2, 2, 2, 3 }), *b = nn_tensor(c, (shape){ 1, 2, 2, 2, 1 });
	assert_null(nn_l1(c, a, b));
	assert_int_equal(nn_error(c, &e), ERR_BUG);
	assert_null(nn_kl(c, a, b));
	assert_int_equal(nn_error(c, &e), ERR_BUG);
	assert_null(nn_posterior(c, a, b, a));
	assert_int_equal(nn_error(c, &e), ERR_BUG);
	assert_null(nn_posterior(c, a, a, b));
	assert_int_equal(nn_error(c, &e), ERR_BUG);
	nn_drop(c, a);
	nn_drop(c, b);
	nn_free(c);
}

/* ---- plans ---- */

static void test_plan(void **state)
{
	(void)state;
	err e;
	for (int threads = 1; threads <= 3; threads += 2)
		for (int math = NN_EXACT; math <= NN_FAST; math++) {
			size_t peak[2];
			double flop[2];
			/* the plan first, with the same weights: it must not stand in the way of the run */
			params ps = network(2);
			for (int run = 0; run < 2; run++) {
				nn *c = nn_new(run ? NN_INFER : NN_PLAN, (enum nn_math)math, threads);
				float *data = calloc(shape_count(SCAN), sizeof *data);
				tensor *x = nn_from_field(c, SCAN, run ? data : NULL);
				tensor *y = forward(c, &ps, x, false);
				SUCCEEDS(nn_error(c, &e));
				assert_non_null(y);
				assert_true(run ? y->v != NULL : y->v == NULL);
				assert_true(shape_equal(y->s, (shape){ 2, 10, 11, 12, LAST }));
				nn_drop(c, x);
				nn_drop(c, y);
				peak[run] = nn_peak(c);
				flop[run] = nn_flop(c);
				nn_free(c);
				free(data);
				/* what is packed counts where it is made: forget it between the two */
				for (size_t i = 0; i < ps.n; i++)
					param_touch(&ps.p[i]);
			}
			params_free(&ps);
			if (peak[0] != peak[1])
				fail_msg("%d threads, math %d: planned %zu bytes, took %zu", threads, math, peak[0], peak[1]);
			assert_true(flop[0] == flop[1]);
			/* direct convolutions: 2 * outputs * taps * inputs each */
			double voxels = 2. * 20 * 22 * 24, w = WIDE;
			assert_true(flop[0] == 2 * 27 * w * voxels * (1 + w + w / 8 + w) + 2 * 64 * w * LAST * voxels / 8);
		}
}

/* The same weights, planned and then run without forgetting anything. */
static void test_plan_then_run(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	bytes got[2] = { 0 };
	for (int planned = 0; planned < 2; planned++) {
		if (planned) {
			nn *p = nn_new(NN_PLAN, NN_EXACT, 2);
			tensor *x = nn_from_field(p, SCAN, NULL);
			nn_drop(p, forward(p, &ps, x, false));
			nn_drop(p, x);
			SUCCEEDS(nn_error(p, &e));
			nn_free(p);
		}
		nn *c = nn_new(NN_INFER, NN_EXACT, 2);
		dice d = dice_of(1);
		tensor *x = random_tensor(c, &d, SCAN, 1), *y = forward(c, &ps, x, false);
		SUCCEEDS(nn_error(c, &e));
		append(&got[planned], y->v, shape_count(y->s));
		nn_drop(c, x);
		nn_drop(c, y);
		nn_free(c);
		for (size_t i = 0; i < ps.n; i++)
			param_touch(&ps.p[i]);
	}
	assert_memory_equal(got[0].v, got[1].v, got[0].n * sizeof(float));
	free(got[0].v);
	free(got[1].v);
	params_free(&ps);
}

/* A plan of training: three times the products of the way there; the memory that a step takes. */
static void test_plan_training(void **state)
{
	(void)state;
	err e;
	size_t peak[2];
	double flop[2];
	for (int run = 0; run < 2; run++) {
		params ps = network(2);
		nn *c = nn_new(run ? NN_TRAIN : NN_PLAN, NN_EXACT, 2);
		nn_record(c, true);
		float *data = calloc(shape_count(SCAN), sizeof *data);
		tensor *x = nn_from_field(c, SCAN, run ? data : NULL), *y = forward(c, &ps, x, true), *loss = nn_squared_to(c, y, 1);
		nn_drop(c, x);
		nn_drop(c, y);
		flop[run] = nn_flop(c);
		nn_backward(c, loss, 1);
		SUCCEEDS(nn_error(c, &e));
		nn_drop(c, loss);
		peak[run] = nn_peak(c);
		assert_true(run || nn_flop(c) == 3 * flop[0]);
		nn_free(c);
		free(data);
		params_free(&ps);
	}
	assert_true(flop[0] == flop[1]);
	assert_int_equal(peak[0], peak[1]);
}

/* ---- memory ---- */

static void test_pool(void **state)
{
	(void)state;
	pool p;
	pool_init(&p, false, 1);
	char *a = pool_take(&p, 100000), *b = pool_take(&p, 5 << 20);
	assert_true((uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0);
	memset(a, 1, 100000);
	memset(b, 2, 5 << 20);
	size_t live = p.live;
	assert_true(live >= 100000 + (5 << 20));
	pool_give(&p, a, 100000);
	assert_true(p.kept > 0 && p.live + p.kept == live);
	/* the same size again is the same memory, a nearly equal one too */
	assert_ptr_equal(pool_take(&p, 100000 - 10), a);
	assert_int_equal(p.kept, 0);
	pool_give(&p, a, 100000 - 10);
	pool_give(&p, b, 5 << 20);
	assert_int_equal(p.live, 0);
	/* another size: what is kept goes before the limit is passed */
	char *d = pool_take(&p, 4 << 20);
	memset(d, 3, 4 << 20);
	assert_true(p.live + p.kept <= p.live_peak);
	assert_int_equal(p.peak, live);
	pool_give(&p, d, 4 << 20);
	pool_free(&p);
	/* counting: the same book-keeping, no memory */
	pool_init(&p, true, 1);
	assert_null(pool_take(&p, 100000));
	assert_null(pool_take(&p, 5 << 20));
	assert_int_equal(p.live, live);
	pool_give(&p, NULL, 5 << 20);
	pool_give(&p, NULL, 100000);
	assert_int_equal(p.live, 0);
	pool_free(&p);
}

/* A second scan takes no more memory than the first, and gets the same result. */
static void test_again(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	dice d = dice_of(1);
	tensor *x = random_tensor(c, &d, SCAN, 1), *first = forward(c, &ps, x, false);
	size_t peak = nn_peak(c);
	bytes kept = { 0 };
	append(&kept, first->v, shape_count(first->s));
	nn_drop(c, first);
	for (int i = 0; i < 3; i++) {
		tensor *y = forward(c, &ps, x, false);
		SUCCEEDS(nn_error(c, &e));
		assert_int_equal(nn_peak(c), peak);
		assert_memory_equal(y->v, kept.v, kept.n * sizeof(float));
		nn_drop(c, y);
	}
	/* changed weights: seen after param_touch */
	param *w = params_find(&ps, "last.weight");
	memset(w->v, 0, w->count * sizeof(float));
	param_touch(w);
	tensor *y = forward(c, &ps, x, false);
	SUCCEEDS(nn_error(c, &e));
	for (size_t i = 0; i < shape_count(y->s); i++)
		assert_true(y->v[i] == params_find(&ps, "last.bias")->v[i % LAST]);
	nn_drop(c, y);
	nn_drop(c, x);
	free(kept.v);
	nn_free(c);
	params_free(&ps);
}

static void test_in_place(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	const shape s = { 1, 5, 6, 7, WIDE };
	const conv_spec same = { .pad_low = 1, .pad_high = 1 };
	for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
		nn *c = nn_new((enum nn_mode)mode, NN_EXACT, 2);
		dice d = dice_of(1);
		tensor *x = random_tensor(c, &d, s, 1), *add = random_tensor(c, &d, s, 1);
		bytes before = { 0 };
		append(&before, add->v, shape_count(s));
		/* somebody else reads it: memory of its own */
		conv_spec spec = same;
		spec.add = nn_keep(add);
		tensor *apart = conv(c, &ps, "middle", x, spec);
		SUCCEEDS(nn_error(c, &e));
		assert_true(apart->v != add->v);
		assert_int_equal(add->refs, mode == NN_TRAIN ? 2 : 1);	/* the tape is a reader */
		assert_memory_equal(add->v, before.v, before.n * sizeof(float));
		nn_forget(c);
		assert_int_equal(add->refs, 1);
		/* nobody else does: its memory */
		float *v = add->v;
		spec.add = add;
		tensor *over = conv(c, &ps, "middle", x, spec);
		SUCCEEDS(nn_error(c, &e));
		assert_ptr_equal(over->v, v);
		assert_memory_equal(over->v, apart->v, shape_count(s) * sizeof(float));
		/* x as its own residual is read while it is added */
		spec.add = nn_keep(x);
		tensor *both = conv(c, &ps, "middle", x, spec);
		assert_true(both->v != x->v);
		tensor *all[] = { x, apart, over, both };
		for (size_t i = 0; i < sizeof all / sizeof *all; i++)
			nn_drop(c, all[i]);
		free(before.v);
		nn_free(c);
	}
	params_free(&ps);
}

/* A convolution of one tap whose input nobody else reads writes over it, slab by slab; the tape is a reader. */
static void test_over_input(void **state)
{
	(void)state;
	err e;
	enum { IN = 16, OUT = 15 };
	const shape s = { 2, 40, 60, 64, IN };	/* several slabs */
	params ps = { 0 };
	dice d = dice_of(3);
	param *w, *b;
	SUCCEEDS(params_add(&ps, "w", 5, (int64_t[]){ OUT, IN, 1, 1, 1 }, &w, &e));
	SUCCEEDS(params_add(&ps, "b", 1, (int64_t[]){ OUT }, &b, &e));
	w = params_find(&ps, "w");
	normals(&d, w->count, .3, w->v, NULL);
	normals(&d, b->count, .3, b->v, NULL);
	conv_spec apart = { .weight = w, .bias = b, .act = ACT_SILU }, over = apart;
	over.takes_x = true;
	for (int mode = NN_INFER; mode <= NN_PLAN; mode++) {
		nn *c = nn_new((enum nn_mode)mode, NN_EXACT, 2);
		tensor *x = nn_tensor(c, s);
		if (mode != NN_PLAN) {
			normals(&d, shape_count(s), 1, x->v, NULL);
			x->needs_grad = mode == NN_TRAIN;
			tensor *want = nn_conv(c, x, &apart);
			nn_forget(c);
			float *v = x->v;
			tensor *got = nn_conv(c, x, &over);
			assert_int_equal(got->v == v, mode == NN_INFER);
			assert_memory_equal(got->v, want->v, shape_count(want->s) * sizeof(float));
			assert_true(shape_equal(got->s, want->s));
			nn_drop(c, want);
			nn_drop(c, got);
		} else {
			nn_drop(c, nn_conv(c, x, &over));
		}
		SUCCEEDS(nn_error(c, &e));
		assert_true(mode != NN_PLAN || nn_peak(c) < shape_count(s) * sizeof(float) * 3 / 2);
		nn_free(c);
	}
	params_free(&ps);
}

/* ---- the tape's edges ---- */

static void test_detach(void **state)
{
	(void)state;
	err e;
	params ps = network(2);
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 2);
	dice d = dice_of(1);
	tensor *x = random_tensor(c, &d, SCAN, 1), *y = forward(c, &ps, x, true);
	assert_true(y->needs_grad && !x->needs_grad);
	tensor *cut = nn_detach(c, nn_keep(y));
	assert_true(!cut->needs_grad && cut->v != y->v);
	assert_memory_equal(cut->v, y->v, shape_count(y->s) * sizeof(float));
	tensor *loss = nn_squared_to(c, cut, 0);
	assert_false(loss->needs_grad);
	nn_backward(c, loss, 1);
	SUCCEEDS(nn_error(c, &e));
	for (size_t i = 0; i < ps.n; i++)
		for (size_t k = 0; ps.p[i].g && k < ps.p[i].count; k++)
			assert_true(ps.p[i].g[k] == 0);
	nn_drop(c, cut);
	nn_drop(c, loss);
	nn_drop(c, y);

	/* not recording: the same values, nothing to go back over */
	nn_record(c, false);
	y = forward(c, &ps, x, false);
	assert_false(y->needs_grad);
	assert_int_equal(y->refs, 1);
	nn_drop(c, y);
	nn_record(c, true);

	/* frozen weights take no gradient but let it through */
	params_freeze(&ps, true);
	x->needs_grad = true;
	y = forward(c, &ps, x, true);
	loss = nn_squared_to(c, y, 0);
	nn_backward(c, loss, 1);
	SUCCEEDS(nn_error(c, &e));
	double *g = widened(x->g, shape_count(SCAN));
	assert_true(rms(g, shape_count(SCAN)) > 0);
	free(g);
	for (size_t i = 0; i < ps.n; i++)
		for (size_t k = 0; ps.p[i].g && k < ps.p[i].count; k++)
			assert_true(ps.p[i].g[k] == 0);
	/* a context for inference never records */
	nn *infer = nn_new(NN_INFER, NN_EXACT, 1);
	nn_record(infer, true);
	params_freeze(&ps, false);
	tensor *t = random_tensor(infer, &d, (shape){ 1, 4, 4, 4, 1 }, 1), *u = forward(infer, &ps, t, false);
	assert_false(u->needs_grad);
	assert_false(nn_training(infer));
	nn_drop(infer, t);
	nn_drop(infer, u);
	nn_free(infer);
	nn_drop(c, y);
	nn_drop(c, loss);
	nn_drop(c, x);
	nn_free(c);
	params_free(&ps);
}

/* A context is freed with its tape full: the sanitizer tells whether all goes. */
static void test_forgotten(void **state)
{
	(void)state;
	params ps = network(2);
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 1);
	dice d = dice_of(1);
	tensor *x = random_tensor(c, &d, SCAN, 1), *y = forward(c, &ps, x, true);
	assert_true(y->refs == 2 && x->refs == 2);
	nn_forget(c);
	assert_true(y->refs == 1 && x->refs == 1);
	nn_drop(c, y);
	nn_drop(c, forward(c, &ps, x, true));
	nn_drop(c, x);
	nn_free(c);
	params_free(&ps);
}

static void test_field(void **state)
{
	(void)state;
	const shape s = { 2, 3, 4, 5, 6 };
	size_t n = shape_count(s);
	nn *c = nn_new(NN_INFER, NN_EXACT, 3);
	float *data = malloc(n * sizeof *data), *back = malloc(n * sizeof *back);
	for (size_t i = 0; i < n; i++)
		data[i] = (float)i;
	tensor *t = nn_from_field(c, s, data);
	/* channel 5 of voxel (2,1,3) of volume 1 */
	assert_true(t->v[((((size_t)1 * 3 + 2) * 4 + 1) * 5 + 3) * 6 + 5] == (float)((((1 * 6 + 5) * 3 + 2) * 4 + 1) * 5 + 3));
	nn_to_field(c, t, back);
	assert_memory_equal(data, back, n * sizeof *data);
	free(data);
	free(back);
	nn_drop(c, t);
	nn_free(c);
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
		cmocka_unit_test(test_threads),	  cmocka_unit_test(test_misfits),	cmocka_unit_test(test_null),
		cmocka_unit_test(test_unlike),	  cmocka_unit_test(test_plan),		cmocka_unit_test(test_plan_then_run),
		cmocka_unit_test(test_plan_training), cmocka_unit_test(test_pool),	cmocka_unit_test(test_again),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_over_input), cmocka_unit_test(test_detach),	cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_field),	  cmocka_unit_test(test_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
