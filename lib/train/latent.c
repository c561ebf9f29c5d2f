#include "train/latent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "baseline/places.h"
#include "format/dtype.h"
#include "model/unet.h"
#include "train/prior_learn.h"
#include "volume/augment.h"

int latent_space_open(latent_space *l, const char *model, enum nn_math math, int threads, err *e)
{
	*l = (latent_space){ .scaling.scale = 1 };
	int code = coder_open(&l->coder, model, math, threads, e);
	if (code)
		return code;
	const int64_t *z = l->coder.z, *x = l->coder.x;
	l->s = (shape){ 1, (int)z[1], (int)z[2], (int)z[3], (int)z[0] };
	l->count = shape_count(l->s);
	l->voxels = (size_t)(x[1] * x[2] * x[3]);
	code = mem_zero(&l->x, l->voxels, sizeof *l->x, "augmented scan", e);
	return code ? code : mem_zero(&l->z, l->count, sizeof *l->z, "latent", e);
}

void latent_space_close(latent_space *l)
{
	coder_close(&l->coder);
	schedule_free(&l->schedule);
	free(l->x);
	free(l->z);
	free(l->place);
	free(l->mean);
	free(l->sd);
	free(l->components);
	free(l->rest);
	gaussian_free(l->prior);
	l->prior = NULL;
	l->components = l->rest = NULL;
	l->x = l->z = l->place = l->mean = l->sd = NULL;
}

int latent_space_set(latent_space *l, const diffusion_config *d, err *e)
{
	schedule_free(&l->schedule);
	l->scaling.scale = d->scale_factor;
	return schedule_new(&l->schedule, d, e);
}

int latent_space_scale(latent_space *l, scaling s, err *e)
{
	l->scaling = s;
	free(l->place);
	l->place = NULL;
	int code = s.sd ? mem_zero(&l->place, l->count, sizeof *l->place, "weights of places", e) : 0;
	if (!code && s.sd)
		places_weigh(l->place, s.sd, l->count);
	return code;
}

/* v becomes what half precision holds, so that weights kept in it (--f16) say the same. */
static int round_halves(float *v, size_t n, err *e)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t half;
		int code = dtype_from_float(&half, DTYPE_F16, &v[i], 1, e);
		if (code)
			return code;
		dtype_to_float(&v[i], &half, DTYPE_F16, 1);
	}
	return 0;
}

/* Mean and standard deviation at each place of the latents to train on. */
static int learn_places(latent_space *l, const dataset *d, err *e)
{
	const float **z = NULL;
	free(l->mean);
	free(l->sd);
	l->mean = l->sd = NULL;
	int code = mem_zero(&l->mean, l->count, sizeof *l->mean, "latents' mean", e);
	if (!code)
		code = mem_zero(&l->sd, l->count, sizeof *l->sd, "latents' standard deviation", e);
	if (!code)
		code = mem_zero(&z, d->n_train, sizeof *z, "latents", e);
	if (code)
		return code;
	for (size_t k = 0; k < d->n_train; k++)
		z[k] = d->scans[d->train[k]].z;
	code = places_learn(l->mean, l->sd, z, d->n_train, l->count, e);
	free(z);
	if (!code)
		code = round_halves(l->mean, l->count, e);
	if (!code)
		code = round_halves(l->sd, l->count, e);
	return code ? code : latent_space_scale(l, (scaling){ 1, l->mean, l->sd }, e);
}

static int learn_prior(latent_space *l, const dataset *d, int components, err *e)
{
	const size_t all = (size_t)components * l->count;
	free(l->components);
	free(l->rest);
	l->components = l->rest = NULL;
	int code = mem_zero(&l->components, all, sizeof *l->components, "prior", e);
	if (!code)
		code = mem_zero(&l->rest, l->count, sizeof *l->rest, "prior", e);
	if (!code)
		code = prior_learn(l->components, l->rest, components, &l->scaling, l->count, d, e);
	if (!code)
		code = round_halves(l->components, all, e);
	return code ? code : round_halves(l->rest, l->count, e);
}

