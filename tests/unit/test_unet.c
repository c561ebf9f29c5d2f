/* The U-Net and the shift U-Net, their losses and the denoiser, against the reference implementation's golden values. */
#include "../unit.h"

#include "../golden.h"
#include "../oracle_weights.h"

#include "model/denoiser.h"
#include "model/schedule.h"
#include "model/semantic.h"
#include "model/unet.h"
#include "nn/combine.h"
#include "nn/loss.h"

enum { CODE = 64, COUNT = 3 * 8 * 10 * 8 };

static const shape SCAN = { 2, 32, 40, 32, 1 }, LATENT = { 2, 8, 10, 8, 3 };

static model_config config;
static json_t *settings;
static params nets[2]; /* U-Net, shift U-Net */
static float times[2];

static const char *const kinds[] = { "unet", "shift_unet" };

static int setup(void **state)
{
	(void)state;
	err e;
	fine(st_open(&values, GOLDEN "values.safetensors", &e), &e);
	fine(config_read(&config, "tests/oracle/small.json", &settings, &e), &e);
	for (int i = 0; i < 2; i++) {
		param_table t = { 0 };
		fine(unet_table(&config, i, &t, &e), &e);
		fine(table_fresh(&t, 1, &nets[i], &e), &e);
		table_free(&t);
		for (size_t k = 0; k < nets[i].n; k++)
			oracle_draw(&nets[i].p[k]);
		times[i] = golden("t", 2)[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	params_free(&nets[0]);
	params_free(&nets[1]);
	json_decref(settings);
	st_close(values);
	return 0;
}

/* Names, shapes and order of the reference's state dict. */
static void test_table(void **state)
{
	(void)state;
	char net[64], name[128], shape_[64], line[512];
	size_t seen[2] = { 0, 0 };
	FILE *f = fopen(GOLDEN "params.tsv", "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%63[^\t]\t%127[^\t]\t%63[^\t]", net, name, shape_) != 3)
			continue;
		for (int i = 0; i < 2; i++) {
			if (strcmp(net, kinds[i]))
				continue;
			assert_true(seen[i] < nets[i].n);
			const param *p = &nets[i].p[seen[i]++];
			char text[64] = "";
			for (int k = 0; k < p->rank; k++)
				snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", k ? "," : "", (int)p->n[k]);
			assert_string_equal(p->name, name);
			assert_string_equal(text, shape_);
		}
	}
	fclose(f);
	assert_int_equal(seen[0], nets[0].n);
	assert_int_equal(seen[1], nets[1].n);
}

/* The published size has as many parameters as the authors say. */
static void test_published(void **state)
{
	(void)state;
	err e;
	const model_config published = config_default();
	const size_t want[] = { 486927363, 865339142 };
	for (int i = 0; i < 2; i++) {
		param_table t = { 0 };
		size_t total = 0, moved = 0;
		fine(unet_table(&published, i, &t, &e), &e);
		for (size_t k = 0; k < t.n; k++) {
			size_t n = 1;
			for (int a = 0; a < t.t[k].rank; a++)
				n *= (size_t)t.t[k].n[a];
			total += n;
			moved += unet_is_shift(t.t[k].name) ? n : 0;
		}
		assert_int_equal(total, want[i]);
		assert_int_equal(moved, i ? 378411779 : 0);
		table_free(&t);
	}
}

/* The ends of a described network. */
typedef struct ends {
	layer *x, *t, *y, *eps, *shift; /* y and shift: NULL without a code */
} ends;

static ends described(graph *g, bool guided, double dropout)
{
	ends n = { .x = graph_input(g, LATENT), .t = graph_input(g, (shape){ 2, 1, 1, 1, 1 }) };
	n.y = guided ? graph_input(g, (shape){ 2, 1, 1, 1, CODE }) : NULL;
	n.eps = graph_keep(unet_predict(g, &config, &(unet_call){ .x = n.x, .t = n.t, .y = n.y, .dropout = dropout }, &n.shift));
	if (guided)
		graph_keep(n.shift);
	return n;
}

