/* The autoencoder, the discriminator and their losses against the reference implementation's golden values (tests/oracle/golden). */
#include "../unit.h"

#include "../golden.h"

#include "model/autoencoder.h"
#include "model/discriminator.h"
#include "model/weights.h"
#include "nn/loss.h"

static weights ae, disc;

static int setup(void **state)
{
	(void)state;
	err e;
	fine(st_open(&values, GOLDEN "values.safetensors", &e), &e);
	fine(weights_open(&ae, GOLDEN "autoencoder.safetensors", "autoencoder", &e), &e);
	fine(weights_open(&disc, GOLDEN "discriminator.safetensors", "discriminator", &e), &e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weights_close(&ae);
	weights_close(&disc);
	st_close(values);
	return 0;
}

static const shape SCAN = { 2, 32, 40, 32, 1 }, LATENT = { 2, 8, 10, 8, 3 };

static void forward(enum nn_math math, double tolerance)
{
	const ae_config *a = &ae.config.autoencoder;
	graph *g = graph_new(GRAPH_ONCE, math, 2);
	layer *log_var, *x = graph_input(g, SCAN), *mean = graph_keep(autoencoder_encode(g, a, x, &log_var));
	layer *z = graph_input(g, LATENT), *out = graph_keep(autoencoder_decode(g, a, z));
	graph_keep(log_var);
	made_ready(g, &ae.params);
	graph_write(g, x, golden("x", shape_count(SCAN)));
	graph_write(g, z, golden("z", shape_count(LATENT)));
	run_forward(g);
	expect_close("encode.mean", g, mean, golden("encode.mean", shape_count(LATENT)), tolerance);
	float *sigma = read_values(g, log_var);
	for (size_t i = 0; i < shape_count(LATENT); i++)
		sigma[i] = expf(0.5f * sigma[i]);
	expect_values("encode.sigma", sigma, golden("encode.sigma", shape_count(LATENT)), shape_count(LATENT), tolerance);
	expect_close("decode", g, out, golden("decode", shape_count(SCAN)), tolerance);
	free(sigma);
	graph_free(g);
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

/* What the discriminator says of the scans, used as described: trained by batches, or on its running statistics. */
static void judge(weights *w, enum graph_use use, const char *want)
{
	const shape patches = { 2, 2, 3, 2, 1 };
	graph *g = graph_new(use, NN_EXACT, 2);
	layer *x = graph_input(g, SCAN), *judged = graph_keep(discriminator_judge(g, &w->config.discriminator, x));
	made_ready(g, &w->params);
	graph_write(g, x, golden("x", shape_count(SCAN)));
	run_forward(g);
	expect_close(want, g, judged, golden(want, shape_count(patches)), 1e-5);
	graph_free(g);
}

static void test_discriminator(void **state)
{
	(void)state;
	err e;
	weights own = { 0 };
	judge(&disc, GRAPH_ONCE, "discriminator.eval");
	fine(weights_open(&own, GOLDEN "discriminator.safetensors", "discriminator", &e), &e);
	fine(params_own(&own.params, &e), &e);
	judge(&own, GRAPH_TRAIN, "discriminator.train");
	for (int i = 0; i < own.config.discriminator.layers; i++) {
		static const char *const leaf[] = { "running_mean", "running_var" };
		for (int k = 0; k < 2; k++) {
			char name[64], key[96];
			snprintf(name, sizeof name, "%d.adn.N.%s", i, leaf[k]);
			snprintf(key, sizeof key, "discriminator.train.%s", name);
			const param *p = params_find(&own.params, name);
			assert_true(strays(p->v, golden(key, p->count), p->count) < 1e-5);
		}
	}
	weights_close(&own);
}

static const shape ONE = { 1, 32, 40, 32, 1 }, ONE_LATENT = { 1, 8, 10, 8, 3 };

/* The generator's side: no gradient for the discriminator. Returns the reconstruction. */
static float *generator_loss(weights *a, weights *d, enum nn_math math, double tolerance)
{
	graph *g = graph_new(GRAPH_TRAIN, math, 2);
	params_freeze(&d->params, true);
	layer *x = graph_input(g, ONE), *noise = graph_input(g, ONE_LATENT);
	layer *log_var, *mean = autoencoder_encode(g, &a->config.autoencoder, x, &log_var);
	layer *recon = graph_keep(autoencoder_decode(g, &a->config.autoencoder, posterior(g, mean, log_var, noise)));
	layer *fake = discriminator_judge(g, &d->config.discriminator, recon);
	layer *part[3] = { graph_keep(l1(g, recon, x)), graph_keep(kl(g, mean, log_var)), graph_keep(squared_to(g, fake, 1)) };
	const float weight[3] = { 1, (float)a->config.losses.kl_weight, (float)a->config.losses.adv_weight };
	layer *total = graph_minimise(weigh(g, 3, part, weight));
	made_ready_of(g, (params *const[]){ &a->params, &d->params }, 2);
	graph_write(g, x, golden("x", shape_count(SCAN)));
	graph_write(g, noise, golden("eps", shape_count(LATENT)));
	run_forward(g);
	expect_close("loss.autoencoder.l1", g, part[0], golden("loss.autoencoder.l1", 1), 1e-5);
	expect_close("loss.autoencoder.kl", g, part[1], golden("loss.autoencoder.kl", 1), 1e-5);
	expect_close("loss.autoencoder.adversarial", g, part[2], golden("loss.autoencoder.adversarial", 1), 1e-5);
	expect_close("loss.autoencoder", g, total, golden("loss.autoencoder", 1), 1e-5);
	run_backward(g, total);
	expect_gradients(GOLDEN "grad.loss.autoencoder.safetensors", &a->params, NULL, tolerance);
	for (size_t i = 0; i < d->params.n; i++)
		for (size_t k = 0; d->params.p[i].g && k < d->params.p[i].count; k++)
			assert_true(d->params.p[i].g[k] == 0);
	float *made = read_values(g, recon);
	graph_free(g);
	return made;
}

/* The discriminator's side, of a reconstruction and the scan. */
static void discriminator_loss(weights *d, const float *recon, float adversarial, enum nn_math math, double tolerance)
{
	graph *g = graph_new(GRAPH_TRAIN, math, 2);
	params_freeze(&d->params, false);
	layer *fake = graph_input(g, ONE), *x = graph_input(g, ONE);
	layer *judged[2] = { discriminator_judge(g, &d->config.discriminator, fake), discriminator_judge(g, &d->config.discriminator, x) };
	layer *square[2] = { squared_to(g, judged[0], 0), squared_to(g, judged[1], 1) };
	const float half[2] = { 0.5f * adversarial, 0.5f * adversarial };
	layer *loss = graph_minimise(weigh(g, 2, square, half));
	made_ready(g, &d->params);
	graph_write(g, fake, recon);
	graph_write(g, x, golden("x", shape_count(SCAN)));
	run_forward(g);
	expect_close("loss.discriminator", g, loss, golden("loss.discriminator", 1), 1e-5);
	run_backward(g, loss);
	expect_gradients(GOLDEN "grad.loss.discriminator.safetensors", &d->params, NULL, tolerance);
	graph_free(g);
}

static void losses(enum nn_math math, double tolerance)
{
	err e;
	weights a = { 0 }, d = { 0 };
	fine(weights_open(&a, GOLDEN "autoencoder.safetensors", "autoencoder", &e), &e);
	fine(weights_open(&d, GOLDEN "discriminator.safetensors", "discriminator", &e), &e);
	fine(params_own(&d.params, &e), &e);
	fine(params_with_gradients(&a.params, &e), &e);
	fine(params_with_gradients(&d.params, &e), &e);
	float *recon = generator_loss(&a, &d, math, tolerance);
	discriminator_loss(&d, recon, (float)a.config.losses.adv_weight, math, tolerance);
	free(recon);
	weights_close(&a);
	weights_close(&d);
}

static void test_losses(void **state)
{
	(void)state;
	losses(NN_EXACT, 1e-4);
}

static void test_losses_fast(void **state)
{
	(void)state;
	losses(NN_FAST, 1e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_exact), cmocka_unit_test(test_fast), cmocka_unit_test(test_discriminator),
					    cmocka_unit_test(test_losses), cmocka_unit_test(test_losses_fast) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
