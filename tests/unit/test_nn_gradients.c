/* A graph's gradients against finite differences of the plain reference in double, and the adjoint test <A x, r> = <x, A' r>.
 *
 * Tolerances: gradients are sums like the forward's (test_nn_conv.c), of one more product; exact 2e-6, fast 2e-5 of the rms. */
#include "../unit.h"
#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "nn/loss.h"
#include "nn/norm.h"

static const double TOLERANCE[] = { 2e-6, 2e-5 };

/* ---- convolution ---- */

typedef struct conv_loss {
	conv_setup *s;
	const double *r;	/* loss = <y, r> */
	param *gamma, *beta;	/* with a group norm of x in front if gamma is set */
	double *rgamma, *rbeta;
	int groups;
} conv_loss;

static double conv_loss_value(const void *of)
{
	const conv_loss *l = of;
	if (l->gamma)
		ref_group_norm(l->s->k.in, l->s->rx, l->rgamma, l->rbeta, l->groups, 1e-6, l->s->raffine);
	double *y = plain_result(l->s), sum = 0;
	for (size_t i = 0; i < shape_count(l->s->out); i++)
		sum += y[i] * l->r[i];
	free(y);
	return sum;
}

enum { WANTS_X = 1, WANTS_NORM = 2, WANTS_ADD = 4, WANTS_PARAMS = 8, WANTS_ALL = 15 };

/* A convolution in a graph that trains, its result weighed with r. */
typedef struct described {
	graph *g;
	layer *x, *norm, *add, *r, *y, *loss;
} described;

static layer *given_input(graph *g, shape s, bool wanted) { return wanted ? learnt_input(g, s) : graph_input(g, s); }

/* copy: inputs lie where others may take their place. */
static described describe(conv_setup *s, enum nn_math math, int threads, int wanted, bool copy)
{
	const conv_case *k = &s->k;
	described d = { .g = graph_new(GRAPH_TRAIN, math, threads) };
	d.x = given_input(d.g, k->in, wanted & WANTS_X);
	d.norm = k->affine ? given_input(d.g, affine_shape(k), wanted & WANTS_NORM) : NULL;
	d.add = k->add ? given_input(d.g, s->out, wanted & WANTS_ADD) : NULL;
	d.r = graph_input(d.g, s->out);
	const conv_spec spec = spec_of(k, d.norm, d.add && copy ? copied(d.g, d.add) : d.add);
	d.y = conv(d.g, copy ? copied(d.g, d.x) : d.x, &spec, "conv");
	d.loss = graph_minimise(weighed(d.g, copy ? copied(d.g, d.y) : graph_keep(d.y), d.r));
	params_freeze(&s->ps, !(wanted & WANTS_PARAMS));
	params_zero_gradients(&s->ps);
	made_ready(d.g, &s->ps);
	return d;
}

static void there_and_back(const described *d, const conv_setup *s, const float *r)
{
	err e;
	give(d->x, s->x);
	if (d->norm)
		give(d->norm, s->affine);
	if (d->add)
		give(d->add, s->add);
	give(d->r, r);
	SUCCEEDS(graph_forward(d->g, &e));
	SUCCEEDS(graph_backward(d->g, d->loss, 1, &e));
}

/* The same bytes whoever's gradient is wanted, wherever values lie: no value is missed on the way back that was not asked for. */
static void check_ways(conv_setup *s, enum nn_math math, const float *r, const described *all)
{
	float *dw = copy_of(s->weight->g, s->weight->count), *db = s->bias ? copy_of(s->bias->g, s->bias->count) : NULL;
	for (int way = 0; way < 32; way++) {
		const int wanted = way & WANTS_ALL;
		if (!wanted || (wanted & WANTS_NORM && !s->affine) || (wanted & WANTS_ADD && !s->add))
			continue;
		const described d = describe(s, math, 1 + way % 3, wanted, way > WANTS_ALL);
		there_and_back(&d, s, r);
		const layer *const got[] = { d.x, d.norm, d.add }, *const want[] = { all->x, all->norm, all->add };
		for (int i = 0; i < 3; i++) {
			assert_true(!(got[i] && got[i]->g) == !(wanted & 1 << i));
			if (wanted & 1 << i)
				assert_memory_equal(got[i]->g, want[i]->g, shape_count(got[i]->s) * sizeof(float));
		}
		for (size_t i = 0; i < s->weight->count; i++)
			assert_true(s->weight->g[i] == (wanted & WANTS_PARAMS ? dw[i] : 0));
		for (size_t i = 0; s->bias && i < s->bias->count; i++)
			assert_true(s->bias->g[i] == (wanted & WANTS_PARAMS ? db[i] : 0));
		graph_free(d.g);
	}
	free(dw);
	free(db);
}