/* The golden values' latents, times and codes. */
static void give_golden(graph *g, const ends *n)
{
	graph_write(g, n->x, golden("z", 2 * COUNT));
	graph_write(g, n->t, times);
	if (n->y)
		graph_write(g, n->y, golden("y", 2 * CODE));
}

/* A network that is to be trained predicts 0 at first. */
static void test_fresh(void **state)
{
	(void)state;
	err e;
	param_table t = { 0 };
	params ps = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	const ends n = described(g, true, 0);
	fine(unet_table(&config, true, &t, &e), &e);
	fine(table_fresh(&t, 3, &ps, &e), &e);
	made_ready(g, &ps);
	give_golden(g, &n);
	run_forward(g);
	for (size_t i = 0; i < 2 * COUNT; i++)
		assert_true(n.eps->v[i] == 0 && n.shift->v[i] == 0);
	for (size_t i = 0; i < ps.n; i++) {
		bool zero = strstr(ps.p[i].name, "out_layers.3.") || strstr(ps.p[i].name, "proj_out.") || strstr(ps.p[i].name, "out.2.") ||
			    (ps.p[i].rank == 1 && strstr(ps.p[i].name, ".bias") &&
			     (strstr(ps.p[i].name, "_layers.0.") || strstr(ps.p[i].name, "norm.") || strstr(ps.p[i].name, "out.0.")));
		assert_true((ps.p[i].v[0] == 0) == zero);
	}
	graph_free(g);
	table_free(&t);
	params_free(&ps);
}

/* One that begins with what it is given, whatever the time: each channel less its mean, over its deviation (groups of one channel). */
static void test_begins(void **state)
{
	(void)state;
	err e;
	param_table t = { 0 };
	params ps = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	const ends n = described(g, false, 0);
	const float *z = golden("z", 2 * COUNT);
	const size_t volume = COUNT / 3;
	assert_int_equal(config.unet.groups, config.unet.base_channels);
	fine(unet_table(&config, false, &t, &e), &e);
	fine(table_fresh(&t, 3, &ps, &e), &e);
	unet_begin(&config, &ps);
	made_ready(g, &ps);
	give_golden(g, &n);
	run_forward(g);
	float *got = read_values(g, n.eps);
	for (size_t k = 0; k < 6; k++) {
		const float *x = z + k * volume;
		double mean = 0, square = 0;
		for (size_t i = 0; i < volume; i++)
			mean += (double)x[i] / (double)volume;
		for (size_t i = 0; i < volume; i++)
			square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)volume;
		for (size_t i = 0; i < volume; i++)
			assert_true(fabs((double)got[k * volume + i] - ((double)x[i] - mean) / sqrt(square + 1e-5)) < 1e-5);
	}
	free(got);
	graph_free(g);
	table_free(&t);
	params_free(&ps);
}

static void test_time(void **state)
{
	(void)state;
	params none = { 0 };
	const float some[] = { 0, 1, 37, 500, 999 };
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	layer *t = graph_input(g, (shape){ 5, 1, 1, 1, 1 }), *code = graph_keep(time_embedding(g, t, 32));
	made_ready(g, &none);
	graph_write(g, t, some);
	run_forward(g);
	expect_close("timestep_embedding", g, code, golden("timestep_embedding", 5 * 32), 1e-7);
	graph_free(g);
}

/* The three ways to run: the U-Net, the shift U-Net without a code, and with one. */
typedef struct way {
	graph *g;
	ends n;
} way;

static way run_way(int net, bool guided, enum nn_math math, int threads)
{
	way w = { .g = graph_new(GRAPH_ONCE, math, threads) };
	w.n = described(w.g, guided, 0);
	made_ready(w.g, &nets[net]);
	give_golden(w.g, &w.n);
	run_forward(w.g);
	return w;
}

