#include "train/ae_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/autoencoder.h"
#include "model/discriminator.h"
#include "nn/loss.h"
#include "train/ae_validate.h"
#include "train/ae_weights.h"
#include "train/anchor.h"

/* With components the decoder need not first learn to be understood through noise of variance 1: it begins at .08 of the latents' rms. */
static const float ANCHORED_LOG_VAR = -5;

enum { AUTOENCODER, DISCRIMINATOR }; /* numbers of parts, objectives and groups */

/* ---- the networks ---- */

static int make_autoencoder(training *t, err *e)
{
	train_part *p = training_add_part(t, "autoencoder", true, t->recipe.optimiser);
	param_table table = { 0 };
	int code = autoencoder_table(&t->config.autoencoder, &table, e);
	if (!code)
		code = part_fresh(p, &table, t->state.seed, e);
	for (size_t i = 0; !code && i < p->weights.n; i++)
		p->weights.p[i].frozen = !strncmp(p->weights.p[i].name, AUTOENCODER_COMPONENTS, strlen(AUTOENCODER_COMPONENTS));
	t->groups[t->n_groups++] = (train_group){ AUTOENCODER, 1, recipe_rate(&t->recipe), AE_NORM, AE_LR, false };
	return code ? code : params_with_gradients(&p->weights, e);
}

static int make_discriminator(training *t, err *e)
{
	if (t->recipe.adversarial_from < 0 || !(t->config.losses.adv_weight > 0))
		return 0;
	train_part *p = training_add_part(t, "discriminator", false, RULE_ADAM);
	param_table table = { 0 };
	int code = discriminator_table(&t->config.discriminator, t->config.autoencoder.image_channels, &table, e);
	if (!code)
		code = part_fresh(p, &table, t->state.seed, e);
	t->groups[t->n_groups++] =
		(train_group){ DISCRIMINATOR, 1, recipe_rate_discriminator(&t->recipe), AE_NORM_DISCRIMINATOR, -1, false };
	return code ? code : params_with_gradients(&p->weights, e);
}

static int make_scratch(ae_train *t, err *e)
{
	const ae_config *a = &t->t.config.autoencoder;
	const int *n = t->t.config.volume, f = ae_factor(a);
	const size_t voxels = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
	int code = mem_zero(&t->varied, voxels, sizeof *t->varied, "augmented scan", e);
	if (!code)
		code = mem_zero(&t->cut, voxels, sizeof *t->cut, "cropped scan", e);
	if (!code)
		code = mem_zero(&t->made, voxels, sizeof *t->made, "reconstruction", e);
	return code ? code : mem_zero(&t->drawn, voxels / (size_t)(f * f * f) * (size_t)a->latent_channels, sizeof *t->drawn, "noise", e);
}

int ae_train_open(ae_train *t, const training_setup *s, err *e)
{
	*t = (ae_train){ .t = training_new(&ae_training, s) };
	int code = make_autoencoder(&t->t, e);
	if (!code)
		code = make_discriminator(&t->t, e);
	return code ? code : make_scratch(t, e);
}

void ae_train_close(ae_train *t)
{
	training_close(&t->t);
	free(t->varied);
	free(t->cut);
	free(t->made);
	free(t->drawn);
	t->varied = t->cut = t->made = t->drawn = NULL;
}

int ae_train_learn(ae_train *t, const dataset *d, err *e)
{
	train_part *p = &t->t.state.parts[AUTOENCODER];
	if (!t->t.config.autoencoder.anchored)
		return 0;
	int code = anchor_learn(&p->weights, &t->t.config, d, e);
	param *log_var = params_find(&p->weights, "quant_conv_log_sigma.conv.bias");
	for (size_t i = 0; i < log_var->count; i++)
		log_var->v[i] = ANCHORED_LOG_VAR;
	param_touch(log_var);
	return code ? code : part_average_anew(p, e);
}

/* ---- the losses ---- */

static bool adversarial(const training *t) { return t->state.n_parts > DISCRIMINATOR && t->state.step >= t->recipe.adversarial_from; }

static bool cropped(const training *t) { return t->recipe.crop[0] && t->state.step < t->recipe.whole_from; }

static int stage(training *t)
{
	if (t->n_groups > DISCRIMINATOR)
		t->groups[DISCRIMINATOR].still = !adversarial(t);
	return 2 * adversarial(t) + cropped(t);
}

static int small(int n, int factor)
{
	int least = 4 * factor > 32 ? 4 * factor : 32; /* deep enough for both networks */
	return n < least ? n : least;
}

/* Of what a step looks at: a whole scan or a crop; part: a small box of it. */
static shape input_shape(const training *t, bool part)
{
	const int *n = cropped(t) ? t->recipe.crop : t->config.volume, f = ae_factor(&t->config.autoencoder);
	if (part)
		return (shape){ 1, small(n[0], f), small(n[1], f), small(n[2], f), 1 };
	return (shape){ 1, n[0], n[1], n[2], 1 };
}

/* The autoencoder's: mean and variance of the posterior, a latent drawn from it, the reconstruction; and what the discriminator, which
 * stays as it is, thinks of that. */
