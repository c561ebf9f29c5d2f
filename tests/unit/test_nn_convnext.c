/* The operators of the semantic encoder against their plain references in double: results, gradients by finite differences, adjoint,
 * threads, plans.
 *
 * Tolerances, as rms of the error over rms of what is compared, u = 2^-24: a float sum of K products strays by some u sqrt(K)/2; K is at
 * most 49 or some hundred here. A norm divides by a spread of 1 or more. 1e-6 for results, 3e-6 for gradients, which are products of two
 * such sums. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"

#include "nn/convnext.h"
#include "nn/depthwise.h"
#include "nn/layer_norm.h"
#include "nn/reference_convnext.h"
#include "nn/slices.h"

static const double RESULT = 1e-6, GRADIENT = 3e-6;

enum { MOST_PARAMS = 8 };

enum kind { DEPTHWISE_CONV, LAYER_NORM, CONVNEXT, MAP_MEAN, ADD_CODE, SOFT_POOL };

/* An operator with its numbers: tensors and parameters of nn, and the same in double. */
typedef struct setup {
	enum kind kind;
	shape s, out;
	int wide;
	params ps;
	tensor *x, *second; /* second: CONVNEXT's d, SOFT_POOL's scores */
	double *rx, *rsecond, *rp[MOST_PARAMS], *rkeep, *r;
	float *keep;
} setup;

typedef struct entry {
	const char *name;
	int rank;
	int64_t n[4];
} entry;

