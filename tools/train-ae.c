/* train-ae: the autoencoder, from scans. */
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"
#include "train/ae_train.h"

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

static int train(struct job *j)
{
	err e = { 0 };
	cli_check(training_begin(&j->t.t, &e), &e);
	if (!trainer_options.resume)
		cli_check(ae_train_learn(&j->t, j->data, &e), &e);
	trainer_init(&j->t.t.state.parts[0], trainer_options.init, NULL);
	return trainer_run(&(trainer){ .t = &j->t.t, .config = j->json, .sections = sections, .data = j->data, .how = &j->how });
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **operands = trainer_parse(&tool, argc, argv, &n);
	static struct job j; /* what an error leaves open stays within reach */
	model_config c;
	recipe r;
	err e = { 0 };
	read_config(&j, &c, &r);
	if (!cli_common.plan) {
		trainer_folder(n);
		j.data = trainer_data(operands, n, &(dataset_options){ .preparation = j.how });
	}
	const training_setup setup = trainer_setup(&c, &r);
	cli_check(ae_train_open(&j.t, &setup, &e), &e);
	if (cli_common.plan)
		trainer_plan(&j.t.t);
	else
		status = train(&j);
	ae_train_close(&j.t);
	dataset_close(j.data);
	json_decref(j.json);
	return cli_done(status);
}
