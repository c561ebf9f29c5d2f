/* Convolutions against the plain reference: chosen shapes, then random ones; exact and fast.
 *
 * Tolerances, as rms of the error over rms of the output, u = 2^-24. A float sum of K products strays by some u sqrt(K)/2 of the
 * output: 1.5e-6 for 100 channels and 27 taps. Winograd sums over channels only, 32 at a time and then these sums: 3e-7 for any number. The
 * transforms of F(4,3) at 5/8 and 3/2 amplify that by 1.7 an axis: 1.5e-6 on three (tests/bench/points.py), the bound is 2e-6. With matrix
 * instructions and 2^17 pairs of channels fast cuts floats into two parts, which leaves out three products of 2.2e-6 each, 3.8e-6
 * together, and F(4,3) amplifies that: 1.2e-5 for any number of channels. */
#include "../unit.h"
#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

static const double EXACT = 2e-6, TWO_PARTS = 1.2e-5;

/* The worst of each kind so far, for the log. */
static double worst[2];

/* How many results came with their sums. */
static int summed;

/* Floats are summed by up to 64, then doubles: 64 u/2 = 2e-6 of what is added at most, and far less in the mean. */
static void check_sums(const layer *y)
{
	size_t ch = (size_t)y->s.c, voxels = (size_t)y->s.x * y->s.y * y->s.z;
	for (size_t i = 0; i < (size_t)y->s.b * ch; i++) {
		const float *v = y->v + i / ch * voxels * ch + i % ch;
		const double *got = y->sums + i / ch * 2 * ch + i % ch;
		double sum = 0, square = 0, size = 0;
		for (size_t k = 0; k < voxels; k++) {
			sum += (double)v[k * ch];
			size += fabs((double)v[k * ch]);
			square += (double)v[k * ch] * (double)v[k * ch];
		}
		assert_true(fabs(got[0] - sum) <= 2e-6 * size);
		assert_true(fabs(got[ch] - square) <= 2e-6 * square);
	}
	summed++;
}

/* The convolution of a graph, and what it reads. */
typedef struct described {
	graph *g;
	layer *x, *norm, *add, *y;
} described;

static described describe(const conv_case *k, shape out, enum graph_use use, enum nn_math math, int threads)
{
	described d = { .g = graph_new(use, math, threads) };
	d.x = graph_keep(graph_input(d.g, k->in));
	d.norm = k->affine ? graph_keep(graph_input(d.g, affine_shape(k))) : NULL;
	d.add = k->add ? graph_keep(graph_input(d.g, out)) : NULL;
	const conv_spec spec = spec_of(k, d.norm, d.add);
	d.y = graph_keep(conv(d.g, d.x, &spec, "conv"));
	layer_want_sums(d.y);
	return d;
}

static void give_all(const described *d, const conv_setup *s)
{
	give(d->x, s->x);
	if (d->norm)
		give(d->norm, s->affine);
	if (d->add)
		give(d->add, s->add);
}

/* What is kept of the weights from run to run changes nothing; other weights are seen after param_touch. */
static void check_again(conv_setup *s, enum nn_math math, const float *want)
{
	err e;
	const size_t n = shape_count(s->out), weights = s->weight->count;
	const described d = describe(&s->k, s->out, GRAPH_AGAIN, math, 2);
	made_ready(d.g, &s->ps);
	for (int run = 0; run < 3; run++) {
		give_all(&d, s);
		SUCCEEDS(graph_forward(d.g, &e));
		for (size_t i = 0; run < 2 && i < n; i++)
			assert_true(d.y->v[i] == want[i]);
		for (size_t i = 0; run == 2 && i < n; i++)
			assert_true(d.y->v[i] == (s->bias ? s->bias->v[i % (size_t)s->k.out] : 0) + (s->add ? s->add[i] : 0));
		memset(s->weight->v, 0, run ? weights * sizeof(float) : 0);
		param_touch(s->weight);
	}
	graph_free(d.g);
}