/* All of it with one thread and with three: the same bytes. */
static void forward(enum nn_math math, double tolerance)
{
	float *first = NULL;
	for (int threads = 1; threads <= 3; threads += 2) {
		const way plain = run_way(0, false, math, threads), alone = run_way(1, false, math, threads),
			  both = run_way(1, true, math, threads);
		expect_close("unet", plain.g, plain.n.eps, golden("unet", 2 * COUNT), tolerance);
		expect_close("shift.epsilon", both.g, both.n.eps, golden("shift.epsilon", 2 * COUNT), tolerance);
		expect_close("shift.gradient", both.g, both.n.shift, golden("shift.gradient", 2 * COUNT), tolerance);
		/* the shared part is the same, and does not need the other */
		assert_memory_equal(plain.n.eps->v, both.n.eps->v, 2 * COUNT * sizeof(float));
		assert_memory_equal(plain.n.eps->v, alone.n.eps->v, 2 * COUNT * sizeof(float));
		if (!first)
			first = copy_of(both.n.shift->v, 2 * COUNT);
		assert_memory_equal(first, both.n.shift->v, 2 * COUNT * sizeof *first);
		graph_free(plain.g);
		graph_free(alone.g);
		graph_free(both.g);
	}
	free(first);
}

static void test_exact(void **state)
{
	(void)state;
	forward(NN_EXACT, 1e-5);
}

static void test_fast(void **state)
{
	(void)state;
	forward(NN_FAST, 1e-4);
}

/* ---- losses ---- */

/* The masks of the reference: the generator's key is the hash of "1/drop/BLOCK". */
static double golden_number(philox random, uint64_t i)
{
	return (double)oracle_number((uint64_t)random.key[1] << 32 | random.key[0], i, 0, 1);
}

static philox golden_drop(const void *of, const char *block)
{
	char key[192];
	(void)of;
	snprintf(key, sizeof key, "1/drop/%s", block);
	uint64_t hash = oracle_hash(key);
	return (philox){ { (uint32_t)hash, (uint32_t)(hash >> 32) }, { 0, 0 } };
}

/* Noisy latents of the losses: sqrt(a_t) z + sqrt(1-a_t) eps. */
static void give_noisy(graph *g, const ends *n, const schedule *s)
{
	const float *z = golden("z", 2 * COUNT), *eps = golden("eps", 2 * COUNT);
	float *x = malloc(2 * COUNT * sizeof *x);
	assert_non_null(x);
	for (int i = 0; i < 2 * COUNT; i++) {
		int t = (int)times[i / COUNT];
		x[i] = (float)(schedule_signal(s, t) * (double)z[i] + schedule_noise(s, t) * (double)eps[i]);
	}
	graph_write(g, n->x, x);
	graph_write(g, n->t, times);
	free(x);
}

static void diffusion_loss(enum nn_math math, double tolerance)
{
	err e;
	schedule s;
	fine(schedule_new(&s, &config.diffusion, &e), &e);
	fine(params_with_gradients(&nets[0], &e), &e);
	params_zero_gradients(&nets[0]);
	for (int drops = 0; drops < 2; drops++) {
		graph *g = graph_new(GRAPH_TRAIN, math, 2);
		const ends n = described(g, false, drops ? .1 : 0);
		layer *noise = graph_input(g, LATENT), *loss = graph_minimise(noise_loss(g, n.eps, NULL, noise, NULL, NULL, NULL));
		made_ready(g, &nets[0]);
		graph_random(g, golden_drop, NULL);
		g->number = golden_number;
		give_noisy(g, &n, &s);
		graph_write(g, noise, golden("eps", 2 * COUNT));
		run_forward(g);
		if (drops) {
			expect_close("loss.diffusion.dropout", g, loss, golden("loss.diffusion.dropout", 1), 1e-5);
		} else {
			expect_close("loss.diffusion", g, loss, golden("loss.diffusion", 1), 1e-5);
			run_backward(g, loss);
			int seen = expect_gradients(GOLDEN "grad.loss.diffusion.safetensors", &nets[0], NULL, tolerance);
			assert_int_equal(seen, nets[0].n);
		}
		graph_free(g);
	}
	schedule_free(&s);
}

