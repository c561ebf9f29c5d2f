/* The operators between convolutions (dropout, pooling, upsampling, blocks, concatenation, places, modulation, time embedding) against
 * their plain formulas in double: values, gradients, threads, plans. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"

#include "nn/blocks.h"
#include "nn/combine.h"
#include "nn/dropout.h"
#include "nn/internal.h"
#include "nn/resample.h"

enum what { DROPOUT, MEAN_POOL, UPSAMPLE, REPEAT, PLACES, TO_BLOCKS, FROM_BLOCKS, FLATTEN, CONCAT, DIFFERENCE, MODULATE, KINDS };

static const char *const names[KINDS] = { "dropout",	 "mean pool", "upsample", "repeat",	"places",  "to blocks",
					  "from blocks", "flatten",   "concat",	  "difference", "modulate" };

typedef struct op_case {
	enum what what;
	shape a, b; /* b: the other tensor of concat; b.c 0: pool and dropout without affine */
	int by[3]; /* repeat: by[0] times; blocks of by[0] */
	enum act act;
} op_case;

static const op_case cases[] = {
	{ DROPOUT, { 2, 3, 4, 5, 17 }, { .c = 1 }, { 1, 1, 1 }, ACT_SILU },
	{ DROPOUT, { 1, 1, 1, 1, 40 }, { 0 }, { 1, 1, 1 }, ACT_NONE },
	{ MEAN_POOL, { 2, 3, 4, 6, 8 }, { .c = 1 }, { 1, 2, 2 }, ACT_SILU },
	{ MEAN_POOL, { 1, 4, 2, 6, 5 }, { 0 }, { 2, 1, 3 }, ACT_NONE },
	{ UPSAMPLE, { 2, 3, 2, 3, 5 }, { 0 }, { 1, 2, 2 }, ACT_NONE },
	{ UPSAMPLE, { 1, 2, 1, 3, 16 }, { 0 }, { 3, 1, 2 }, ACT_NONE },
	{ REPEAT, { 2, 1, 2, 3, 5 }, { 0 }, { 3, 1, 1 }, ACT_NONE },
	{ PLACES, { 2, 3, 1, 5, 17 }, { 0 }, { 1, 1, 1 }, ACT_NONE },
	{ PLACES, { 1, 6, 4, 2, 8 }, { 0 }, { 1, 1, 1 }, ACT_NONE },
	{ TO_BLOCKS, { 2, 4, 6, 2, 3 }, { 0 }, { 2, 1, 1 }, ACT_NONE },
	{ TO_BLOCKS, { 1, 3, 6, 9, 1 }, { 0 }, { 3, 1, 1 }, ACT_NONE },
	{ FROM_BLOCKS, { 2, 1, 3, 2, 16 }, { 0 }, { 2, 1, 1 }, ACT_NONE },
	{ FROM_BLOCKS, { 1, 2, 1, 1, 27 }, { 0 }, { 3, 1, 1 }, ACT_NONE },
	{ CONCAT, { 2, 3, 4, 5, 3 }, { 2, 3, 4, 5, 8 }, { 1, 1, 1 }, ACT_NONE },
	{ FLATTEN, { 2, 3, 2, 2, 3 }, { 0 }, { 1, 1, 1 }, ACT_NONE },
	{ DIFFERENCE, { 2, 3, 4, 5, 3 }, { 2, 3, 4, 5, 3 }, { 1, 1, 1 }, ACT_NONE },
	{ MODULATE, { 3, 1, 1, 1, 34 }, { 3, 1, 1, 1, 34 }, { 1, 1, 1 }, ACT_NONE },
};

typedef struct op_setup {
	const op_case *k;
	tensor *a, *b; /* b: affine, or the other tensor; NULL: none */
	double *ra, *rb;
	shape out;
	dropout drop;
	const double *r;
} op_setup;