static void check_forward(const conv_case *k, enum nn_math math, int threads, uint64_t seed)
{
	err e;
	conv_setup s;
	conv_setup_make(&s, k, seed);
	const described d = describe(k, s.out, GRAPH_ONCE, math, threads);
	const shape y = graph_shape(d.y);
	if (!shape_equal(y, s.out)) {
		show_case(k, math);
		fail_msg("got %dx%dx%dx%dx%d, not %dx%dx%dx%dx%d", y.b, y.x, y.y, y.z, y.c, s.out.b, s.out.x, s.out.y, s.out.z, s.out.c);
	}
	made_ready(d.g, &s.ps);
	give_all(&d, &s);
	SUCCEEDS(graph_forward(d.g, &e));
	double *want = plain_result(&s), far = strays(d.y->v, want, shape_count(s.out));
	worst[math] = fmax(worst[math], far);
	bool two_parts = math == NN_FAST && nn_kernels()->axis && k->in.c * k->out >= 1 << 17;
	if (!(far <= (two_parts ? TWO_PARTS : EXACT))) {
		show_case(k, math);
		fail_msg("seed %llu: strays by %.2e", (unsigned long long)seed, far);
	}
	if (d.y->sums)
		check_sums(d.y);
	/* inputs are as they were */
	assert_memory_equal(d.x->v, s.x, shape_count(k->in) * sizeof(float));
	if (d.add)
		assert_memory_equal(d.add->v, s.add, shape_count(s.out) * sizeof(float));
	if (seed % 3 == 0)
		check_again(&s, math, d.y->v);
	free(want);
	graph_free(d.g);
	conv_setup_free(&s);
}

#define PLAIN .rank = 5, .stride = 1, .up = { 1, 1, 1 }
#define CUBE(n) { n, n, n }

/* What the networks of the method do, and what is likeliest to go wrong: nothing but borders, one voxel, one channel more than a
 * vector holds. */
