#include "train/sample.h"

#include "diffusion/noise.h"
#include "diffusion/solver.h"
#include "model/unet.h"

static void describe(void *of, objective *o)
{
	latent_sampler *s = of;
	const model_config *m = &s->t->config;
	s->x = graph_input(o->g, s->space->s);
	s->time = graph_input(o->g, (shape){ 1, 1, 1, 1, 1 });
	s->code = s->guided ? graph_input(o->g, (shape){ 1, 1, 1, 1, m->latent_dim }) : NULL;
	const unet_call call = { .x = s->x, .t = s->time, .y = s->code, .prior = s->space->prior };
	s->eps = graph_keep(unet_predict(o->g, m, &call, &s->shift));
	if (s->guided)
		graph_keep(s->shift);
}

int latent_sampler_open(latent_sampler *s, training *t, latent_space *space, bool guided, err *e)
{
	*s = (latent_sampler){ .t = t, .space = space, .guided = guided };
	return training_look(t, &s->o, describe, s, e);
}

void latent_sampler_close(latent_sampler *s) { objective_close(&s->o); }

/* predict_fn */
static int predict(void *of, float *eps, float *g, const float *x, int t, const float *y, err *e)
{
	const latent_sampler *s = of;
	graph *run = s->o.g;
	const float time = (float)t;
	graph_write(run, s->x, x);
	graph_write(run, s->time, &time);
	if (s->code)
		graph_write(run, s->code, y);
	const int code = graph_forward(run, e);
	if (!code)
		graph_read(run, s->eps, eps);
	if (!code && g)
		graph_read(run, s->shift, g);
	return code;
}

int latent_sample(latent_sampler *s, float *x, const char *id, const float *y, err *e)
{
	latent_space *l = s->space;
	const predictor p = { predict, s, l->count, y };
	solver way = { 0 };
	int steps = SAMPLE_CALLS < l->schedule.timesteps ? SAMPLE_CALLS : l->schedule.timesteps - 1;
	int code = solver_new(&way, SOLVER_DPMPP2M, &l->schedule, steps, e);
	if (!code) {
		way.clip = s->t->config.diffusion.clip;
		noise_draw(l->z, l->count, s->t->state.seed, id, 0);
		code = solver_sample(&way, &p, l->z, e);
	}
	for (size_t i = 0; !code && i < l->count; i++)
		l->z[i] = (float)scaling_undo(&l->scaling, (double)l->z[i], i);
	/* network and autoencoder need their memory in turn */
	if (s->o.g)
		graph_release(s->o.g);
	if (!code)
		code = coder_decode(&l->coder, x, l->z, e);
	latent_space_release(l);
	solver_free(&way);
	return code;
}