static void describe_autoencoder(ae_train *t, shape s, objective *o)
{
	graph *g = o->g;
	const model_config *m = &t->t.config;
	const loss_config *w = &m->losses;
	layer *log_var, *fooled = NULL;
	t->x = graph_input(g, s);
	layer *mean = autoencoder_encode(g, &m->autoencoder, t->x, &log_var);
	t->noise = graph_input(g, graph_shape(mean));
	t->recon = graph_keep(autoencoder_decode(g, &m->autoencoder, posterior(g, mean, log_var, t->noise)));
	if (adversarial(&t->t)) {
		o->fixed = &t->t.state.parts[DISCRIMINATOR].weights;
		fooled = squared_to(g, discriminator_judge(g, &m->discriminator, t->recon), 1);
	}
	o->told[AE_L1] = graph_keep(l1(g, t->recon, t->x));
	o->told[AE_KL] = graph_keep(kl(g, mean, log_var));
	o->told[AE_ADVERSARIAL] = graph_keep(fooled);
	o->told[AE_SSIM] = w->ssim_weight > 0 ? graph_keep(ssim(g, t->recon, t->x)) : NULL;
	/* the loss has 1 - SSIM, but for a constant */
	layer *const terms[] = { o->told[AE_L1], o->told[AE_KL], fooled, o->told[AE_SSIM] };
	const float by[] = { 1, (float)w->kl_weight, (float)w->adv_weight, -(float)w->ssim_weight };
	o->loss = graph_minimise(weigh(g, 4, terms, by));
}

/* The discriminator's: a reconstruction is to be told from the scan. */
static void describe_discriminator(ae_train *t, shape s, objective *o)
{
	graph *g = o->g;
	const disc_config *d = &t->t.config.discriminator;
	const float half = (float)t->t.config.losses.adv_weight / 2;
	t->fake = graph_input(g, s);
	t->real = graph_input(g, s);
	layer *const terms[] = { squared_to(g, discriminator_judge(g, d, t->fake), 0),
				 squared_to(g, discriminator_judge(g, d, t->real), 1) };
	o->loss = o->told[AE_DISCRIMINATOR] = graph_minimise(weigh(g, 2, terms, (float[]){ half, half }));
}

static void describe(training *base, int which, bool part, objective *o)
{
	ae_train *t = (ae_train *)base;
	const shape s = input_shape(base, part);
	if (which == AUTOENCODER)
		describe_autoencoder(t, s, o);
	else if (adversarial(base))
		describe_discriminator(t, s, o);
}

/* ---- a scan ---- */

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

/* The scan of a draw, varied and cropped as the recipe says: *x is its own or scratch. */
static int draw_scan(ae_train *t, const dataset *d, uint64_t draw, const float **x, err *e)
{
	const training *base = &t->t;
	const train_state *state = &base->state;
	const shape s = input_shape(base, false);
	const dataset_scan *scan = dataset_draw(d, state->seed, (int64_t)draw);
	int code = 0;
	*x = scan->x;
	if (base->recipe.augment) {
		const augment_shape shapes = dataset_shapes(d, scan, state_random(state, "shape", draw));
		code = augment(t->varied, *x, d->n, &base->recipe.augmentation, &shapes, state_random(state, "augmentation", draw), e);
		*x = t->varied;
	}
	if (cropped(base)) {
		crop(t->cut, s, *x, d->n, state_random(state, "crop", draw));
		*x = t->cut;
	}
	return code;
}

static int scan(training *base, const dataset *d, uint64_t draw, err *e)
{
	ae_train *t = (ae_train *)base;
	const float share = 1.0f / (float)base->recipe.batch;
	const philox random = state_random(&base->state, "posterior", draw);
	graph *const own = base->objectives[AUTOENCODER].g, *const other = base->objectives[DISCRIMINATOR].g;
	const float *x;
	int code = draw_scan(t, d, draw, &x, e);
	if (code)
		return code;
	for (size_t i = 0; i < shape_count(graph_shape(t->noise)); i++)
		t->drawn[i] = (float)philox_normal(random, i);
	graph_write(own, t->x, x);
	graph_write(own, t->noise, t->drawn);
	code = training_run(base, AUTOENCODER, share, draw, e);
	if (code || !other)
		return code;
	graph_read(own, t->recon, t->made);
	graph_write(other, t->fake, t->made);
	graph_write(other, t->real, x);
	return training_run(base, DISCRIMINATOR, share, draw, e);
}

/* The process itself: program, libraries, threads, the scan. */
static const double PROGRAM_BYTES = 3e7;

static int cost(const training *t, model_cost *c, err *e)
{
	(void)t, (void)e;
	c->bytes += PROGRAM_BYTES;
	return 0;
}

static const char *const losses[] = { [AE_L1] = "l1",
				      [AE_SSIM] = "ssim",
				      [AE_KL] = "kl",
				      [AE_ADVERSARIAL] = "adversarial",
				      [AE_DISCRIMINATOR] = "discriminator",
				      [AE_NORM] = "norm",
				      [AE_NORM_DISCRIMINATOR] = "norm_discriminator",
				      [AE_LR] = "lr",
				      NULL };
static const char *const scores[] = { [AE_SCORE_L1] = "l1",
				      [AE_SCORE_MSE] = "mse",
				      [AE_SCORE_BRAIN] = "ssim_brain",
				      [AE_SCORE_WHOLE] = "ssim_whole",
				      [AE_SCORE_SD] = "latent_sd",
				      [AE_SCORE_NOISE] = "noise_share",
				      NULL };

const training_kind ae_training = {
	.tool = "train-ae",
	.losses = losses,
	.scores = scores,
	.stage = stage,
	.describe = describe,
	.scan = scan,
	.validate = ae_validate,
	.write = ae_weights_write,
	.cost = cost,
};
