#include "train/sem_train.h"

#include <math.h>
#include <string.h>

#include "model/semantic.h"
#include "model/unet.h"
#include "nn/combine.h"
#include "nn/loss.h"
#include "train/sem_validate.h"
#include "train/sem_weights.h"

/* ---- the networks ---- */

static bool of_unet(const char *name) { return !unet_is_shift(name); }

/* What training moves. */
static bool moves(const char *name) { return unet_is_shift(name) && strcmp(name, PRIOR_LEFT); }

static int make_encoder(training *t, err *e)
{
	params *p = &training_add_part(t, "semantic", true, t->recipe.optimiser)->weights;
	int code = semantic_fresh(&t->config.semantic, t->state.seed, p, e);
	param *places = code ? NULL : params_find(p, "positional_encoding.pe");
	if (places)
		places->frozen = true; /* a formula */
	for (size_t i = 0; !code && i < p->n; i++)
		p->p[i].frozen |= !strncmp(p->p[i].name, SEMANTIC_COMPONENTS ".", strlen(SEMANTIC_COMPONENTS "."));
	return code ? code : params_with_gradients(p, e);
}

/* The shift branch begins as the branch that it has the shape of, which knows these latents already: all but its last convolution, which is
 * 0, so that G is, and what reads the code. */
static void begin_shift(params *p)
{
	static const char mark[] = "shift_";
	for (size_t i = 0; i < p->n; i++) {
		param *to = &p->p[i];
		const param *from = strncmp(to->name, mark, strlen(mark)) ? NULL : params_find(p, to->name + strlen(mark));
		if (!from || !strncmp(to->name, "shift_out.2.", strlen("shift_out.2.")))
			continue;
		memcpy(to->v, from->v, to->count * sizeof *to->v);
		param_touch(to);
	}
}

static int make_net(training *t, const weights *unet, err *e)
{
	train_part *part = training_add_part(t, "shift_unet", true, t->recipe.optimiser);
	params *p = &part->weights;
	param_table table = { 0 };
	int code = unet_table(&t->config, true, &table, e);
	if (!code)
		code = part_fresh(part, &table, t->state.seed, e);
	for (size_t i = 0; !code && i < p->n; i++)
		p->p[i].frozen = !moves(p->p[i].name);
	if (!code)
		code = params_with_gradients(p, e);
	if (!code && unet)
		code = weights_copy(p, unet, of_unet, e);
	if (!code && unet)
		begin_shift(p);
	return code;
}

static int make_head(sem_train *t, err *e)
{
	param_table table = { 0 };
	if (!(t->t.recipe.coarse_weight > 0))
		return 0;
	train_part *part = training_add_part(&t->t, "coarse", true, t->t.recipe.optimiser);
	int code = coarse_new(&t->coarse, t->t.config.volume, e);
	if (!code)
		code = coarse_table(&t->coarse, t->t.config.latent_dim, &table, e);
	if (!code)
		code = part_fresh(part, &table, t->t.state.seed, e);
	return code ? code : params_with_gradients(&part->weights, e);
}

int sem_train_check(const latent_space *l, const model_config *m, err *e)
{
	const sem_config *s = &m->semantic;
	int slices, size[2], least = 2 << s->levels; /* the first convolution divides by 4, the others by 2 */
	int code = latent_space_fits(l, m, e);
	if (code)
		return code;
	semantic_slices(s, m->volume, &slices, size);
	if (s->embedding != m->latent_dim)
		return err_set(e, ERR_CONFIG, "latent_dim: %d, the semantic encoder's codes have %d numbers", m->latent_dim, s->embedding);
	if (s->coarse[0] && !semantic_box(s, m->volume))
		return err_set(e, ERR_CONFIG, "semantic.coarse: the volume is no such multiple of it on all axes");
	if (slices > s->slices)
		return err_set(e, ERR_CONFIG, "semantic.slices: %d, the volume has %d", s->slices, slices);
	if (size[0] < least || size[1] < least)
		return err_set(e, ERR_CONFIG, "semantic.dims: slices of %dx%d, the encoder needs %dx%d", size[0], size[1], least, least);
	return 0;
}

int sem_train_open(sem_train *t, const training_setup *setup, latent_space *space, const weights *unet, err *e)
{
	const model_config *config = setup->config;
	const recipe *r = setup->recipe;
	scaling scaled = { 0 };
	*t = (sem_train){ .t = training_new(&sem_training, setup), .space = space };
	int code = sem_train_check(space, config, e);
	if (!code)
		code = make_encoder(&t->t, e);
	if (!code)
		code = make_net(&t->t, unet, e);
	if (!code)
		code = make_head(t, e);
	if (!code && unet)
		code = scaling_of(&scaled, config, &t->t.state.parts[SEM_NET].weights, e);
	if (!code && unet)
		code = latent_space_scale(space, scaled, e);
	t->t.groups[t->t.n_groups++] = (train_group){ 0, t->t.state.n_parts, recipe_rate(r), SEM_NORM, SEM_LR, false };
	return code ? code : noisy_latent_new(&t->noisy, space, r->draws, e);
}

void sem_train_close(sem_train *t)
{
	training_close(&t->t);
	coarse_free(&t->coarse);
	noisy_latent_free(&t->noisy);
}

/* ---- the losses ---- */

float sem_weight(const sem_train *t, int at)
{
	const schedule *s = &t->space->schedule;
	const recipe *r = &t->t.recipe;
	return (float)(r->p2_gamma > 0 ? schedule_p2_weight(s, at, r->p2_k, r->p2_gamma) : schedule_loss_weight(s, at));
}

float sem_coefficient(const sem_train *t, int at)
{
	const schedule *s = &t->space->schedule;
	return (float)(t->t.config.diffusion.shift == SHIFT_NOISE ? -schedule_noise(s, at) : schedule_shift_published(s, at));
}

