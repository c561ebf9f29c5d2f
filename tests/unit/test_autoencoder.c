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
	nn *c = nn_new(NN_INFER, math, 2);
	const ae_config *a = &ae.config.autoencoder;
	tensor *x = nn_from_field(c, SCAN, golden("x", shape_count(SCAN))), *log_var = NULL;
	tensor *mean = autoencoder_encode(c, a, &ae.params, x, &log_var);
	expect_close("encode.mean", c, mean, golden("encode.mean", shape_count(LATENT)), tolerance);
	for (size_t i = 0; i < shape_count(LATENT); i++)
		log_var->v[i] = expf(0.5f * log_var->v[i]);
	expect_close("encode.sigma", c, log_var, golden("encode.sigma", shape_count(LATENT)), tolerance);
	tensor *z = nn_from_field(c, LATENT, golden("z", shape_count(LATENT)));
	tensor *out = autoencoder_decode(c, a, &ae.params, z);
	expect_close("decode", c, out, golden("decode", shape_count(SCAN)), tolerance);
	nn_drop(c, x);
	nn_drop(c, mean);
	nn_drop(c, log_var);
	nn_drop(c, z);
	nn_drop(c, out);
	nn_free(c);
	for (size_t i = 0; i < ae.params.n; i++)
		param_touch(&ae.params.p[i]);
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

static void test_discriminator(void **state)
{
	(void)state;
	const shape patches = { 2, 2, 3, 2, 1 };
	nn *c = nn_new(NN_INFER, NN_EXACT, 2);
	tensor *x = nn_from_field(c, SCAN, golden("x", shape_count(SCAN)));
	tensor *eval = discriminator_judge(c, &disc.config.discriminator, &disc.params, x, false);
	expect_close("discriminator.eval", c, eval, golden("discriminator.eval", shape_count(patches)), 1e-5);
	err e;
	weights own = { 0 };
	fine(weights_open(&own, GOLDEN "discriminator.safetensors", "discriminator", &e), &e);
	fine(params_own(&own.params, &e), &e);
	tensor *train = discriminator_judge(c, &own.config.discriminator, &own.params, x, true);
	expect_close("discriminator.train", c, train, golden("discriminator.train", shape_count(patches)), 1e-5);
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
	nn_drop(c, x);
	nn_drop(c, eval);
	nn_drop(c, train);
	nn_free(c);
	weights_close(&own);
}

static void losses(enum nn_math math, double tolerance)
{
	err e;
	const shape one = { 1, 32, 40, 32, 1 }, latent = { 1, 8, 10, 8, 3 };
	weights a = { 0 }, d = { 0 };
	fine(weights_open(&a, GOLDEN "autoencoder.safetensors", "autoencoder", &e), &e);
	fine(weights_open(&d, GOLDEN "discriminator.safetensors", "discriminator", &e), &e);
	fine(params_own(&d.params, &e), &e);
	fine(params_with_gradients(&a.params, &e), &e);
	fine(params_with_gradients(&d.params, &e), &e);
	nn *c = nn_new(NN_TRAIN, math, 2);
	tensor *x = nn_from_field(c, one, golden("x", shape_count(SCAN))),
	       *noise = nn_from_field(c, latent, golden("eps", shape_count(LATENT)));

	/* the generator's side: no gradient for the discriminator */
	params_freeze(&d.params, true);
	tensor *log_var = NULL, *mean = autoencoder_encode(c, &a.config.autoencoder, &a.params, x, &log_var);
	tensor *z = nn_posterior(c, mean, log_var, noise), *recon = autoencoder_decode(c, &a.config.autoencoder, &a.params, z);
	tensor *fake = discriminator_judge(c, &d.config.discriminator, &d.params, recon, true);
	tensor *part[3] = { nn_l1(c, recon, x), nn_kl(c, mean, log_var), nn_squared_to(c, fake, 1) };
	const float weight[3] = { 1, (float)a.config.losses.kl_weight, (float)a.config.losses.adv_weight };
	tensor *total = nn_weigh(c, 3, part, weight);
	expect_close("loss.autoencoder.l1", c, part[0], golden("loss.autoencoder.l1", 1), 1e-5);
	expect_close("loss.autoencoder.kl", c, part[1], golden("loss.autoencoder.kl", 1), 1e-5);
	expect_close("loss.autoencoder.adversarial", c, part[2], golden("loss.autoencoder.adversarial", 1), 1e-5);
	expect_close("loss.autoencoder", c, total, golden("loss.autoencoder", 1), 1e-5);
	tensor *detached = nn_detach(c, nn_keep(recon));
	nn_backward(c, total, 1);
	fine(nn_error(c, &e), &e);
	expect_gradients(GOLDEN "grad.loss.autoencoder.safetensors", &a.params, NULL, tolerance);
	for (size_t i = 0; i < d.params.n; i++)
		for (size_t k = 0; d.params.p[i].g && k < d.params.p[i].count; k++)
			assert_true(d.params.p[i].g[k] == 0);

	/* the discriminator's side */
	params_freeze(&d.params, false);
	tensor *judged[2] = { discriminator_judge(c, &d.config.discriminator, &d.params, detached, true),
			      discriminator_judge(c, &d.config.discriminator, &d.params, x, true) };
	tensor *square[2] = { nn_squared_to(c, judged[0], 0), nn_squared_to(c, judged[1], 1) };
	const float half[2] = { 0.5f * weight[2], 0.5f * weight[2] };
	tensor *loss = nn_weigh(c, 2, square, half);
	expect_close("loss.discriminator", c, loss, golden("loss.discriminator", 1), 1e-5);
	nn_backward(c, loss, 1);
	fine(nn_error(c, &e), &e);
	expect_gradients(GOLDEN "grad.loss.discriminator.safetensors", &d.params, NULL, tolerance);

	tensor *all[] = { x,	   noise, log_var,  mean,      z,	  recon,     fake,	part[0], part[1],
			  part[2], total, detached, judged[0], judged[1], square[0], square[1], loss };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		nn_drop(c, all[i]);
	nn_free(c);
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
