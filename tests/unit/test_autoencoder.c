/* The autoencoder, the discriminator and their losses against the reference implementation's golden values (tests/oracle/golden). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "format/safetensors.h"
#include "model/autoencoder.h"
#include "model/discriminator.h"
#include "model/weights.h"
#include "nn/loss.h"

#define GOLDEN "tests/oracle/golden/"

static st_file *values;
static weights ae, disc;

static void fine(int code, const err *e)
{
	if (code)
		fail_msg("%s", e->text);
}

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

static const float *golden(const char *name, size_t count)
{
	const st_tensor *t = st_find(values, name);
	assert_non_null(t);
	assert_int_equal(t->count, count);
	return t->data;
}

/* Largest difference relative to the largest golden value. */
static double strays(const float *a, const float *golden_values, size_t n)
{
	double diff = 0, most = 0;
	for (size_t i = 0; i < n; i++) {
		diff = fmax(diff, fabs((double)a[i] - (double)golden_values[i]));
		most = fmax(most, fabs((double)golden_values[i]));
	}
	return diff / most;
}

static void expect_close(const char *what, nn *c, const tensor *t, const float *want, double tolerance)
{
	err e;
	fine(nn_error(c, &e), &e);
	assert_non_null(t);
	float *got = malloc(shape_count(t->s) * sizeof *got);
	nn_to_field(c, t, got);
	double d = strays(got, want, shape_count(t->s));
	free(got);
	print_message("%s: %.1e\n", what, d);
	if (!(d <= tolerance))
		fail_msg("%s strays by %.2e, more than %.0e", what, d, tolerance);
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

/* Compares every gradient with a golden file: NAME whole; NAME@every: stride k, then every k-th value; NAME@norm: sum, 2-norm. */
static void expect_gradients(const char *path, const params *ps, double tolerance)
{
	err e;
	st_file *f = NULL;
	fine(st_open(&f, path, &e), &e);
	double most = 0, worst = 0;
	int seen = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!strstr(f->tensors[i].name, "@norm"))
			for (size_t k = strstr(f->tensors[i].name, "@every") ? 1 : 0; k < f->tensors[i].count; k++)
				most = fmax(most, fabs((double)((const float *)f->tensors[i].data)[k]));
	for (size_t i = 0; i < f->n; i++) {
		const st_tensor *t = &f->tensors[i];
		const float *want = t->data;
		char name[160];
		snprintf(name, sizeof name, "%s", t->name);
		char *at = strchr(name, '@');
		if (at)
			*at++ = 0;
		if (!strcmp(name, "__none__"))
			continue;
		param *p = params_find(ps, name);
		if (!p)
			fail_msg("%s: no such parameter", name);
		if (at && !strcmp(at, "norm")) {
			double sum = 0, square = 0;
			for (size_t k = 0; k < p->count; k++) {
				sum += (double)p->g[k];
				square += (double)p->g[k] * (double)p->g[k];
			}
			worst = fmax(worst, fabs(sqrt(square) - (double)want[1]) / most / sqrt((double)p->count));
			continue;
		}
		size_t stride = at ? (size_t)want[0] : 1, skip = at ? 1 : 0;
		for (size_t k = 0; k + skip < t->count; k++)
			worst = fmax(worst, fabs((double)p->g[k * stride] - (double)want[k + skip]) / most);
		seen++;
	}
	st_close(f);
	print_message("%s: %d tensors, %.1e\n", path, seen, worst);
	assert_true(seen > 10);
	if (!(worst <= tolerance))
		fail_msg("%s: gradients stray by %.2e", path, worst);
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
	expect_gradients(GOLDEN "grad.loss.autoencoder.safetensors", &a.params, tolerance);
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
	expect_gradients(GOLDEN "grad.loss.discriminator.safetensors", &d.params, tolerance);

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