static void check_conv(const conv_case *k, enum nn_math math, uint64_t seed)
{
	err e;
	conv_setup s;
	conv_setup_make(&s, k, seed);
	SUCCEEDS(params_with_gradients(&s.ps, &e));
	float *r;
	double *rr;
	directions(seed + 1000, shape_count(s.out), &r, &rr);
	const conv_loss l = { .s = &s, .r = rr };
	const described d = describe(&s, math, 1 + (int)(seed % 3), WANTS_ALL, false);
	there_and_back(&d, &s, r);
	double t = TOLERANCE[math];
	bool good = is_gradient("x", conv_loss_value, &l, s.rx, d.x->g, shape_count(k->in), t);
	good &= is_gradient("weight", conv_loss_value, &l, s.rw, s.weight->g, s.weight->count, t);
	if (s.bias)
		good &= is_gradient("bias", conv_loss_value, &l, s.rbias, s.bias->g, s.bias->count, t);
	if (s.affine)
		good &= is_gradient("affine", conv_loss_value, &l, s.raffine, d.norm->g, shape_count(affine_shape(k)), t);
	if (s.add)
		good &= is_gradient("add", conv_loss_value, &l, s.radd, d.add->g, shape_count(s.out), t);
	if (!good) {
		show_case(k, math);
		fail_msg("seed %llu", (unsigned long long)seed);
	}
	check_ways(&s, math, r, &d);
	free(r);
	free(rr);
	graph_free(d.g);
	conv_setup_free(&s);
}

#define CUBE(n) { n, n, n }
#define PLAIN .rank = 5, .stride = 1, .up = { 1, 1, 1 }
#define AROUND .low = 1, .high = 1

static const conv_case chosen[] = {
	{ "residual", { 1, 4, 3, 5, 16 }, 8, CUBE(3), PLAIN, AROUND, .act = ACT_SILU, .affine = true, .bias = true, .add = true },
	{ "residual, two volumes",
	  { 2, 2, 3, 5, 3 },
	  17,
	  CUBE(3),
	  PLAIN,
	  AROUND,
	  .act = ACT_SILU,
	  .affine = true,
	  .bias = true,
	  .add = true },
	{ "tiles", { 1, 4, 3, 5, 5 }, 8, CUBE(3), PLAIN, AROUND, .act = ACT_SILU, .affine = true, .bias = true, .add = true },
	{ "down", { 1, 4, 5, 6, 8 }, 16, CUBE(3), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .high = 1, .bias = true },
	{ "up", { 1, 2, 3, 3, 16 }, 5, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, AROUND, .bias = true },
	{ "up, tiles, activated",
	  { 2, 2, 3, 2, 3 },
	  5,
	  CUBE(3),
	  .rank = 5,
	  .stride = 1,
	  .up = { 2, 1, 2 },
	  AROUND,
	  .act = ACT_SILU,
	  .affine = true },
	{ "discriminator",
	  { 1, 6, 4, 5, 8 },
	  16,
	  CUBE(4),
	  .rank = 5,
	  .stride = 2,
	  .up = { 1, 1, 1 },
	  AROUND,
	  .act = ACT_LEAKY,
	  .affine = true },
	{ "slices", { 2, 3, 4, 6, 3 }, 8, { 1, 2, 2 }, .rank = 4, .stride = 2, .up = { 1, 1, 1 }, .bias = true },
	{ "shortcut", { 2, 3, 2, 4, 8 }, 17, CUBE(1), PLAIN, .bias = true },
	{ "matrix", { 1, 1, 1, 5, 17 }, 3, CUBE(1), .rank = 2, .stride = 1, .up = { 1, 1, 1 }, .act = ACT_SILU, .bias = true },
	{ "one voxel", { 1, 1, 1, 1, 16 }, 16, CUBE(3), PLAIN, AROUND },
	{ "no border", { 1, 4, 3, 5, 16 }, 3, CUBE(3), PLAIN },
	{ "wide", { 2, 2, 1, 3, 50 }, 45, CUBE(3), PLAIN, AROUND, .act = ACT_SILU, .affine = true, .bias = true },
	{ "lopsided border", { 1, 4, 3, 5, 16 }, 3, CUBE(3), PLAIN, .low = 2, .high = 0 },
};

static void test_conv(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
		for (int math = NN_EXACT; math <= NN_FAST; math++)
			check_conv(&chosen[i], (enum nn_math)math, 1 + i);
}

static void test_conv_random(void **state)
{
	(void)state;
	dice d = dice_of(2027);
	for (uint64_t done = 0; done < 40;) {
		conv_case k = random_case(&d);
		/* as large as the reference is quick */
		if (shape_count(k.in) * (size_t)(k.out * k.k[0] * k.k[1] * k.k[2] * k.up[0] * k.up[1] * k.up[2]) > 400000)
			continue;
		check_conv(&k, done % 2 ? NN_FAST : NN_EXACT, 200 + done);
		done++;
	}
}