static void make(op_setup *s, nn *c, const op_case *k, uint64_t seed)
{
	dice d = dice_of(seed);
	bool affine = k->what <= MEAN_POOL && k->b.c;
	*s = (op_setup){ .k = k, .out = k->a, .drop = { .rate = .3, .random = philox_make(seed, 1) } };
	s->a = random_tensor(c, &d, k->a, 1);
	if (affine || k->what >= CONCAT)
		s->b = random_tensor(c, &d, affine ? (shape){ k->a.b, 1, 1, 1, 2 * k->a.c } : k->b, 1);
	s->a->needs_grad = true;
	if (s->b)
		s->b->needs_grad = true;
	if (k->what == MEAN_POOL)
		s->out = (shape){ k->a.b, k->a.x / k->by[0], k->a.y / k->by[1], k->a.z / k->by[2], k->a.c };
	if (k->what == REPEAT)
		s->out.b *= k->by[0];
	if (k->what == UPSAMPLE)
		s->out = (shape){ k->a.b, k->a.x * k->by[0], k->a.y * k->by[1], k->a.z * k->by[2], k->a.c };
	const int by = k->by[0];
	if (k->what == TO_BLOCKS)
		s->out = (shape){ k->a.b, k->a.x / by, k->a.y / by, k->a.z / by, k->a.c * by * by * by };
	if (k->what == FROM_BLOCKS)
		s->out = (shape){ k->a.b, k->a.x * by, k->a.y * by, k->a.z * by, k->a.c / by / by / by };
	if (k->what == FLATTEN)
		s->out = (shape){ k->a.b, 1, 1, 1, k->a.x * k->a.y * k->a.z * k->a.c };
	if (k->what == CONCAT)
		s->out.c += k->b.c;
	s->ra = s->a->v ? widened(s->a->v, shape_count(s->a->s)) : NULL;
	s->rb = s->b && s->b->v ? widened(s->b->v, shape_count(s->b->s)) : NULL;
}

static void unmake(op_setup *s, nn *c)
{
	nn_drop(c, s->a);
	nn_drop(c, s->b);
	free(s->ra);
	free(s->rb);
}

static const double over[] = { 2.5, -.75 }; /* of the volumes of a difference */

static tensor *run(nn *c, op_setup *s)
{
	switch (s->k->what) {
	case DROPOUT:
		return nn_dropout(c, s->a, s->b, s->k->act, &s->drop);
	case MEAN_POOL:
		return nn_mean_pool(c, s->a, s->b, s->k->act, s->k->by);
	case UPSAMPLE:
		return nn_upsample(c, s->a, s->k->by);
	case REPEAT:
		return nn_repeat(c, s->a, s->k->by[0]);
	case PLACES:
		return nn_add_places(c, s->a);
	case TO_BLOCKS:
		return nn_to_blocks(c, s->a, s->k->by[0]);
	case FROM_BLOCKS:
		return nn_from_blocks(c, s->a, s->k->by[0]);
	case FLATTEN:
		return nn_flatten(c, s->a);
	case DIFFERENCE:
		return nn_difference(c, s->a, s->b, over);
	case CONCAT:
		return nn_concat(c, s->a, s->b);
	default:
		return nn_modulate(c, s->a, s->b);
	}
}

/* Element i of a grid of blocks of k voxels a side with `coarse` shape -> its element of the fine grid [b,X*k,Y*k,Z*k,C]. */
static size_t in_fine_grid(size_t i, shape coarse, int k)
{
	size_t of = (size_t)k, fine = (size_t)coarse.c / (of * of * of), channel = i % fine, rest = i / fine, d[3], at[3];
	for (int a = 2; a >= 0; a--, rest /= of)
		d[a] = rest % of;
	const size_t n[3] = { (size_t)coarse.x, (size_t)coarse.y, (size_t)coarse.z };
	for (int a = 2; a >= 0; a--) {
		at[a] = rest % n[a] * of + d[a];
		rest /= n[a];
	}
	return (((rest * n[0] * of + at[0]) * n[1] * of + at[1]) * n[2] * of + at[2]) * fine + channel;
}

