#include "train/sem_train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/semantic.h"
#include "model/unet.h"
#include "nn/combine.h"
#include "nn/loss.h"
#include "train/ema.h"
#include "train/move.h"
#include "train/picture.h"
#include "train/stop.h"
#include "volume/score.h"

static bool of_unet(const char *name) { return !unet_is_shift(name); }

/* What training moves. */
static bool moves(const char *name) { return unet_is_shift(name) && strcmp(name, PRIOR_LEFT); }

static int make_encoder(sem_train *t, err *e)
{
	params *p = &t->encoder.weights;
	int code = semantic_fresh(&t->config.semantic, t->state.seed, p, e);
	param *places = code ? NULL : params_find(p, "positional_encoding.pe");
	if (places)
		places->frozen = true; /* a formula */
	for (size_t i = 0; !code && i < p->n; i++)
		p->p[i].frozen |= !strncmp(p->p[i].name, SEMANTIC_COMPONENTS ".", strlen(SEMANTIC_COMPONENTS "."));
	return code ? code : params_with_gradients(p, e);
}

static int make_net(sem_train *t, err *e)
{
	params *p = &t->net.weights;
	param_table table = { 0 };
	int code = unet_table(&t->config, true, &table, e);
	if (!code)
		code = table_fresh(&table, t->state.seed, p, e);
	table_free(&table);
	for (size_t i = 0; !code && i < p->n; i++)
		p->p[i].frozen = !moves(p->p[i].name);
	return code ? code : params_with_gradients(p, e);
}

static int make_head(sem_train *t, err *e)
{
	param_table table = { 0 };
	if (!(t->recipe.coarse_weight > 0))
		return 0;
	int code = coarse_new(&t->coarse, t->config.volume, e);
	if (!code)
		code = coarse_table(&t->coarse, t->config.latent_dim, &table, e);
	if (!code)
		code = table_fresh(&table, t->state.seed, &t->head.weights, e);
	table_free(&table);
	return code ? code : params_with_gradients(&t->head.weights, e);
}

int sem_train_check(const latent_space *l, const model_config *m, err *e)
{
	const sem_config *s = &m->semantic;
	int slices, size[2], least = 2 << s->levels; /* the first convolution divides by 4, the others by 2 */
	int code = latent_space_fits(l, m, e);
	if (code)
		return code;
	semantic_slices(s, m->volume, &slices, size);
	if (s->embedding != m->latent_dim)
		return err_set(e, ERR_CONFIG, "latent_dim: %d, the semantic encoder's codes have %d numbers", m->latent_dim, s->embedding);
	if (s->coarse[0] && !semantic_box(s, m->volume))
		return err_set(e, ERR_CONFIG, "semantic.coarse: the volume is no such multiple of it on all axes");
	if (slices > s->slices)
		return err_set(e, ERR_CONFIG, "semantic.slices: %d, the volume has %d", s->slices, slices);
	if (size[0] < least || size[1] < least)
		return err_set(e, ERR_CONFIG, "semantic.dims: slices of %dx%d, the encoder needs %dx%d", size[0], size[1], least, least);
	return 0;
}

static int make(sem_train *t, const model_config *config, const recipe *r, latent_space *space, uint64_t seed, err *e)
{
	*t = (sem_train){ .config = *config, .recipe = *r, .space = space, .state.seed = seed };
	int code = sem_train_check(space, config, e);
	if (!code)
		code = make_encoder(t, e);
	if (!code)
		code = make_net(t, e);
	if (!code)
		code = make_head(t, e);
	return code ? code : noisy_latent_new(&t->noisy, space, r->draws, e);
}

/* The shift branch begins as the branch that it has the shape of, which knows these latents already: all but its last convolution, which is
 * 0, so that G is, and what reads the code. */
static void begin_shift(params *p)
{
	static const char mark[] = "shift_";
	for (size_t i = 0; i < p->n; i++) {
		param *to = &p->p[i];
		const param *from = strncmp(to->name, mark, strlen(mark)) ? NULL : params_find(p, to->name + strlen(mark));
		if (!from || !strncmp(to->name, "shift_out.2.", strlen("shift_out.2.")))
			continue;
		memcpy(to->v, from->v, to->count * sizeof *to->v);
		param_touch(to);
	}
}