/* x is read by the norm and by the convolution: both gradients meet in it. */
static void test_normalised(void **state)
{
	(void)state;
	err e;
	const conv_case k = { NULL, { 2, 3, 4, 3, 16 }, 8, CUBE(3), PLAIN, AROUND, .act = ACT_SILU, .affine = true, .bias = true };
	conv_setup s;
	conv_setup_make(&s, &k, 3);
	SUCCEEDS(params_add(&s.ps, "norm.weight", 1, &(int64_t){ 16 }, NULL, &e));
	SUCCEEDS(params_add(&s.ps, "norm.bias", 1, &(int64_t){ 16 }, NULL, &e));
	SUCCEEDS(params_with_gradients(&s.ps, &e));
	s.weight = params_find(&s.ps, "conv.weight");
	conv_loss l = { .s = &s, .gamma = params_find(&s.ps, "norm.weight"), .beta = params_find(&s.ps, "norm.bias"), .groups = 4 };
	dice d = dice_of(9);
	l.rgamma = doubles(16);
	l.rbeta = doubles(16);
	normals(&d, 16, 1, l.gamma->v, l.rgamma);
	normals(&d, 16, 1, l.beta->v, l.rbeta);
	for (size_t i = 0; i < shape_count(k.in); i++) {	/* far from mean 0 */
		s.x[i] += 2;
		s.rx[i] = (double)s.x[i];
	}
	float *r;
	double *rr;
	directions(11, shape_count(s.out), &r, &rr);
	l.r = rr;
	graph *g = graph_new(GRAPH_TRAIN, NN_EXACT, 2);
	layer *x = learnt_input(g, k.in), *ri = graph_input(g, s.out);
	const conv_spec spec = spec_of(&k, group_norm(g, x, l.groups, 1e-6, "norm"), NULL);
	layer *loss = graph_minimise(weighed(g, conv(g, x, &spec, "conv"), ri));
	made_ready(g, &s.ps);
	give(x, s.x);
	give(ri, r);
	SUCCEEDS(graph_forward(g, &e));
	SUCCEEDS(graph_backward(g, loss, 1, &e));
	assert_true(is_gradient("x", conv_loss_value, &l, s.rx, x->g, shape_count(k.in), 3e-6));
	assert_true(is_gradient("gamma", conv_loss_value, &l, l.rgamma, l.gamma->g, 16, 3e-6));
	assert_true(is_gradient("beta", conv_loss_value, &l, l.rbeta, l.beta->g, 16, 3e-6));
	assert_true(is_gradient("weight", conv_loss_value, &l, s.rw, s.weight->g, s.weight->count, 3e-6));
	graph_free(g);
	free(r);
	free(rr);
	free(l.rgamma);
	free(l.rbeta);
	conv_setup_free(&s);
}

/* <A x, r> = <x, A' r> for the linear map from x, and <A w, r> = <w, A' r> for the one from the weights; no reference needed, so
 * with sizes of many bricks, tiles and blocks. */
static void test_adjoint(void **state)
{
	(void)state;
	static const conv_case large[] = {
		{ "Winograd", { 1, 19, 21, 23, 24 }, 40, CUBE(3), PLAIN, AROUND },
		{ "Winograd, two volumes, no border", { 2, 12, 18, 17, 32 }, 16, CUBE(3), PLAIN },
		{ "Winograd, up", { 1, 9, 10, 11, 16 }, 17, CUBE(3), .rank = 5, .stride = 1, .up = { 2, 2, 2 }, AROUND },
		{ "Winograd, wide", { 1, 5, 6, 9, 260 }, 270, CUBE(3), PLAIN, AROUND },
		{ "Winograd, wide, in rounds", { 4, 16, 17, 18, 256 }, 260, CUBE(3), PLAIN, AROUND },
		{ "one axis", { 2, 16, 9, 6, 40 }, 48, CUBE(3), PLAIN, AROUND },
		{ "one axis, cut", { 1, 40, 33, 35, 64 }, 33, CUBE(3), PLAIN, .low = 2 },
		{ "Winograd, wide, up", { 1, 2, 4, 3, 256 }, 256, CUBE(3), .rank = 5, .stride = 1, .up = { 1, 2, 2 }, AROUND },
		{ "tiles", { 1, 19, 21, 23, 3 }, 5, CUBE(3), PLAIN, AROUND },
		{ "tiles, down", { 2, 18, 20, 22, 16 }, 17, CUBE(3), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, .high = 1 },
		{ "tiles, kernel 4", { 1, 20, 18, 22, 8 }, 16, CUBE(4), .rank = 5, .stride = 2, .up = { 1, 1, 1 }, AROUND },
		{ "shortcut", { 2, 17, 16, 15, 24 }, 40, CUBE(1), PLAIN },
	};
	for (size_t i = 0; i < sizeof large / sizeof *large; i++)
		for (int math = NN_EXACT; math <= NN_FAST; math++) {
			err e;
			conv_setup s;
			conv_setup_make(&s, &large[i], 50 + i);
			SUCCEEDS(params_with_gradients(&s.ps, &e));
			const size_t n = shape_count(s.out);
			float *r;
			double *rr;
			directions(60 + i, n, &r, &rr);
			const described d = describe(&s, (enum nn_math)math, 2, WANTS_ALL, false);
			there_and_back(&d, &s, r);
			double forward = dot(rr, d.y->v, n), size = rms(rr, n) * sqrt((double)n) * sqrt((double)n);
			double through_x = dot(s.rx, d.x->g, shape_count(s.k.in)), through_w = dot(s.rw, s.weight->g, s.weight->count);
			/* outputs are of size 1: relative to |y||r|, an error of 1e-6 of each of n values adds up to 1e-6 / sqrt(n) */
			double far = fmax(fabs(forward - through_x), fabs(forward - through_w)) / size;
			if (!(far <= 5 * TOLERANCE[math] / sqrt((double)n))) {
				show_case(&large[i], (enum nn_math)math);
				fail_msg("<Ax,r> = %.9g, through x %.9g, through w %.9g: %.1e", forward, through_x, through_w, far);
			}
			free(r);
			free(rr);
			graph_free(d.g);
			conv_setup_free(&s);
		}
}