static double *plain(const op_setup *s)
{
	const op_case *k = s->k;
	double *y = doubles(shape_count(s->out)), *h = doubles(shape_count(k->a));
	size_t voxels = (size_t)(k->a.x * k->a.y * k->a.z), ca = (size_t)k->a.c, cb = (size_t)k->b.c;
	if (k->what <= MEAN_POOL)
		ref_prologue(k->a, s->ra, s->rb, k->act, h);
	switch (k->what) {
	case DROPOUT:
		for (size_t i = 0; i < shape_count(k->a); i++) {
			size_t voxel = i / ca % voxels, volume = i / ca / voxels;
			uint64_t place = (volume * ca + i % ca) * voxels + voxel;
			uint32_t word[4];
			philox_block(s->drop.random, place / 4, word);
			double u = word[place % 4] / 4294967296.;
			y[i] = u < s->drop.rate ? 0 : h[i] / (1 - s->drop.rate);
		}
		break;
	case MEAN_POOL:
		ref_mean_pool(k->a, k->by, h, y);
		break;
	case UPSAMPLE:
		ref_upsample(k->a, k->by, s->ra, y);
		break;
	case REPEAT:
		for (size_t i = 0; i < shape_count(s->out); i++)
			y[i] = s->ra[i % shape_count(k->a)];
		break;
	case PLACES:
		for (size_t i = 0; i < shape_count(s->out); i++) {
			const int n[3] = { k->a.x, k->a.y, k->a.z };
			size_t voxel = i / ca % voxels, channel = i % ca, axis = channel % 3;
			size_t at[3] = { voxel / (size_t)(n[1] * n[2]), voxel / (size_t)n[2] % (size_t)n[1], voxel % (size_t)n[2] };
			double f = n[axis] > 1 ? 1 + (double)(channel / 3 % (size_t)(n[axis] - 1)) : 0;
			y[i] = s->ra[i] + (f > 0 ? sqrt(2) * cos(f * acos(-1) * ((double)at[axis] + .5) / n[axis]) : 0);
		}
		break;
	case TO_BLOCKS:
		for (size_t i = 0; i < shape_count(s->out); i++)
			y[i] = s->ra[in_fine_grid(i, s->out, k->by[0])];
		break;
	case FROM_BLOCKS:
		for (size_t i = 0; i < shape_count(k->a); i++)
			y[in_fine_grid(i, k->a, k->by[0])] = s->ra[i];
		break;
	case FLATTEN:
		memcpy(y, s->ra, shape_count(k->a) * sizeof *y);
		break;
	case DIFFERENCE:
		for (size_t i = 0; i < shape_count(k->a); i++)
			y[i] = over[i / (ca * voxels)] * (s->ra[i] - s->rb[i]);
		break;
	case CONCAT:
		for (size_t i = 0; i < shape_count(s->out); i++) {
			size_t voxel = i / (ca + cb), at = i % (ca + cb);
			y[i] = at < ca ? s->ra[voxel * ca + at] : s->rb[voxel * cb + at - ca];
		}
		break;
	default:
		ref_modulate(k->a.b, k->a.c / 2, s->ra, s->rb, y);
	}
	free(h);
	return y;
}

static double value(const void *of)
{
	const op_setup *s = of;
	double *y = plain(s), sum = 0;
	for (size_t i = 0; i < shape_count(s->out); i++)
		sum += y[i] * s->r[i];
	free(y);
	return sum;
}

static void test_formulas(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err e;
		const char *name = names[cases[i].what];
		nn *c = nn_new(NN_TRAIN, NN_EXACT, 1 + (int)(i % 3));
		op_setup s;
		make(&s, c, &cases[i], 30 + i);
		tensor *y = run(c, &s);
		SUCCEEDS(nn_error(c, &e));
		assert_true(shape_equal(y->s, s.out));
		double *want = plain(&s), far = strays(y->v, want, shape_count(y->s)), *r = random_floats(i, shape_count(y->s));
		if (!(far < 3e-7))
			fail_msg("%s: strays by %.1e", name, far);
		/* twice: gradients add up */
		s.r = r;
		back_from(c, y, r);
		nn_drop(c, y);
		y = run(c, &s);
		back_from(c, y, r);
		for (size_t k = 0; k < shape_count(s.out); k++)
			r[k] *= 2;
		if (!is_gradient(name, value, &s, s.ra, s.a->g, shape_count(s.a->s), 1e-6) ||
		    (s.b && !is_gradient(name, value, &s, s.rb, s.b->g, shape_count(s.b->s), 1e-6)))
			fail_msg("%s: case %zu", name, i);
		free(want);
		free(r);
		nn_drop(c, y);
		unmake(&s, c);
		nn_free(c);
	}
}

static void test_threads_and_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		float *first = NULL;
		for (int threads = 1; threads <= 3; threads++) {
			size_t peak[2];
			for (int real = 0; real < 2; real++) {
				err e;
				nn *c = nn_new(real ? NN_TRAIN : NN_PLAN, NN_EXACT, threads);
				nn_record(c, true);
				op_setup s;
				make(&s, c, &cases[i], 40);
				tensor *y = run(c, &s);
				double *r = random_floats(1, shape_count(s.out));
				if (real) {
					back_from(c, y, r);
				} else {
					nn_gradient(c, y);
					nn_backward(c, y, 0);
				}
				SUCCEEDS(nn_error(c, &e));
				assert_true(shape_equal(y->s, s.out));
				size_t n = shape_count(s.out), m = shape_count(s.a->s);
				if (real && !first) {
					first = malloc((n + m) * sizeof *first);
					memcpy(first, y->v, n * sizeof *first);
					memcpy(first + n, s.a->g, m * sizeof *first);
				} else if (real) {
					assert_memory_equal(first, y->v, n * sizeof *first);
					assert_memory_equal(first + n, s.a->g, m * sizeof *first);
				}
				free(r);
				nn_drop(c, y);
				unmake(&s, c);
				peak[real] = nn_peak(c);
				nn_free(c);
			}
			assert_int_equal(peak[0], peak[1]);
		}
		free(first);
	}
}

