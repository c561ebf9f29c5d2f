/* The U-Net and the shift U-Net, their losses and the denoiser, against the reference implementation's golden values. */
#include "../unit.h"

#include "../golden.h"
#include "../oracle_weights.h"

#include "model/schedule.h"
#include "model/denoiser.h"
#include "model/semantic.h"
#include "model/unet.h"
#include "nn/combine.h"
#include "nn/loss.h"

enum { CODE = 64, COUNT = 3 * 8 * 10 * 8 };

static const shape SCAN = { 2, 32, 40, 32, 1 }, LATENT = { 2, 8, 10, 8, 3 };

static model_config config;
static json_t *settings;
static params nets[2]; /* U-Net, shift U-Net */
static double times[2];

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
		times[i] = (double)golden("t", 2)[i];
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

/* A network that is to be trained predicts 0 at first. */
static void test_fresh(void **state)
{
	(void)state;
	err e;
	param_table t = { 0 };
	params ps = { 0 };
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	fine(unet_table(&config, true, &t, &e), &e);
	fine(table_fresh(&t, 3, &ps, &e), &e);
	unet_call call = { .x = nn_from_field(c, LATENT, golden("z", 2 * COUNT)), .t = times };
	call.y = nn_from_field(c, (shape){ 2, 1, 1, 1, CODE }, golden("y", 2 * CODE));
	tensor *g, *eps = unet_predict(c, &config, &ps, &call, &g);
	fine(nn_error(c, &e), &e);
	for (size_t i = 0; i < 2 * COUNT; i++)
		assert_true(eps->v[i] == 0 && g->v[i] == 0);
	for (size_t i = 0; i < ps.n; i++) {
		bool zero = strstr(ps.p[i].name, "out_layers.3.") || strstr(ps.p[i].name, "proj_out.") || strstr(ps.p[i].name, "out.2.") ||
			    (ps.p[i].rank == 1 && strstr(ps.p[i].name, ".bias") &&
			     (strstr(ps.p[i].name, "_layers.0.") || strstr(ps.p[i].name, "norm.") || strstr(ps.p[i].name, "out.0.")));
		assert_true((ps.p[i].v[0] == 0) == zero);
	}
	tensor *all[] = { call.x, call.y, g, eps };
	for (int i = 0; i < 4; i++)
		nn_drop(c, all[i]);
	nn_free(c);
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
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	const float *z = golden("z", 2 * COUNT);
	const size_t volume = COUNT / 3;
	float *got = calloc(2 * COUNT, sizeof *got);
	assert_non_null(got);
	assert_int_equal(config.unet.groups, config.unet.base_channels);
	fine(unet_table(&config, false, &t, &e), &e);
	fine(table_fresh(&t, 3, &ps, &e), &e);
	unet_begin(&config, &ps);
	unet_call call = { .x = nn_from_field(c, LATENT, z), .t = times };
	tensor *eps = unet_predict(c, &config, &ps, &call, NULL);
	fine(nn_error(c, &e), &e);
	nn_to_field(c, eps, got);
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
	nn_drop(c, call.x);
	nn_drop(c, eps);
	nn_free(c);
	table_free(&t);
	params_free(&ps);
}

static void test_time(void **state)
{
	(void)state;
	nn *c = nn_new(NN_INFER, NN_EXACT, 1);
	tensor *t = nn_time_embedding(c, (double[]){ 0, 1, 37, 500, 999 }, 5, 32);
	expect_close("timestep_embedding", c, t, golden("timestep_embedding", 5 * 32), 1e-7);
	nn_drop(c, t);
	nn_free(c);
}

static void forget_kernels(params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		param_touch(&ps->p[i]);
}

