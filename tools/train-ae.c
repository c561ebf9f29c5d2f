/* train-ae: the autoencoder, from scans. */
#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "model/find.h"
#include "model/weights.h"
#include "train/ae_picture.h"
#include "train/ae_state.h"
#include "train/log.h"
#include "train/stop.h"

static const char *config_path, *folder, *validation, *init;
static bool resume, half;
static int64_t steps, seed = 1;
static double lr = NAN, share = .1, save_minutes = 5;

static const struct cli_option options[] = {
	{ 'c', "config", CLI_TEXT, &config_path, "FILE", "configuration: networks, losses, preparation, training (JSON)", true },
	{ 'o', "output", CLI_TEXT, &folder, "DIR", "folder for weights, checkpoint, log and pictures", false },
	{ 'f', "force", CLI_FLAG, &cli_common.force, NULL, "begin anew in a folder that holds a run", false },
	{ 0, "resume", CLI_FLAG, &resume, NULL, "go on from the folder's checkpoint", false },
	{ 0, "steps", CLI_INT, &steps, "N", "steps of the optimiser; 0: as the configuration says", true },
	{ 0, "lr", CLI_REAL, &lr, "RATE", "learning rate, instead of the configuration's", true },
	{ 0, "seed", CLI_INT, &seed, "SEED", "of weights, order, noise and augmentation", true },
	{ 0, "init", CLI_TEXT, &init, "NAME|DIR|FILE", "begin with the weights of this model", true },
	{ 0, "validation", CLI_TEXT, &validation, "FILE", "subjects to validate on, one a line", true },
	{ 0, "validation-share", CLI_REAL, &share, "SHARE", "share of the subjects to validate on, without --validation", true },
	{ 0, "save-every", CLI_REAL, &save_minutes, "MINUTES", "time between checkpoints", false },
	{ 0, "f16", CLI_FLAG, &half, NULL, "store the weights as 16-bit floats", true },
	{ 0 },
};

static const struct cli tool = {
	"train-ae", "train the autoencoder on scans", "DATA...", 0, -1, CLI_PLAN | CLI_MATH, options,
};

struct job {
	json_t *json;
	preparation how;
	dataset *data;
	ae_train t;
	ae_state state;
	train_log *log, *scores;
	pace pace;
};

static void check(int code, const err *e)
{
	if (code)
		cli_fail(e);
}

static char *in_folder(const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		cli_die(ERR_OS, "no memory");
	return path;
}

/* The command line's choices become part of the configuration, which the weights and the checkpoint keep. */
static void override(json_t *json)
{
	if (!json_object_get(json, "training"))
		json_object_set_new(json, "training", json_object());
	json_t *training = json_object_get(json, "training");
	if (steps)
		json_object_set_new(training, "steps", json_integer(steps));
	if (!isnan(lr))
		json_object_set_new(training, "lr", json_real(lr));
}

static void read_config(struct job *j, model_config *c, recipe *r)
{
	err e = { 0 };
	check(config_read(c, config_path, &j->json, &e), &e);
	override(j->json);
	check(recipe_parse(r, j->json, c->volume, ae_factor(&c->autoencoder), config_path, &e), &e);
	if (preparation_parse(&j->how, json_object_get(j->json, "preparation"), c->volume, &e)) {
		err_prefix(&e, "%s", config_path);
		cli_fail(&e);
	}
	if (memcmp(j->how.n, c->volume, sizeof j->how.n))
		cli_die(ERR_CONFIG, "%s: volume: is not the size of the preparation's grid", config_path);
}

static void open_folder(void)
{
	char *path = in_folder("checkpoint.safetensors");
	if (mkdir(folder, 0777) && errno != EEXIST)
		cli_die(ERR_CREATE, "%s: %s", folder, strerror(errno));
	if (!resume && !cli_common.force && !access(path, F_OK))
		cli_die(ERR_CREATE, "%s: exists (--resume goes on, --force begins anew)", path);
	free(path);
}

static void open_data(struct job *j, char **operands, int n)
{
	err e = { 0 };
	dataset_options o = { j->how, folder, validation, share, cli_warn };
	check(dataset_open(&j->data, operands, n, &o, &e), &e);
	cli_note("%zu scans to train on, %zu to validate on", j->data->n_train, j->data->n_validation);
	if (!j->data->n_validation)
		cli_warn("no scans to validate on: scores are of training scans");
}

/* Another model's weights instead of drawn ones. */
static void copy_weights(struct job *j)
{
	err e = { 0 };
	char *path;
	weights w;
	check(model_find(&path, init, "autoencoder", &e), &e);
	check(weights_open(&w, path, "autoencoder", &e), &e);
	for (size_t i = 0; i < j->t.weights.n; i++) {
		param *to = &j->t.weights.p[i], *from;
		if (params_expect(&w.params, to->name, to->rank, to->n, &from, &e)) {
			err_prefix(&e, "%s", path);
			cli_fail(&e);
		}
		memcpy(to->v, from->v, to->count * sizeof *to->v);
		memcpy(j->t.ema.p[i].v, from->v, to->count * sizeof *to->v);
	}
	weights_close(&w);
	free(path);
}

