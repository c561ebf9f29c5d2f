#include "train/ae_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"
#include "model/autoencoder.h"
#include "model/discriminator.h"
#include "nn/loss.h"
#include "train/anchor.h"
#include "train/ema.h"

/* The process itself: program, libraries, threads, the scan. */
static const double PROGRAM_BYTES = 3e7;

/* With components the decoder need not first learn to be understood through noise of variance 1: it begins at .08 of the latents' rms. */
static const float ANCHORED_LOG_VAR = -5;

static bool judged(const model_config *config, const recipe *r) { return r->adversarial_from >= 0 && config->losses.adv_weight > 0; }

/* The parameters of both networks, with values (seed) or, for planning, all zero. */
static int make_params(ae_train *t, err *e)
{
	param_table table = { 0 };
	int code = autoencoder_table(&t->config.autoencoder, &table, e);
	if (!code)
		code = table_fresh(&table, t->state.seed, &t->weights, e);
	table_free(&table);
	for (size_t i = 0; !code && i < t->weights.n; i++)
		t->weights.p[i].frozen = !strncmp(t->weights.p[i].name, AUTOENCODER_COMPONENTS, strlen(AUTOENCODER_COMPONENTS));
	if (!code)
		code = params_with_gradients(&t->weights, e);
	if (code || !judged(&t->config, &t->recipe))
		return code;
	code = discriminator_table(&t->config.discriminator, t->config.autoencoder.image_channels, &table, e);
	if (!code)
		code = table_fresh(&table, t->state.seed, &t->judge, e);
	table_free(&table);
	return code ? code : params_with_gradients(&t->judge, e);
}

static int make(ae_train *t, const model_config *config, const recipe *r, uint64_t seed, err *e)
{
	*t = (ae_train){ .config = *config, .recipe = *r, .state.seed = seed };
	return make_params(t, e);
}

int ae_train_open(ae_train *t, const model_config *config, const recipe *r, uint64_t seed, enum nn_math math, int threads, err *e)
{
	int code = make(t, config, r, seed, e);
	if (!code && !(t->c = nn_new(NN_TRAIN, math, threads)))
		code = err_set(e, ERR_OS, "no memory");
	if (!code)
		code = ema_init(&t->ema, &t->weights, e);
	if (!code)
		code = optimiser_init(&t->optimiser, r->optimiser, recipe_vectors(r), &t->weights, e);
	if (!code)
		code = optimiser_init(&t->judge_optimiser, RULE_ADAM, 1, &t->judge, e);
	t->state.parts[0] = (checkpoint_part){ "autoencoder", &t->weights, &t->ema, &t->optimiser };
	t->state.parts[1] = (checkpoint_part){ "discriminator", &t->judge, NULL, &t->judge_optimiser };
	t->state.n_parts = t->judge.n ? 2 : 1;
	return code;
}

int ae_train_begin(ae_train *t, const dataset *d, err *e)
{
	if (!t->config.autoencoder.anchored)
		return 0;
	int code = anchor_learn(&t->weights, &t->config, d, e);
	param *log_var = params_find(&t->weights, "quant_conv_log_sigma.conv.bias");
	for (size_t i = 0; i < log_var->count; i++)
		log_var->v[i] = ANCHORED_LOG_VAR;
	param_touch(log_var);
	params_free(&t->ema);
	return code ? code : ema_init(&t->ema, &t->weights, e);
}

void ae_train_close(ae_train *t)
{
	nn_free(t->c);
	params_free(&t->weights);
	params_free(&t->ema);
	params_free(&t->judge);
	optimiser_free(&t->optimiser);
	optimiser_free(&t->judge_optimiser);
}

