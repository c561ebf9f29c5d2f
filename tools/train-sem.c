/* train-sem: semantic encoder and shift branch, from scans. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "cli/trainer_latents.h"
#include "model/find.h"
#include "model/unet.h"
#include "train/sem_begin.h"
#include "train/sem_train.h"

static const char *unet_name, *shift_name;

static const struct cli_option options[] = {
	{ 0, "unet", "the noise predictor to build on, instead of the model's", .model = &unet_name, .arg = "NAME|DIR|FILE" },
	{ 0, "init-shift", "begin with the shift branch of this model", .model = &shift_name, .arg = "NAME|DIR|FILE" },
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
	const maker ours = weights_maker(&j->l.space.coder.net.w), theirs = weights_works_with(&j->unet, "autoencoder");
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

static void open_training(struct job *j)
{
	err e = { 0 };
	const training_setup setup = trainer_setup(&j->l.config, &j->l.recipe);
	cli_check(sem_train_open(&j->t, &setup, &j->l.space, cli_common.plan ? NULL : &j->unet, &e), &e);
}

static int train(struct job *j)
{
	err e = { 0 };
	train_part *parts = j->t.t.state.parts;
	cli_check(training_begin(&j->t.t, &e), &e);
	if (!trainer_options.resume)
		cli_check(sem_train_learn(&j->t, j->data, &e), &e);
	trainer_init(&parts[SEM_ENCODER], trainer_options.init, NULL);
	trainer_init(&parts[SEM_NET], shift_name, unet_is_shift);
	return trainer_latents_run(&j->l, &j->t.t, j->models, sections, j->data);
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **operands = trainer_parse(&tool, argc, argv, &n);
	static struct job j; /* what an error leaves open stays within reach */
	read_config(&j);
	if (!cli_common.plan) {
		const dataset_latents latents = latent_space_data(&j.l.space, VOXELS_NEEDED, NULL);
		trainer_folder(n);
		j.data = trainer_data(operands, n, &(dataset_options){ .preparation = j.l.how, .latents = &latents });
		latent_space_release(&j.l.space);
	}
	open_training(&j);
	if (cli_common.plan)
		trainer_plan(&j.t.t);
	else
		status = train(&j);
	sem_train_close(&j.t);
	dataset_close(j.data);
	trainer_latents_close(&j.l);
	weights_close(&j.unet);
	json_decref(j.models);
	return cli_done(status);
}
