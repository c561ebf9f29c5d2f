#include "train/sem_validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/semantic.h"
#include "train/picture.h"
#include "train/sample.h"
#include "train/stop.h"
#include "volume/score.h"

enum { RECONSTRUCTED = 4 };

/* The averages at work: one of the graphs below at a time. */
typedef struct look {
	sem_train *t;
	const validation *v;
	float *y; /* codes of the scans [v->n][latent_dim] */
	objective o;
	layer *scan, *code, *out;
	noise_inputs in;
} look;

static const dataset_scan *scan_of(const look *k, size_t i) { return &k->v->data->scans[k->v->which[i]]; }

static float *code_of(const look *k, size_t i) { return k->y + i * (size_t)k->t->t.config.latent_dim; }

static layer *code_input(const look *k, graph *g) { return graph_input(g, (shape){ 1, 1, 1, 1, k->t->t.config.latent_dim }); }

/* ---- codes ---- */

static void describe_encoder(void *of, objective *o)
{
	look *k = of;
	const int *n = k->t->t.config.volume;
	k->scan = graph_input(o->g, (shape){ 1, n[0], n[1], n[2], 1 });
	k->out = graph_keep(semantic_encode(o->g, &k->t->t.config.semantic, k->scan, false, false));
}

static int encode_all(look *k, err *e)
{
	int code = training_look(&k->t->t, &k->o, describe_encoder, k, e);
	for (size_t i = 0; i < k->v->n && !code && !stop_asked(); i++) {
		graph_write(k->o.g, k->scan, scan_of(k, i)->x);
		code = graph_forward(k->o.g, e);
		if (!code)
			graph_read(k->o.g, k->out, code_of(k, i));
	}
	objective_close(&k->o);
	return code;
}

/* ---- the loss ---- */

static void describe_loss(void *of, objective *o)
{
	look *k = of;
	layer *without;
	k->in = noise_inputs_add(o->g, k->t->space, 1, k->t->space->s.x, true);
	k->code = code_input(k, o->g);
	o->told[SEM_SCORE_LOSS] = graph_keep(sem_noise_loss(k->t, o->g, &k->in, k->code, 0, &without));
	o->told[SEM_SCORE_WITHOUT] = graph_keep(without);
}

/* The next scan of another subject than scan i's; i when there is none. */
static size_t of_another(const look *k, size_t i)
{
	size_t other = (i + 1) % k->v->n;
	while (other != i && !strcmp(scan_of(k, other)->subject, scan_of(k, i)->subject))
		other = (other + 1) % k->v->n;
	return other;
}

/* The loss at the space's noisy latent with the code of scan i. */
static int loss_with(look *k, size_t i, err *e)
{
	const int at = k->t->noisy.t[0];
	const float weight = sem_weight(k->t, at), coefficient = sem_coefficient(k->t, at);
	graph_write(k->o.g, k->code, code_of(k, i));
	noise_inputs_write(k->o.g, &k->in, k->t->space, &k->t->noisy, 0, &weight, &coefficient);
	return graph_forward(k->o.g, e);
}

static int judge_scan(look *k, size_t i, double *scores, err *e)
{
	const double share = 1. / (NOISE_PAIRS * (double)k->v->n);
	const size_t other = of_another(k, i);
	int code = 0;
	for (int pair = 0; pair < NOISE_PAIRS && !code; pair++) {
		noisy_latent_pair(&k->t->noisy, k->t->space, scan_of(k, i)->id, scan_of(k, i)->z, pair);
		code = loss_with(k, i, e);
		scores[SEM_SCORE_LOSS] += share * graph_value(k->o.told[SEM_SCORE_LOSS]);
		scores[SEM_SCORE_WITHOUT] += share * graph_value(k->o.told[SEM_SCORE_WITHOUT]);
		if (!code && other != i)
			code = loss_with(k, other, e);
		scores[SEM_SCORE_OTHER] += other == i ? NAN : share * graph_value(k->o.told[SEM_SCORE_LOSS]);
	}
	return code;
}

static int judge_loss(look *k, double *scores, err *e)
{
	int code = training_look(&k->t->t, &k->o, describe_loss, k, e);
	for (size_t i = 0; i < k->v->n && !code && !stop_asked(); i++)
		code = judge_scan(k, i, scores, e);
	objective_close(&k->o);
	return code;
}

/* ---- coarse scans ---- */

