/* The operators between convolutions (dropout, pooling, upsampling, blocks, concatenation, places, modulation, time embedding) against
 * their plain formulas in double: values, gradients, threads, places in memory. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "nn/blocks.h"
#include "nn/combine.h"
#include "nn/dropout.h"
#include "nn/graph_private.h"
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
	uint64_t seed;
	float *a, *b, *r; /* b: norm, or the other value; NULL: none */
	double *ra, *rb, *rr;
	shape sb, out;
	drop drop;
} op_setup;

static const double over[] = { 2.5, -.75 }; /* of the volumes of a difference */

static shape shape_out(const op_case *k)
{
	const shape a = k->a;
	const int *by = k->by, cube = by[0] * by[0] * by[0];
	switch (k->what) {
	case MEAN_POOL:
		return (shape){ a.b, a.x / by[0], a.y / by[1], a.z / by[2], a.c };
	case UPSAMPLE:
		return (shape){ a.b, a.x * by[0], a.y * by[1], a.z * by[2], a.c };
	case REPEAT:
		return (shape){ a.b * by[0], a.x, a.y, a.z, a.c };
	case TO_BLOCKS:
		return (shape){ a.b, a.x / by[0], a.y / by[0], a.z / by[0], a.c * cube };
	case FROM_BLOCKS:
		return (shape){ a.b, a.x * by[0], a.y * by[0], a.z * by[0], a.c / cube };
	case FLATTEN:
		return (shape){ a.b, 1, 1, 1, a.x * a.y * a.z * a.c };
	case CONCAT:
		return (shape){ a.b, a.x, a.y, a.z, a.c + k->b.c };
	default:
		return a;
	}
}

static op_setup make(const op_case *k, uint64_t seed)
{
	dice d = dice_of(seed);
	const bool affine = k->what <= MEAN_POOL && k->b.c;
	op_setup s = { .k = k, .seed = seed, .out = shape_out(k), .drop = { .rate = .3 } };
	s.drop.random = random_of(&seed, "drop");
	s.a = random_values(&d, k->a, 1);
	s.ra = widened(s.a, shape_count(k->a));
	if (affine || k->what >= CONCAT) {
		s.sb = affine ? (shape){ k->a.b, 1, 1, 1, 2 * k->a.c } : k->b;
		s.b = random_values(&d, s.sb, 1);
		s.rb = widened(s.b, shape_count(s.sb));
	}
	directions(seed, shape_count(s.out), &s.r, &s.rr);
	return s;
}

static void unmake(op_setup *s)
{
	free(s->a);
	free(s->b);
	free(s->r);
	free(s->ra);
	free(s->rb);
	free(s->rr);
}

static layer *described(graph *g, const op_setup *s, layer *a, layer *b, layer *by)
{
	const op_case *k = s->k;
	switch (k->what) {
	case DROPOUT:
		return dropout(g, a, b, k->act, s->drop.rate, "drop");
	case MEAN_POOL:
		return mean_pool(g, a, b, k->act, k->by);
	case UPSAMPLE:
		return upsample(g, a, k->by);
	case REPEAT:
		return repeat(g, a, k->by[0]);
	case PLACES:
		return add_places(g, a);
	case TO_BLOCKS:
		return to_blocks(g, a, k->by[0]);
	case FROM_BLOCKS:
		return from_blocks(g, a, k->by[0]);
	case FLATTEN:
		return flatten(g, a);
	case DIFFERENCE:
		return difference(g, a, b, by);
	case CONCAT:
		return concat(g, a, b);
	default:
		return modulate(g, a, b);
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
		sum += y[i] * s->rr[i];
	free(y);
	return sum;
}

/* ---- runs ---- */

enum { A = 1, B = 2 }; /* whose gradients are wanted */

typedef struct way {
	enum graph_use use;
	int threads;
	bool copied; /* inputs lie where others may take their place */
	int times; /* that the layer stands there */
	int wanted;
} way;

/* What comes out: y, then the gradients of a and b, those that are wanted. */
typedef struct results {
	float *y, *da, *db;
} results;

static void results_free(results *r)
{
	free(r->y);
	free(r->da);
	free(r->db);
}

static results result_of(const op_setup *s, way w)
{
	err e;
	params none = { 0 };
	graph *g = graph_new(w.use, NN_EXACT, w.threads);
	layer *a = graph_input(g, s->k->a), *b = s->b ? graph_input(g, s->sb) : NULL, *r = graph_input(g, s->out), *y = NULL, *loss = NULL;
	layer *from = a, *by = s->k->what == DIFFERENCE ? graph_input(g, (shape){ s->k->a.b, 1, 1, 1, 1 }) : NULL;
	if (w.wanted & A)
		graph_want_gradient(a);
	if (w.wanted & B)
		graph_want_gradient(b);
	for (int i = 0; i < w.times; i++) {
		from = w.copied ? copied(g, a) : a;
		y = graph_keep(described(g, s, from, w.copied && b ? copied(g, b) : b, by));
		/* one behind the other: the losses add up */
		loss = weighed_and(g, w.copied ? copied(g, y) : y, r, loss);
	}
	graph_minimise(loss);
	assert_true(shape_equal(graph_shape(y), s->out));
	graph_random(g, random_of, &s->seed);
	made_ready(g, &none);
	give(a, s->a);
	if (b)
		give(b, s->b);
	if (by)
		give(by, (const float[]){ (float)over[0], (float)over[1] });
	give(r, s->r);
	if (w.use != GRAPH_TRAIN && w.copied && (s->k->what == PLACES || s->k->what == FLATTEN || s->k->what == DIFFERENCE))
		assert_true(takes_place_of(y, from));
	SUCCEEDS(graph_forward(g, &e));
	if (w.use == GRAPH_TRAIN)
		SUCCEEDS(graph_backward(g, loss, 1, &e));
	results out = { .y = copy_of(y->v, shape_count(s->out)), .da = copy_of(a->g, shape_count(s->k->a)) };
	if (b)
		out.db = copy_of(b->g, shape_count(s->sb));
	graph_free(g);
	return out;
}

static void test_formulas(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *name = names[cases[i].what];
		op_setup s = make(&cases[i], 30 + i);
		/* twice: gradients add up */
		results got = result_of(&s, (way){ GRAPH_TRAIN, 1 + (int)(i % 3), false, 2, s.b ? A | B : A });
		double *want = plain(&s), far = strays(got.y, want, shape_count(s.out));
		if (!(far < 3e-7))
			fail_msg("%s: strays by %.1e", name, far);
		for (size_t k = 0; k < shape_count(s.out); k++)
			s.rr[k] *= 2;
		if (!is_gradient(name, value, &s, s.ra, got.da, shape_count(s.k->a), 1e-6) ||
		    (s.b && !is_gradient(name, value, &s, s.rb, got.db, shape_count(s.sb), 1e-6)))
			fail_msg("%s: case %zu", name, i);
		free(want);
		results_free(&got);
		unmake(&s);
	}
}