static void add_params(setup *u, dice *d)
{
	int64_t c = u->s.c, h = u->wide, z = u->s.z;
	const entry depthwise[] = { { "weight", 4, { c, 1, 7, 7 } }, { "bias", 1, { c } } };
	const entry norm[] = { { "gain", 1, { c } }, { "offset", 1, { c } } };
	const entry block[] = { { "gain", 1, { c } },	    { "offset", 1, { c } },    { "widen", 2, { h, c } },
				{ "widen_bias", 1, { h } }, { "narrow", 2, { c, h } }, { "narrow_bias", 1, { c } },
				{ "scale", 3, { c, 1, 1 } } };
	const entry code[] = { { "code", 3, { 1, z + 2, c } } };
	const entry *all = u->kind == DEPTHWISE_CONV ? depthwise : u->kind == LAYER_NORM ? norm : u->kind == CONVNEXT ? block : code;
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

static setup make(nn *c, enum kind kind, shape s, int wide, uint64_t seed)
{
	dice d = dice_of(seed);
	setup u = { .kind = kind, .s = s, .out = s, .wide = wide };
	if (kind == MAP_MEAN)
		u.out = (shape){ s.b, 1, 1, s.x, s.c };
	if (kind == SOFT_POOL)
		u.out.z = 1;
	add_params(&u, &d);
	u.x = random_tensor(c, &d, s, 1);
	u.x->needs_grad = true;
	u.rx = widened(u.x->v, shape_count(s));
	if (kind == CONVNEXT || kind == SOFT_POOL) {
		shape other = s;
		if (kind == SOFT_POOL)
			other.c = 1;
		u.second = random_tensor(c, &d, other, 1);
		u.second->needs_grad = true;
		u.rsecond = widened(u.second->v, shape_count(other));
	}
	if (kind == CONVNEXT && seed % 2) { /* stochastic depth */
		int maps = s.b * s.x;
		u.keep = malloc((size_t)maps * sizeof *u.keep);
		for (int i = 0; i < maps; i++)
			u.keep[i] = roll(&d, 0, 2) ? 1.5f : 0;
		u.rkeep = widened(u.keep, (size_t)maps);
	}
	u.r = random_floats(seed + 1, shape_count(u.out));
	return u;
}

static void setup_free(setup *u, nn *c)
{
	nn_drop(c, u->x);
	nn_drop(c, u->second);
	params_free(&u->ps);
	free(u->rx);
	free(u->rsecond);
	for (int i = 0; i < MOST_PARAMS; i++)
		free(u->rp[i]);
	free(u->rkeep);
	free(u->keep);
	free(u->r);
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

static tensor *ours(nn *c, setup *u)
{
	param *p = u->ps.p;
	switch (u->kind) {
	case DEPTHWISE_CONV:
		return nn_depthwise(c, u->x, &p[0], &p[1]);
	case LAYER_NORM:
		return nn_layer_norm(c, u->x, &p[0], &p[1], 1e-6);
	case CONVNEXT: {
		const convnext_spec s = { &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &p[6], 1e-6, u->keep };
		return nn_convnext(c, u->second, nn_keep(u->x), &s);
	}
	case MAP_MEAN:
		return nn_map_mean(c, u->x);
	case ADD_CODE:
		return nn_add_code(c, u->x, &p[0]);
	default:
		return nn_soft_pool(c, u->x, u->second);
	}
}

static double loss_value(const void *of)
{
	const setup *u = of;
	double *y = plain(u), sum = 0;
	for (size_t i = 0; i < shape_count(u->out); i++)
		sum += y[i] * u->r[i];
	free(y);
	return sum;
}

static void check(enum kind kind, shape s, int wide, uint64_t seed)
{
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 1 + (int)(seed % 3));
	setup u = make(c, kind, s, wide, seed);
	tensor *y = ours(c, &u);
	err e;
	SUCCEEDS(nn_error(c, &e));
	assert_true(shape_equal(y->s, u.out));
	double *want = plain(&u), far = strays(y->v, want, shape_count(u.out));
	back_from(c, y, u.r);
	bool good = far <= RESULT;
	good &= is_gradient("x", loss_value, &u, u.rx, u.x->g, shape_count(s), GRADIENT);
	if (u.second)
		good &= is_gradient("second", loss_value, &u, u.rsecond, u.second->g, shape_count(u.second->s), GRADIENT);
	for (size_t i = 0; i < u.ps.n && kind != ADD_CODE; i++)
		good &= is_gradient(u.ps.p[i].name, loss_value, &u, u.rp[i], u.ps.p[i].g, u.ps.p[i].count, GRADIENT);
	if (!good)
		fail_msg("operator %d on %dx[%dx%dx%d] of %d (%d): result strays by %.1e", kind, s.b, s.x, s.y, s.z, s.c, wide, far);
	free(want);
	nn_drop(c, y);
	setup_free(&u, c);
	nn_free(c);
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

/* <A x, r> = <x, A' r> and the same for the taps, on maps too large for the reference. */
static void test_adjoint(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_TRAIN, NN_EXACT, 2);
	setup u = make(c, DEPTHWISE_CONV, (shape){ 2, 9, 32, 41, 24 }, 0, 8);
	tensor *y = nn_depthwise(c, u.x, &u.ps.p[0], NULL);
	SUCCEEDS(nn_error(c, &e));
	size_t n = shape_count(u.s);
	back_from(c, y, u.r);
	double forward = dot(u.r, y->v, n), through_x = dot(u.rx, u.x->g, n), through_w = dot(u.rp[0], u.ps.p[0].g, u.ps.p[0].count);
	/* sums of n products of numbers of size 1, each off by 1e-6 */
	assert_float_equal(through_x, forward, 5e-6 * sqrt((double)n));
	assert_float_equal(through_w, forward, 5e-6 * sqrt((double)n));
	nn_drop(c, y);
	setup_free(&u, c);
	nn_free(c);
}

/* GELU far out: no NaN, the tails right. */
static void test_gelu_tails(void **state)
{
	(void)state;
	err e;
	const shape s = { 1, 1, 1, 17, 1 };
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	setup u = make(c, CONVNEXT, s, 1, 2);
	const float chosen[] = { 0, 1, 2, 3, 4, 5, 6, 10, 100, 1e4f, -1, -2, -4, -5, -6, -20, -1e4f };
	/* with gain 0 the branch sees the bias alone */
	u.ps.p[0].v[0] = u.ps.p[1].v[0] = u.ps.p[5].v[0] = 0;
	u.ps.p[2].v[0] = u.ps.p[4].v[0] = u.ps.p[6].v[0] = 1;
	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
		u.ps.p[3].v[0] = chosen[i];
		for (int k = 0; k < s.z; k++)
			u.x->v[k] = 0;
		tensor *y = ours(c, &u);
		SUCCEEDS(nn_error(c, &e));
		assert_float_equal(y->v[0], ref_gelu((double)chosen[i]), 3e-7 * fmax(1, fabs((double)chosen[i])));
		nn_drop(c, y);
	}
	setup_free(&u, c);
	nn_free(c);
}

/* All of them in a row, forward and back; the bytes of everything that comes out. */
static float *chain(nn *c, params *ps, const float *data, shape s, size_t *count, size_t *peak)
{
	err e;
	const float keep[3] = { 1, 0, 2 };
	param *p = ps->p;
	tensor *x = nn_from_field(c, s, data), *h = nn_layer_norm(c, x, &p[0], &p[1], 1e-6);
	tensor *d = nn_depthwise(c, h, &p[7], &p[8]);
	const convnext_spec block = { &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &p[6], 1e-6, keep };
	h = nn_convnext(c, d, h, &block);
	tensor *mean = nn_map_mean(c, h), *coded = nn_add_code(c, mean, &p[9]);
	tensor *score = nn_conv(c, coded, &(conv_spec){ .weight = &p[10] }), *y = nn_soft_pool(c, coded, score);
	SUCCEEDS(nn_error(c, &e));
	tensor *all[] = { x, d, h, mean, coded, score };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		nn_drop(c, all[i]);
	size_t n = shape_count(y->s);
	*count = n;
	for (size_t i = 0; i < ps->n; i++)
		*count += ps->p[i].count;
	float *bytes = calloc(*count, sizeof *bytes);
	if (y->v)
		memcpy(bytes, y->v, n * sizeof *bytes);
	nn_backward(c, y, 1);
	SUCCEEDS(nn_error(c, &e));
	nn_drop(c, y);
	for (size_t i = 0; i < ps->n; n += ps->p[i++].count)
		memcpy(bytes + n, ps->p[i].g, ps->p[i].count * sizeof *bytes);
	*peak = nn_peak(c);
	return bytes;
}