/* Both networks' losses of one scan and their gradients, added to what is there. NULL data while planning. */
static void one_scan(ae_train *t, shape s, const float *data, philox noise_of, bool adversarial, ae_losses *l)
{
	nn *c = t->c;
	const loss_config *w = &t->config.losses;
	const ae_config *a = &t->config.autoencoder;
	const disc_config *d = &t->config.discriminator;
	float share = 1.0f / (float)t->recipe.batch;

	tensor *x = nn_from_field(c, s, data), *log_var = NULL;
	tensor *mean = autoencoder_encode(c, a, &t->weights, x, &log_var);
	tensor *noise = mean ? nn_tensor(c, mean->s) : NULL;
	for (size_t i = 0; noise && noise->v && i < shape_count(noise->s); i++)
		noise->v[i] = (float)philox_normal(noise_of, i);
	tensor *z = nn_posterior(c, mean, log_var, noise), *recon = autoencoder_decode(c, a, &t->weights, z);

	params_freeze(&t->judge, true);
	tensor *fooled = adversarial ? discriminator_judge(c, d, &t->judge, recon, true) : NULL;
	tensor *part[4] = { nn_l1(c, recon, x), nn_kl(c, mean, log_var), adversarial ? nn_squared_to(c, fooled, 1) : NULL,
			    w->ssim_weight > 0 ? nn_ssim(c, recon, x) : NULL };
	/* 1 - SSIM but for a constant */
	tensor *loss = nn_weigh(c, 4, part, (float[]){ 1, (float)w->kl_weight, (float)w->adv_weight, -(float)w->ssim_weight });
	tensor *fake = adversarial ? nn_detach(c, nn_keep(recon)) : NULL;
	l->l1 += share * nn_value(part[0]);
	l->kl += share * nn_value(part[1]);
	l->ssim += share * nn_value(part[3]);
	nn_backward(c, loss, share);
	tensor *generator[] = { log_var, mean, noise, z, recon, fooled, part[0], part[1], part[3], loss };
	for (size_t i = 0; i < sizeof generator / sizeof *generator; i++)
		nn_drop(c, generator[i]);
	params_freeze(&t->judge, false);
	if (adversarial) {
		tensor *of_fake = discriminator_judge(c, d, &t->judge, fake, true),
		       *of_real = discriminator_judge(c, d, &t->judge, x, true);
		tensor *square[2] = { nn_squared_to(c, of_fake, 0), nn_squared_to(c, of_real, 1) };
		float half = (float)w->adv_weight / 2;
		tensor *verdict = nn_weigh(c, 2, square, (float[]){ half, half });
		l->adversarial += share * nn_value(part[2]);
		l->judge += share * nn_value(verdict);
		nn_backward(c, verdict, share);
		tensor *judge[] = { part[2], fake, of_fake, of_real, square[0], square[1], verdict };
		for (size_t i = 0; i < sizeof judge / sizeof *judge; i++)
			nn_drop(c, judge[i]);
	}
	nn_drop(c, x);
}

/* Whole or cropped at this step? */
static shape input_shape(const ae_train *t)
{
	const int *n = t->recipe.crop[0] && t->state.step < t->recipe.whole_from ? t->recipe.crop : t->config.volume;
	return (shape){ 1, n[0], n[1], n[2], 1 };
}

/* A box of shape s at a random place of x [n]. */
static void crop(float *out, shape s, const float *x, const int n[3], philox random)
{
	const int size[3] = { s.x, s.y, s.z };
	int at[3];
	for (int i = 0; i < 3; i++)
		at[i] = (int)(philox_uniform(random, (uint64_t)i) * (n[i] - size[i] + 1));
	for (int i = 0; i < s.x; i++)
		for (int j = 0; j < s.y; j++)
			memcpy(out + ((size_t)i * s.y + j) * s.z, x + ((size_t)(at[0] + i) * n[1] + at[1] + j) * n[2] + at[2],
			       (size_t)s.z * sizeof *out);
}

