#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/json.h"
#include "format/section.h"

enum { CONFIG_BYTES = 1 << 20 };

static int read_autoencoder(ae_config *a, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "autoencoder", e);
	section_ints(&s, "channels", 1, CONFIG_MAX_LEVELS, 1, 1 << 14, a->channels, &a->levels);
	section_int(&s, "latent_channels", 1, 1 << 10, &a->latent_channels);
	section_int(&s, "image_channels", 1, 1 << 10, &a->image_channels);
	section_int(&s, "res_blocks", 0, CONFIG_MAX_RES_BLOCKS, &a->res_blocks);
	section_int(&s, "groups", 1, 1 << 14, &a->groups);
	if (a->image_channels != 1)
		section_refuse(&s, "image_channels", "%d, but scans have 1 channel", a->image_channels);
	section_int(&s, "patch", 1, 16, &a->patch);
	section_flag(&s, "anchored", &a->anchored);
	if (ae_factor(a) > CONFIG_MAX_FACTOR)
		section_refuse(&s, "patch", "%d with %d levels: a factor of %d, at most %d is possible", a->patch, a->levels, ae_factor(a),
			       CONFIG_MAX_FACTOR);
	for (int i = 0; i < a->levels; i++)
		if (a->channels[i] % a->groups)
			section_refuse(&s, "groups", "%d does not divide %d channels", a->groups, a->channels[i]);
	return s.code;
}

static int read_volume(model_config *c, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "", e);
	int factor = ae_factor(&c->autoencoder);
	int64_t voxels = 1, latent = c->autoencoder.latent_channels;
	section_ints(&s, "volume", 3, 3, 1, 4096, c->volume, NULL);
	for (int i = 0; i < 3; i++) {
		if (c->volume[i] % factor)
			section_refuse(&s, "volume", "%d is no multiple of the autoencoder's factor %d", c->volume[i], factor);
		voxels *= c->volume[i];
		latent *= c->volume[i] / factor;
	}
	if (voxels > CONFIG_MAX_NUMBERS)
		section_refuse(&s, "volume", "%lld voxels, at most %d are possible", (long long)voxels, CONFIG_MAX_NUMBERS);
	if (latent > CONFIG_MAX_NUMBERS)
		section_refuse(&s, "volume", "latents of %lld numbers, at most %d are possible", (long long)latent, CONFIG_MAX_NUMBERS);
	return s.code;
}

static int read_discriminator(disc_config *d, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "discriminator", e);
	section_int(&s, "channels", 1, 1 << 12, &d->channels);
	section_int(&s, "layers", 1, 8, &d->layers);
	return s.code;
}

static int read_semantic(sem_config *m, const json_t *root, const char *object, err *e)
{
	static const char *const planes[] = { "axial", "coronal", "sagittal", NULL };	/* as the enum */
	section s = section_open(root, object, "semantic", e);
	int depths = m->levels, plane = (int)m->plane;
	section_ints(&s, "dims", 1, CONFIG_MAX_LEVELS, 1, 1 << 14, m->dims, &m->levels);
	section_ints(&s, "depths", 1, CONFIG_MAX_LEVELS, 0, 1 << 10, m->depths, &depths);
	if (depths != m->levels)
		section_refuse(&s, "depths", "%d numbers for %d levels", depths, m->levels);
	m->embedding = m->dims[m->levels - 1];
	section_int(&s, "embedding", 1, 1 << 14, &m->embedding);
	if (m->embedding != m->dims[m->levels - 1])
		section_refuse(&s, "embedding", "%d is not the last of dims, %d", m->embedding, m->dims[m->levels - 1]);
	section_int(&s, "heads", 1, 1 << 10, &m->heads);
	if (m->embedding % m->heads)
		section_refuse(&s, "heads", "%d does not divide %d", m->heads, m->embedding);
	section_int(&s, "slices", 1, 4096, &m->slices);
	section_choice(&s, "plane", planes, &plane);
	section_ints(&s, "coarse", 3, 3, 1, 4096, m->coarse, NULL);
	section_reals(&s, "shares", 1, CONFIG_MAX_SHARES, 0, 1, m->shares, &m->n_shares);
	for (int i = 1; i < m->n_shares; i++)
		if (!(m->shares[i] > m->shares[i - 1]))
			section_refuse(&s, "shares", "must increase");
	if (m->n_shares && !m->coarse[0])
		section_refuse(&s, "shares", "are of the boxes of a coarse grid, which is not given");
	section_real(&s, "layer_scale", 0, 10, &m->layer_scale);
	section_real(&s, "drop_path", 0, .99, &m->drop_path);
	section_real(&s, "dropout", 0, .99, &m->dropout);
	m->plane = plane == PLANE_CORONAL ? PLANE_CORONAL : plane == PLANE_SAGITTAL ? PLANE_SAGITTAL : PLANE_AXIAL;
	return s.code;
}