/* The same bytes for any number of threads, wherever values lie, whoever's gradient is wanted. */
static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		op_setup s = make(&cases[i], 40);
		const int both = s.b ? A | B : A;
		results first = result_of(&s, (way){ GRAPH_TRAIN, 1, false, 1, both });
		assert_non_null(first.da);
		for (int threads = 1; threads <= 3; threads++)
			for (int k = 0; k < 8; k++) {
				const int wanted = k & (A | B);
				if (wanted & ~both)
					continue;
				results got = result_of(&s, (way){ wanted ? GRAPH_TRAIN : GRAPH_ONCE, threads, k & 4, 1, wanted });
				assert_memory_equal(first.y, got.y, shape_count(s.out) * sizeof(float));
				assert_true(!got.da == !(wanted & A) && !got.db == !(wanted & B));
				if (got.da)
					assert_memory_equal(first.da, got.da, shape_count(s.k->a) * sizeof(float));
				if (got.db)
					assert_memory_equal(first.db, got.db, shape_count(s.sb) * sizeof(float));
				results_free(&got);
			}
		results_free(&first);
		unmake(&s);
	}
}

/* ---- dropout ---- */

static double a_half(philox random, uint64_t i)
{
	(void)random;
	return i % 2 ? .05 : .5;
}

static float *masked(graph *g, layer *x, layer *y, const uint64_t *seed)
{
	err e;
	const size_t n = shape_count(graph_shape(x));
	graph_random(g, seed ? random_of : NULL, seed);
	for (size_t i = 0; i < n; i++)
		x->v[i] = 1;
	SUCCEEDS(graph_forward(g, &e));
	return copy_of(y->v, n);
}

/* The share that is dropped, the same mask again for the same generator, another one for another; nothing where nothing is drawn; others'
 * numbers. */
static void test_mask(void **state)
{
	(void)state;
	params none = { 0 };
	const uint64_t seed = 1, other = 2;
	graph *g = graph_new(GRAPH_AGAIN, NN_EXACT, 2);
	layer *x = graph_input(g, (shape){ 1, 20, 20, 20, 8 });
	graph_enter(g, "a.%d", 1);
	layer *y = graph_keep(dropout(g, x, NULL, ACT_NONE, .1, "b")), *z = graph_keep(dropout(g, x, NULL, ACT_NONE, .1, ""));
	graph_leave(g);
	made_ready(g, &none);
	const size_t n = shape_count(graph_shape(x));
	float *a = masked(g, x, y, &seed), *again = masked(g, x, y, &seed), *second = masked(g, x, z, &seed), *b = masked(g, x, y, &other);
	float *whole = masked(g, x, y, NULL);
	g->number = a_half;
	float *halves = masked(g, x, y, &seed);
	const drop by_name = { .1, random_of(&seed, "a.1.b"), NULL }, by_scope = { .1, random_of(&seed, "a.1"), NULL };
	assert_memory_equal(a, again, n * sizeof(float));
	size_t zeros = 0, unlike = 0;
	for (size_t i = 0; i < n; i++) {
		const size_t place = i % 8 * (n / 8) + i / 8; /* in the field's order */
		assert_true(a[i] == 0 || a[i] == (float)(1 / .9));
		assert_true(a[i] == drop_factor(&by_name, place) && second[i] == drop_factor(&by_scope, place));
		assert_true(whole[i] == 1 && halves[i] == (place % 2 ? 0 : (float)(1 / .9)));
		zeros += a[i] == 0;
		unlike += a[i] != b[i];
	}
	/* 64000 draws: standard deviation .0012 */
	assert_true(fabs((double)zeros / (double)n - .1) < .005);
	assert_true(fabs((double)unlike / (double)n - .18) < .007);
	float *const all[] = { a, again, second, b, whole, halves };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
	graph_free(g);
}

