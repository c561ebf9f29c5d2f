/* lat-denoise: noise to latents with the diffusion model, and latents to noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/network.h"
#include "cli/stream.h"
#include "diffusion/noise.h"
#include "diffusion/solver.h"
#include "model/denoiser_record.h"
#include "volume/prepare.h"

static bool invert, no_y;
static int64_t seed = CLI_NOT_GIVEN, count = CLI_NOT_GIVEN, generate = CLI_NOT_GIVEN, steps = 100, batch = 1;
static double stop = 0;
static const char *solver_name = "dpmpp2m", *clip_text;
static const char *const solvers[] = { "dpmpp2m", "ddim", NULL };

enum { MOST_COPIES = 1000000, MOST_BATCH = 4096 };

static const struct cli_option options[] = {
	{ 0, "invert", "the other way: from z to zT", .flag = &invert, .result = true },
	{ 0, "noise", "draw zT, from this seed and the record's id", .integer = &seed, .arg = "SEED", .result = true },
	{ 0, "count", "with --noise: N records of each, with zT drawn anew for each", .integer = &count, .arg = "N",
	  .range = { .from = 1, .to = MOST_COPIES } },
	{ 0, "generate", "read nothing: N records from drawn zT alone, without y (--noise: the seed, else 0)", .integer = &generate,
	  .arg = "N", .range = { .from = 1, .to = MOST_COPIES } },
	{ 's', "steps", "calls of the network, fewer than the model has timesteps", .integer = &steps, .arg = "STEPS",
	  .range = { .from = 1, .to = INFINITY }, .result = true },
	{ 0, "solver", "one of second order that needs fewer steps, or the published one", .text = &solver_name, .choices = solvers,
	  .result = true },
	{ 0, "clip", "hold predictions of the clean latent within +-V, a number above 0; default: as the model says", .text = &clip_text,
	  .arg = "V|none", .result = true },
	{ 0, "stop", "ignore y in this share of the steps, the last ones", .real = &stop, .arg = "SHARE", .range = { .from = 0, .to = 1 },
	  .result = true },
	{ 0, "no-y", "ignore y altogether", .flag = &no_y, .result = true },
	{ 0, "batch", "records that go through the network together; the results are the same", .integer = &batch, .arg = "N",
	  .range = { .from = 1, .to = MOST_BATCH } },
	{ 0 },
};

static const char *const needed_weights[] = { "shift_unet", "unet", NULL };

static const struct cli tool = {
	.name = "lat-denoise",
	.summary = "carry noise to latents by diffusion, or latents to noise",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_HISTORY | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	.options = options,
	.weights = needed_weights,
};

struct job {
	denoiser d;
	schedule schedule;
	solver solver;
	preparation preparation; /* what the model's latents are made with */
	bool guided;
	size_t nx, ny; /* numbers in a latent, in a code */
	lat_record **waiting; /* [batch], for the network */
	int n;
	float *x, *y; /* [batch], theirs */
	model_cost cost; /* --plan: of one record */
	int status; /* ERR_DATA when a result was left out */
	stream_out *out;
	stream_ids *seen;
};

/* ---- the model ---- */

static void open_solver(struct job *j)
{
	err e = { 0 };
	char *end;
	const diffusion_config *c = &j->d.net.w.config.diffusion;
	cli_check(schedule_new(&j->schedule, c, &e), &e);
	enum solver_kind kind = strcmp(solver_name, "ddim") ? SOLVER_DPMPP2M : SOLVER_DDIM;
	if (steps >= c->timesteps)
		cli_die(ERR_USAGE, "--steps: %lld: the model has 1 to %d", (long long)steps, c->timesteps - 1);
	cli_check(solver_new(&j->solver, kind, &j->schedule, (int)steps, &e), &e);
	j->solver.stop = stop;
	j->solver.clip = c->clip;
	if (clip_text) {
		j->solver.clip = strcmp(clip_text, "none") ? strtod(clip_text, &end) : INFINITY;
		if (strcmp(clip_text, "none") && (end == clip_text || *end || !(j->solver.clip > 0) || isinf(j->solver.clip)))
			cli_die(ERR_USAGE, "--clip: '%s' is neither a positive number nor none", clip_text);
	}
}

