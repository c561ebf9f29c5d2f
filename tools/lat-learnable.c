/* lat-learnable: how much of the noise in latents is predicted: by the simplest predictors, and by a model's denoiser. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "baseline/places.h"
#include "baseline/predictors.h"
#include "baseline/trial.h"
#include "cli/cli.h"
#include "cli/network.h"
#include "cli/stream.h"
#include "diffusion/solver.h"
#include "model/denoiser.h"
#include "model/record.h"

enum { MOST_NUMBERS = 16, MOST_COMPONENTS = 1 << 16 };

static const char *train, *name = "z", *components = "10", *model;
static bool any_model;
static int64_t seed;

static const struct cli_option options[] = {
	{ 0, "train", "the stream of latents that the simple predictors learn from", .file = &train, .arg = "FILE" },
	{ 'k', "components", "principal components of pca; with several numbers one predictor for each", .text = &components,
	  .arg = "K[,K...]" },
	{ 'm', "model", "judge the denoiser of this model, too", .model = &model, .arg = "NAME|DIR|FILE" },
	{ 0, "any-model", "accept records made with another model", .flag = &any_model },
	{ 'n', "name", "the tensor that is the latent", .text = &name, .arg = "NAME" },
	{ 0, "seed", "seed of the noise", .integer = &seed, .arg = "N" },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-learnable",
	.summary = "how much of the noise in latents is predicted, by the simplest means and by a model",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_MATH,
	.options = options,
};

/* Latents of one side, and the codes of their records where the model takes any. */
struct pile {
	float **z, **y;
	char **id;
	size_t z_cap, y_cap, id_cap, n;
	size_t codes; /* how many have one */
	stream_ids *seen;
};

struct job {
	struct pile train, judged;
	struct pile *to; /* that which is being read */
	denoiser d; /* with --model */
	lat_tensor like; /* what all latents are like: rank and shape of the first */
	maker autoencoder; /* that made them: the model's, else that of the first */
	json_t *keeps; /* what the first one's maker is borrowed from */
	maker semantic;
	size_t known; /* judged ones that are among those to learn from */
	float *mean, *sd, *weight; /* [count] */
	schedule schedule;
	trial trial;
	const char *space;
	predictors p;
};

/* ---- records ---- */

static int check_shape(const lat_tensor *t, const lat_tensor *like, err *e)
{
	char is[LAT_MAX_RANK * 21];
	if (t->rank == 4 && t->elements <= INT_MAX)
		return lat_shaped_like(t, like, e);
	lat_shape_text(t, is);
	return err_set(e, ERR_DATA, "%s of %s is no latent", name, is);
}

/* The first one tells what the others must be. */
static void take_first(struct job *j, const lat_tensor *t)
{
	j->like.rank = t->rank;
	memcpy(j->like.shape, t->shape, sizeof t->shape);
	if (model)
		return;
	j->keeps = json_incref(t->meta);
	j->autoencoder = maker_of(t);
	j->autoencoder.file = train;
}

static int take_code(struct job *j, float **y, lat_record *r, err *e)
{
	if (!j->d.y || !lat_find(r, "y"))
		return 0;
	int code = mem_zero(y, (size_t)j->d.y, sizeof **y, "codes", e);
	if (!code)
		code = record_floats(*y, r, "y", 1, &j->d.y, any_model ? NULL : &j->semantic, e);
	j->to->codes++;
	return code;
}

static int gather(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	struct pile *to = j->to;
	lat_tensor *t;
	(void)keep;
	int code = stream_ids_add(to->seen, lat_id(r), e);
	if (!code)
		code = lat_need(r, name, &t, e);
	if (!code && !any_model)
		code = record_made_by(t, &j->autoencoder, e); /* first, for another model often has another shape, too */
	if (!code)
		code = check_shape(t, &j->like, e);
	if (!code && !j->like.rank)
		take_first(j, t);
	if (!code)
		code = mem_grow(&to->z, &to->z_cap, to->n + 1, sizeof *to->z, "latents", e);
	if (!code)
		code = mem_grow(&to->y, &to->y_cap, to->n + 1, sizeof *to->y, "codes", e);
	if (!code)
		code = mem_grow(&to->id, &to->id_cap, to->n + 1, sizeof *to->id, "ids", e);
	if (!code)
		code = mem_text(&to->id[to->n], lat_id(r), e);
	if (!code)
		code = lat_floats(t, &to->z[to->n], e);
	if (!code && to == &j->judged)
		code = take_code(j, &to->y[to->n], r, e);
	j->known += !code && to == &j->judged && stream_ids_has(j->train.seen, lat_id(r));
	to->n += !code;
	return code;
}