static params chain_params(int c)
{
	const entry all[] = { { "gain", 1, { c } },	      { "offset", 1, { c } },	       { "widen", 2, { 4 * c, c } },
			      { "widen_bias", 1, { 4 * c } }, { "narrow", 2, { c, 4 * c } },   { "narrow_bias", 1, { c } },
			      { "scale", 1, { c } },	      { "weight", 4, { c, 1, 7, 7 } }, { "bias", 1, { c } },
			      { "code", 3, { 1, 9, c } },     { "score", 2, { 1, c } } };
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

static void test_threads_and_plans(void **state)
{
	(void)state;
	enum { C = 24 };
	const shape s = { 1, 3, 30, 29, C };
	float *data = malloc(shape_count(s) * sizeof *data), *first = NULL;
	dice d = dice_of(4);
	normals(&d, shape_count(s), 1, data, NULL);
	for (int threads = 1; threads <= 3; threads++)
		for (int plan = 1; plan >= 0; plan--) {
			static size_t planned;
			size_t n, peak;
			params ps = chain_params(C);
			nn *c = nn_new(plan ? NN_PLAN : NN_TRAIN, NN_EXACT, threads);
			nn_record(c, true);
			float *bytes = chain(c, &ps, plan ? NULL : data, s, &n, &peak);
			if (plan)
				planned = peak;
			else
				assert_int_equal(peak, planned);
			if (!plan && first)
				assert_memory_equal(bytes, first, n * sizeof *bytes);
			if (plan || first)
				free(bytes);
			else
				first = bytes;
			nn_free(c);
			params_free(&ps);
		}
	free(first);
	free(data);
}

/* Without a tape the residual's memory is the result's. */
static void test_in_place(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	setup u = make(c, CONVNEXT, (shape){ 2, 3, 5, 5, 17 }, 40, 3);
	double *want = plain(&u);
	float *at = u.x->v;
	const convnext_spec s = { &u.ps.p[0], &u.ps.p[1], &u.ps.p[2], &u.ps.p[3], &u.ps.p[4], &u.ps.p[5], &u.ps.p[6], 1e-6, u.keep };
	tensor *y = nn_convnext(c, u.second, u.x, &s);
	SUCCEEDS(nn_error(c, &e));
	assert_ptr_equal(y->v, at);
	assert_true(strays(y->v, want, shape_count(u.s)) <= RESULT);
	nn_drop(c, y);
	u.x = NULL;
	free(want);
	setup_free(&u, c);
	nn_free(c);
}

static void test_misfits(void **state)
{
	(void)state;
	err e = { 0 };
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	params ps = chain_params(8);
	param *p = ps.p;
	tensor *x = nn_tensor(c, (shape){ 1, 2, 3, 4, 9 }), *line = nn_tensor(c, (shape){ 1, 1, 1, 10, 8 });
	assert_null(nn_depthwise(c, x, &p[7], &p[8]));
	FAILS(ERR_CONFIG, "weight: has not 7x7 taps for each of 9 channels", nn_error(c, &e));
	assert_null(nn_layer_norm(c, x, &p[0], &p[1], 1e-6));
	FAILS(ERR_CONFIG, "gain: has not one number for each of 9 channels", nn_error(c, &e));
	const convnext_spec block = { &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &p[6], 1e-6, NULL };
	assert_null(nn_convnext(c, x, nn_keep(x), &block));
	FAILS(ERR_CONFIG, "widen: does not fit 9 channels", nn_error(c, &e));
	assert_null(nn_convnext(c, line, nn_keep(x), &block));
	FAILS(ERR_BUG, "the residual has another shape", nn_error(c, &e));
	assert_null(nn_add_code(c, line, &p[9]));
	FAILS(ERR_CONFIG, "code: not made for 10 slices of 8 numbers", nn_error(c, &e));
	assert_null(nn_soft_pool(c, line, x));
	FAILS(ERR_BUG, "do not fit together", nn_error(c, &e));
	nn_drop(c, x);
	nn_drop(c, line);
	params_free(&ps);
	nn_free(c);
}

/* With an argument: only the tests that match it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_depthwise),
					    cmocka_unit_test(test_layer_norm),
					    cmocka_unit_test(test_convnext),
					    cmocka_unit_test(test_slices),
					    cmocka_unit_test(test_adjoint),
					    cmocka_unit_test(test_gelu_tails),
					    cmocka_unit_test(test_threads_and_plans),
					    cmocka_unit_test(test_in_place),
					    cmocka_unit_test(test_misfits) };
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