int latent_space_learn(latent_space *l, const dataset *d, diffusion_config *c, err *e)
{
	int code = c->standardised ? learn_places(l, d, e) : latent_space_scale(l, (scaling){ .scale = 1 }, e);
	if (code)
		return code;
	double sum = 0, squares = 0, count = (double)d->n_train * (double)l->count;
	for (size_t k = 0; k < d->n_train; k++)
		for (size_t i = 0; i < l->count; i++) {
			double v = scaling_apply(&l->scaling, (double)d->scans[d->train[k]].z[i], i);
			sum += v;
			squares += v * v;
		}
	double sd = sqrt(squares / count - sum / count * (sum / count));
	if (!(sd > 0) || !isfinite(sd))
		return err_set(e, ERR_DATA, "the latents' standard deviation is %g", sd);
	c->scale_factor = l->scaling.scale = 1 / sd;
	return c->components ? learn_prior(l, d, c->components, e) : 0;
}

int latent_space_prior(latent_space *l, const model_config *m, const params *p, err *e)
{
	gaussian_free(l->prior);
	return prior_new(&l->prior, m, p, e);
}

int latent_space_fits(const latent_space *l, const model_config *m, err *e)
{
	int f = unet_factor(&m->unet);
	if (m->unet.in_channels != l->s.c)
		return err_set(e, ERR_CONFIG, "unet.in_channels: %d, the autoencoder's latents have %d", m->unet.in_channels, l->s.c);
	if (l->s.y % f || l->s.z % f)
		return err_set(e, ERR_CONFIG, "unet.multipliers: latents of %dx%dx%d cannot be divided by 1x%dx%d", l->s.x, l->s.y, l->s.z,
			       f, f);
	return 0;
}

void latent_space_release(latent_space *l) { network_release(&l->coder.net); }

static int encode(void *of, float *z, const float *x, err *e)
{
	latent_space *l = of;
	return coder_encode(&l->coder, z, x, NULL, e);
}

dataset_latents latent_space_data(latent_space *l, enum dataset_voxels voxels, const maker *made_by)
{
	dataset_latents d = { .encode = encode, .of = l, .made_by = made_by, .voxels = voxels };
	memcpy(d.z, l->coder.z, sizeof d.z);
	return d;
}

/* Entry `key` of json becomes v; NULL: it goes. */
static int put(json_t *json, const char *key, const json_t *v)
{
	if (v)
		return json_object_set(json, key, (json_t *)v);
	json_object_del(json, key);
	return 0;
}

int latent_space_config(const latent_space *l, json_t *json, err *e)
{
	const weights *w = &l->coder.net.w;
	const json_t *ours = w->config_json;
	int bad = put(json, "volume", json_object_get(ours, "volume")) | put(json, "autoencoder", json_object_get(ours, "autoencoder")) |
		  put(json, "preparation", w->preparation);
	if (!json_object_get(json, "diffusion"))
		bad |= json_object_set_new(json, "diffusion", json_object());
	json_t *diffusion = json_object_get(json, "diffusion");
	if (!json_object_get(diffusion, "clip"))
		bad |= json_object_set_new(diffusion, "clip", json_null());
	if (!json_object_get(diffusion, "shift"))
		bad |= json_object_set_new(diffusion, "shift", json_string("noise"));
	return bad ? err_set(e, ERR_OS, "no memory for the configuration") : 0;
}

int latent_vary(latent_space *l, const training *t, const dataset *d, const dataset_scan *scan, uint64_t draw, const float **x,
		const float **z, err *e)
{
	const train_state *s = &t->state;
	*x = l->x;
	if (z)
		*z = l->z;
	const augment_shape shapes = dataset_shapes(d, scan, state_random(s, "shape", draw));
	int code = augment(l->x, scan->x, d->n, &t->recipe.augmentation, &shapes, state_random(s, "augmentation", draw), e);
	return code || !z ? code : encode(l, l->z, l->x, e);
}

int latent_draw(latent_space *l, const training *t, const dataset *d, uint64_t draw, const float **x, const float **z, err *e)
{
	const dataset_scan *scan = dataset_draw(d, t->state.seed, (int64_t)draw);
	*x = scan->x;
	if (z)
		*z = scan->z;
	return t->recipe.augment && scan->x ? latent_vary(l, t, d, scan, draw, x, z, e) : 0;
}

int latent_space_plan(latent_space *l, const recipe *r, model_cost *cost, err *e)
{
	model_cost encoding, decoding;
	int code = coder_plan(&encoding, &l->coder, false, e);
	if (!code)
		code = coder_plan(&decoding, &l->coder, true, e);
	if (code)
		return code;
	cost->bytes = fmax(cost->bytes + (r->augment ? encoding.bytes : 0), fmax(encoding.bytes, decoding.bytes));
	cost->flop += r->augment ? encoding.flop * r->batch : 0;
	cost->seconds += r->augment ? encoding.seconds * r->batch : 0;
	return 0;
}