int ae_train_step(ae_train *t, const dataset *d, ae_losses *l, err *e)
{
	bool adversarial = t->judge.n && t->state.step >= t->recipe.adversarial_from;
	float *varied = NULL, *cut = NULL;
	shape s = input_shape(t);
	int code = mem_zero(&varied, d->voxels, sizeof *varied, "augmented scan", e);
	if (!code)
		code = mem_zero(&cut, shape_count(s), sizeof *cut, "cropped scan", e);
	double absent = adversarial ? 0 : NAN;
	*l = (ae_losses){ .ssim = t->config.losses.ssim_weight > 0 ? 0 : NAN, .adversarial = absent, .judge = absent, .judge_norm = NAN };
	params_zero_gradients(&t->weights);
	params_zero_gradients(&t->judge);
	for (int i = 0; !code && i < t->recipe.batch; i++) {
		uint64_t draw = (uint64_t)t->state.step * (uint64_t)t->recipe.batch + (uint64_t)i;
		const dataset_scan *scan = dataset_draw(d, t->state.seed, (int64_t)draw);
		const float *x = scan->x;
		if (t->recipe.augment) {
			const augment_shape shapes = dataset_shapes(d, scan, state_random(&t->state, "shape", draw));
			code = augment(varied, x, d->n, &t->recipe.augmentation, &shapes, state_random(&t->state, "augmentation", draw), e);
			x = varied;
		}
		if (s.x < d->n[0] || s.y < d->n[1] || s.z < d->n[2]) {
			crop(cut, s, x, d->n, state_random(&t->state, "crop", draw));
			x = cut;
		}
		if (!code)
			one_scan(t, s, x, state_random(&t->state, "posterior", draw), adversarial, l);
	}
	free(varied);
	free(cut);
	if (!code)
		code = nn_error(t->c, e);
	if (code)
		return code;
	l->norm = gradient_norm(&t->weights);
	if (adversarial)
		l->judge_norm = gradient_norm(&t->judge);
	if (!isfinite(l->l1 + l->kl + l->norm) || (adversarial && !isfinite(l->judge + l->judge_norm)))
		return err_set(e, ERR_DATA, "the loss is no finite number any more at step %lld (L1 %g, KL %g)",
			       (long long)t->state.step, l->l1, l->kl);
	lr_schedule rate = recipe_rate(&t->recipe), judge_rate = recipe_rate_discriminator(&t->recipe);
	l->lr = lr_at(&rate, t->state.step);
	code = optimiser_step(&t->optimiser, &t->weights, l->lr, clip_factor(l->norm, t->recipe.clip), e);
	if (!code && adversarial)
		code = optimiser_step(&t->judge_optimiser, &t->judge, lr_at(&judge_rate, t->state.step),
				      clip_factor(l->judge_norm, t->recipe.clip), e);
	if (code)
		return code;
	ema_update(&t->ema, &t->weights, t->recipe.ema, t->state.step);
	t->state.step++;
	return 0;
}

static int small(int n, int factor)
{
	int least = 4 * factor > 32 ? 4 * factor : 32;	/* deep enough for both networks */
	return n < least ? n : least;
}

/* plan_run */
static int blank_scan(void *of, nn *c, bool part, err *e)
{
	ae_train *t = of;
	const int *n = t->config.volume, factor = ae_factor(&t->config.autoencoder);
	shape s = part ? (shape){ 1, small(n[0], factor), small(n[1], factor), small(n[2], factor), 1 } : input_shape(t);
	ae_losses l = { 0 };
	float *zeros = NULL;
	int code = nn_planning(c) ? 0 : mem_zero(&zeros, shape_count(s), sizeof *zeros, "scan", e);
	t->c = c;
	if (!code)
		one_scan(t, s, zeros, philox_make(0, 0), t->judge.n > 0 && t->recipe.adversarial_from < t->recipe.steps, &l);
	t->c = NULL;
	free(zeros);
	return code ? code : nn_error(c, e);
}

int ae_train_plan(const model_config *config, const recipe *r, enum nn_math math, int threads, train_cost *cost, err *e)
{
	ae_train t;
	int code = make(&t, config, r, 0, e);
	if (!code)
		code = train_plan(cost, blank_scan, &t, (const params *const[]){ &t.weights, &t.judge }, 2, math, threads, e);
	if (!code) {
		double numbers = 0;	/* weights, gradients, both moments, and the average of the autoencoder's */
		for (size_t i = 0; i < t.weights.n; i++)
			numbers += 5 * (double)t.weights.p[i].count;
		for (size_t i = 0; i < t.judge.n; i++)
			numbers += 4 * (double)t.judge.p[i].count;
		cost->flop *= r->batch;
		cost->seconds *= r->batch;
		cost->bytes += numbers * sizeof(float) + PROGRAM_BYTES;
	}
	ae_train_close(&t);
	return code;
}