static int read_unet(unet_config *u, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "unet", e);
	section_int(&s, "in_channels", 1, 1 << 10, &u->in_channels);
	section_int(&s, "base_channels", 2, 1 << 12, &u->base_channels);
	section_ints(&s, "multipliers", 1, CONFIG_MAX_LEVELS, 1, 64, u->multipliers, &u->levels);
	section_int(&s, "res_blocks", 1, CONFIG_MAX_RES_BLOCKS, &u->res_blocks);
	section_ints(&s, "attention_at", 0, CONFIG_MAX_LEVELS, 1, 1 << CONFIG_MAX_LEVELS, u->attention_at, &u->attentions);
	section_int(&s, "heads", 1, 1 << 10, &u->heads);
	section_int(&s, "groups", 1, 1 << 12, &u->groups);
	section_real(&s, "dropout", 0, .99, &u->dropout);
	if (u->base_channels % 2)
		section_refuse(&s, "base_channels", "must be even");
	for (int i = 0; i < u->levels; i++) {
		int channels = u->base_channels * u->multipliers[i];
		if (channels % u->groups)
			section_refuse(&s, "groups", "%d does not divide %d channels", u->groups, channels);
		if (channels % u->heads)
			section_refuse(&s, "heads", "%d does not divide %d channels", u->heads, channels);
	}
	return s.code;
}

static int read_latent_dim(int *n, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "", e);
	section_int(&s, "latent_dim", 1, 1 << 16, n);
	return s.code;
}

static int read_losses(loss_config *l, const json_t *root, const char *object, err *e)
{
	section s = section_open(root, object, "losses", e);
	section_real(&s, "kl_weight", 0, 1e6, &l->kl_weight);
	section_real(&s, "adv_weight", 0, 1e6, &l->adv_weight);
	section_real(&s, "ssim_weight", 0, 1e6, &l->ssim_weight);
	return s.code;
}

static int read_diffusion(diffusion_config *d, const json_t *root, const char *object, err *e)
{
	static const char *const schedules[] = { "linear", "cosine", NULL };	/* as the enum */
	section s = section_open(root, object, "diffusion", e);
	static const char *const shifts[] = { "published", "noise", NULL };	/* as the enum */
	int schedule = (int)d->schedule, shift = (int)d->shift;
	section_int(&s, "timesteps", 2, CONFIG_MAX_TIMESTEPS, &d->timesteps);
	section_choice(&s, "schedule", schedules, &schedule);
	section_choice(&s, "shift", shifts, &shift);
	section_real(&s, "scale_factor", 1e-6, 1e6, &d->scale_factor);
	section_flag(&s, "standardised", &d->standardised);
	section_flag(&s, "shift_places", &d->shift_places);
	section_int(&s, "components", 0, CONFIG_MAX_COMPONENTS, &d->components);
	section_flag(&s, "places", &d->places);
	if (d->components && !d->standardised)
		section_refuse(&s, "components", "they are of standardised latents");
	if (json_is_null(json_object_get(s.json, "clip")))
		d->clip = INFINITY;
	else
		section_real(&s, "clip", 1e-6, 1e6, &d->clip);
	d->schedule = schedule ? SCHEDULE_COSINE : SCHEDULE_LINEAR;
	d->shift = shift ? SHIFT_NOISE : SHIFT_PUBLISHED;
	return s.code;
}

