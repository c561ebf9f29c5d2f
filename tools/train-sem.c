/* train-sem: semantic encoder and shift branch, from scans. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "cli/trainer_latents.h"
#include "model/find.h"
#include "model/unet.h"
#include "train/sem_begin.h"
#include "train/sem_train.h"
#include "train/stop.h"

static const char *unet_name, *shift_name;

static const struct cli_option options[] = {
	{ 0, "unet", CLI_TEXT, &unet_name, "NAME|DIR|FILE", "the noise predictor to build on, instead of the model's", false },
	{ 0, "init-shift", CLI_TEXT, &shift_name, "NAME|DIR|FILE", "begin with the shift branch of this model", false },
	{ 0 },
};

static const struct cli tool = {
	.name = "train-sem",
	.summary = "train the semantic encoder and the shift U-Net on scans",
	.operands = "DATA...",
	.max = -1,
	.common = CLI_MODEL | CLI_PLAN | CLI_MATH,
	.options = options,
};

static const char *const sections[] = { "training_sem", "volume",   "autoencoder", "preparation", "unet",
					"diffusion",	"semantic", "latent_dim",  NULL };

struct job {
	trainer_latents l;
	json_t *models;
	weights unet;
	dataset *data;
	sem_train t;
	sem_scores scores;
};

/* The U-Net's own words on itself and on diffusion, where what is absent is as published; of the shift branch the configuration decides,
 * for a U-Net has none. */
static void take_over(struct job *j)
{
	static const char *const ours[] = { "shift", "shift_places" };
	const json_t *theirs = j->unet.config_json, *unet = json_object_get(theirs, "unet");
	json_t *configured = json_incref(json_object_get(j->l.json, "diffusion"));
	json_t *diffusion = json_object_get(theirs, "diffusion") ? json_deep_copy(json_object_get(theirs, "diffusion")) : json_object();
	bool bad = !json_object_get(diffusion, "clip") && json_object_set_new(diffusion, "clip", json_real(j->unet.config.diffusion.clip));
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		json_t *v = json_object_get(configured, ours[i]);
		bad |= v && json_object_set(diffusion, ours[i], v);
	}
	bad |= json_object_set_new(j->l.json, "diffusion", diffusion) != 0;
	bad |= json_object_set_new(j->l.json, "unet", unet ? json_deep_copy(unet) : json_object()) != 0;
	json_decref(configured);
	if (bad)
		cli_die(ERR_OS, "no memory for the configuration");
}

static void open_unet(struct job *j)
{
	err e = { 0 };
	char *path = NULL;
	cli_check(model_find(&path, unet_name ? unet_name : cli_common.model, "unet", &e), &e);
	cli_check(weights_open(&j->unet, path, "unet", &e), &e);
	const maker ours = weights_maker(&j->l.space.coder.w), theirs = weights_works_with(&j->unet, "autoencoder");
	char text[MAKER_TEXT];
	if (!maker_same(&theirs, &ours, text) && !cli_common.any_model)
		cli_die(ERR_CONFIG, "%s: was trained on latents of another autoencoder (%s of %s); --any-model takes it all the same", path,
			text, ours.file);
	take_over(j);
	j->models = json_pack("{s:s, s:s}", "autoencoder", ours.identity, "unet", j->unet.identity);
	if (!j->models)
		cli_die(ERR_OS, "no memory for the configuration");
	free(path);
}

/* The autoencoder, the U-Net, and what they and the file say of the configuration. */
static void read_config(struct job *j)
{
	trainer_latents_open(&j->l, sections[0]);
	if (!cli_common.plan)
		open_unet(j);
	trainer_latents_config(&j->l, sections[0], sem_train_check);
}

static int step(void *of, double v[TRAINER_COLUMNS], err *e)
{
	struct job *j = of;
	sem_losses l;
	int code = sem_train_step(&j->t, j->data, &l, e);
	memcpy(v, (double[]){ l.loss, l.without, l.coarse, l.norm, l.lr }, 5 * sizeof *v);
	return code;
}

static int validate(void *of, double v[TRAINER_COLUMNS], double *score, err *e)
{
	struct job *j = of;
	const size_t *which;
	size_t n = dataset_judged(j->data, &which);
	sem_scores *s = &j->scores;
	int code = sem_validate(&j->t, j->data, which, n, &j->l.how, trainer_options.folder, s, e);
	if (code || stop_asked())
		return code;
	memcpy(v, (double[]){ s->loss, s->other, s->without, s->brain, s->mse, s->coarse }, 6 * sizeof *v);
	*score = -s->loss;
	char told[48] = "";
	if (!isnan(s->coarse))
		snprintf(told, sizeof told, "; of the coarse scan %.3f", s->coarse);
	cli_note("step %lld: loss %.5f, with another subject's code %.5f, without %.5f; from y alone SSIM in brain %.4f, MSE %.6f%s",
		 (long long)j->t.state.step, s->loss, s->other, s->without, s->brain, s->mse, told);
	return 0;
}

static int keep(void *of, err *e)
{
	const struct job *j = of;
	return sem_weights_write(&j->t, &j->scores, j->data, trainer_options.folder, trainer_store(), e);
}

static int train(struct job *j)
{
	err e = { 0 };
	cli_check(sem_train_open(&j->t, &j->l.config, &j->l.recipe, &j->l.space, &j->unet, (uint64_t)trainer_options.seed, cli_math(),
				 cli_common.threads, &e),
		  &e);
	if (!trainer_options.resume)
		cli_check(sem_train_begin(&j->t, j->data, &e), &e);
	trainer_init(&j->t.encoder.weights, &j->t.encoder.ema, "semantic", trainer_options.init, NULL);
	trainer_init(&j->t.net.weights, &j->t.net.ema, "shift_unet", shift_name, unet_is_shift);
	const trainer run = {
		.state = &j->t.state,
		.config = j->l.json,
		.models = j->models,
		.sections = sections,
		.data = j->data,
		.steps = j->l.recipe.steps,
		.validate_every = j->l.recipe.validate_every,
		.log = "loss\tloss_without\tloss_coarse\tnorm\tlr",
		.scores = "loss\tloss_other\tloss_without\tssim_brain\tmse\tr2_coarse",
		.shown = "loss",
		.step = step,
		.validate = validate,
		.keep = keep,
		.of = j,
	};
	return trainer_run(&run);
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **operands = trainer_parse(&tool, argc, argv, &n);
	static struct job j; /* what an error leaves open stays within reach */
	err e = { 0 };
	read_config(&j);
	if (cli_common.plan) {
		train_cost cost;
		cli_check(sem_train_plan(&j.l.config, &j.l.recipe, &j.l.space, cli_math(), cli_common.threads, &cost, &e), &e);
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
	} else {
		const dataset_latents latents = latent_space_data(&j.l.space, VOXELS_NEEDED, NULL);
		trainer_folder(n);
		j.data = trainer_data(operands, n, &(dataset_options){ .preparation = j.l.how, .latents = &latents });
		latent_space_rest(&j.l.space);
		status = train(&j);
		sem_train_close(&j.t);
		dataset_close(j.data);
	}
	trainer_latents_close(&j.l);
	weights_close(&j.unet);
	json_decref(j.models);
	return cli_done(status);
}