static const conv_case chosen[] = {
	{ "first layer", { 1, 8, 10, 8, 1 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1, .bias = true },
	{ "residual",
	  { 2, 5, 6, 7, 32 },
	  32,
	  CUBE(3),
	  PLAIN,
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU,
	  .affine = true,
	  .bias = true,
	  .add = true },
	{ "shortcut", { 2, 5, 6, 7, 24 }, 40, CUBE(1), PLAIN, .bias = true },
	{ "shortcut as a matrix", { 1, 5, 6, 7, 24 }, 40, CUBE(1), .rank = 2, .stride = 1, .up = { 1, 1, 1 }, .bias = true },
	{ "down", { 1, 6, 8, 6, 16 }, 16, CUBE(3), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .high = 1, .bias = true },
	{ "down, odd", { 1, 5, 7, 9, 16 }, 17, CUBE(3), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .high = 1, .bias = true },
	{ "up", { 1, 3, 4, 5, 16 }, 24, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, .low = 1, .high = 1, .bias = true },
	{ "up, many channels",
	  { 2, 5, 6, 7, 128 },
	  32,
	  CUBE(3),
	  .rank = 5,
	  .stride = 1,
	  .up = { 2, 2, 2 },
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU },
	{ "up, no border", { 1, 3, 4, 5, 16 }, 24, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, .bias = true },
	{ "up, one side", { 1, 3, 4, 5, 16 }, 24, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, .low = 1, .bias = true },
	{ "up behind SiLU, one axis",
	  { 2, 3, 4, 5, 16 },
	  16,
	  CUBE(3),
	  .rank = 5,
	  .stride = 1,
	  .up = { 1, 1, 2 },
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU,
	  .affine = true },
	{ "discriminator",
	  { 2, 8, 6, 10, 8 },
	  16,
	  CUBE(4),
	  .rank = 5,
	  .stride = 2,
	  .up = { 1, 1, 1 },
	  .low = 1,
	  .high = 1,
	  .act = ACT_LEAKY,
	  .affine = true },
	{ "discriminator's end",
	  { 2, 4, 5, 4, 16 },
	  1,
	  CUBE(4),
	  PLAIN,
	  .low = 1,
	  .high = 1,
	  .act = ACT_LEAKY,
	  .affine = true,
	  .bias = true },
	{ "slices", { 1, 3, 9, 8, 3 }, 24, { 1, 4, 4 }, .rank = 4, .stride = 1, .up = { 1, 1, 1 }, .bias = true },
	{ "slices, down", { 1, 5, 8, 8, 16 }, 24, { 1, 2, 2 }, .rank = 4, .stride = 2, .up = { 1, 1, 1 }, .bias = true },
	{ "one voxel", { 1, 1, 1, 1, 16 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1 },
	{ "one voxel, one channel", { 1, 1, 1, 1, 1 }, 1, CUBE(3), PLAIN, .low = 1, .high = 1, .bias = true, .add = true },
	{ "one voxel, kernel 4", { 3, 1, 1, 1, 5 }, 3, CUBE(4), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .low = 1, .high = 2 },
	{ "17 channels", { 1, 4, 4, 4, 17 }, 17, CUBE(3), PLAIN, .low = 1, .high = 1, .add = true },
	{ "whole tiles", { 1, 8, 8, 8, 16 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1, .act = ACT_SILU, .affine = true },
	{ "a line", { 1, 1, 1, 40, 16 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1 },
	{ "no border", { 1, 6, 6, 6, 16 }, 16, CUBE(3), PLAIN, .bias = true },
	{ "wide border", { 1, 3, 3, 3, 16 }, 16, CUBE(3), PLAIN, .low = 2, .high = 3, .act = ACT_SILU, .affine = true },
	{ "many bricks",
	  { 1, 19, 21, 23, 16 },
	  17,
	  CUBE(3),
	  PLAIN,
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU,
	  .affine = true,
	  .bias = true,
	  .add = true },
	{ "wide",
	  { 2, 2, 5, 3, 260 },
	  254,
	  CUBE(3),
	  PLAIN,
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU,
	  .affine = true,
	  .bias = true,
	  .add = true },
	{ "many channels", { 1, 8, 8, 16, 128 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1, .act = ACT_SILU },
	{ "very many channels", { 1, 8, 8, 8, 512 }, 32, CUBE(3), PLAIN, .low = 1, .high = 1, .act = ACT_SILU },
	{ "wide, down", { 2, 4, 5, 6, 256 }, 264, CUBE(3), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .high = 1, .bias = true },
	{ "wide, up", { 1, 3, 2, 4, 264 }, 256, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, .low = 1, .high = 1, .bias = true },
	{ "wide, up, two axes", { 1, 3, 2, 2, 272 }, 256, CUBE(3), .rank = 5, .stride = 1, .up = { 1, 2, 2 }, .low = 1, .high = 1 },
	{ "two parts", { 2, 3, 4, 6, 384 }, 350, CUBE(3), PLAIN, .low = 1, .high = 1 },
	{ "most channels", { 1, 2, 3, 5, 1100 }, 32, CUBE(3), PLAIN, .low = 1, .high = 1 },
	{ "tiles along x", { 1, 16, 5, 4, 32 }, 33, CUBE(3), PLAIN, .low = 1, .high = 1, .bias = true, .add = true },
	{ "tiles along y", { 2, 5, 16, 4, 48 }, 32, CUBE(3), PLAIN, .low = 1, .high = 1, .act = ACT_SILU, .affine = true },
	{ "many tiles",
	  { 1, 5, 40, 30, 3 },
	  5,
	  CUBE(3),
	  PLAIN,
	  .low = 1,
	  .high = 1,
	  .act = ACT_SILU,
	  .affine = true,
	  .bias = true,
	  .add = true },
};

static void test_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
		for (int math = NN_EXACT; math <= NN_FAST; math++)
			check_forward(&chosen[i], (enum nn_math)math, 1 + (int)i % 3, 1 + i);
	print_message("worst: exact %.1e, fast %.1e\n", worst[NN_EXACT], worst[NN_FAST]);
	assert_true(summed > 20);
}

static void test_random(void **state)
{
	(void)state;
	dice d = dice_of(2026);
	for (uint64_t i = 0; i < 300; i++) {
		conv_case k = random_case(&d);
		check_forward(&k, i % 2 ? NN_FAST : NN_EXACT, 1 + (int)(i % 3), 100 + i);
	}
	print_message("worst: exact %.1e, fast %.1e\n", worst[NN_EXACT], worst[NN_FAST]);
}

/* The same with as many channels as matrix instructions take. */
static void test_random_many(void **state)
{
	(void)state;
	static const int channels[] = { 32, 33, 48, 70 };
	dice d = dice_of(11);
	for (uint64_t i = 0; i < 100; i++) {
		conv_case k = random_case(&d);
		k.in.c = channels[roll(&d, 0, 3)];
		k.out = channels[roll(&d, 0, 3)];
		k.rank = 5;
		k.stride = k.low = k.high = 1;
		for (int a = 0; a < 3; a++)
			k.k[a] = 3;
		check_forward(&k, i % 2 ? NN_FAST : NN_EXACT, 1 + (int)(i % 3), 400 + i);
	}
}

/* Padding is zero behind the activation: with act(shift) far from 0 a border that leaks would show. */
static void test_border(void **state)
{
	(void)state;
	err e;
	const conv_case k = { NULL, { 1, 2, 2, 2, 16 }, 16, CUBE(3), PLAIN, .low = 1, .high = 1, .act = ACT_SILU, .affine = true };
	conv_setup s;
	conv_setup_make(&s, &k, 5);
	for (int i = 0; i < 16; i++) {
		s.affine[i] = 0;
		s.affine[16 + i] = 50;	/* SiLU(50) = 50 */
	}
	for (size_t i = 0; i < s.weight->count; i++)
		s.weight->v[i] = 1;
	const described d = describe(&k, s.out, GRAPH_ONCE, NN_EXACT, 1);
	made_ready(d.g, &s.ps);
	give_all(&d, &s);
	SUCCEEDS(graph_forward(d.g, &e));
	/* every output sees the 8 voxels of the volume and 19 zeros */
	for (size_t i = 0; i < shape_count(s.out); i++)
		assert_float_equal(d.y->v[i], 8 * 16 * 50, 1e-2);
	graph_free(d.g);
	conv_setup_free(&s);
}

/* Large weights: nothing transformed is kept, threads do not change bytes, and volumes that are worked on one after the other get what one
 * alone gets. */
static void test_wide(void **state)
{
	(void)state;
	conv_case k = { NULL,	   { 6, 16, 17, 18, 256 }, 256,		   CUBE(3),	PLAIN, .low = 1,
			.high = 1, .act = ACT_SILU,	   .affine = true, .bias = true };
	float *first = NULL;
	size_t n = shape_count(k.in);
	conv_setup s;
	conv_setup_make(&s, &k, 6);
	for (int run = 0; run < 3; run++) {	/* two threads, one thread, the last volume */
		err e;
		k.in.b = run == 2 ? 1 : 6;
		const size_t skip = run == 2 ? n / 6 * 5 : 0;
		const described d = describe(&k, s.out, GRAPH_ONCE, NN_EXACT, run == 1 ? 1 : 2);
		made_ready(d.g, &s.ps);
		assert_int_equal(d.y->lasting, 0);
		give(d.x, s.x + skip);
		give(d.norm, s.affine + (run == 2 ? 5 * 512 : 0));
		SUCCEEDS(graph_forward(d.g, &e));
		if (run == 0)
			first = copy_of(d.y->v, n);
		if (run == 1)
			assert_memory_equal(first, d.y->v, n * sizeof *first);
		if (run == 2) {
			double *want = widened(first + skip, n - skip);
			assert_true(strays(d.y->v, want, n - skip) < 1e-6);
			free(want);
		}
		graph_free(d.g);
	}
	conv_setup_free(&s);
	free(first);
}

/* With an argument: only the tests that match it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_chosen), cmocka_unit_test(test_random),
					    cmocka_unit_test(test_random_many), cmocka_unit_test(test_border),
					    cmocka_unit_test(test_wide) };
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
