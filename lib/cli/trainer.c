#include "cli/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/network.h"
#include "model/find.h"
#include "model/semantic.h"
#include "model/weights.h"
#include "train/log.h"
#include "train/recipe.h"
#include "train/stop.h"

struct trainer_options trainer_options = { .seed = 1, .lr = NAN, .share = .1, .save_minutes = 5 };

static const struct cli_option shared[] = {
	{ 'c', "config", "configuration: networks, losses, preparation, training (JSON)", .file = &trainer_options.config, .arg = "FILE",
	  .result = true },
	{ 'o', "output", "folder for weights, checkpoint, log and pictures", .folder = &trainer_options.folder, .arg = "DIR" },
	{ 'f', "force", "begin anew in a folder that holds a run", .flag = &cli_common.force },
	{ 0, "resume", "go on from the folder's checkpoint", .flag = &trainer_options.resume },
	{ 0, "steps", "steps of the optimiser; 0: as the configuration says", .integer = &trainer_options.steps, .arg = "N",
	  .range = { .from = 0, .to = INFINITY }, .result = true },
	{ 0, "lr", "learning rate, instead of the configuration's", .real = &trainer_options.lr, .arg = "RATE",
	  .range = { .from = 0, .to = INFINITY, .from_excluded = true }, .result = true },
	{ 0, "seed", "of weights, order, noise and augmentation", .integer = &trainer_options.seed, .arg = "SEED",
	  .range = { .from = 0, .to = INFINITY }, .result = true },
	{ 0, "init", "begin with the weights of this model", .model = &trainer_options.init, .arg = "NAME|DIR|FILE", .result = true },
	{ 0, "validation", "subjects to validate on, one a line", .file = &trainer_options.validation, .arg = "FILE", .result = true },
	{ 0, "validation-share", "share of the subjects to validate on, without --validation", .real = &trainer_options.share,
	  .arg = "SHARE", .range = { .from = 0, .to = 1, .to_excluded = true }, .result = true },
	{ 0, "save-every", "time between checkpoints", .real = &trainer_options.save_minutes, .arg = "MINUTES",
	  .range = { .from = 0, .to = INFINITY } },
	{ 0, "f16", "store the weights as 16-bit floats", .flag = &trainer_options.f16, .result = true },
	{ 0, "i8", "store the layers' weights in 8 bits, with a scale for each output channel", .flag = &trainer_options.i8,
	  .result = true },
};
enum { SHARED = sizeof shared / sizeof *shared, MOST_OWN = 4 };

char **trainer_parse(const struct cli *tool, int argc, char **argv, int *n)
{
	static struct cli_option all[MOST_OWN + SHARED + 1];
	static struct cli whole;
	int own = 0;
	const struct trainer_options *o = &trainer_options;
	for (; tool->options && tool->options[own].name && own < MOST_OWN; own++)
		all[own] = tool->options[own];
	memcpy(all + own, shared, sizeof shared);
	whole = *tool;
	whole.options = all;
	cli_common.math = "exact";
	char **operands = cli_parse(&whole, argc, argv, n);
	if (!o->config)
		cli_die(ERR_USAGE, "--config: is needed");
	if (o->f16 && o->i8)
		cli_die(ERR_USAGE, "--f16 and --i8 exclude each other");
	cli_start_threads();
	return operands;
}

training_setup trainer_setup(const model_config *c, const recipe *r)
{
	return (training_setup){ c, r, (uint64_t)trainer_options.seed, cli_math(), cli_common.threads };
}

enum weights_store trainer_store(void)
{
	return trainer_options.i8 ? WEIGHTS_I8 : trainer_options.f16 ? WEIGHTS_F16 : WEIGHTS_F32;
}

/* One configuration serves all stages: what is wrong with the recipe of a later one is better known before the first. */
static void check_recipes(const json_t *json, const model_config *c)
{
	err e = { 0 };
	recipe unused;
	for (int i = 0; recipes[i]; i++)
		cli_check(recipe_parse(&unused, json, recipes[i], c->volume, ae_factor(&c->autoencoder), trainer_options.config, &e), &e);
}

json_t *trainer_config(model_config *c, const char *stage)
{
	err e = { 0 };
	json_t *json = NULL;
	const char *path = trainer_options.config;
	cli_check(config_json(&json, path, &e), &e);
	cli_check(recipe_check_keys(json, path, &e), &e);
	cli_check(config_parse(c, json, path, &e), &e);
	check_recipes(json, c);
	if (!strcmp(stage, recipes[0]) && json_number_value(json_object_get(json_object_get(json, "losses"), "perceptual_weight")) != 0)
		cli_warn("%s: losses.perceptual_weight: there is no perceptual loss here, none takes part", path);
	bool bad = !json_object_get(json, stage) && json_object_set_new(json, stage, json_object());
	json_t *section = json_object_get(json, stage);
	if (trainer_options.steps)
		bad |= json_object_set_new(section, "steps", json_integer(trainer_options.steps)) != 0;
	if (!isnan(trainer_options.lr))
		bad |= json_object_set_new(section, "lr", json_real(trainer_options.lr)) != 0;
	if (bad)
		cli_die(ERR_OS, "no memory for the configuration");
	return json;
}