/* Two uses add up: x as the input of two convolutions with one weight and as a residual; then a second pass adds to the weights'. */
static void test_sharing(void **state)
{
	(void)state;
	err e;
	const conv_case k = { NULL, { 1, 3, 4, 5, 16 }, 16, CUBE(3), PLAIN, AROUND, .bias = true };
	conv_setup s;
	conv_setup_make(&s, &k, 4);
	SUCCEEDS(params_with_gradients(&s.ps, &e));
	const size_t n = shape_count(s.out);
	float *r;
	double *rr;
	directions(5, n, &r, &rr);
	described d = describe(&s, NN_EXACT, 1, WANTS_ALL, false);
	there_and_back(&d, &s, r);
	float *once_x = copy_of(d.x->g, n), *once_w = copy_of(s.weight->g, s.weight->count);
	graph_free(d.g);
	d = (described){ .g = graph_new(GRAPH_TRAIN, NN_EXACT, 1) };
	d.x = learnt_input(d.g, k.in);
	d.r = graph_input(d.g, s.out);
	conv_spec spec = spec_of(&k, NULL, d.x);
	spec.add = conv(d.g, d.x, &spec, "conv");
	d.loss = graph_minimise(weighed(d.g, conv(d.g, d.x, &spec, "conv"), d.r));
	made_ready(d.g, &s.ps);
	for (int pass = 0; pass < 2; pass++) {
		there_and_back(&d, &s, r);
		/* y = 2 A x + x: 2 A' r, and r; the gradient of an input is that of one pass */
		for (size_t i = 0; i < n; i++)
			assert_true(fabs((double)d.x->g[i] - (2 * (double)once_x[i] + rr[i])) < 1e-5);
		for (size_t i = 0; i < s.weight->count; i++)
			assert_true(fabs((double)s.weight->g[i] - (3 + 2 * pass) * (double)once_w[i]) < 1e-4);
	}
	graph_free(d.g);
	free(once_x);
	free(once_w);
	free(r);
	free(rr);
	conv_setup_free(&s);
}

/* ---- norms ---- */

typedef struct norm_loss {
	shape s;
	double *x, *gamma, *beta, *mean, *var;	/* mean NULL: of the batch (batch norm) */
	int groups;				/* 0: batch norm */
	const double *r;
} norm_loss;

static double *plain_norm(const norm_loss *l)
{
	int c = l->s.c;
	double *affine = doubles((size_t)l->s.b * 2 * (size_t)c), *mean = doubles((size_t)c), *var = doubles((size_t)c);
	ref_moments(l->s, l->x, mean, var);
	if (l->groups)
		ref_group_norm(l->s, l->x, l->gamma, l->beta, l->groups, 1e-5, affine);
	else
		ref_batch_norm(l->s.b, c, l->mean ? l->mean : mean, l->var ? l->var : var, l->gamma, l->beta, 1e-5, affine);
	free(mean);
	free(var);
	return affine;
}

static double norm_loss_value(const void *of)
{
	const norm_loss *l = of;
	double *affine = plain_norm(l), sum = 0;
	for (int i = 0; i < l->s.b * 2 * l->s.c; i++)
		sum += affine[i] * l->r[i];
	free(affine);
	return sum;
}

enum { GAMMA, BETA, MEAN, VAR, STEPS, VECTORS };

static params norm_params(int ch, dice *d)
{
	static const char *const names[VECTORS] = { "n.weight", "n.bias", "n.running_mean", "n.running_var", "n.num_batches_tracked" };
	err e;
	params ps = { 0 };
	for (int i = 0; i < VECTORS; i++) {
		SUCCEEDS(params_add(&ps, names[i], i == STEPS ? 0 : 1, &(int64_t){ ch }, NULL, &e));
		for (size_t k = 0; i < STEPS && k < ps.p[i].count; k++)
			ps.p[i].v[k] = (float)(i == VAR ? .5 + philox_uniform(d->p, d->i++) : philox_normal(d->p, d->i++));
	}
	SUCCEEDS(params_with_gradients(&ps, &e));
	return ps;
}

