#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"

enum { CONFIG_BYTES = 1 << 20 };

/* Where in the configuration we are, for messages. */
typedef struct section {
	const json_t *json;	/* NULL: absent, everything is as published */
	const char *object, *name;
	err *e;
	int code;		/* the first error; later calls do nothing */
} section;

static section section_of(const json_t *root, const char *object, const char *name, err *e)
{
	section s = { json_object_get(root, name), object, name, e, 0 };
	if (s.json && !json_is_object(s.json))
		s.code = err_set(e, ERR_CONFIG, "%s: %s: no object", object, name);
	return s;
}

static void whole(section *s, const char *key, int lo, int hi, int *value)
{
	const json_t *v = json_object_get(s->json, key);
	if (s->code || !v)
		return;
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < lo || n > hi)
		s->code = err_set(s->e, ERR_CONFIG, "%s: %s.%s: must be a whole number from %d to %d", s->object, s->name, key, lo, hi);
	else
		*value = (int)n;
}

static void real(section *s, const char *key, double lo, double hi, double *value)
{
	const json_t *v = json_object_get(s->json, key);
	if (s->code || !v)
		return;
	double x = json_number_value(v);
	if (!json_is_number(v) || !(x >= lo && x <= hi))
		s->code = err_set(s->e, ERR_CONFIG, "%s: %s.%s: must be a number from %g to %g", s->object, s->name, key, lo, hi);
	else
		*value = x;
}

/* A list of `least` to `most` whole numbers from lo to hi; its length in *n. */
static int list(const json_t *v, const char *what, size_t least, size_t most, int lo, int hi, int *out, int *n, err *e)
{
	size_t have = json_array_size(v);
	bool bad = !json_is_array(v) || have < least || have > most;
	for (size_t i = 0; !bad && i < have; i++) {
		const json_t *x = json_array_get(v, i);
		bad = !json_is_integer(x) || json_integer_value(x) < lo || json_integer_value(x) > hi;
		out[i] = (int)json_integer_value(x);
	}
	if (bad && least == most)
		return err_set(e, ERR_CONFIG, "%s: must be a list of %zu whole numbers from %d to %d", what, least, lo, hi);
	if (bad)
		return err_set(e, ERR_CONFIG, "%s: must be a list of %zu to %zu whole numbers from %d to %d", what, least, most, lo, hi);
	*n = (int)have;
	return 0;
}

static int read_autoencoder(ae_config *a, const json_t *root, const char *object, err *e)
{
	section s = section_of(root, object, "autoencoder", e);
	const json_t *channels = json_object_get(s.json, "channels");
	if (!s.code && channels) {
		s.code = list(channels, "autoencoder.channels", 1, CONFIG_MAX_LEVELS, 1, 1 << 14, a->channels, &a->levels, e);
		if (s.code)
			err_prefix(e, "%s", object);
	}
	whole(&s, "latent_channels", 1, 1 << 10, &a->latent_channels);
	whole(&s, "image_channels", 1, 1 << 10, &a->image_channels);
	whole(&s, "res_blocks", 0, 64, &a->res_blocks);
	whole(&s, "groups", 1, 1 << 14, &a->groups);
	for (int i = 0; !s.code && i < a->levels; i++)
		if (a->channels[i] % a->groups)
			s.code = err_set(e, ERR_CONFIG, "%s: autoencoder.groups: %d does not divide %d channels", object, a->groups,
					 a->channels[i]);
	return s.code;
}

static int read_diffusion(diffusion_config *d, const json_t *root, const char *object, err *e)
{
	section s = section_of(root, object, "diffusion", e);
	whole(&s, "timesteps", 2, 1 << 20, &d->timesteps);
	real(&s, "scale_factor", 1e-6, 1e6, &d->scale_factor);
	const json_t *clip = json_object_get(s.json, "clip"), *schedule = json_object_get(s.json, "schedule");
	if (json_is_null(clip))
		d->clip = INFINITY;
	else
		real(&s, "clip", 1e-6, 1e6, &d->clip);
	if (s.code || !schedule)
		return s.code;
	const char *name = json_string_value(schedule);
	if (name && !strcmp(name, "linear"))
		d->schedule = SCHEDULE_LINEAR;
	else if (name && !strcmp(name, "cosine"))
		d->schedule = SCHEDULE_COSINE;
	else
		return err_set(e, ERR_CONFIG, "%s: diffusion.schedule: must be linear or cosine", object);
	return 0;
}

int config_parse(model_config *c, const json_t *root, const char *object, err *e)
{
	*c = config_default();
	if (!json_is_object(root))
		return err_set(e, ERR_CONFIG, "%s: the configuration is no JSON object", object);
	const json_t *volume = json_object_get(root, "volume");
	int axes = 3, code = volume ? list(volume, "volume", 3, 3, 1, 4096, c->volume, &axes, e) : 0;
	if (code) {
		err_prefix(e, "%s", object);
		return code;
	}
	code = read_autoencoder(&c->autoencoder, root, object, e);
	if (code)
		return code;
	int factor = ae_factor(&c->autoencoder);
	for (int i = 0; i < 3; i++)
		if (c->volume[i] % factor)
			return err_set(e, ERR_CONFIG, "%s: volume: %d is no multiple of the autoencoder's factor %d", object, c->volume[i],
				       factor);
	section s = section_of(root, object, "discriminator", e);
	whole(&s, "channels", 1, 1 << 12, &c->discriminator.channels);
	whole(&s, "layers", 1, 8, &c->discriminator.layers);
	if (s.code)
		return s.code;
	s = section_of(root, object, "losses", e);
	real(&s, "kl_weight", 0, 1e6, &c->losses.kl_weight);
	real(&s, "adv_weight", 0, 1e6, &c->losses.adv_weight);
	if (s.code)
		return s.code;
	return read_diffusion(&c->diffusion, root, object, e);
}

int config_read(model_config *c, const char *path, json_t **root, err *e)
{
	char *text = NULL;
	size_t n = 0;
	json_t *json = NULL;
	int code = file_slurp(path, CONFIG_BYTES, &text, &n, e);
	if (code == ERR_DATA)
		code = err_set(e, ERR_CONFIG, "%s: too large for a configuration", path);
	else if (!code) {
		code = json_parse_object(&json, text, n, e);
		if (code) {
			err_prefix(e, "%s", path);
			code = err_as(e, code, ERR_DATA, ERR_CONFIG);
		}
	}
	if (!code)
		code = config_parse(c, json, path, e);
	if (!code && root)
		*root = json_incref(json);
	json_decref(json);
	free(text);
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
				 .groups = 32 },
		.discriminator = { .channels = 64, .layers = 3 },
		.losses = { .kl_weight = 1e-7, .adv_weight = .025 },
		.diffusion = { .timesteps = 1000, .schedule = SCHEDULE_LINEAR, .scale_factor = .8730, .clip = 1 },
	};
}

int ae_factor(const ae_config *a) { return 1 << (a->levels - 1); }