/* A description with this mistake: its error. */
static int mistake(int i, err *e)
{
	params none = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *x = graph_input(g, (shape){ 1, 4, 5, 6, 8 }), *y = graph_input(g, (shape){ 1, 4, 5, 5, 8 }),
	      *m = graph_input(g, (shape){ 1, 1, 1, 1, 8 }), *wrong = NULL;
	switch (i) {
	case 0:
		wrong = mean_pool(g, x, NULL, ACT_NONE, (int[]){ 1, 2, 2 });
		break;
	case 1:
		wrong = mean_pool(g, x, m, ACT_NONE, (int[]){ 1, 1, 2 });
		break;
	case 2:
		wrong = concat(g, x, y);
		break;
	case 3:
		wrong = difference(g, x, y, m);
		break;
	case 4:
		wrong = difference(g, x, x, m);
		break;
	case 5:
		wrong = modulate(g, x, m);
		break;
	case 6:
		wrong = dropout(g, x, m, ACT_NONE, .1, "drop");
		break;
	case 7:
		wrong = dropout(g, x, NULL, ACT_NONE, 1, "drop");
		break;
	case 8:
		wrong = to_blocks(g, x, 2);
		break;
	case 9:
		wrong = from_blocks(g, x, 3);
		break;
	default:
		wrong = time_embedding(g, m, 4);
	}
	assert_null(wrong);
	/* from now on everything is NULL, and NULL is taken everywhere; the first error stays */
	assert_null(to_blocks(g, wrong, 2));
	assert_null(from_blocks(g, wrong, 2));
	assert_null(flatten(g, wrong));
	assert_null(mean_pool(g, wrong, NULL, ACT_NONE, (int[]){ 1, 1, 2 }));
	assert_null(upsample(g, wrong, (int[]){ 1, 1, 2 }));
	assert_null(concat(g, x, wrong));
	assert_null(difference(g, wrong, x, wrong));
	assert_null(modulate(g, wrong, m));
	assert_null(repeat(g, wrong, 3));
	assert_null(add_places(g, wrong));
	assert_null(time_embedding(g, wrong, 3));
	assert_null(dropout(g, wrong, NULL, ACT_NONE, .1, "drop"));
	const int code = graph_bind(g, (params *const[]){ &none }, 1, e);
	graph_free(g);
	return code;
}

static void test_misfits(void **state)
{
	(void)state;
	err e;
	FAILS(ERR_DATA, "4x5x6", mistake(0, &e));
	FAILS(ERR_BUG, "mean pooling", mistake(1, &e));
	FAILS(ERR_DATA, "do not fit", mistake(2, &e));
	FAILS(ERR_DATA, "a difference", mistake(3, &e));
	FAILS(ERR_BUG, "a difference", mistake(4, &e));
	FAILS(ERR_CONFIG, "modulation", mistake(5, &e));
	FAILS(ERR_BUG, "dropout", mistake(6, &e));
	FAILS(ERR_BUG, "dropout: a rate of 1", mistake(7, &e));
	FAILS(ERR_DATA, "4x5x6", mistake(8, &e));
	FAILS(ERR_CONFIG, "8 channels", mistake(9, &e));
	FAILS(ERR_BUG, "a time embedding", mistake(10, &e));
}

static void test_time_embedding(void **state)
{
	(void)state;
	err e;
	params none = { 0 };
	const float times[] = { 0, 999, .5f };
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 1);
	layer *t = graph_input(g, (shape){ 3, 1, 1, 1, 1 }), *y = graph_keep(time_embedding(g, t, 9));
	made_ready(g, &none);
	give(t, times);
	SUCCEEDS(graph_forward(g, &e));
	for (int b = 0; b < 3; b++) {
		for (int i = 0; i < 4; i++) {
			double arg = (double)times[b] / pow(10, i); /* 10000^(-i/4) */
			assert_float_equal(y->v[b * 9 + i], cos(arg), 1e-7);
			assert_float_equal(y->v[b * 9 + 4 + i], sin(arg), 1e-7);
		}
		assert_true(y->v[b * 9 + 8] == 0);
	}
	graph_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_formulas), cmocka_unit_test(test_ways), cmocka_unit_test(test_mask),
					    cmocka_unit_test(test_misfits), cmocka_unit_test(test_time_embedding) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
