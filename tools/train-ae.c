/* train-ae: the autoencoder, from scans. */
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "train/ae_validate.h"
#include "train/ae_weights.h"
#include "train/stop.h"

static const struct cli tool = {
	.name = "train-ae",
	.summary = "train the autoencoder on scans",
	.operands = "DATA...",
	.max = -1,
	.common = CLI_PLAN | CLI_MATH,
};

static const char *const sections[] = { "training", "volume", "autoencoder", "discriminator", "losses", "preparation", NULL };

struct job {
	json_t *json;
	preparation how;
	dataset *data;
	ae_train t;
	ae_scores scores;
};

static void read_config(struct job *j, model_config *c, recipe *r)
{
	err e = { 0 };
	const char *path = trainer_options.config;
	j->json = trainer_config(c, sections[0]);
	cli_check(recipe_parse(r, j->json, sections[0], c->volume, ae_factor(&c->autoencoder), path, &e), &e);
	if (preparation_parse(&j->how, json_object_get(j->json, "preparation"), c->volume, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	if (memcmp(j->how.n, c->volume, sizeof j->how.n))
		cli_die(ERR_CONFIG, "%s: volume: is not the size of the preparation's grid", path);
}

static int step(void *of, double v[TRAINER_COLUMNS], err *e)
{
	struct job *j = of;
	ae_losses l;
	int code = ae_train_step(&j->t, j->data, &l, e);
	memcpy(v, (double[]){ l.l1, l.ssim, l.kl, l.adversarial, l.judge, l.norm, l.judge_norm, l.lr }, 8 * sizeof *v);
	return code;
}

static int validate(void *of, double v[TRAINER_COLUMNS], double *score, err *e)
{
	struct job *j = of;
	const size_t *which;
	size_t n = dataset_judged(j->data, &which);
	ae_scores *s = &j->scores;
	int code = ae_validate(&j->t, j->data, which, n, s, e);
	if (code || stop_asked())
		return code;
	memcpy(v, (double[]){ s->l1, s->mse, s->brain, s->whole, s->latent_sd, s->noise_share }, 6 * sizeof *v);
	*score = s->brain;
	cli_note("step %lld: SSIM in brain %.4f, whole %.4f, MSE %.6f; noise in latents %.2g", (long long)j->t.state.step, s->brain,
		 s->whole, s->mse, s->noise_share);
	return ae_show(&j->t, &j->data->scans[which[0]], &j->how, trainer_options.folder, e);
}

static int keep(void *of, err *e)
{
	const struct job *j = of;
	return ae_weights_write(&j->t, &j->scores, j->data, trainer_options.folder, trainer_store(), e);
}

int main(int argc, char **argv)
{
	int n;
	char **operands = trainer_parse(&tool, argc, argv, &n);
	struct job j = { 0 };
	model_config c;
	recipe r;
	err e = { 0 };
	read_config(&j, &c, &r);
	if (cli_common.plan) {
		train_cost cost;
		cli_check(ae_train_plan(&c, &r, cli_math(), cli_common.threads, &cost, &e), &e);
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
		return cli_done(0);
	}
	trainer_folder(n);
	j.data = trainer_data(operands, n, &(dataset_options){ .preparation = j.how });
	cli_check(ae_train_open(&j.t, &c, &r, (uint64_t)trainer_options.seed, cli_math(), cli_common.threads, &e), &e);
	if (!trainer_options.resume)
		cli_check(ae_train_begin(&j.t, j.data, &e), &e);
	trainer_init(&j.t.weights, &j.t.ema, "autoencoder", trainer_options.init, NULL);
	const trainer run = {
		.state = &j.t.state,
		.config = j.json,
		.sections = sections,
		.data = j.data,
		.steps = r.steps,
		.validate_every = r.validate_every,
		.log = "l1\tssim\tkl\tadversarial\tdiscriminator\tnorm\tnorm_discriminator\tlr",
		.scores = "l1\tmse\tssim_brain\tssim_whole\tlatent_sd\tnoise_share",
		.shown = "L1",
		.step = step,
		.validate = validate,
		.keep = keep,
		.of = &j,
	};
	int status = trainer_run(&run);
	ae_train_close(&j.t);
	dataset_close(j.data);
	json_decref(j.json);
	return cli_done(status);
}