/* Running statistics: PyTorch's rule, and only when training a batch norm. */
static void expect_running(const params *ps, const norm_loss *l, double *const before[2], bool moves)
{
	const size_t ch = (size_t)l->s.c;
	double *mean = doubles(ch), *var = doubles(ch), count = (double)shape_count(l->s) / (double)ch;
	ref_moments(l->s, l->x, mean, var);
	for (size_t k = 0; k < ch; k++) {
		double want_mean = moves ? .9 * before[0][k] + .1 * mean[k] : before[0][k];
		double want_var = moves ? .9 * before[1][k] + .1 * var[k] * count / fmax(count - 1, 1) : before[1][k];
		assert_float_equal(ps->p[MEAN].v[k], want_mean, 1e-5 * fmax(1, fabs(want_mean)));
		assert_float_equal(ps->p[VAR].v[k], want_var, 1e-5 * fmax(1, want_var));
	}
	assert_true(ps->p[STEPS].v[0] == (moves ? 1 : 0));
	free(mean);
	free(var);
}

/* groups 0: batch norm. fixed: its running statistics, as outside of training. */
static void check_norm(shape shape_, int groups, bool fixed, uint64_t seed)
{
	err e;
	const size_t ch = (size_t)shape_.c, n = shape_count(shape_), m = (size_t)shape_.b * 2 * ch;
	dice d = dice_of(seed);
	params ps = norm_params(shape_.c, &d);
	float *v = random_values(&d, shape_, 1), *r;
	double *rr;
	for (size_t i = 0; i < n; i++)
		v[i] = v[i] * (float)(1 + i % ch % 3) + 3 - (float)(i % ch % 9);	/* channels differ */
	directions(seed + 1, m, &r, &rr);
	norm_loss l = { .s = shape_, .x = widened(v, n), .gamma = widened(ps.p[GAMMA].v, ch), .beta = widened(ps.p[BETA].v, ch),
			.groups = groups, .r = rr };
	double *before[2] = { widened(ps.p[MEAN].v, ch), widened(ps.p[VAR].v, ch) };
	if (fixed) {
		l.mean = before[0];
		l.var = before[1];
	}
	graph *g = graph_new(fixed ? GRAPH_ONCE : GRAPH_TRAIN, NN_EXACT, 2);
	layer *x = learnt_input(g, shape_), *ri = graph_input(g, (shape){ shape_.b, 1, 1, 1, 2 * shape_.c });
	layer *affine = graph_keep(groups ? group_norm(g, x, groups, 1e-5, "n") : batch_norm(g, x, 1e-5, .1, "n"));
	layer *loss = graph_minimise(weighed(g, affine, ri));
	assert_true(shape_equal(affine->s, ri->s));
	made_ready(g, &ps);
	give(x, v);
	give(ri, r);
	SUCCEEDS(graph_forward(g, &e));
	double *want = plain_norm(&l);
	assert_true(strays(affine->v, want, m) < 2e-7);	/* computed in double, stored as float */
	if (!fixed) {
		SUCCEEDS(graph_backward(g, loss, 1, &e));
		assert_true(is_gradient("x", norm_loss_value, &l, l.x, x->g, n, 3e-6));	/* p + q x in float, x some 10 from 0 */
		assert_true(is_gradient("gamma", norm_loss_value, &l, l.gamma, ps.p[GAMMA].g, ch, 1e-6));
		assert_true(is_gradient("beta", norm_loss_value, &l, l.beta, ps.p[BETA].g, ch, 1e-6));
	}
	expect_running(&ps, &l, before, !groups && !fixed);
	graph_free(g);
	free(want);
	free(before[0]);
	free(before[1]);
	free(l.x);
	free(l.gamma);
	free(l.beta);
	free(v);
	free(r);
	free(rr);
	params_free(&ps);
}

static void test_group_norm(void **state)
{
	(void)state;
	check_norm((shape){ 1, 2, 3, 4, 16 }, 4, false, 1);
	check_norm((shape){ 3, 3, 1, 2, 24 }, 24, false, 2);	/* a channel is a group */
	check_norm((shape){ 2, 5, 3, 7, 17 }, 1, false, 3);	/* all channels are */
	check_norm((shape){ 1, 1, 1, 1, 8 }, 2, false, 4);
	check_norm((shape){ 2, 1, 1, 3, 40 }, 8, false, 5);
}