static void open_model(struct job *j)
{
	err e = { 0 };
	int n[3];
	denoiser *d = &j->d;
	const weights *w = &d->net.w;
	int code = denoiser_open(d, cli_common.model, cli_math(), cli_common.threads, &e);
	if (!code)
		code = preparation_parse(&j->preparation, w->preparation, w->config.volume, &e);
	for (int i = 0; i < 3 && !code; i++)
		n[i] = j->preparation.n[i] / ae_factor(&w->config.autoencoder);
	if (!code)
		code = denoiser_shape(d, n, &e);
	cli_check(code, &e);
	cli_note_identity(w);
	j->guided = d->y && !no_y && generate == CLI_NOT_GIVEN;
	j->nx = (size_t)(d->x[0] * d->x[1] * d->x[2] * d->x[3]);
	j->ny = j->guided ? (size_t)d->y : 0;
	open_solver(j);
}

/* Steps with and without the gradient cost differently. */
static void plan(struct job *j)
{
	err e = { 0 };
	model_cost with = { 0 }, without = { 0 };
	int calls = j->solver.n - 1, bare = j->guided ? solver_unsteered(&j->solver, invert) : calls;
	j->d.batch = (int)batch;
	if ((bare < calls && denoiser_plan(&with, &j->d, true, &e)) || (bare && denoiser_plan(&without, &j->d, false, &e)))
		cli_fail(&e);
	double share = (count == CLI_NOT_GIVEN ? 1 : (double)count) / (double)batch;
	j->cost = (model_cost){ share * ((calls - bare) * with.flop + bare * without.flop), fmax(with.bytes, without.bytes),
				share * ((calls - bare) * with.seconds + bare * without.seconds) };
}

/* ---- what a record brings ---- */

/* Number `variation` of record r's inputs into x and y. */
static int take(struct job *j, float *x, float *y, lat_record *r, const char *id, uint32_t variation, err *e)
{
	const denoiser *d = &j->d;
	bool any = cli_common.any_model;
	int code = any ? 0 : preparation_check(&j->preparation, json_object_get(r->header, "preparation"), e);
	if (!code && invert) {
		code = denoiser_take_latent(x, d, r, any, e);
	} else if (!code && seed != CLI_NOT_GIVEN) {
		noise_draw(x, j->nx, (uint64_t)seed, id, variation);
		code = lat_set_floats(r, "zT", DTYPE_F32, 4, d->x, x, NULL, e);
	} else if (!code) {
		code = denoiser_take_noise(x, d, r, any, e);
	}
	return code || !j->guided ? code : denoiser_take_code(y, d, r, any, e);
}

/* ---- the network ---- */

static int predict(void *of, float *eps, float *g, const float *x, int t, const float *y, err *e)
{
	return denoiser_eps(of, eps, g, x, t, g ? y : NULL, e);
}

static void show_progress(void *of, int done, int all)
{
	const struct job *j = of;
	if (j->n > 1)
		cli_progress("%.60s and %d more: %d/%d", lat_id(j->waiting[0]), j->n - 1, done, all);
	else
		cli_progress("%.60s: %d/%d", lat_id(j->waiting[0]), done, all);
}

/* Result i of those that went through the network, out as its record's. What is wrong with it concerns no other record. */
static void put(struct job *j, int i)
{
	err e = { 0 };
	lat_record *r = j->waiting[i];
	float *x = j->x + (size_t)i * j->nx;
	if (invert ? denoiser_give_noise(r, &j->d, x, &e) : denoiser_give_latent(r, &j->d, x, &e)) {
		err_prefix(&e, "%s: the result", lat_id(r));
		if (!cli_may_skip(e.code))
			cli_fail(&e);
		cli_warn("%s (skipped)", e.text);
		j->status = ERR_DATA;
	} else {
		stream_put(j->out, r);
	}
	lat_free(r);
}

/* All that waits goes through the network and out. An error of the network is that of no record. */
static void flush(struct job *j)
{
	err e = { 0 };
	if (!j->n)
		return;
	predictor p = { predict, &j->d, (size_t)j->n * j->nx, j->guided ? j->y : NULL };
	j->d.batch = j->n;
	if (invert ? solver_invert(&j->solver, &p, j->x, &e) : solver_sample(&j->solver, &p, j->x, &e))
		cli_fail(&e);
	for (int i = 0; i < j->n; i++)
		put(j, i);
	j->n = 0;
}