/* Two trainings that write to one folder would mix their steps and lose a checkpoint. The lock is the process's own and ends with it; a
 * file system that has no locks (ENOLCK and the like) is no reason not to train. */
static void hold_folder(const char *folder)
{
	err e = { 0 };
	char *path = NULL;
	cli_check(state_path(&path, folder, "log.tsv", &e), &e);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		cli_die(ERR_CREATE, "%s: %s", path, strerror(errno));
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES))
		cli_die(ERR_CREATE, "%s: another training writes to this folder", path);
	free(path);
}

void trainer_folder(int n)
{
	err e = { 0 };
	char *path = NULL;
	const char *folder = trainer_options.folder;
	if (!folder || !n)
		cli_die(ERR_USAGE, "%s", folder ? "no scans are given" : "--output: is needed");
	bool there = false;
	if (mkdir(folder, 0777) && errno != EEXIST)
		cli_die(ERR_CREATE, "%s: %s", folder, strerror(errno));
	for (const char *const *name = (const char *const[]){ "checkpoint.safetensors", "checkpoint.safetensors.previous", NULL };
	     *name && !there; name++) {
		cli_check(state_path(&path, folder, *name, &e), &e);
		there = !access(path, F_OK);
		if (there && !trainer_options.resume && !cli_common.force)
			cli_die(ERR_CREATE, "%s: exists (--resume goes on, --force begins anew)", path);
		free(path);
	}
	hold_folder(folder);
}

dataset *trainer_data(char **operands, int n, dataset_options *o)
{
	err e = { 0 };
	dataset *d = NULL;
	o->folder = trainer_options.folder;
	o->validation = trainer_options.validation;
	o->share = trainer_options.share;
	o->warn = cli_warn;
	cli_check(dataset_open(&d, operands, n, o, &e), &e);
	cli_note("%zu scans to train on, %zu to validate on", d->n_train, d->n_validation);
	if (!d->n_validation)
		cli_warn("no scans to validate on: scores are of training scans");
	return d;
}