static void pile_free(struct pile *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->z[i]);
		free(p->y[i]);
		free(p->id[i]);
	}
	free(p->z);
	free(p->y);
	free(p->id);
	stream_ids_free(p->seen);
}

static trial_latents latents(const struct pile *p)
{
	return (trial_latents){ p->n, (const float *const *)p->z, (const char *const *)p->id };
}

/* ---- the space in which noise is added ---- */

/* The records' own: standardised by those to learn from. */
static int own_space(struct job *j, err *e)
{
	const size_t count = j->trial.count;
	const diffusion_config linear = config_default().diffusion;
	int code = mem_zero(&j->mean, count, sizeof *j->mean, "latents' mean", e);
	if (!code)
		code = mem_zero(&j->sd, count, sizeof *j->sd, "latents' standard deviation", e);
	if (!code)
		code = places_learn(j->mean, j->sd, (const float *const *)j->train.z, j->train.n, count, e);
	j->trial.scaling = (scaling){ 1, j->mean, j->sd };
	j->space = "records";
	return code ? code : schedule_new(&j->schedule, &linear, e);
}

/* The model's, in which its noise is drawn. */
static int model_space(struct job *j, err *e)
{
	char is[LAT_MAX_RANK * 21];
	int n[3];
	for (int i = 0; i < 3; i++)
		n[i] = (int)j->like.shape[i + 1];
	lat_shape_text(&j->like, is);
	if (j->like.shape[0] != j->d.x[0])
		return err_set(e, ERR_DATA, "%s of %s, but the model's latents have %lld channels", name, is, (long long)j->d.x[0]);
	int code = err_as(e, denoiser_shape(&j->d, n, e), ERR_CONFIG, ERR_DATA);
	j->trial.scaling = j->d.scaling;
	j->space = j->d.scaling.sd ? "model" : "factor";
	return code ? code : schedule_new(&j->schedule, &j->d.net.w.config.diffusion, e);
}

/* An error weighs what it does in the latents themselves. */
static int open_trial(struct job *j, err *e)
{
	for (int i = 0; i < 4; i++)
		j->trial.shape[i] = j->like.shape[i];
	j->trial.count = (size_t)(j->like.shape[0] * j->like.shape[1] * j->like.shape[2] * j->like.shape[3]);
	j->trial.seed = (uint64_t)seed;
	j->trial.schedule = &j->schedule;
	int code = model ? model_space(j, e) : own_space(j, e);
	if (code || !j->trial.scaling.sd)
		return code;
	code = mem_zero(&j->weight, j->trial.count, sizeof *j->weight, "weights of places", e);
	if (!code)
		places_weigh(j->weight, j->trial.scaling.sd, j->trial.count);
	j->trial.weight = j->weight;
	return code;
}

/* ---- the network ---- */

/* Its errors without (0) and with (1) the records' codes, as they steer in lat-denoise. */
static int judge_network(struct job *j, bool codes, double error[2][TRIAL_TIMES], err *e)
{
	const size_t count = j->trial.count, all = j->judged.n * TRIAL_TIMES;
	float *v = NULL;
	int code = mem_zero(&v, 4 * count, sizeof *v, "noisy latents", e);
	float *noise = v + count, *told = v + 2 * count, *g = v + 3 * count;
	for (size_t at = 0; at < all && !code; at++) {
		const size_t r = at / TRIAL_TIMES;
		const int i = (int)(at % TRIAL_TIMES), t = trial_time(&j->trial, i);
		cli_progress("%zu/%zu", at, all);
		trial_set(&j->trial, v, noise, j->judged.z[r], j->judged.id[r], t, TRIAL_JUDGES);
		code = denoiser_eps(&j->d, told, codes ? g : NULL, v, t, codes ? j->judged.y[r] : NULL, e);
		error[0][i] += code ? 0 : trial_error(&j->trial, noise, told) / (double)j->judged.n;
		if (codes && !code)
			solver_steer(&j->schedule, t, told, g, count);
		error[1][i] += code ? 0 : trial_error(&j->trial, noise, told) / (double)j->judged.n;
	}
	free(v);
	return code;
}

/* ---- the table ---- */

static void put_line(outfile *out, const char *line)
{
	err e = { 0 };
	if (out_write(out, line, strlen(line), &e)) {
		out_abort(out);
		cli_fail(&e);
	}
}

static void put_row(outfile *out, const struct job *j, const char *row, const double error[TRIAL_TIMES], double place)
{
	char line[512];
	const trial_score s = trial_sum(&j->trial, error);
	if (!isfinite(s.weighted)) {
		out_abort(out);
		cli_die(ERR_DATA, "%s: its error is no finite number", row);
	}
	snprintf(line, sizeof line, "%s\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%s\n", row, s.fifth[0], s.fifth[1], s.fifth[2],
		 s.fifth[3], s.fifth[4], s.weighted, s.weighted / place, j->space);
	put_line(out, line);
}