/* Puts r, which is taken over, among what waits. id: what noise is drawn by. */
static int enter(struct job *j, lat_record *r, const char *id, uint32_t variation, err *e)
{
	int code = take(j, j->x + (size_t)j->n * j->nx, j->y + (size_t)j->n * j->ny, r, id, variation, e);
	if (code) {
		lat_free(r);
		return code;
	}
	j->waiting[j->n++] = r;
	if (j->n == batch)
		flush(j);
	return 0;
}

/* ---- records ---- */

static int denoise(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	lat_record *copy = NULL;
	(void)keep;
	if (cli_common.plan) {
		cli_print_plan(j->cost.flop, j->cost.bytes, j->cost.seconds);
		return 0;
	}
	int code = 0, copies = count == CLI_NOT_GIVEN ? 1 : (int)count;
	for (int i = 0; i < copies && !code; i++) {
		char id[LAT_MAX_ID + 16];
		code = lat_copy(&copy, r, e);
		if (code)
			return code;
		snprintf(id, sizeof id, count == CLI_NOT_GIVEN ? "%s" : "%s_var-%03d", lat_id(r), i + 1);
		if (count != CLI_NOT_GIVEN) {
			code = lat_set_id(copy, id, e);
			if (!code)
				code = stream_ids_add(j->seen, id, e);
		}
		if (code)
			lat_free(copy);
		else
			code = enter(j, copy, lat_id(r), count == CLI_NOT_GIVEN ? 0 : (uint32_t)i + 1, e);
	}
	return code;
}

static int finish(void *with, err *e)
{
	(void)e;
	flush(with);
	return 0;
}

static void make_from_nothing(struct job *j)
{
	err e = { 0 };
	for (int i = 0; i < generate; i++) {
		char id[32];
		lat_record *r = NULL;
		if (cli_common.plan) {
			cli_print_plan(j->cost.flop, j->cost.bytes, j->cost.seconds);
			continue;
		}
		snprintf(id, sizeof id, "gen-%04d", i + 1);
		int code = lat_new(&r, id, &e);
		/* so that the decoder knows the grid */
		if (!code && j->d.net.w.preparation && json_object_set(r->header, "preparation", j->d.net.w.preparation))
			code = err_set(&e, ERR_OS, "no memory for the header");
		if (!code)
			code = enter(j, r, id, 0, &e);
		cli_check(code, &e);
	}
	flush(j);
}

static void check_options(int operands)
{
	bool some = count != CLI_NOT_GIVEN, from_nothing = generate != CLI_NOT_GIVEN;
	if (invert && (seed != CLI_NOT_GIVEN || some || from_nothing || stop > 0))
		cli_die(ERR_USAGE, "--invert: --noise, --count, --generate and --stop are for the other way");
	if (some && (from_nothing || seed == CLI_NOT_GIVEN))
		cli_die(ERR_USAGE, "--count: needs --noise, and records to draw it for");
	if (from_nothing && operands)
		cli_die(ERR_USAGE, "--generate: reads nothing, and so no files");
	if (from_nothing && seed == CLI_NOT_GIVEN)
		seed = 0;
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct job j = { .n = 0 };
	err e = { 0 };
	check_options(n);
	cli_start_threads();
	open_model(&j);
	if (mem_zero(&j.waiting, (size_t)batch, sizeof *j.waiting, "records", &e) ||
	    mem_zero(&j.x, (size_t)batch * j.nx, sizeof *j.x, "latents", &e) ||
	    mem_zero(&j.y, (size_t)batch * j.ny, sizeof *j.y, "codes", &e))
		cli_fail(&e);
	j.solver.progress = show_progress;
	j.solver.progress_of = &j;
	if (cli_common.plan)
		plan(&j);
	else
		j.out = stream_open();
	j.seen = stream_ids_new();
	if (generate == CLI_NOT_GIVEN)
		status = stream_each(files, n, denoise, finish, &j);
	else
		make_from_nothing(&j);
	if (j.out)
		stream_close(j.out);
	stream_ids_free(j.seen);
	solver_free(&j.solver);
	schedule_free(&j.schedule);
	denoiser_close(&j.d);
	free(j.waiting);
	free(j.x);
	free(j.y);
	return cli_done(j.status ? j.status : status);
}