static void test_batch_norm(void **state)
{
	(void)state;
	check_norm((shape){ 1, 2, 3, 4, 16 }, 0, false, 6);
	check_norm((shape){ 3, 2, 3, 2, 17 }, 0, false, 7);
	check_norm((shape){ 2, 5, 1, 2, 3 }, 0, false, 8);
	check_norm((shape){ 3, 2, 3, 2, 17 }, 0, true, 9);
	check_norm((shape){ 1, 1, 1, 1, 8 }, 0, true, 10);
}

/* Means 100 times the spread, many blocks of voxels: statistics must not lose the variance. */
static void test_far_mean(void **state)
{
	(void)state;
	err e;
	const shape s = { 1, 30, 31, 20, 16 };
	params ps = { 0 };
	SUCCEEDS(params_add(&ps, "n.weight", 1, &(int64_t){ 16 }, NULL, &e));
	SUCCEEDS(params_add(&ps, "n.bias", 1, &(int64_t){ 16 }, NULL, &e));
	for (int i = 0; i < 16; i++)
		ps.p[0].v[i] = 1;
	dice d = dice_of(4);
	float *v = random_values(&d, s, 1);
	for (size_t i = 0; i < shape_count(s); i++)
		v[i] += 100;
	double *rx = widened(v, shape_count(s)), one[16], zero[16] = { 0 }, want[32];
	for (int i = 0; i < 16; i++)
		one[i] = 1;
	ref_group_norm(s, rx, one, zero, 8, 1e-6, want);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	layer *x = graph_input(g, s), *affine = graph_keep(group_norm(g, x, 8, 1e-6, "n"));
	made_ready(g, &ps);
	give(x, v);
	SUCCEEDS(graph_forward(g, &e));
	assert_true(strays(affine->v, want, 32) < 1e-7);
	assert_true(strays(affine->v, want, 16) < 1e-7);	/* the scales alone */
	graph_free(g);
	free(rx);
	free(v);
	params_free(&ps);
}

/* ---- losses ---- */

typedef struct losses {
	size_t n;
	int volumes;
	double *a, *b, *noise;
	const double *r;
} losses;

static double l1_value(const void *of)
{
	const losses *l = of;
	return 3 * ref_l1(l->n, l->a, l->noise);
}

static double squared_value(const void *of)
{
	const losses *l = of;
	return 3 * ref_squared_to(l->n, l->a, .7);
}

static double kl_value(const void *of)
{
	const losses *l = of;
	return 3 * ref_kl(l->n, l->volumes, l->a, l->b);
}

static double posterior_value(const void *of)
{
	const losses *l = of;
	double *z = doubles(l->n), sum = 0;
	ref_posterior(l->n, l->a, l->b, l->noise, z);
	for (size_t i = 0; i < l->n; i++)
		sum += z[i] * l->r[i];
	free(z);
	return sum;
}

static void expect_scalar(const layer *t, double want)
{
	assert_true(shape_equal(graph_shape(t), (shape){ 1, 1, 1, 1, 1 }));
	assert_float_equal(graph_value(t), want, 1e-6 * fabs(want));
}

/* Values that are given to inputs of one shape. */
enum { A, B, NOISE, R, VALUES };

typedef struct loss_graph {
	graph *g;
	layer *in[VALUES], *t, *loss; /* t: what is tested */
} loss_graph;

static loss_graph loss_graph_of(shape s)
{
	loss_graph l = { .g = graph_new(GRAPH_TRAIN, NN_EXACT, 2) };
	for (int i = 0; i < VALUES; i++)
		l.in[i] = i < NOISE ? learnt_input(l.g, s) : graph_input(l.g, s);
	return l;
}

static void there_and_back_again(const loss_graph *l, float *const v[VALUES], float seed)
{
	err e;
	for (int i = 0; i < VALUES; i++)
		if (v[i])
			give(l->in[i], v[i]);
	SUCCEEDS(graph_forward(l->g, &e));
	SUCCEEDS(graph_backward(l->g, l->loss, seed, &e));
}

/* A scalar, weighed: 3 t + 0 t, with an empty place between. */
static void check_scalar(int i, shape s, const losses *l, float *const v[VALUES])
{
	scalar_fn *const of[3] = { l1_value, squared_value, kl_value };
	params none = { 0 };
	loss_graph n = loss_graph_of(s);
	layer *a = n.in[A];
	n.t = graph_keep(i == 0 ? l1(n.g, a, n.in[NOISE]) : i == 1 ? squared_to(n.g, a, .7f) : kl(n.g, a, n.in[B]));
	n.loss = graph_minimise(weigh(n.g, 3, (layer *[]){ n.t, NULL, n.t }, (float[]){ 2, 100, 1 }));
	made_ready(n.g, &none);
	there_and_back_again(&n, v, 1);
	expect_scalar(n.t, of[i](l) / 3);
	expect_scalar(n.loss, of[i](l));
	assert_true(is_gradient("first", of[i], l, l->a, a->g, l->n, 1e-6));
	if (i == 2) {
		assert_true(is_gradient("second", of[i], l, l->b, n.in[B]->g, l->n, 1e-6));
		assert_true(n.in[B]->g[0] == 0);
	}
	assert_null(n.in[NOISE]->g);
	graph_free(n.g);
}