static bool is_encoder(const char *name) { return !unet_is_shift(name); }

/* The loss of the representation: of the shift U-Net on the codes that an encoder makes of scans. */
typedef struct representation {
	graph *g;
	ends n;
	layer *scan, *noise, *weight, *shift, *loss;
} representation;

static representation described_representation(enum nn_math math, const sem_config *s, double dropout)
{
	graph *g = graph_new(GRAPH_TRAIN, math, 2);
	const shape number = { 2, 1, 1, 1, 1 };
	representation r = { .g = g, .scan = graph_input(g, SCAN), .noise = graph_input(g, LATENT) };
	r.n = (ends){ .x = graph_input(g, LATENT), .t = graph_input(g, number) };
	r.n.y = graph_keep(semantic_encode(g, s, r.scan, false, false));
	const unet_call call = { .x = r.n.x, .t = r.n.t, .y = r.n.y, .dropout = dropout };
	r.n.eps = graph_keep(unet_predict(g, &config, &call, &r.n.shift));
	graph_keep(r.n.shift);
	r.weight = graph_input(g, number);
	r.shift = graph_input(g, number);
	r.loss = graph_minimise(noise_loss(g, r.n.eps, r.n.shift, r.noise, NULL, r.weight, r.shift));
	return r;
}

static void run_representation(const representation *r, params *encoder)
{
	err e;
	schedule s;
	float weight[2], shift[2];
	fine(schedule_new(&s, &config.diffusion, &e), &e);
	for (int i = 0; i < 2; i++) {
		weight[i] = (float)schedule_loss_weight(&s, (int)times[i]);
		shift[i] = (float)schedule_shift_published(&s, (int)times[i]);
	}
	made_ready_of(r->g, (params *const[]){ &nets[1], encoder }, 2);
	graph_random(r->g, golden_drop, NULL);
	r->g->number = golden_number;
	give_noisy(r->g, &r->n, &s);
	graph_write(r->g, r->scan, golden("x", shape_count(SCAN)));
	graph_write(r->g, r->noise, golden("eps", 2 * COUNT));
	graph_write(r->g, r->weight, weight);
	graph_write(r->g, r->shift, shift);
	run_forward(r->g);
	schedule_free(&s);
}

/* The shift parts and the semantic encoder take gradients, the rest does not, nor is it gone back through. */
static void representation_loss(enum nn_math math, double tolerance)
{
	err e;
	params *ps = &nets[1];
	weights encoder = { 0 };
	for (size_t i = 0; i < ps->n; i++)
		ps->p[i].frozen = !unet_is_shift(ps->p[i].name);
	fine(params_with_gradients(ps, &e), &e);
	params_zero_gradients(ps);
	fine(weights_open(&encoder, GOLDEN "semantic.safetensors", "semantic", &e), &e);
	fine(params_with_gradients(&encoder.params, &e), &e);
	const representation r = described_representation(math, &encoder.config.semantic, 0);
	run_representation(&r, &encoder.params);
	expect_close("semantic", r.g, r.n.y, golden("semantic", 2 * CODE), 1e-5);
	assert_true(!r.n.eps->needs_grad && r.n.shift->needs_grad);
	expect_close("loss.representation", r.g, r.loss, golden("loss.representation", 1), 1e-5);
	run_backward(r.g, r.loss);
	int seen = expect_gradients(GOLDEN "grad.loss.representation.safetensors", ps, unet_is_shift, tolerance), moved = 0;
	for (size_t i = 0; i < ps->n; i++)
		moved += unet_is_shift(ps->p[i].name);
	assert_int_equal(seen, moved);
	/* all of the encoder, but for the places, which are constants */
	seen = expect_gradients(GOLDEN "grad.loss.representation.safetensors", &encoder.params, is_encoder, tolerance);
	assert_int_equal(seen, encoder.params.n - 1);
	for (size_t i = 0; i < ps->n; i++)
		assert_true(unet_is_shift(ps->p[i].name) == (ps->p[i].g != NULL));

	/* dropout reaches the shift branch only */
	const representation dropped = described_representation(math, &encoder.config.semantic, .1);
	run_representation(&dropped, &encoder.params);
	assert_memory_equal(dropped.n.eps->v, r.n.eps->v, 2 * COUNT * sizeof(float));
	assert_memory_not_equal(dropped.n.shift->v, r.n.shift->v, 2 * COUNT * sizeof(float));
	graph_free(r.g);
	graph_free(dropped.g);
	weights_close(&encoder);
	params_freeze(ps, false);
}