/* The share that is dropped, the same mask again for the same generator, another one for another. */
static void test_mask(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	tensor *x = nn_tensor(c, (shape){ 1, 20, 20, 20, 8 });
	size_t n = shape_count(x->s), zeros = 0, unlike = 0;
	for (size_t i = 0; i < n; i++)
		x->v[i] = 1;
	dropout d = { .rate = .1, .random = philox_make(1, 2) };
	tensor *a = nn_dropout(c, x, NULL, ACT_NONE, &d), *again = nn_dropout(c, x, NULL, ACT_NONE, &d);
	d.random = philox_make(1, 3);
	tensor *b = nn_dropout(c, x, NULL, ACT_NONE, &d);
	d.rate = 1;
	assert_null(nn_dropout(c, x, NULL, ACT_NONE, &d));
	assert_int_equal(nn_error(c, &e), ERR_BUG);
	assert_memory_equal(a->v, again->v, n * sizeof(float));
	for (size_t i = 0; i < n; i++) {
		assert_true(a->v[i] == 0 || a->v[i] == (float)(1 / .9));
		zeros += a->v[i] == 0;
		unlike += a->v[i] != b->v[i];
	}
	/* 64000 draws: standard deviation .0012 */
	assert_true(fabs((double)zeros / (double)n - .1) < .005);
	assert_true(fabs((double)unlike / (double)n - .18) < .007);
	tensor *all[] = { x, a, again, b };
	for (int i = 0; i < 4; i++)
		nn_drop(c, all[i]);
	nn_free(c);
}

static void test_misfits(void **state)
{
	(void)state;
	err e;
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	tensor *x = nn_tensor(c, (shape){ 1, 4, 5, 6, 8 }), *y = nn_tensor(c, (shape){ 1, 4, 5, 5, 8 }),
	       *m = nn_tensor(c, (shape){ 1, 1, 1, 1, 8 });
	assert_null(nn_mean_pool(c, x, NULL, ACT_NONE, (int[]){ 1, 2, 2 }));
	FAILS(ERR_DATA, "4x5x6", nn_error(c, &e));
	assert_null(nn_mean_pool(c, x, m, ACT_NONE, (int[]){ 1, 1, 2 }));
	FAILS(ERR_BUG, "mean pooling", nn_error(c, &e));
	assert_null(nn_concat(c, x, y));
	FAILS(ERR_DATA, "do not fit", nn_error(c, &e));
	assert_null(nn_difference(c, x, y, over));
	FAILS(ERR_DATA, "a difference", nn_error(c, &e));
	assert_null(nn_modulate(c, x, m));
	FAILS(ERR_CONFIG, "modulation", nn_error(c, &e));
	assert_null(nn_dropout(c, x, m, ACT_NONE, &(dropout){ .rate = .1 }));
	FAILS(ERR_BUG, "dropout", nn_error(c, &e));
	assert_null(nn_to_blocks(c, x, 2));
	FAILS(ERR_DATA, "4x5x6", nn_error(c, &e));
	assert_null(nn_from_blocks(c, x, 3));
	FAILS(ERR_CONFIG, "8 channels", nn_error(c, &e));
	assert_null(nn_to_blocks(c, NULL, 2));
	assert_null(nn_from_blocks(c, NULL, 2));
	assert_null(nn_mean_pool(c, NULL, NULL, ACT_NONE, (int[]){ 1, 1, 2 }));
	assert_null(nn_upsample(c, NULL, (int[]){ 1, 1, 2 }));
	assert_null(nn_concat(c, x, NULL));
	assert_null(nn_modulate(c, NULL, m));
	assert_null(nn_dropout(c, NULL, NULL, ACT_NONE, &(dropout){ .rate = .1 }));
	assert_int_equal(nn_error(c, &e), 0);
	nn_drop(c, x);
	nn_drop(c, y);
	nn_drop(c, m);
	nn_free(c);
}

static void test_time_embedding(void **state)
{
	(void)state;
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	tensor *t = nn_time_embedding(c, (double[]){ 0, 999, .5 }, 3, 9);
	const double times[] = { 0, 999, .5 };
	for (int b = 0; b < 3; b++) {
		for (int i = 0; i < 4; i++) {
			double arg = times[b] / pow(10, i); /* 10000^(-i/4) */
			assert_float_equal(t->v[b * 9 + i], cos(arg), 1e-7);
			assert_float_equal(t->v[b * 9 + 4 + i], sin(arg), 1e-7);
		}
		assert_true(t->v[b * 9 + 8] == 0);
	}
	nn_drop(c, t);
	nn_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_formulas), cmocka_unit_test(test_threads_and_plans),
					    cmocka_unit_test(test_mask), cmocka_unit_test(test_misfits),
					    cmocka_unit_test(test_time_embedding) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
