#include "train/ldm_train.h"

#include <math.h>
#include <string.h>

#include "model/unet.h"
#include "nn/loss.h"
#include "train/ldm_validate.h"

/* Noisy latents in one batch: with more each weight is read and its gradient written less often, but what the way back needs takes more
 * memory. */
enum { BATCH = 6 };

/* A parameter that training leaves alone; v NULL: it is not known, in a plan. */
static void hold(params *ps, const char *name, const float *v)
{
	param *p = params_find(ps, name);
	if (!p)
		return;
	p->frozen = true;
	if (v)
		memcpy(p->v, v, p->count * sizeof *v);
}

/* What is known of the latents before. */
static void hold_known(params *ps, const latent_space *l)
{
	hold(ps, SCALING_MEAN, l->mean);
	hold(ps, SCALING_SD, l->sd);
	hold(ps, PRIOR_COMPONENTS, l->components);
	hold(ps, PRIOR_REST, l->rest);
}

int ldm_train_open(ldm_train *t, const training_setup *setup, latent_space *space, err *e)
{
	const model_config *config = setup->config;
	const recipe *r = setup->recipe;
	param_table table = { 0 };
	*t = (ldm_train){ .t = training_new(&ldm_training, setup), .space = space };
	train_part *net = training_add_part(&t->t, "unet", true, r->optimiser);
	t->t.groups[t->t.n_groups++] = (train_group){ 0, 1, recipe_rate(r), LDM_NORM, LDM_LR, false };
	int code = latent_space_fits(space, config, e);
	if (!code)
		code = unet_table(config, false, &table, e);
	if (!code)
		code = part_fresh(net, &table, setup->seed, e);
	if (!code) {
		unet_begin(config, &net->weights);
		hold_known(&net->weights, space);
		code = params_with_gradients(&net->weights, e);
	}
	if (!code)
		code = latent_space_prior(space, config, &net->weights, e);
	return code ? code : noisy_latent_new(&t->noisy, space, r->draws, e);
}

void ldm_train_close(ldm_train *t)
{
	training_close(&t->t);
	noisy_latent_free(&t->noisy);
}

/* ---- the loss ---- */

/* The draws of a scan are seen in so many batches, of sizes that differ by one at the most. */
static int batches_of(const training *t) { return (t->recipe.draws + BATCH - 1) / BATCH; }

static int first_of(const training *t, int batch) { return t->recipe.draws * batch / batches_of(t); }

/* Objective 0 takes the smaller batches, objective 1 those of one draw more. */
static int objective_of(const training *t, int batch)
{
	return first_of(t, batch + 1) - first_of(t, batch) - t->recipe.draws / batches_of(t);
}

static void describe(training *base, int which, bool part, objective *o)
{
	ldm_train *t = (ldm_train *)base;
	const shape s = t->space->s;
	/* of a part there are a quarter of the planes, so that the levels keep their shapes */
	const int planes = part ? (s.x + 3) / 4 : s.x, n = base->recipe.draws / batches_of(base) + which;
	for (int i = 0; i < batches_of(base); i++)
		o->runs += objective_of(base, i) == which;
	if (!o->runs)
		return;
	noise_inputs in = noise_inputs_add(o->g, t->space, n, planes, false);
	const unet_call call = { .x = in.x, .t = in.time, .prior = t->space->prior, .dropout = base->config.unet.dropout };
	layer *eps = unet_predict(o->g, &base->config, &call, NULL);
	o->loss = o->told[LDM_LOSS] = graph_minimise(noise_loss(o->g, eps, NULL, in.noise, in.place, in.weight, NULL));
	t->in[which] = in;
}

static int scan(training *base, const dataset *d, uint64_t draw, err *e)
{
	ldm_train *t = (ldm_train *)base;
	const recipe *r = &base->recipe;
	const int batches = batches_of(base);
	const float *x, *z;
	int code = latent_draw(t->space, base, d, draw, &x, &z, e);
	if (code)
		return code;
	noisy_latent_draw(&t->noisy, t->space, z, &base->state, draw, r->draws);
	for (int i = 0; i < batches && !code; i++) {
		const int first = first_of(base, i), which = objective_of(base, i), n = t->in[which].n;
		float weight[RECIPE_DRAWS];
		for (int k = 0; k < n; k++)
			weight[k] = (float)schedule_p2_weight(&t->space->schedule, t->noisy.t[first + k], r->p2_k, r->p2_gamma);
		noise_inputs_write(base->objectives[which].g, &t->in[which], t->space, &t->noisy, first, weight, NULL);
		code = training_run(base, which, (float)n / (float)(r->draws * r->batch), draw * (uint64_t)batches + (uint64_t)i, e);
	}
	base->losses[LDM_SCALE_FACTOR] = t->space->scaling.scale;
	return code;
}

static int cost(const training *base, model_cost *c, err *e)
{
	return latent_space_plan(((const ldm_train *)base)->space, &base->recipe, c, e);
}

static const char *const losses[] = {
	[LDM_LOSS] = "loss", [LDM_NORM] = "norm", [LDM_LR] = "lr", [LDM_SCALE_FACTOR] = "scale_factor", NULL
};
static const char *const scores[] = {
	[LDM_SCORE_LOSS] = "loss", [LDM_SCORE_RANGE] = "loss_fifth_1", "loss_fifth_2", "loss_fifth_3", "loss_fifth_4", "loss_fifth_5", NULL
};

const training_kind ldm_training = {
	.tool = "train-ldm",
	.losses = losses,
	.scores = scores,
	.describe = describe,
	.scan = scan,
	.validate = ldm_validate,
	.write = ldm_write,
	.cost = cost,
};