/* All of it with one thread and with three: the same bytes. */
static void forward(enum nn_math math, double tolerance)
{
	float *first = NULL;
	for (int threads = 1; threads <= 3; threads += 2) {
		nn *c = nn_new(NN_INFER, math, threads);
		unet_call call = { .x = nn_from_field(c, LATENT, golden("z", 2 * COUNT)), .t = times };
		tensor *g = NULL, *plain = unet_predict(c, &config, &nets[0], &call, NULL),
		       *alone = unet_predict(c, &config, &nets[1], &call, NULL);
		call.y = nn_from_field(c, (shape){ 2, 1, 1, 1, CODE }, golden("y", 2 * CODE));
		tensor *eps = unet_predict(c, &config, &nets[1], &call, &g);
		expect_close("unet", c, plain, golden("unet", 2 * COUNT), tolerance);
		expect_close("shift.epsilon", c, eps, golden("shift.epsilon", 2 * COUNT), tolerance);
		expect_close("shift.gradient", c, g, golden("shift.gradient", 2 * COUNT), tolerance);
		assert_memory_equal(plain->v, eps->v, 2 * COUNT * sizeof(float)); /* the shared part is the same */
		assert_memory_equal(plain->v, alone->v, 2 * COUNT * sizeof(float)); /* and does not need the other */
		if (!first) {
			first = malloc(2 * COUNT * sizeof *first);
			memcpy(first, g->v, 2 * COUNT * sizeof *first);
		}
		assert_memory_equal(first, g->v, 2 * COUNT * sizeof *first);
		tensor *all[] = { call.x, call.y, plain, alone, eps, g };
		for (int i = 0; i < 6; i++)
			nn_drop(c, all[i]);
		nn_free(c);
	}
	free(first);
	forget_kernels(&nets[0]);
	forget_kernels(&nets[1]);
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

static dropout golden_drop(const void *of, const char *block)
{
	char key[192];
	snprintf(key, sizeof key, "1/drop/%s", block);
	uint64_t hash = oracle_hash(key);
	return (dropout){ *(const double *)of, { { (uint32_t)hash, (uint32_t)(hash >> 32) }, { 0, 0 } }, golden_number };
}

/* Noisy latents of the losses: sqrt(a_t) z + sqrt(1-a_t) eps. */
static tensor *noisy(nn *c, const schedule *s)
{
	const float *z = golden("z", 2 * COUNT), *eps = golden("eps", 2 * COUNT);
	float *x = malloc(2 * COUNT * sizeof *x);
	for (int i = 0; i < 2 * COUNT; i++) {
		int t = (int)times[i / COUNT];
		x[i] = (float)(schedule_signal(s, t) * (double)z[i] + schedule_noise(s, t) * (double)eps[i]);
	}
	tensor *out = nn_from_field(c, LATENT, x);
	free(x);
	return out;
}

static void diffusion_loss(enum nn_math math, double tolerance)
{
	err e;
	schedule s;
	const double rate = .1;
	fine(schedule_new(&s, &config.diffusion, &e), &e);
	fine(params_with_gradients(&nets[0], &e), &e);
	params_zero_gradients(&nets[0]);
	nn *c = nn_new(NN_TRAIN, math, 2);
	unet_call call = { .x = noisy(c, &s), .t = times };
	tensor *noise = nn_from_field(c, LATENT, golden("eps", 2 * COUNT));
	tensor *eps = unet_predict(c, &config, &nets[0], &call, NULL), *loss = nn_noise_loss(c, eps, NULL, noise, NULL, NULL, NULL);
	expect_close("loss.diffusion", c, loss, golden("loss.diffusion", 1), 1e-5);
	nn_backward(c, loss, 1);
	fine(nn_error(c, &e), &e);
	int seen = expect_gradients(GOLDEN "grad.loss.diffusion.safetensors", &nets[0], NULL, tolerance);
	assert_int_equal(seen, nets[0].n);
	nn_drop(c, eps);
	nn_drop(c, loss);

	call.drop = golden_drop;
	call.of = &rate;
	eps = unet_predict(c, &config, &nets[0], &call, NULL);
	loss = nn_noise_loss(c, eps, NULL, noise, NULL, NULL, NULL);
	expect_close("loss.diffusion.dropout", c, loss, golden("loss.diffusion.dropout", 1), 1e-5);
	nn_forget(c);
	tensor *all[] = { call.x, noise, eps, loss };
	for (int i = 0; i < 4; i++)
		nn_drop(c, all[i]);
	nn_free(c);
	schedule_free(&s);
	forget_kernels(&nets[0]);
}

static bool is_encoder(const char *name) { return !unet_is_shift(name); }

/* The shift parts and the semantic encoder take gradients, the rest does not, nor is it recorded. */
static void representation_loss(enum nn_math math, double tolerance)
{
	err e;
	schedule s;
	fine(schedule_new(&s, &config.diffusion, &e), &e);
	params *ps = &nets[1];
	for (size_t i = 0; i < ps->n; i++)
		ps->p[i].frozen = !unet_is_shift(ps->p[i].name);
	fine(params_with_gradients(ps, &e), &e);
	params_zero_gradients(ps);
	nn *c = nn_new(NN_TRAIN, math, 2);
	unet_call call = { .x = noisy(c, &s), .t = times };
	weights encoder = { 0 };
	fine(weights_open(&encoder, GOLDEN "semantic.safetensors", "semantic", &e), &e);
	fine(params_with_gradients(&encoder.params, &e), &e);
	semantic_call scan = { .x = nn_from_field(c, SCAN, golden("x", shape_count(SCAN))) };
	call.y = semantic_encode(c, &encoder.config.semantic, &encoder.params, &scan);
	expect_close("semantic", c, call.y, golden("semantic", 2 * CODE), 1e-5);
	double weight[2], shift[2];
	for (int i = 0; i < 2; i++) {
		weight[i] = schedule_loss_weight(&s, (int)times[i]);
		shift[i] = schedule_shift_published(&s, (int)times[i]);
	}
	tensor *noise = nn_from_field(c, LATENT, golden("eps", 2 * COUNT)), *g = NULL;
	tensor *eps = unet_predict(c, &config, ps, &call, &g), *loss = nn_noise_loss(c, eps, g, noise, NULL, weight, shift);
	assert_true(!eps->needs_grad && g->needs_grad);
	expect_close("loss.representation", c, loss, golden("loss.representation", 1), 1e-5);
	nn_backward(c, loss, 1);
	fine(nn_error(c, &e), &e);
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
	const double rate = .1;
	call.drop = golden_drop;
	call.of = &rate;
	tensor *dropped, *same = unet_predict(c, &config, ps, &call, &dropped);
	fine(nn_error(c, &e), &e);
	assert_memory_equal(same->v, eps->v, 2 * COUNT * sizeof(float));
	assert_memory_not_equal(dropped->v, g->v, 2 * COUNT * sizeof(float));
	nn_forget(c);
	tensor *all[] = { call.x, call.y, noise, eps, g, loss, dropped, same, scan.x };
	for (int i = 0; i < 9; i++)
		nn_drop(c, all[i]);
	nn_free(c);
	weights_close(&encoder);
	schedule_free(&s);
	params_freeze(ps, false);
	forget_kernels(ps);
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

/* A plan of inference and one of a training step ask for the memory that the run takes. */
static void test_plan(void **state)
{
	(void)state;
	err e;
	const double rate = .1;
	for (int training = 0; training < 2; training++) {
		size_t peak[2];
		double flop[2];
		for (int run = 0; run < 2; run++) {
			nn *c = nn_new(!run ? NN_PLAN : training ? NN_TRAIN : NN_INFER, NN_EXACT, 2);
			nn_record(c, training);
			forget_kernels(&nets[1]);
			unet_call call = { .x = nn_from_field(c, LATENT, run ? golden("z", 2 * COUNT) : NULL), .t = run ? times : NULL };
			call.y = nn_from_field(c, (shape){ 2, 1, 1, 1, CODE }, run ? golden("y", 2 * CODE) : NULL);
			call.drop = training ? golden_drop : NULL;
			call.of = &rate;
			tensor *g, *eps = unet_predict(c, &config, &nets[1], &call, &g);
			if (training) {
				tensor *loss = nn_noise_loss(c, eps, g, call.x, NULL, NULL, times);
				nn_backward(c, loss, 1);
				nn_drop(c, loss);
			}
			fine(nn_error(c, &e), &e);
			tensor *all[] = { call.x, call.y, eps, g };
			for (int i = 0; i < 4; i++)
				nn_drop(c, all[i]);
			peak[run] = nn_peak(c);
			flop[run] = nn_flop(c);
			nn_free(c);
		}
		assert_int_equal(peak[0], peak[1]);
		assert_true(training ? flop[0] > 1.5 * flop[1] : flop[0] == flop[1]);
	}
	forget_kernels(&nets[1]);
}

/* ---- the denoiser ---- */

static void write_net(const char *path, int i)
{
	err e;
	fine(weights_write(path, true, kinds[i], &nets[i], settings, NULL, NULL, WEIGHTS_F32, &e), &e);
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
			assert_string_equal(d.w.kind, kinds[shift]);
			assert_memory_equal(d.x, ((int64_t[]){ 3, 8, 10, 8 }), sizeof d.x);
			assert_int_equal(d.y, shift ? CODE : 0);
			for (size_t i = 0; i < d.w.params.n; i++)
				assert_true(d.w.params.p[i].mapped);
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
	size_t held = nn_peak(d.c);
	for (int i = 0; i < 3; i++)
		SUCCEEDS(denoiser_eps(&d, eps, g, z, 5, y, &e));
	assert_int_equal(nn_peak(d.c), held);
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
	assert_true(plain.seconds > 0 && plain.bytes > (double)d.w.file->bytes);
	FAILS(ERR_CONFIG, "divided by 1x2x2", denoiser_shape(&d, (const int[]){ 8, 10, 9 }, &e));
	SUCCEEDS(denoiser_shape(&d, (const int[]){ 1, 2, 4 }, &e));
	SUCCEEDS(denoiser_eps(&d, eps, g, z, 5, y, &e));
	denoiser_close(&d);

	FAILS(ERR_CONFIG, "not shift_unet or unet", denoiser_open(&d, GOLDEN "autoencoder.safetensors", NN_EXACT, 1, &e));
	denoiser_close(&d);
	FAILS(ERR_NOINPUT, "shift_unet.safetensors", denoiser_open(&d, "tests/oracle", NN_EXACT, 1, &e));
	denoiser_close(&d);
	/* a U-Net that calls itself a shift U-Net */
	fine(weights_write(test_path("shift_unet.safetensors"), true, kinds[1], &nets[0], settings, NULL, NULL, WEIGHTS_F32, &e), &e);
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
