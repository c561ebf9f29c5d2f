/* train-ldm: the U-Net, from scans. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "cli/trainer_latents.h"
#include "train/ldm_train.h"
#include "train/stop.h"

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
	ldm_scores scores;
};

static void open_data(struct job *j, char **operands, int n)
{
	err e = { 0 };
	const maker ours = weights_maker(&j->l.space.coder.w);
	const dataset_latents latents =
		latent_space_data(&j->l.space, j->l.recipe.augment ? VOXELS_KEPT : VOXELS_UNUSED, cli_common.any_model ? NULL : &ours);
	j->data = trainer_data(operands, n, &(dataset_options){ .preparation = j->l.how, .latents = &latents });
	latent_space_rest(&j->l.space);
	cli_check(latent_space_learn(&j->l.space, j->data, &j->l.config.diffusion, &e), &e);
	double scale = j->l.config.diffusion.scale_factor;
	j->models = json_pack("{s:s}", "autoencoder", ours.identity);
	if (!j->models || json_object_set_new(json_object_get(j->l.json, "diffusion"), "scale_factor", json_real(scale)))
		cli_die(ERR_OS, "no memory for the configuration");
	cli_note("scale factor %.6g", scale);
}

static int step(void *of, double v[TRAINER_COLUMNS], err *e)
{
	struct job *j = of;
	ldm_losses l;
	int code = ldm_train_step(&j->t, j->data, &l, e);
	memcpy(v, (double[]){ l.loss, l.norm, l.lr, j->l.space.scaling.scale }, 4 * sizeof *v);
	return code;
}

static int validate(void *of, double v[TRAINER_COLUMNS], double *score, err *e)
{
	struct job *j = of;
	const size_t *which;
	size_t n = dataset_judged(j->data, &which);
	int code = ldm_validate(&j->t, j->data, which, n, &j->scores, e);
	if (code || stop_asked())
		return code;
	v[0] = j->scores.loss;
	memcpy(v + 1, j->scores.range, sizeof j->scores.range);
	*score = -v[0];
	cli_note("step %lld: loss %.5f; by fifths of time %.4f %.4f %.4f %.4f %.4f", (long long)j->t.state.step, v[0], v[1], v[2], v[3],
		 v[4], v[5]);
	return ldm_show(&j->t, &j->l.how, trainer_options.folder, e);
}

static int keep(void *of, err *e)
{
	const struct job *j = of;
	return ldm_weights_write(&j->t, &j->scores, j->data, trainer_options.folder, trainer_store(), e);
}

static int train(struct job *j)
{
	err e = { 0 };
	cli_check(ldm_train_open(&j->t, &j->l.config, &j->l.recipe, &j->l.space, (uint64_t)trainer_options.seed, cli_math(),
				 cli_common.threads, &e),
		  &e);
	trainer_init(&j->t.weights, &j->t.ema, "unet", trainer_options.init, NULL);
	const trainer run = {
		.state = &j->t.state,
		.config = j->l.json,
		.models = j->models,
		.sections = sections,
		.data = j->data,
		.steps = j->l.recipe.steps,
		.validate_every = j->l.recipe.validate_every,
		.log = "loss\tnorm\tlr\tscale_factor",
		.scores = "loss\tloss_fifth_1\tloss_fifth_2\tloss_fifth_3\tloss_fifth_4\tloss_fifth_5",
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
	trainer_latents_open(&j.l, sections[0]);
	trainer_latents_config(&j.l, sections[0], latent_space_fits);
	if (cli_common.plan) {
		train_cost cost;
		cli_check(ldm_train_plan(&j.l.config, &j.l.recipe, &j.l.space, cli_math(), cli_common.threads, &cost, &e), &e);
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
	} else {
		trainer_folder(n);
		open_data(&j, operands, n);
		status = train(&j);
		ldm_train_close(&j.t);
		dataset_close(j.data);
	}
	trainer_latents_close(&j.l);
	json_decref(j.models);
	return cli_done(status);
}