static int begin_part(sem_part *p, const recipe *r, err *e)
{
	int code = ema_init(&p->ema, &p->weights, e);
	return code ? code : optimiser_init(&p->optimiser, r->optimiser, recipe_vectors(r), &p->weights, e);
}

int sem_train_open(sem_train *t, const model_config *config, const recipe *r, latent_space *space, const weights *unet, uint64_t seed,
		   enum nn_math math, int threads, err *e)
{
	scaling scaled = { 0 };
	int code = make(t, config, r, space, seed, e);
	if (!code && !(t->c = nn_new(NN_TRAIN, math, threads)))
		code = err_set(e, ERR_OS, "no memory");
	if (!code)
		code = weights_copy(&t->net.weights, unet, of_unet, e);
	if (!code)
		code = scaling_of(&scaled, config, &t->net.weights, e);
	if (!code)
		code = latent_space_scale(space, scaled, e);
	if (!code) {
		begin_shift(&t->net.weights);
		code = begin_part(&t->encoder, r, e);
	}
	if (!code)
		code = begin_part(&t->net, r, e);
	if (!code && t->head.weights.n)
		code = begin_part(&t->head, r, e);
	t->state.parts[0] = (checkpoint_part){ "semantic", &t->encoder.weights, &t->encoder.ema, &t->encoder.optimiser };
	t->state.parts[1] = (checkpoint_part){ "shift_unet", &t->net.weights, &t->net.ema, &t->net.optimiser };
	t->state.parts[2] = (checkpoint_part){ "coarse", &t->head.weights, &t->head.ema, &t->head.optimiser };
	t->state.n_parts = t->head.weights.n ? 3 : 2;
	return code;
}

static void free_part(sem_part *p)
{
	params_free(&p->weights);
	params_free(&p->ema);
	optimiser_free(&p->optimiser);
}

void sem_train_close(sem_train *t)
{
	nn_free(t->c);
	free_part(&t->encoder);
	free_part(&t->net);
	free_part(&t->head);
	coarse_free(&t->coarse);
	noisy_latent_free(&t->noisy);
}

/* ---- the loss ---- */

static philox encoder_random(const void *of, const char *use)
{
	const latent_use *u = of;
	return state_random(u->state, use, u->draw);
}

static shape scan_shape(const sem_train *t)
{
	const int *n = t->config.volume;
	return (shape){ 1, n[0], n[1], n[2], 1 };
}

/* The code of scan x [X,Y,Z]; use NULL: nothing is dropped. */
static tensor *encode(const sem_train *t, nn *c, const params *p, shape s, const float *x, const latent_use *use)
{
	semantic_call call = {
		.x = nn_from_field(c, s, x), .random = use ? encoder_random : NULL, .of = use, .part = !shape_equal(s, scan_shape(t))
	};
	tensor *y = semantic_encode(c, &t->config.semantic, p, &call);
	nn_drop(c, call.x);
	return y;
}

static double weight_of(const sem_train *t, int at)
{
	const schedule *s = &t->space->schedule;
	const recipe *r = &t->recipe;
	return r->p2_gamma > 0 ? schedule_p2_weight(s, at, r->p2_k, r->p2_gamma) : schedule_loss_weight(s, at);
}

/* The loss at t->noisy with the code y [1,1,1,1,latent_dim]; *without (NULL: not wanted): the same with G = 0. */
static tensor *loss_of(const sem_train *t, nn *c, const params *p, tensor *y, const latent_use *use, double *without)
{
	const latent_space *l = t->space;
	const bool plan = nn_planning(c);
	double time[RECIPE_DRAWS], weight[RECIPE_DRAWS], shift[RECIPE_DRAWS];
	shape s = l->s;
	s.b = t->noisy.n;
	for (int k = 0; k < t->noisy.n; k++) {
		int at = t->noisy.t[k];
		time[k] = at;
		weight[k] = weight_of(t, at);
		shift[k] = t->config.diffusion.shift == SHIFT_NOISE ? -schedule_noise(&l->schedule, at)
								    : schedule_shift_published(&l->schedule, at);
	}
	unet_call call = { .x = nn_from_field(c, s, plan ? NULL : t->noisy.v), .t = plan ? NULL : time, .prior = l->prior, .of = use };
	call.y = nn_repeat(c, y, s.b);
	if (use && use->rate > 0)
		call.drop = latent_dropout;
	tensor *noise = nn_from_field(c, s, plan ? NULL : t->noisy.noise), *g = NULL;
	tensor *eps = unet_predict(c, &t->config, p, &call, &g), *place = latent_places(c, l);
	if (without) {
		tensor *plain = nn_noise_loss(c, eps, NULL, noise, place, weight, NULL);
		*without = nn_value(plain);
		nn_drop(c, plain);
	}
	tensor *loss = nn_noise_loss(c, eps, g, noise, place, weight, shift);
	tensor *done[] = { call.x, call.y, noise, g, eps, place };
	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		nn_drop(c, done[i]);
	return loss;
}