static void put_table(const struct job *j, double (*simple)[TRIAL_TIMES], double (*learnt)[TRIAL_TIMES], int networks)
{
	static const char *const names[] = { "unet", "code" };
	const double place = trial_sum(&j->trial, simple[0]).weighted;
	err e = { 0 };
	outfile *out = cli_output();
	put_line(out, "predictor\tfifth_1\tfifth_2\tfifth_3\tfifth_4\tfifth_5\tweighted\tof_place\tspace\n");
	for (int i = 0; i < predictors_count(&j->p); i++) {
		char row[32];
		predictors_name(&j->p, i, row);
		put_row(out, j, row, simple[i], place);
	}
	for (int i = 0; i < networks; i++)
		put_row(out, j, names[i], learnt[i], place);
	cli_check(out_commit(out, &e), &e);
}

/* ---- the whole ---- */

/* "10,35" into k; returns how many there are. */
static int read_components(int k[MOST_NUMBERS])
{
	int n = 0;
	for (const char *at = components;;) {
		char *end;
		long v = strtol(at, &end, 10);
		if (end == at || (*end && *end != ',') || v < 1 || v > MOST_COMPONENTS)
			cli_die(ERR_USAGE, "--components: '%s' is no list of numbers from 1 to %d", components, MOST_COMPONENTS);
		if (n == MOST_NUMBERS)
			cli_die(ERR_USAGE, "--components: at most %d numbers", MOST_NUMBERS);
		k[n++] = (int)v;
		if (!*end)
			return n;
		at = end + 1;
	}
}

static void open_model(struct job *j)
{
	err e = { 0 };
	cli_check(denoiser_open(&j->d, model, cli_math(), cli_common.threads, &e), &e);
	cli_note_identity(&j->d.net.w);
	j->autoencoder = weights_works_with(&j->d.net.w, "autoencoder");
	j->semantic = weights_works_with(&j->d.net.w, "semantic");
}

static void read_records(struct job *j, char **files, int n)
{
	j->train.seen = stream_ids_new();
	j->judged.seen = stream_ids_new();
	j->to = &j->train;
	stream_each((char *[]){ (char *)train }, 1, gather, NULL, j);
	if (!j->train.n)
		cli_die(ERR_DATA, "%s: no records to learn from", train);
	j->to = &j->judged;
	stream_each(files, n, gather, NULL, j);
	if (!j->judged.n)
		cli_die(ERR_DATA, "no records to judge by");
	if (j->judged.codes && j->judged.codes < j->judged.n)
		cli_die(ERR_DATA, "%zu of %zu records have a code y: all must, or none", j->judged.codes, j->judged.n);
	if (j->known)
		cli_warn("%zu of %zu records are among those that are learned from: errors will be too small", j->known, j->judged.n);
}

int main(int argc, char **argv)
{
	static struct job j; /* what an error leaves open stays within reach */
	err e = { 0 };
	int n, k[MOST_NUMBERS];
	double learnt[2][TRIAL_TIMES] = { { 0 } }, (*simple)[TRIAL_TIMES] = NULL;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!train)
		cli_die(ERR_USAGE, "--train is needed");
	if (model && strcmp(name, "z"))
		cli_die(ERR_USAGE, "--name: the latent of a model is z");
	const int nk = read_components(k);
	cli_start_threads();
	if (model)
		open_model(&j);
	read_records(&j, files, n);
	const trial_latents teach = latents(&j.train), judged = latents(&j.judged);
	int code = open_trial(&j, &e);
	if (!code)
		code = predictors_learn(&j.p, &j.trial, &teach, k, nk, &e);
	if (code) {
		err_prefix(&e, "%s", train);
		cli_fail(&e);
	}
	cli_check(mem_zero(&simple, (size_t)predictors_count(&j.p), sizeof *simple, "errors", &e), &e);
	cli_check(predictors_judge(&j.p, &judged, simple, &e), &e);
	const bool codes = j.judged.codes;
	if (model)
		cli_check(judge_network(&j, codes, learnt, &e), &e);
	put_table(&j, simple, learnt, !model ? 0 : codes ? 2 : 1);
	predictors_free(&j.p);
	pile_free(&j.train);
	pile_free(&j.judged);
	schedule_free(&j.schedule);
	if (model)
		denoiser_close(&j.d);
	json_decref(j.keeps);
	free(j.mean);
	free(j.sd);
	free(j.weight);
	free(simple);
	return cli_done(0);
}