int config_parse(model_config *c, const json_t *root, const char *object, err *e)
{
	*c = config_default();
	int code = read_autoencoder(&c->autoencoder, root, object, e);
	if (!code)
		code = read_volume(c, root, object, e);
	if (!code)
		code = read_discriminator(&c->discriminator, root, object, e);
	c->unet.in_channels = c->autoencoder.latent_channels;
	if (!code)
		code = read_unet(&c->unet, root, object, e);
	if (!code)
		code = read_latent_dim(&c->latent_dim, root, object, e);
	if (!code)
		code = read_semantic(&c->semantic, root, object, e);
	if (!code)
		code = read_losses(&c->losses, root, object, e);
	return code ? code : read_diffusion(&c->diffusion, root, object, e);
}

int config_json(json_t **root, const char *path, err *e)
{
	char *text = NULL;
	int code = err_as(e, text_read(&text, path, CONFIG_BYTES, e), ERR_DATA, ERR_CONFIG);
	if (!code) {
		code = json_parse_object(root, text, strlen(text), e);
		if (code) {
			err_prefix(e, "%s", path);
			code = err_as(e, code, ERR_DATA, ERR_CONFIG);
		}
	}
	free(text);
	return code;
}

int config_read(model_config *c, const char *path, json_t **root, err *e)
{
	json_t *json = NULL;
	int code = config_json(&json, path, e);
	if (!code)
		code = config_parse(c, json, path, e);
	if (!code && root)
		*root = json_incref(json);
	json_decref(json);
	return code;
}

int config_keys(json_t *known, err *e)
{
	static const char *const preparation[] = { "name", "size", "affine", "spacing" };
	model_config c;
	json_t *empty = json_object();
	section root = section_open(empty, "", "", e), losses = section_open(empty, "", "losses", e);
	section_record(known);
	int code = empty ? config_parse(&c, empty, "", e) : err_set(e, ERR_OS, "no memory");
	section how = section_open(empty, "", "preparation", e);
	for (size_t i = 0; i < sizeof preparation / sizeof *preparation; i++)
		section_know(&how, preparation[i]);
	section_know(&root, "name");
	section_know(&losses, "perceptual_weight"); /* of the authors' */
	section_record(NULL);
	json_decref(empty);
	return code;
}

model_config config_default(void)
{
	return (model_config){
		.volume = { 128, 160, 128 },
		.autoencoder = { .levels = 4,
				 .channels = { 64, 128, 128, 128 },
				 .latent_channels = 3,
				 .image_channels = 1,
				 .res_blocks = 2,
				 .groups = 32,
				 .patch = 1 },
		.discriminator = { .channels = 64, .layers = 3 },
		.semantic = { .levels = 4,
			      .dims = { 96, 192, 384, 768 },
			      .depths = { 3, 3, 27, 3 },
			      .embedding = 768,
			      .heads = 8,
			      .slices = 128,
			      .plane = PLANE_AXIAL,
			      .layer_scale = 1e-6,
			      .drop_path = .4,
			      .dropout = .1 },
		.unet = { .in_channels = 3,
			  .base_channels = 256,
			  .levels = 3,
			  .multipliers = { 1, 2, 3 },
			  .res_blocks = 2,
			  .attentions = 2,
			  .attention_at = { 2, 4 },
			  .heads = 1,
			  .groups = 32,
			  .dropout = .1 },
		.latent_dim = 768,
		.losses = { .kl_weight = 1e-7, .adv_weight = .025 },
		.diffusion = { .timesteps = 1000, .schedule = SCHEDULE_LINEAR, .scale_factor = .8730, .clip = 1 },
	};
}

int ae_factor(const ae_config *a) { return a->patch << (a->levels - 1); }

int unet_factor(const unet_config *u) { return 1 << (u->levels - 1); }