/* copy: the mean lies where the draw may take its place, and its gradient the draw's. */
static void check_posterior(shape s, const losses *l, float *const v[VALUES], bool copy)
{
	params none = { 0 };
	loss_graph n = loss_graph_of(s);
	layer *mean = copy ? copied(n.g, n.in[A]) : n.in[A];
	n.t = graph_keep(posterior(n.g, mean, n.in[B], n.in[NOISE]));
	n.loss = graph_minimise(weighed(n.g, n.t, n.in[R]));
	made_ready(n.g, &none);
	assert_true(takes_place_of(n.t, mean) == copy);
	there_and_back_again(&n, v, 1);
	double *want = doubles(l->n);
	ref_posterior(l->n, l->a, l->b, l->noise, want);
	assert_true(strays(n.t->v, want, l->n) < 1e-6);
	assert_true(is_gradient("mean", posterior_value, l, l->a, n.in[A]->g, l->n, 1e-6));
	assert_true(is_gradient("log variance", posterior_value, l, l->b, n.in[B]->g, l->n, 1e-6));
	assert_true(n.in[B]->g[0] == 0);
	assert_null(n.in[NOISE]->g);
	free(want);
	graph_free(n.g);
}

static void check_losses(shape s, uint64_t seed)
{
	size_t n = shape_count(s);
	dice d = dice_of(seed);
	float *v[VALUES];
	double *rr;
	for (int i = 0; i < R; i++)
		v[i] = random_values(&d, s, 1);
	v[B][0] = -31;	/* outside of the clamp: no gradient */
	for (size_t i = 0; i < n; i++)	/* off the kink of L1 */
		while (fabsf(v[A][i] - v[NOISE][i]) < 1e-3f)
			v[A][i] += .01f;
	directions(seed + 1, n, &v[R], &rr);
	losses l = { n, s.b, widened(v[A], n), widened(v[B], n), widened(v[NOISE], n), rr };
	for (int i = 0; i < 3; i++)
		check_scalar(i, s, &l, v);
	check_posterior(s, &l, v, false);
	check_posterior(s, &l, v, true);
	free(rr);
	free(l.a);
	free(l.b);
	free(l.noise);
	for (int i = 0; i < VALUES; i++)
		free(v[i]);
}

typedef struct noise_terms {
	size_t n;
	double *eps, *g, *noise, *place, weight[2], coefficient[2];
} noise_terms;

static double noise_value(const void *of)
{
	const noise_terms *t = of;
	return 3 * ref_noise_loss(t->n, 2, t->eps, t->g, t->noise, t->place, t->weight, t->coefficient);
}

/* With all weights and G; without G; with nothing. */
static void test_noise_loss(void **state)
{
	(void)state;
	const shape s = { 2, 3, 4, 2, 3 }, one = { 1, s.x, s.y, s.z, s.c }, each = { 2, 1, 1, 1, 1 };
	const float weights[] = { .7f, .3f }, coefficients[] = { -.9f, -.2f };
	size_t n = shape_count(s);
	for (int terms = 2; terms >= 0; terms--) {
		params none = { 0 };
		dice d = dice_of(8);
		float *v[VALUES] = { NULL };
		for (int i = 0; i < R; i++)
			v[i] = random_values(&d, s, 1);
		float *place = random_values(&d, one, 1);
		for (size_t i = 0; i < n / 2; i++)
			place[i] = terms ? fabsf(place[i]) : 1;
		noise_terms t = { n / 2, widened(v[A], n), widened(v[B], n), widened(v[NOISE], n), widened(place, n / 2),
				  { 1, 1 }, { 0, 0 } };
		for (int i = 0; i < 2; i++) {
			t.weight[i] = terms ? (double)weights[i] : 1;
			t.coefficient[i] = terms == 2 ? (double)coefficients[i] : 0;
		}
		loss_graph l = loss_graph_of(s);
		layer *places = terms ? graph_input(l.g, one) : NULL, *weight = terms ? graph_input(l.g, each) : NULL;
		layer *coefficient = terms == 2 ? graph_input(l.g, each) : NULL;
		l.loss = graph_minimise(noise_loss(l.g, l.in[A], terms == 2 ? l.in[B] : NULL, l.in[NOISE], places, weight, coefficient));
		made_ready(l.g, &none);
		if (terms) {
			give(places, place);
			give(weight, weights);
		}
		if (coefficient)
			give(coefficient, coefficients);
		there_and_back_again(&l, v, 3);
		expect_scalar(l.loss, noise_value(&t) / 3);
		assert_true(is_gradient("eps", noise_value, &t, t.eps, l.in[A]->g, n, 1e-6));
		if (terms == 2)
			assert_true(is_gradient("g", noise_value, &t, t.g, l.in[B]->g, n, 1e-6));
		else
			assert_null(l.in[B]->g);
		assert_null(l.in[NOISE]->g);
		graph_free(l.g);
		free(t.eps);
		free(t.g);
		free(t.noise);
		free(t.place);
		free(place);
		for (int i = 0; i < R; i++)
			free(v[i]);
	}
}