static void test_losses(void **state)
{
	(void)state;
	diffusion_loss(NN_EXACT, 1e-5);
	representation_loss(NN_EXACT, 1e-5);
}

static void test_losses_fast(void **state)
{
	(void)state;
	diffusion_loss(NN_FAST, 1e-4);
	representation_loss(NN_FAST, 1e-4);
}

/* What a run takes. */
static void plan(enum graph_use use, size_t *bytes, double *flop)
{
	err e;
	graph *g = graph_new(use, NN_EXACT, 2);
	const ends n = described(g, true, use == GRAPH_TRAIN ? .1 : 0);
	layer *noise = graph_input(g, LATENT), *shift = graph_input(g, (shape){ 2, 1, 1, 1, 1 });
	if (use == GRAPH_TRAIN)
		graph_minimise(noise_loss(g, n.eps, n.shift, noise, NULL, NULL, shift));
	fine(graph_bind(g, (params *const[]){ &nets[1] }, 1, &e), &e);
	fine(graph_settle(g, &e), &e);
	*bytes = graph_bytes(g);
	*flop = graph_flop(g);
	graph_free(g);
}

/* Plans of inference and of a training step; made_ready sees to it that runs need no more. */
static void test_plan(void **state)
{
	(void)state;
	size_t once, train;
	double flop, with_back;
	plan(GRAPH_ONCE, &once, &flop);
	plan(GRAPH_TRAIN, &train, &with_back);
	assert_true(flop > 1e9 && with_back > 1.5 * flop && with_back < 3 * flop); /* the shift branch alone is trained */
	assert_true(once > 2 * COUNT * sizeof(float) && train > once);
}

/* ---- the denoiser ---- */

static void write_net(const char *path, int i)
{
	err e;
	fine(weights_write(path, true, &(weights_content){ .kind = kinds[i], .params = &nets[i], .config = settings }, &e), &e);
}