void trainer_init(train_part *p, const char *from, bool (*which)(const char *name))
{
	err e = { 0 };
	char *path = NULL;
	weights w;
	if (!from)
		return;
	cli_check(model_find(&path, from, p->name, &e), &e);
	cli_check(weights_open(&w, path, p->name, &e), &e);
	if (!strcmp(p->name, "semantic"))
		cli_check(semantic_names(&w.params, &e), &e);
	if (weights_copy(&p->weights, &w, which, &e) || weights_copy(&p->ema, &w, which, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	weights_close(&w);
	free(path);
}

void trainer_plan(training *t)
{
	err e = { 0 };
	model_cost cost;
	cli_check(training_plan(t, &cost, &e), &e);
	cli_print_plan(cost.flop, cost.bytes, cost.seconds);
}

/* ---- the run ---- */

typedef struct job {
	const trainer *r;
	training *t;
	train_log *log, *scores;
	pace pace;
	time_t saved;
	bool unsaved; /* the state is not that of the checkpoint */
} job;

static train_log *open_log(const char *name, const char *const *columns, int64_t from)
{
	err e = { 0 };
	char *path = NULL, heading[512] = "step";
	train_log *log = NULL;
	cli_check(state_path(&path, trainer_options.folder, name, &e), &e);
	for (size_t at = strlen(heading); *columns; columns++)
		at += (size_t)snprintf(heading + at, sizeof heading - at, "\t%s", *columns);
	cli_check(log_open(&log, path, heading, from, &e), &e);
	free(path);
	return log;
}

static void go_on(train_state *s)
{
	err e = { 0 };
	const char *folder = trainer_options.folder;
	s->best = -INFINITY;
	if (!trainer_options.resume) {
		cli_check(state_forget(folder, &e), &e);
		return;
	}
	cli_check(state_read(s, folder, &e), &e);
	if (s->fell_back)
		cli_warn("%s: the last checkpoint is missing or damaged: going on from the one before, step %lld", folder,
			 (long long)s->step);
}

/* Is the validation of the last step still to be made? */
static bool due(const training *t)
{
	const train_state *s = &t->state;
	return s->step > s->judged && (s->step == t->recipe.steps || s->step % t->recipe.validate_every == 0);
}

static bool complete(const training *t) { return t->state.step >= t->recipe.steps && !due(t); }

static int save(job *j, err *e)
{
	int code = state_write(&j->t->state, trainer_options.folder, e);
	j->unsaved = j->unsaved && code;
	j->saved = time(NULL);
	return code;
}

/* A score that is no number makes no weights the best, but weights are better than none. */
static int keep_best(const job *j, const double scores[TRAIN_COLUMNS], double score, err *e)
{
	training *t = j->t;
	double best = t->state.best;
	if (!isfinite(score))
		cli_warn("step %lld: the validation's score is no finite number", (long long)t->state.step);
	if (best != -INFINITY && !(score > best && isfinite(score)))
		return 0;
	if (isfinite(score))
		t->state.best = score;
	int code = t->kind->write(t, scores, j->r->data, trainer_options.folder, trainer_store(), e);
	if (code)
		t->state.best = best;
	return code;
}

/* "step 100: loss 0.15071, ..": what there is. */
static void note_scores(const training *t, const double scores[TRAIN_COLUMNS])
{
	char text[512] = "";
	size_t at = 0;
	for (int i = 0; t->kind->scores[i] && at < sizeof text - 1; i++)
		if (!isnan(scores[i]))
			at += (size_t)snprintf(text + at, sizeof text - at, "%s %s %.5g", at ? "," : "", t->kind->scores[i], scores[i]);
	cli_note("step %lld:%s", (long long)t->state.step, text);
}

static int judge(job *j, double scores[TRAIN_COLUMNS], double *score, err *e)
{
	validation v = { .data = j->r->data, .how = j->r->how, .folder = trainer_options.folder };
	v.n = dataset_judged(v.data, &v.which);
	training_release(j->t);
	int code = j->t->kind->validate(j->t, &v, scores, score, e);
	if (!code && !stop_asked())
		note_scores(j->t, scores);
	return code;
}

/* Whatever goes wrong here, the steps that were made are not lost; the validation is made again by the run that goes on. So it is when a
 * stop is asked for, which ends it early. */
static void validate(job *j)
{
	err e = { 0 }, second = { 0 };
	train_state *s = &j->t->state;
	double scores[TRAIN_COLUMNS], score = NAN;
	int code = judge(j, scores, &score, &e);
	if (!code && stop_asked())
		return;
	if (!code)
		code = log_line(j->scores, s->step, scores, training_columns(j->t->kind->scores), &e);
	if (!code)
		code = keep_best(j, scores, score, &e);
	if (!code) {
		s->judged = s->step;
		j->unsaved = true;
		return;
	}
	if (j->unsaved && save(j, &second))
		cli_warn("%s", second.text);
	cli_fail(&e);
}

static void show_progress(const job *j)
{
	char left[32];
	const training *t = j->t;
	cli_progress("%lld/%lld  loss %.5f  %s left", (long long)t->state.step, (long long)t->recipe.steps, t->loss,
		     pace_text(pace_left(&j->pace, t->state.step), left));
}

static void one_step(job *j)
{
	err e = { 0 };
	training *t = j->t;
	int64_t at = t->state.step;
	cli_check(training_step(t, j->r->data, &e), &e);
	cli_check(log_line(j->log, at, t->losses, training_columns(t->kind->losses), &e), &e);
	j->unsaved = true;
	show_progress(j);
}

int trainer_run(const trainer *r)
{
	err e = { 0 };
	training *t = r->t;
	train_state *s = &t->state;
	s->config = r->config;
	s->models = r->models;
	s->sections = r->sections;
	s->data = r->data->hash;
	s->math = cli_common.math;
	stop_arm();
	go_on(s);
	int64_t from = s->step;
	job j = { .r = r, .t = t, .saved = time(NULL), .unsaved = !from };
	j.log = open_log("log.tsv", t->kind->losses, from);
	/* a line for step s tells of s steps made: that of the checkpoint itself is there already, if they were judged */
	j.scores = open_log("validation.tsv", t->kind->scores, from && s->judged == from ? from + 1 : from);
	j.pace = pace_begin(from, t->recipe.steps);
	while (!complete(t) && !stop_asked()) {
		if (due(t))
			validate(&j);
		else
			one_step(&j);
		if (difftime(time(NULL), j.saved) >= 60 * trainer_options.save_minutes)
			cli_check(save(&j, &e), &e);
	}
	if (j.unsaved)
		cli_check(save(&j, &e), &e);
	cli_check(log_close(j.log, &e), &e);
	cli_check(log_close(j.scores, &e), &e);
	if (complete(t))
		return 0;
	cli_warn("stopped at step %lld by SIG%s; --resume goes on", (long long)s->step, sigabbrev_np(stop_asked() - 128));
	return stop_asked();
}
