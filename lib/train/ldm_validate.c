#include "train/ldm_validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/unet.h"
#include "nn/loss.h"
#include "train/picture.h"
#include "train/sample.h"
#include "train/stop.h"

enum { SHOWN = 3 };

/* The loss of the averages at one noisy latent. */
typedef struct look {
	ldm_train *t;
	objective o;
	noise_inputs in;
} look;

static void describe(void *of, objective *o)
{
	look *k = of;
	const latent_space *l = k->t->space;
	k->in = noise_inputs_add(o->g, l, 1, l->s.x, false);
	layer *eps = unet_predict(o->g, &k->t->t.config, &(unet_call){ .x = k->in.x, .t = k->in.time, .prior = l->prior }, NULL);
	o->told[LDM_SCORE_LOSS] = graph_keep(noise_loss(o->g, eps, NULL, k->in.noise, k->in.place, k->in.weight, NULL));
}

static int judge(look *k, const validation *v, double *scores, err *e)
{
	ldm_train *t = k->t;
	const recipe *r = &t->t.recipe;
	int code = 0;
	for (size_t i = 0; i < v->n && !code && !stop_asked(); i++) {
		const dataset_scan *scan = &v->data->scans[v->which[i]];
		for (int pair = 0; pair < NOISE_PAIRS && !code; pair++) {
			noisy_latent_pair(&t->noisy, t->space, scan->id, scan->z, pair);
			const float weight = (float)schedule_p2_weight(&t->space->schedule, t->noisy.t[0], r->p2_k, r->p2_gamma);
			noise_inputs_write(k->o.g, &k->in, t->space, &t->noisy, 0, &weight, NULL);
			code = graph_forward(k->o.g, e);
			const double loss = graph_value(k->o.told[LDM_SCORE_LOSS]) / NOISE_PAIRS / (double)v->n;
			scores[LDM_SCORE_LOSS] += loss;
			scores[LDM_SCORE_RANGE + pair * NOISE_RANGES / NOISE_PAIRS] += loss / (double)weight * NOISE_RANGES;
		}
	}
	return code;
}

static int show(ldm_train *t, const validation *v, err *e)
{
	static const char *const captions[SHOWN] = { "sample 1", "sample 2", "sample 3" };
	const float *scans[SHOWN];
	latent_sampler s = { 0 };
	float *x = NULL;
	int code = mem_zero(&x, SHOWN * t->space->voxels, sizeof *x, "samples", e);
	if (!code)
		code = latent_sampler_open(&s, &t->t, t->space, false, e);
	for (int i = 0; !code && i < SHOWN && !stop_asked(); i++) {
		float *own = x + (size_t)i * t->space->voxels;
		scans[i] = own;
		code = latent_sample(&s, own, captions[i], NULL, e);
	}
	latent_sampler_close(&s);
	if (!code && !stop_asked())
		code = train_picture(v->folder, t->t.state.step, v->how, scans, captions, SHOWN, false, e);
	free(x);
	return code;
}

int ldm_validate(training *base, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e)
{
	look k = { .t = (ldm_train *)base };
	for (int i = 0; i < TRAIN_COLUMNS; i++)
		scores[i] = 0;
	int code = training_look(base, &k.o, describe, &k, e);
	if (!code)
		code = judge(&k, v, scores, e);
	objective_close(&k.o);
	*score = -scores[LDM_SCORE_LOSS];
	return code ? code : show(k.t, v, e);
}

int ldm_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as, err *e)
{
	char *path = NULL, score[32];
	const json_t *config = t->state.config, *how = json_object_get(config, "preparation");
	snprintf(score, sizeof score, "%.5f", scores[LDM_SCORE_LOSS]);
	json_t *notes = state_notes(&t->state, d, t->kind->tool, "loss", score);
	int code = notes ? state_path(&path, folder, "unet.safetensors", e) : err_set(e, ERR_OS, "%s: no memory", folder);
	if (!code)
		code = weights_write(path, true,
				     &(weights_content){ .kind = "unet",
							 .params = &t->state.parts[0].ema,
							 .config = config,
							 .preparation = how,
							 .notes = notes,
							 .store = as },
				     e);
	json_decref(notes);
	free(path);
	return code;
}
