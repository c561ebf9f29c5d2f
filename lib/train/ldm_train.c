#include "train/ldm_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/unet.h"
#include "model/weights.h"
#include "nn/loss.h"
#include "train/ema.h"
#include "train/move.h"
#include "train/picture.h"
#include "train/stop.h"

enum { SHOWN = 3 };
/* Draws of a latent in one batch: with more each weight is read and its gradient written less often, but the tape takes more memory. */
enum { TOGETHER = 6 };

/* A parameter that training leaves alone; v NULL: while planning. */
static void hold(ldm_train *t, const char *name, const float *v)
{
	param *p = params_find(&t->weights, name);
	if (!p)
		return;
	p->frozen = true;
	if (v)
		memcpy(p->v, v, p->count * sizeof *v);
}

/* What is known of the latents before. */
static void hold_known(ldm_train *t)
{
	hold(t, SCALING_MEAN, t->space->mean);
	hold(t, SCALING_SD, t->space->sd);
	hold(t, PRIOR_COMPONENTS, t->space->components);
	hold(t, PRIOR_REST, t->space->rest);
}

static int make(ldm_train *t, const model_config *config, const recipe *r, latent_space *space, uint64_t seed, err *e)
{
	param_table table = { 0 };
	*t = (ldm_train){ .config = *config, .recipe = *r, .space = space, .state.seed = seed };
	int code = latent_space_fits(space, config, e);
	if (!code)
		code = unet_table(&t->config, false, &table, e);
	if (!code)
		code = table_fresh(&table, seed, &t->weights, e);
	table_free(&table);
	if (!code) {
		unet_begin(config, &t->weights);
		hold_known(t);
		code = params_with_gradients(&t->weights, e);
	}
	return code ? code : noisy_latent_new(&t->noisy, space, r->draws, e);
}

int ldm_train_open(ldm_train *t, const model_config *config, const recipe *r, latent_space *space, uint64_t seed, enum nn_math math,
		   int threads, err *e)
{
	int code = make(t, config, r, space, seed, e);
	if (!code && !(t->c = nn_new(NN_TRAIN, math, threads)))
		code = err_set(e, ERR_OS, "no memory");
	if (!code)
		code = latent_space_prior(space, config, &t->weights, e);
	if (!code)
		code = ema_init(&t->ema, &t->weights, e);
	if (!code)
		code = optimiser_init(&t->optimiser, r->optimiser, recipe_vectors(r), &t->weights, e);
	t->state.parts[0] = (checkpoint_part){ "unet", &t->weights, &t->ema, &t->optimiser };
	t->state.n_parts = 1;
	return code;
}

void ldm_train_close(ldm_train *t)
{
	nn_free(t->c);
	params_free(&t->weights);
	params_free(&t->ema);
	optimiser_free(&t->optimiser);
	noisy_latent_free(&t->noisy);
}

static double weight_of(const ldm_train *t, int k)
{
	return schedule_p2_weight(&t->space->schedule, t->noisy.t[k], t->recipe.p2_k, t->recipe.p2_gamma);
}

/* The loss at draws first .. first+n-1 of t->noisy with weights p; use NULL: nothing is dropped. */
static tensor *loss_of(const ldm_train *t, nn *c, const params *p, int first, int n, const latent_use *use)
{
	const bool plan = nn_planning(c);
	double time[RECIPE_DRAWS], weight[RECIPE_DRAWS];
	shape s = t->space->s;
	s.b = n;
	for (int k = 0; k < n; k++) {
		time[k] = t->noisy.t[first + k];
		weight[k] = weight_of(t, first + k);
	}
	size_t skip = (size_t)first * t->space->count;
	unet_call call = {
		.x = nn_from_field(c, s, plan ? NULL : t->noisy.v + skip), .t = plan ? NULL : time, .prior = t->space->prior, .of = use
	};
	if (use && use->rate > 0)
		call.drop = latent_dropout;
	tensor *noise = nn_from_field(c, s, plan ? NULL : t->noisy.noise + skip);
	tensor *eps = unet_predict(c, &t->config, p, &call, NULL), *place = latent_places(c, t->space);
	tensor *loss = nn_noise_loss(c, eps, NULL, noise, place, weight, NULL);
	nn_drop(c, call.x);
	nn_drop(c, noise);
	nn_drop(c, place);
	nn_drop(c, eps);
	return loss;
}

/* Adds to loss and gradients what latent z makes of them at all of its draws; draw: its number. */
static void one_latent(ldm_train *t, nn *c, const float *z, uint64_t draw, double *sum)
{
	int draws = t->recipe.draws, batches = (draws + TOGETHER - 1) / TOGETHER;
	noisy_latent_draw(&t->noisy, t->space, z, &t->state, draw, draws);
	for (int i = 0; i < batches; i++) {
		int first = draws * i / batches, n = draws * (i + 1) / batches - first;
		const latent_use use = { &t->state, draw * (uint64_t)batches + (uint64_t)i, t->config.unet.dropout };
		float share = (float)n / (float)(draws * t->recipe.batch);
		tensor *loss = loss_of(t, c, &t->weights, first, n, &use);
		*sum += share * nn_value(loss);
		nn_backward(c, loss, share);
		nn_drop(c, loss);
	}
}

