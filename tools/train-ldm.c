/* train-ldm: the U-Net, from scans. */
#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "cli/trainer_latents.h"
#include "train/ldm_train.h"

static const struct cli tool = {
	.name = "train-ldm",
	.summary = "train the noise predictor on the latents of scans",
	.operands = "DATA...",
	.max = -1,
	.common = CLI_MODEL | CLI_PLAN | CLI_MATH,
};

static const char *const sections[] = { "training_ldm", "volume", "autoencoder", "preparation", "unet", "diffusion", NULL };

struct job {
	trainer_latents l;
	json_t *models;
	dataset *data;
	ldm_train t;
};

static void open_data(struct job *j, char **operands, int n)
{
	err e = { 0 };
	const maker ours = weights_maker(&j->l.space.coder.net.w);
	const dataset_latents latents =
		latent_space_data(&j->l.space, j->l.recipe.augment ? VOXELS_KEPT : VOXELS_UNUSED, cli_common.any_model ? NULL : &ours);
	j->data = trainer_data(operands, n, &(dataset_options){ .preparation = j->l.how, .latents = &latents });
	latent_space_release(&j->l.space);
	cli_check(latent_space_learn(&j->l.space, j->data, &j->l.config.diffusion, &e), &e);
	double scale = j->l.config.diffusion.scale_factor;
	j->models = json_pack("{s:s}", "autoencoder", ours.identity);
	if (!j->models || json_object_set_new(json_object_get(j->l.json, "diffusion"), "scale_factor", json_real(scale)))
		cli_die(ERR_OS, "no memory for the configuration");
	cli_note("scale factor %.6g", scale);
}

static void open_training(struct job *j)
{
	err e = { 0 };
	const training_setup setup = trainer_setup(&j->l.config, &j->l.recipe);
	cli_check(ldm_train_open(&j->t, &setup, &j->l.space, &e), &e);
}

static int train(struct job *j)
{
	err e = { 0 };
	cli_check(training_begin(&j->t.t, &e), &e);
	trainer_init(&j->t.t.state.parts[0], trainer_options.init, NULL);
	return trainer_latents_run(&j->l, &j->t.t, j->models, sections, j->data);
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **operands = trainer_parse(&tool, argc, argv, &n);
	static struct job j; /* what an error leaves open stays within reach */
	trainer_latents_open(&j.l, sections[0]);
	trainer_latents_config(&j.l, sections[0], latent_space_fits);
	if (!cli_common.plan) {
		trainer_folder(n);
		open_data(&j, operands, n);
	}
	open_training(&j);
	if (cli_common.plan)
		trainer_plan(&j.t.t);
	else
		status = train(&j);
	ldm_train_close(&j.t);
	dataset_close(j.data);
	trainer_latents_close(&j.l);
	json_decref(j.models);
	return cli_done(status);
}