static void open_run(struct job *j, const model_config *c, const recipe *r, enum nn_math math)
{
	err e = { 0 };
	bool fell_back = false;
	check(ae_train_open(&j->t, c, r, (uint64_t)seed, math, cli_common.threads, &e), &e);
	if (init)
		copy_weights(j);
	j->state = (ae_state){ j->json, j->data->hash, cli_common.math, -INFINITY };
	if (resume)
		check(ae_state_read(&j->t, &j->state, folder, &fell_back, &e), &e);
	if (fell_back)
		cli_warn("%s: the last checkpoint is missing or damaged: going on from the one before, step %lld", folder,
			 (long long)j->t.step);
	char *log = in_folder("log.tsv"), *scores = in_folder("validation.tsv");
	check(log_open(&j->log, log, "step\tl1\tssim\tkl\tadversarial\tdiscriminator\tnorm\tnorm_discriminator\tlr", j->t.step, &e), &e);
	/* a line for step s tells of s steps made: that of the checkpoint itself is there already */
	check(log_open(&j->scores, scores, "step\tl1\tmse\tssim_brain\tssim_whole\tlatent_sd\tnoise_share", j->t.step ? j->t.step + 1 : 0,
		       &e),
	      &e);
	free(log);
	free(scores);
}

static void validate(struct job *j)
{
	err e = { 0 };
	const dataset *d = j->data;
	const size_t *which = d->n_validation ? d->validation : d->train;
	size_t n = d->n_validation ? d->n_validation : d->n_train < 8 ? d->n_train : 8;
	ae_scores s;
	check(ae_validate(&j->t, d, which, n, &s, &e), &e);
	const double v[] = { s.l1, s.mse, s.brain, s.whole, s.latent_sd, s.noise_share };
	check(log_line(j->scores, j->t.step, v, 6, &e), &e);
	cli_note("step %lld: SSIM in brain %.4f, whole %.4f, MSE %.6f; noise in latents %.2g", (long long)j->t.step, s.brain, s.whole,
		 s.mse, s.noise_share);
	check(ae_picture_write(&j->t, &d->scans[which[0]], &j->how, folder, &e), &e);
	if (s.brain > j->state.best || !isfinite(j->state.best)) {
		j->state.best = s.brain;
		check(ae_weights_write(&j->t, &j->state, &s, d, folder, half, &e), &e);
	}
}

static void show_progress(const struct job *j, const ae_losses *l)
{
	char left[32];
	if (!cli_common.quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%lld/%lld  L1 %.5f  %s left", (long long)j->t.step, (long long)j->t.recipe.steps, l->l1,
			pace_text(pace_left(&j->pace, j->t.step), left));
}

/* To the last step or the first signal. Returns the exit status. */
static int run(struct job *j)
{
	err e = { 0 };
	time_t saved = time(NULL);
	j->pace = pace_begin(j->t.step, j->t.recipe.steps);
	while (j->t.step < j->t.recipe.steps && !stop_asked()) {
		ae_losses l;
		int64_t at = j->t.step;
		check(ae_train_step(&j->t, j->data, &l, &e), &e);
		check(log_line(j->log, at, (double[]){ l.l1, l.ssim, l.kl, l.adversarial, l.judge, l.norm, l.judge_norm, l.lr }, 8, &e), &e);
		show_progress(j, &l);
		bool last = j->t.step == j->t.recipe.steps;
		if (last || j->t.step % j->t.recipe.validate_every == 0)
			validate(j);
		if (last || stop_asked() || difftime(time(NULL), saved) >= 60 * save_minutes) {
			check(ae_state_write(&j->t, &j->state, folder, &e), &e);
			saved = time(NULL);
		}
	}
	if (!cli_common.quiet && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (stop_asked())
		cli_warn("stopped at step %lld; --resume goes on", (long long)j->t.step);
	return stop_asked();
}

int main(int argc, char **argv)
{
	int n;
	char **operands = cli_parse(&tool, argc, argv, &n);
	struct job j = { 0 };
	model_config c;
	recipe r;
	err e = { 0 };
	enum nn_math math = strcmp(cli_common.math, "fast") ? NN_EXACT : NN_FAST;
	if (!config_path)
		cli_die(ERR_USAGE, "--config: is needed");
	if (steps < 0 || seed < 0 || !(share >= 0 && share < 1) || !(save_minutes >= 0) || lr <= 0)
		cli_die(ERR_USAGE, "--steps, --seed, --lr, --validation-share or --save-every: out of range");
	omp_set_num_threads(cli_common.threads);
	read_config(&j, &c, &r);
	if (cli_common.plan) {
		ae_cost cost;
		check(ae_train_plan(&c, &r, math, cli_common.threads, &cost, &e), &e);
		printf("{\"flop\": %.0f, \"peak_bytes\": %.0f, \"seconds\": %.3g}\n", cost.flop, cost.bytes, cost.seconds);
		return cli_done(0);
	}
	if (!folder || !n)
		cli_die(ERR_USAGE, "%s", folder ? "no scans are given" : "--output: is needed");
	open_folder();
	open_data(&j, operands, n);
	open_run(&j, &c, &r, math);
	stop_arm();
	int status = run(&j);
	check(log_close(j.log, &e), &e);
	check(log_close(j.scores, &e), &e);
	ae_train_close(&j.t);
	dataset_close(j.data);
	json_decref(j.json);
	return cli_done(status);
}