static void test_denoiser(void **state)
{
	(void)state;
	err e;
	static float eps[2 * COUNT], g[2 * COUNT];
	const float *z = golden("z", 2 * COUNT), *y = golden("y", 2 * CODE);
	denoiser d;
	for (int shift = 0; shift < 2; shift++) {
		char name[32];
		snprintf(name, sizeof name, "%s.safetensors", kinds[shift]);
		write_net(test_path(name), shift);
		/* by its folder, which has both the second time, and by its file */
		for (int file = 0; file < 2; file++) {
			SUCCEEDS(denoiser_open(&d, file ? test_path(name) : test_folder(), NN_EXACT, 2, &e));
			assert_string_equal(d.net.w.kind, kinds[shift]);
			assert_memory_equal(d.x, ((int64_t[]){ 3, 8, 10, 8 }), sizeof d.x);
			assert_int_equal(d.y, shift ? CODE : 0);
			for (size_t i = 0; i < d.net.w.params.n; i++)
				assert_true(d.net.w.params.p[i].mapped);
			for (int i = 0; i < 2; i++) {
				SUCCEEDS(denoiser_eps(&d, eps + i * COUNT, shift ? g + i * COUNT : NULL, z + i * COUNT, times[i],
						      shift ? y + i * CODE : NULL, &e));
			}
			assert_true(strays(eps, golden("unet", 2 * COUNT), 2 * COUNT) < 1e-5);
			assert_true(!shift || strays(g, golden("shift.gradient", 2 * COUNT), 2 * COUNT) < 1e-5);
			if (!file)
				denoiser_close(&d);
		}
		if (!shift) {
			FAILS(ERR_BUG, "branch", denoiser_eps(&d, eps, g, z, 1, y, &e));
			FAILS(ERR_BUG, "branch", denoiser_plan(&(model_cost){ 0 }, &d, true, &e));
			denoiser_close(&d);
		}
	}
	FAILS(ERR_BUG, "code", denoiser_eps(&d, eps, g, z, 1, NULL, &e));
	/* without g the branch is not computed, y or not */
	static float other[2 * COUNT];
	SUCCEEDS(denoiser_eps(&d, eps, NULL, z, 5, NULL, &e));
	SUCCEEDS(denoiser_eps(&d, other, NULL, z, 5, y, &e));
	assert_memory_equal(eps, other, COUNT * sizeof *eps);
	/* the hundredth call holds what the first did */
	SUCCEEDS(denoiser_eps(&d, eps, g, z, 5, y, &e));
	const graph *held = d.net.g;
	const size_t bytes = graph_bytes(held);
	for (int i = 0; i < 3; i++)
		SUCCEEDS(denoiser_eps(&d, eps, g, z, 5, y, &e));
	assert_true(d.net.g == held && graph_bytes(held) == bytes);
	/* two in one call, in place */
	SUCCEEDS(denoiser_eps(&d, other + COUNT, g + COUNT, z + COUNT, 5, y + CODE, &e));
	SUCCEEDS(denoiser_eps(&d, other, g, z, 5, y, &e));
	float *want = malloc(sizeof g);
	memcpy(want, g, sizeof g);
	memcpy(eps, z, sizeof eps);
	d.batch = 2;
	SUCCEEDS(denoiser_eps(&d, eps, g, eps, 5, y, &e));
	assert_true(strays(g, want, 2 * COUNT) < 1e-6 && strays(eps, other, 2 * COUNT) < 1e-6);
	free(want);

	model_cost plain, both;
	d.batch = 1;
	SUCCEEDS(denoiser_plan(&plain, &d, false, &e));
	SUCCEEDS(denoiser_plan(&both, &d, true, &e));
	assert_true(both.flop > 1.4 * plain.flop && both.flop < 2 * plain.flop);
	assert_true(plain.seconds > 0 && plain.bytes > (double)d.net.w.file->bytes);
	FAILS(ERR_CONFIG, "divided by 1x2x2", denoiser_shape(&d, (const int[]){ 8, 10, 9 }, &e));
	SUCCEEDS(denoiser_shape(&d, (const int[]){ 1, 2, 4 }, &e));
	SUCCEEDS(denoiser_eps(&d, eps, g, z, 5, y, &e));
	denoiser_close(&d);

	FAILS(ERR_CONFIG, "not shift_unet or unet", denoiser_open(&d, GOLDEN "autoencoder.safetensors", NN_EXACT, 1, &e));
	denoiser_close(&d);
	FAILS(ERR_NOINPUT, "shift_unet.safetensors", denoiser_open(&d, "tests/oracle", NN_EXACT, 1, &e));
	denoiser_close(&d);
	/* a U-Net that calls itself a shift U-Net */
	fine(weights_write(test_path("shift_unet.safetensors"), true,
			   &(weights_content){ .kind = kinds[1], .params = &nets[0], .config = settings }, &e),
	     &e);
	FAILS(ERR_CONFIG, "label_emb.weight", denoiser_open(&d, test_folder(), NN_EXACT, 1, &e));
	denoiser_close(&d);
	for (int i = 0; i < 2; i++) {
		char name[32];
		snprintf(name, sizeof name, "%s.safetensors", kinds[i]);
		unlink(test_path(name));
	}
	rmdir(test_folder());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),  cmocka_unit_test(test_published), cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_begins), cmocka_unit_test(test_time),	 cmocka_unit_test(test_exact),
		cmocka_unit_test(test_fast),   cmocka_unit_test(test_losses),	 cmocka_unit_test(test_losses_fast),
		cmocka_unit_test(test_plan),   cmocka_unit_test(test_denoiser),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