/* Is there no loss but the coarse scan's yet? */
static bool begins(const sem_train *t) { return t->state.step < t->recipe.coarse_steps; }

/* Adds to losses and gradients what scan x with latent z makes of them: one code, seen at all of the draws. */
static void one_scan(sem_train *t, nn *c, shape s, const float *x, const float *z, uint64_t draw, sem_losses *l)
{
	const latent_use use = { &t->state, draw, t->config.unet.dropout };
	float share = 1.0f / (float)t->recipe.batch;
	double without = 0;
	tensor *y = encode(t, c, &t->encoder.weights, s, x, &use), *parts[2] = { 0 };
	if (!begins(t)) {
		noisy_latent_draw(&t->noisy, t->space, z, &t->state, draw, t->recipe.draws);
		parts[0] = loss_of(t, c, &t->net.weights, y, &use, &without);
		l->loss += share * nn_value(parts[0]);
		l->without += share * without;
	}
	if (t->recipe.coarse_weight > 0) {
		if (t->coarse.mean)
			coarse_see(&t->coarse, x);
		parts[1] = coarse_loss(c, &t->coarse, &t->head.weights, y);
		l->coarse += share * nn_value(parts[1]);
	}
	tensor *loss = nn_weigh(c, 2, parts, (const float[]){ 1, (float)t->recipe.coarse_weight });
	nn_backward(c, loss, share);
	nn_drop(c, parts[0]);
	nn_drop(c, parts[1]);
	nn_drop(c, y);
	nn_drop(c, loss);
}

/* The prior, which the weights hold, when they are those of the run: a checkpoint's may have come. */
static int know(sem_train *t, err *e)
{
	int code = t->known ? 0 : latent_space_prior(t->space, &t->config, &t->net.weights, e);
	t->known = !code;
	return code;
}

int sem_train_step(sem_train *t, const dataset *d, sem_losses *l, err *e)
{
	int code = know(t, e);
	if (!code && t->head.weights.n)
		code = coarse_learn(&t->coarse, d, e);
	*l = (sem_losses){ 0 };
	params_zero_gradients(&t->encoder.weights);
	params_zero_gradients(&t->net.weights);
	params_zero_gradients(&t->head.weights);
	for (int i = 0; !code && i < t->recipe.batch; i++) {
		uint64_t draw = (uint64_t)t->state.step * (uint64_t)t->recipe.batch + (uint64_t)i;
		const float *x, *z = NULL;
		code = latent_draw(t->space, d, &t->recipe, &t->state, draw, &x, begins(t) ? NULL : &z, e);
		if (code)
			break;
		one_scan(t, t->c, scan_shape(t), x, z, draw, l);
		code = nn_error(t->c, e);
	}
	return code ? code : train_move(&t->state, &t->recipe, l->loss + l->coarse, &l->norm, &l->lr, e);
}

/* ---- validation ---- */

/* The codes of scans which[0 .. n-1], one after the other. */
static int codes(sem_train *t, const dataset *d, const size_t *which, size_t n, float *y, err *e)
{
	for (size_t i = 0; i < n && !stop_asked(); i++) {
		tensor *code = encode(t, t->c, &t->encoder.ema, scan_shape(t), d->scans[which[i]].x, NULL);
		nn_to_field(t->c, code, y + i * (size_t)t->config.latent_dim);
		nn_drop(t->c, code);
	}
	return nn_error(t->c, e);
}

/* The next scan of another subject than scan i's; i when there is none. */
static size_t of_another(const dataset *d, const size_t *which, size_t n, size_t i)
{
	size_t k = (i + 1) % n;
	while (k != i && !strcmp(d->scans[which[k]].subject, d->scans[which[i]].subject))
		k = (k + 1) % n;
	return k;
}