layer *sem_noise_loss(const sem_train *t, graph *g, const noise_inputs *in, layer *y, double dropout, layer **without)
{
	layer *shift;
	const unet_call call = { .x = in->x, .t = in->time, .y = y, .prior = t->space->prior, .dropout = dropout };
	layer *eps = unet_predict(g, &t->t.config, &call, &shift);
	*without = noise_loss(g, eps, NULL, in->noise, in->place, in->weight, NULL);
	return noise_loss(g, eps, shift, in->noise, in->place, in->weight, in->coefficient);
}

/* Is there no loss but the coarse scan's yet? */
static bool begins(const training *t) { return t->state.step < t->recipe.coarse_steps; }

static int stage(training *t) { return begins(t); }

/* Of a part there are an eighth of the slices and a quarter of the latent's planes, so that maps and levels keep their shapes. */
static shape scan_shape(const training *t, bool part)
{
	const int *n = t->config.volume;
	shape s = { 1, n[0], n[1], n[2], 1 };
	int *along = t->config.semantic.plane == PLANE_AXIAL ? &s.z : t->config.semantic.plane == PLANE_CORONAL ? &s.y : &s.x;
	if (part)
		*along = (*along + 7) / 8;
	return s;
}

/* A scan's code, seen at all of its draws; and what the head tells of the scan from it. */
static void describe(training *base, int which, bool part, objective *o)
{
	sem_train *t = (sem_train *)base;
	graph *g = o->g;
	const recipe *r = &base->recipe;
	const int planes = part ? (t->space->s.x + 3) / 4 : t->space->s.x;
	if (which)
		return;
	t->scan = graph_input(g, scan_shape(base, part));
	layer *y = semantic_encode(g, &base->config.semantic, t->scan, true, part), *terms[2] = { NULL, NULL };
	if (!begins(base)) {
		layer *without;
		t->in = noise_inputs_add(g, t->space, r->draws, planes, true);
		terms[0] = sem_noise_loss(t, g, &t->in, repeat(g, y, r->draws), base->config.unet.dropout, &without);
		o->told[SEM_LOSS] = graph_keep(terms[0]);
		o->told[SEM_WITHOUT] = graph_keep(without);
	}
	if (r->coarse_weight > 0) {
		t->wanted = coarse_input(g, &t->coarse);
		terms[1] = coarse_loss(g, coarse_tell(g, &t->coarse, y), t->wanted);
		o->told[SEM_COARSE] = graph_keep(terms[1]);
	}
	o->loss = graph_minimise(weigh(g, 2, terms, (float[]){ 1, (float)r->coarse_weight }));
	if (begins(base))
		o->told[SEM_LOSS] = o->loss;
}

int sem_know_prior(sem_train *t, err *e)
{
	int code = t->known ? 0 : latent_space_prior(t->space, &t->t.config, &t->t.state.parts[SEM_NET].weights, e);
	t->known = !code;
	return code;
}

static int get_ready(training *base, const dataset *d, err *e)
{
	sem_train *t = (sem_train *)base;
	int code = sem_know_prior(t, e);
	return code || !d || !(base->recipe.coarse_weight > 0) ? code : coarse_learn(&t->coarse, d, e);
}

/* ---- a scan ---- */

static void write_noisy(sem_train *t, graph *g)
{
	float weight[RECIPE_DRAWS], coefficient[RECIPE_DRAWS];
	for (int k = 0; k < t->noisy.n; k++) {
		weight[k] = sem_weight(t, t->noisy.t[k]);
		coefficient[k] = sem_coefficient(t, t->noisy.t[k]);
	}
	noise_inputs_write(g, &t->in, t->space, &t->noisy, 0, weight, coefficient);
}

static int scan(training *base, const dataset *d, uint64_t draw, err *e)
{
	sem_train *t = (sem_train *)base;
	const recipe *r = &base->recipe;
	graph *g = base->objectives[0].g;
	const float *x, *z = NULL;
	int code = latent_draw(t->space, base, d, draw, &x, begins(base) ? NULL : &z, e);
	if (code)
		return code;
	graph_write(g, t->scan, x);
	if (!begins(base)) {
		noisy_latent_draw(&t->noisy, t->space, z, &base->state, draw, r->draws);
		write_noisy(t, g);
	}
	if (r->coarse_weight > 0) {
		coarse_see(&t->coarse, x);
		graph_write(g, t->wanted, t->coarse.scan);
	}
	return training_run(base, 0, 1.0f / (float)r->batch, draw, e);
}

static int cost(const training *base, model_cost *c, err *e)
{
	return latent_space_plan(((const sem_train *)base)->space, &base->recipe, c, e);
}

static const char *const losses[] = {
	[SEM_LOSS] = "loss", [SEM_WITHOUT] = "loss_without", [SEM_COARSE] = "loss_coarse", [SEM_NORM] = "norm", [SEM_LR] = "lr", NULL
};
static const char *const scores[] = { [SEM_SCORE_LOSS] = "loss",
				      [SEM_SCORE_OTHER] = "loss_other",
				      [SEM_SCORE_WITHOUT] = "loss_without",
				      [SEM_SCORE_BRAIN] = "ssim_brain",
				      [SEM_SCORE_MSE] = "mse",
				      [SEM_SCORE_COARSE] = "r2_coarse",
				      NULL };

const training_kind sem_training = {
	.tool = "train-sem",
	.losses = losses,
	.scores = scores,
	.stage = stage,
	.prepare = get_ready,
	.describe = describe,
	.scan = scan,
	.validate = sem_validate,
	.write = sem_weights_write,
	.cost = cost,
};