typedef struct ssim_pair {
	shape s;
	double *x, *target;
} ssim_pair;

static double ssim_value(const void *of)
{
	const ssim_pair *p = of;
	return 3 * ref_ssim(p->s, p->x, p->target);
}

/* Without a way back: another place for what is only needed there. */
static void check_ssim_once(shape s, const float *x, const float *target, double want)
{
	err e;
	params none = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *in = graph_input(g, s), *aim = graph_input(g, s), *t = graph_keep(ssim(g, in, aim)), *self = graph_keep(ssim(g, aim, aim));
	made_ready(g, &none);
	give(in, x);
	give(aim, target);
	SUCCEEDS(graph_forward(g, &e));
	assert_true(graph_value(t) == want);
	assert_float_equal(graph_value(self), 1, 1e-6);
	graph_free(g);
}

static void check_ssim(shape s, uint64_t seed)
{
	size_t n = shape_count(s);
	dice d = dice_of(seed);
	params none = { 0 };
	float *v[VALUES] = { random_values(&d, s, .3f), NULL, random_values(&d, s, .3f), NULL };
	for (size_t i = 0; i < n; i++)	/* alike, as a reconstruction is */
		v[NOISE][i] += .5f * v[A][i] + .2f;
	ssim_pair p = { s, widened(v[A], n), widened(v[NOISE], n) };
	loss_graph l = loss_graph_of(s);
	l.loss = graph_minimise(ssim(l.g, l.in[A], l.in[NOISE]));
	made_ready(l.g, &none);
	there_and_back_again(&l, v, 3);
	expect_scalar(l.loss, ref_ssim(s, p.x, p.target));
	assert_true(is_gradient("ssim", ssim_value, &p, p.x, l.in[A]->g, n, 2e-5));
	assert_null(l.in[NOISE]->g);
	check_ssim_once(s, v[A], v[NOISE], graph_value(l.loss));
	graph_free(l.g);
	free(p.x);
	free(p.target);
	free(v[A]);
	free(v[NOISE]);
}

static void test_ssim(void **state)
{
	(void)state;
	err e;
	check_ssim((shape){ 1, 11, 11, 11, 1 }, 1);
	check_ssim((shape){ 2, 12, 13, 11, 1 }, 2);
	check_ssim((shape){ 1, 11, 12, 14, 3 }, 3);
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *small = graph_input(g, (shape){ 1, 11, 10, 11, 1 });
	assert_null(ssim(g, small, small));
	assert_int_equal(graph_error(g, &e), ERR_CONFIG);
	graph_free(g);
}

static void test_losses(void **state)
{
	(void)state;
	check_losses((shape){ 1, 2, 3, 2, 3 }, 1);
	check_losses((shape){ 3, 3, 1, 5, 8 }, 2);
	check_losses((shape){ 2, 20, 41, 50, 1 }, 3);	/* more than one block */
	check_losses((shape){ 1, 1, 1, 1, 1 }, 4);
}

/* Above the clamp the posterior's sigma is exp(10), and nothing pulls at it. */
static void test_clamp(void **state)
{
	(void)state;
	params none = { 0 };
	loss_graph l = loss_graph_of((shape){ 1, 1, 1, 1, 2 });
	l.t = graph_keep(posterior(l.g, l.in[A], l.in[B], l.in[NOISE]));
	l.loss = graph_minimise(kl(l.g, l.in[A], l.in[B]));
	made_ready(l.g, &none);
	there_and_back_again(&l, (float *[VALUES]){ (float[]){ 3, 3 }, (float[]){ 0, 25 }, (float[]){ 2, 2 }, NULL }, 1);
	assert_float_equal(graph_value(l.loss), .5 * (9 + 9 + exp(20) - 20 - 1), 20);
	assert_float_equal(l.t->v[0], 5, 1e-6);
	assert_float_equal(l.t->v[1], 3 + 2 * exp(10), 1e-2);
	assert_true(l.in[B]->g[0] == 0 && l.in[B]->g[1] == 0);	/* exp(0) - 1, and the clamp */
	graph_free(l.g);
}

/* With an argument: only the tests that match it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_conv),       cmocka_unit_test(test_conv_random),
					    cmocka_unit_test(test_normalised), cmocka_unit_test(test_adjoint),
					    cmocka_unit_test(test_sharing),    cmocka_unit_test(test_group_norm),
					    cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_far_mean),
					    cmocka_unit_test(test_losses),
		cmocka_unit_test(test_ssim),     cmocka_unit_test(test_clamp), cmocka_unit_test(test_noise_loss) };
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