static double loss_with(sem_train *t, const float *y, double *without)
{
	tensor *code = nn_from_field(t->c, (shape){ 1, 1, 1, 1, t->config.latent_dim }, y);
	tensor *loss = loss_of(t, t->c, &t->net.ema, code, NULL, without);
	double v = nn_value(loss);
	nn_drop(t->c, code);
	nn_drop(t->c, loss);
	return v;
}

static int judge_loss(sem_train *t, const dataset *d, const size_t *which, size_t n, const float *y, sem_scores *s, err *e)
{
	const double share = 1. / (NOISE_PAIRS * (double)n);
	for (size_t i = 0; i < n && !stop_asked(); i++) {
		const dataset_scan *scan = &d->scans[which[i]];
		size_t other = of_another(d, which, n, i), width = (size_t)t->config.latent_dim;
		for (int k = 0; k < NOISE_PAIRS; k++) {
			double without = 0;
			noisy_latent_pair(&t->noisy, t->space, scan->id, scan->z, k);
			s->loss += share * loss_with(t, y + i * width, &without);
			s->without += share * without;
			s->other += other == i ? NAN : share * loss_with(t, y + other * width, NULL);
		}
	}
	return nn_error(t->c, e);
}

/* What the codes tell of coarse scans. */
static int judge_coarse(sem_train *t, const dataset *d, const size_t *which, size_t n, const float *y, sem_scores *s, err *e)
{
	size_t width = (size_t)t->config.latent_dim;
	double missed = 0, whole = 0;
	int code = coarse_learn(&t->coarse, d, e);
	for (size_t i = 0; !code && i < n && !stop_asked(); i++) {
		coarse_see(&t->coarse, d->scans[which[i]].x);
		tensor *code_of = nn_from_field(t->c, (shape){ 1, 1, 1, 1, t->config.latent_dim }, y + i * width);
		tensor *told = coarse_tell(t->c, &t->head.ema, code_of);
		for (size_t k = 0; told && k < t->coarse.blocks; k++) {
			double scan = (double)t->coarse.scan[k], miss = (double)told->v[k] - scan;
			missed += miss * miss;
			whole += scan * scan;
		}
		nn_drop(t->c, code_of);
		nn_drop(t->c, told);
	}
	s->coarse = 1 - missed / whole;
	return code ? code : nn_error(t->c, e);
}

/* Scan number i of those judged, from its code. */
static int reconstruct(sem_train *t, const dataset_scan *scan, const float *y, float *out, err *e)
{
	latent_sampler sampler = { .space = t->space, .c = t->c, .config = &t->config, .p = &t->net.ema, .y = y };
	return latent_sample(&sampler, out, t->state.seed, scan->id, e);
}

static int judge_scans(sem_train *t, const dataset *d, const size_t *which, size_t n, const float *y, float *out, const preparation *p,
		       const char *folder, sem_scores *s, err *e)
{
	size_t with_brain = 0;
	float *plain = out + t->space->voxels;
	int code = 0;
	for (size_t i = 0; !code && i < n && !stop_asked(); i++) {
		const dataset_scan *scan = &d->scans[which[i]];
		ssim_result ssim = { .brain = NAN };
		code = reconstruct(t, scan, y + i * (size_t)t->config.latent_dim, out, e);
		if (!code)
			code = score_ssim(&ssim, scan->x, out, NULL, d->n, 11, 1, e);
		s->mse += score_mse(scan->x, out, NULL, d->voxels) / (double)n;
		if (!isnan(ssim.brain)) {
			s->brain += ssim.brain;
			with_brain++;
		}
		if (!code && i == 0)
			code = coder_decode(&t->space->coder, plain, scan->z, e);
		if (!code && i == 0)
			code = train_picture(folder, t->state.step, p, (const float *const[]){ scan->x, plain, out },
					     (const char *const[]){ scan->id, "autoencoder", "from y" }, 3, true, e);
	}
	s->brain /= (double)with_brain;
	return code;
}

int sem_validate(sem_train *t, const dataset *d, const size_t *which, size_t n, const preparation *p, const char *folder, sem_scores *s,
		 err *e)
{
	float *y = NULL, *out = NULL;
	*s = (sem_scores){ .coarse = NAN };
	nn_record(t->c, false);
	int code = know(t, e);
	if (!code)
		code = mem_zero(&y, n * (size_t)t->config.latent_dim, sizeof *y, "codes", e);
	if (!code)
		code = mem_zero(&out, 2 * t->space->voxels, sizeof *out, "reconstructions", e);
	if (!code)
		code = codes(t, d, which, n, y, e);
	if (!code)
		code = judge_loss(t, d, which, n, y, s, e);
	if (!code && t->head.weights.n)
		code = judge_coarse(t, d, which, n, y, s, e);
	if (!code)
		code = judge_scans(t, d, which, n < RECONSTRUCTED ? n : RECONSTRUCTED, y, out, p, folder, s, e);
	nn_record(t->c, true);
	free(y);
	free(out);
	return code;
}