int ldm_train_step(ldm_train *t, const dataset *d, ldm_losses *l, err *e)
{
	int code = 0;
	*l = (ldm_losses){ 0 };
	params_zero_gradients(&t->weights);
	for (int i = 0; !code && i < t->recipe.batch; i++) {
		uint64_t draw = (uint64_t)t->state.step * (uint64_t)t->recipe.batch + (uint64_t)i;
		const float *x, *z;
		code = latent_draw(t->space, d, &t->recipe, &t->state, draw, &x, &z, e);
		if (code)
			break;
		one_latent(t, t->c, z, draw, &l->loss);
		code = nn_error(t->c, e);
	}
	return code ? code : train_move(&t->state, &t->recipe, l->loss, &l->norm, &l->lr, e);
}

int ldm_validate(ldm_train *t, const dataset *d, const size_t *which, size_t n, ldm_scores *s, err *e)
{
	nn_record(t->c, false);
	*s = (ldm_scores){ 0 };
	for (size_t i = 0; i < n && !stop_asked(); i++) {
		const dataset_scan *scan = &d->scans[which[i]];
		for (int k = 0; k < NOISE_PAIRS; k++) {
			noisy_latent_pair(&t->noisy, t->space, scan->id, scan->z, k);
			tensor *loss = loss_of(t, t->c, &t->ema, 0, 1, NULL);
			s->loss += nn_value(loss) / NOISE_PAIRS / (double)n;
			s->range[k * NOISE_RANGES / NOISE_PAIRS] +=
				nn_value(loss) / weight_of(t, 0) * NOISE_RANGES / NOISE_PAIRS / (double)n;
			nn_drop(t->c, loss);
		}
	}
	nn_record(t->c, true);
	return nn_error(t->c, e);
}

int ldm_show(ldm_train *t, const preparation *p, const char *folder, err *e)
{
	static const char *const captions[SHOWN] = { "sample 1", "sample 2", "sample 3" };
	const float *scans[SHOWN];
	latent_sampler s = { .space = t->space, .c = t->c, .config = &t->config, .p = &t->ema };
	float *v = NULL;
	int code = mem_zero(&v, SHOWN * t->space->voxels, sizeof *v, "samples", e);
	nn_record(t->c, false);
	for (int i = 0; !code && i < SHOWN && !stop_asked(); i++) {
		scans[i] = v + (size_t)i * t->space->voxels;
		code = latent_sample(&s, v + (size_t)i * t->space->voxels, t->state.seed, captions[i], e);
	}
	nn_record(t->c, true);
	if (!code && !stop_asked())
		code = train_picture(folder, t->state.step, p, scans, captions, SHOWN, false, e);
	free(v);
	return code;
}

int ldm_weights_write(const ldm_train *t, const ldm_scores *s, const dataset *d, const char *folder, enum weights_store as, err *e)
{
	char *path = NULL, score[32];
	snprintf(score, sizeof score, "%.5f", s->loss);
	json_t *notes = state_notes(&t->state, d, "train-ldm", "loss", score);
	int code = notes ? state_path(&path, folder, "unet.safetensors", e) : err_set(e, ERR_OS, "%s: no memory", folder);
	if (!code)
		code = weights_write(path, true, "unet", &t->ema, t->state.config, json_object_get(t->state.config, "preparation"), notes,
				     as, e);
	json_decref(notes);
	free(path);
	return code;
}

/* plan_run: a part is a quarter of the planes, so that the levels keep their shapes. */
static int blank_latent(void *of, nn *c, bool part, err *e)
{
	ldm_train *t = of;
	const shape whole = t->space->s;
	double loss = 0;
	if (part)
		t->space->s.x = (whole.x + 3) / 4;
	one_latent(t, c, NULL, 0, &loss);
	t->space->s = whole;
	return nn_error(c, e);
}

int ldm_train_plan(const model_config *config, const recipe *r, latent_space *space, enum nn_math math, int threads, train_cost *cost,
		   err *e)
{
	ldm_train t;
	int code = make(&t, config, r, space, 0, e);
	if (!code)
		code = latent_space_prior(space, config, &t.weights, e);
	if (!code)
		code = train_plan(cost, blank_latent, &t, (const params *const[]){ &t.weights }, 1, math, threads, e);
	if (!code)
		code = latent_space_plan(space, r, cost, e);
	for (size_t i = 0; !code && i < t.weights.n; i++) /* weights, gradients, both moments, the average */
		cost->bytes += 5 * sizeof(float) * (double)t.weights.p[i].count;
	ldm_train_close(&t);
	return code;
}