static void describe_coarse(void *of, objective *o)
{
	look *k = of;
	k->code = code_input(k, o->g);
	k->out = graph_keep(coarse_tell(o->g, &k->t->coarse, k->code));
}

/* Adds the squares of what scan i's code does not tell of its coarse scan, and of that. */
static void see_coarse(look *k, size_t i, const float *told, double *missed, double *whole)
{
	const coarse *c = &k->t->coarse;
	coarse_see(&k->t->coarse, scan_of(k, i)->x);
	for (size_t b = 0; b < c->blocks; b++) {
		const double scan = (double)c->scan[b], miss = (double)told[b] - scan;
		*missed += miss * miss;
		*whole += scan * scan;
	}
}

static int judge_coarse(look *k, double *scores, err *e)
{
	double missed = 0, whole = 0;
	float *told = NULL;
	int code = coarse_learn(&k->t->coarse, k->v->data, e);
	if (!code)
		code = mem_zero(&told, k->t->coarse.blocks, sizeof *told, "coarse scan", e);
	if (!code)
		code = training_look(&k->t->t, &k->o, describe_coarse, k, e);
	for (size_t i = 0; i < k->v->n && !code && !stop_asked(); i++) {
		graph_write(k->o.g, k->code, code_of(k, i));
		code = graph_forward(k->o.g, e);
		if (!code) {
			graph_read(k->o.g, k->out, told);
			see_coarse(k, i, told, &missed, &whole);
		}
	}
	objective_close(&k->o);
	free(told);
	scores[SEM_SCORE_COARSE] = 1 - missed / whole;
	return code;
}

/* ---- scans from codes ---- */

static int show(look *k, const float *out, err *e)
{
	const training *t = &k->t->t;
	const dataset_scan *scan = scan_of(k, 0);
	float *plain = NULL;
	int code = mem_zero(&plain, k->t->space->voxels, sizeof *plain, "reconstruction", e);
	if (!code)
		code = coder_decode(&k->t->space->coder, plain, scan->z, e);
	if (!code)
		code = train_picture(k->v->folder, t->state.step, k->v->how, (const float *const[]){ scan->x, plain, out },
				     (const char *const[]){ scan->id, "autoencoder", "from y" }, 3, true, e);
	free(plain);
	return code;
}

static int judge_scans(look *k, double *scores, err *e)
{
	const size_t n = k->v->n < RECONSTRUCTED ? k->v->n : RECONSTRUCTED;
	const dataset *d = k->v->data;
	size_t with_brain = 0;
	latent_sampler s = { 0 };
	float *out = NULL;
	int code = mem_zero(&out, k->t->space->voxels, sizeof *out, "reconstruction", e);
	if (!code)
		code = latent_sampler_open(&s, &k->t->t, k->t->space, true, e);
	for (size_t i = 0; !code && i < n && !stop_asked(); i++) {
		ssim_result ssim = { .brain = NAN };
		code = latent_sample(&s, out, scan_of(k, i)->id, code_of(k, i), e);
		if (!code)
			code = score_ssim(&ssim, scan_of(k, i)->x, out, NULL, d->n, 11, 1, e);
		scores[SEM_SCORE_MSE] += score_mse(scan_of(k, i)->x, out, NULL, d->voxels) / (double)n;
		if (!isnan(ssim.brain)) {
			scores[SEM_SCORE_BRAIN] += ssim.brain;
			with_brain++;
		}
		if (!code && i == 0)
			code = show(k, out, e);
	}
	scores[SEM_SCORE_BRAIN] /= (double)with_brain;
	latent_sampler_close(&s);
	free(out);
	return code;
}

int sem_validate(training *base, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e)
{
	look k = { .t = (sem_train *)base, .v = v };
	for (int i = 0; i < TRAIN_COLUMNS; i++)
		scores[i] = 0;
	scores[SEM_SCORE_COARSE] = NAN;
	int code = sem_know_prior(k.t, e);
	if (!code)
		code = mem_zero(&k.y, v->n * (size_t)base->config.latent_dim, sizeof *k.y, "codes", e);
	if (!code)
		code = encode_all(&k, e);
	if (!code)
		code = judge_loss(&k, scores, e);
	if (!code && base->recipe.coarse_weight > 0)
		code = judge_coarse(&k, scores, e);
	if (!code)
		code = judge_scans(&k, scores, e);
	free(k.y);
	*score = -scores[SEM_SCORE_LOSS];
	return code;
}