/* ---- what is left for others ---- */

/* The two files belong together, so they get their names when both are written: a disk that is full in between leaves the pair before. */
int sem_weights_write(const sem_train *t, const sem_scores *s, const dataset *d, const char *folder, enum weights_store as, err *e)
{
	static const char *const names[] = { "semantic.safetensors", "shift_unet.safetensors", "semantic.next", "shift_unet.next" };
	char *path[4] = { 0 }, score[128];
	const json_t *config = t->state.config, *how = json_object_get(config, "preparation");
	weights written = { 0 };
	snprintf(score, sizeof score, "%.5f, with another subject's code %.5f, without %.5f", s->loss, s->other, s->without);
	json_t *notes = state_notes(&t->state, d, "train-sem", "loss", score);
	int code = notes ? 0 : err_set(e, ERR_OS, "%s: no memory", folder);
	for (int i = 0; !code && i < 4; i++)
		code = state_path(&path[i], folder, names[i], e);
	if (!code)
		code = weights_write(path[2], true, "semantic", &t->encoder.ema, config, how, notes, as, e);
	if (!code) {
		code = weights_open(&written, path[2], "semantic", e);
		if (!code && json_object_set_new(notes, "semantic", json_string(written.identity)))
			code = err_set(e, ERR_OS, "%s: no memory", folder);
		weights_close(&written);
	}
	if (!code)
		code = weights_write(path[3], true, "shift_unet", &t->net.ema, config, how, notes, as, e);
	for (int i = 0; i < 2; i++)
		if (!code && rename(path[2 + i], path[i]))
			code = err_set(e, ERR_CREATE, "%s: %s", path[i], strerror(errno));
	for (int i = 0; i < 4; i++) {
		if (code && i >= 2 && path[i])
			unlink(path[i]);
		free(path[i]);
	}
	json_decref(notes);
	return code;
}

/* plan_run: a part is an eighth of the slices and a quarter of the latent's planes, so that maps and levels keep their shapes. */
static int blank_scan(void *of, nn *c, bool part, err *e)
{
	sem_train *t = of;
	const shape whole = t->space->s;
	shape s = scan_shape(t);
	sem_losses l = { 0 };
	float *x = NULL;
	if (part) {
		int *along = t->config.semantic.plane == PLANE_AXIAL ? &s.z : t->config.semantic.plane == PLANE_CORONAL ? &s.y : &s.x;
		*along = (*along + 7) / 8;
		t->space->s.x = (whole.x + 3) / 4;
	}
	int code = nn_planning(c) ? 0 : mem_zero(&x, shape_count(s), sizeof *x, "scan", e);
	if (!code)
		one_scan(t, c, s, x, NULL, 0, &l);
	t->space->s = whole;
	free(x);
	return code ? code : nn_error(c, e);
}

int sem_train_plan(const model_config *config, const recipe *r, latent_space *space, enum nn_math math, int threads, train_cost *cost,
		   err *e)
{
	sem_train t;
	int code = make(&t, config, r, space, 0, e);
	const params *sets[] = { &t.encoder.weights, &t.net.weights, &t.head.weights };
	if (r->coarse_steps < r->steps) /* a step with all losses that there will be, to count and to time alike */
		t.state.step = r->coarse_steps;
	if (!code)
		code = latent_space_prior(space, config, &t.net.weights, e);
	if (!code)
		code = train_plan(cost, blank_scan, &t, sets, 3, math, threads, e);
	if (!code)
		code = latent_space_plan(space, r, cost, e);
	for (int k = 0; !code && k < 3; k++)
		for (size_t i = 0; i < sets[k]->n; i++) /* weights and their average; what is trained: gradients, both moments, too */
			cost->bytes += (sets[k]->p[i].g ? 5 : 2) * sizeof(float) * (double)sets[k]->p[i].count;
	sem_train_close(&t);
	return code;
}
