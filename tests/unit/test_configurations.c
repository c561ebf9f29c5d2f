/* Files of weights whose configuration says anything: every number of it, in turn, becomes one that is 0, negative, huge, no whole
 * number, or nothing like a number. The network runs, or is refused with one line; nothing is read or written where it must not be
 * (sanitizers). */
#include "../unit.h"

#include <math.h>

#include "diffusion/solver.h"
#include "model/autoencoder.h"
#include "model/coder.h"
#include "model/denoiser.h"
#include "model/encoder.h"
#include "model/semantic.h"
#include "model/unet.h"
#include "volume/prepare.h"

static const char CONFIG[] =
	"{\"volume\":[16,16,16],"
	"\"autoencoder\":{\"channels\":[4,4],\"latent_channels\":2,\"image_channels\":1,\"res_blocks\":1,\"groups\":2,\"patch\":1,"
	"\"anchored\":false},"
	"\"discriminator\":{\"channels\":4,\"layers\":2},"
	"\"semantic\":{\"dims\":[4,8],\"depths\":[1,1],\"embedding\":8,\"heads\":2,\"slices\":16,\"plane\":\"axial\","
	"\"layer_scale\":0.1,\"coarse\":[8,8,8],"
	"\"drop_path\":0.1,\"dropout\":0.1},"
	"\"unet\":{\"in_channels\":2,\"base_channels\":4,\"multipliers\":[1,2],\"res_blocks\":1,\"attention_at\":[2],\"heads\":2,"
	"\"groups\":2,"
	"\"dropout\":0.1},"
	"\"latent_dim\":8,"
	"\"losses\":{\"kl_weight\":1e-7,\"adv_weight\":0.1,\"ssim_weight\":0.1},"
	"\"diffusion\":{\"timesteps\":100,\"schedule\":\"linear\",\"scale_factor\":0.8,\"standardised\":false,\"clip\":1,"
	"\"shift\":\"noise\",\"components\":0,\"places\":true,"
	"\"shift_places\":false},"
	"\"preparation\":{\"name\":\"world\",\"size\":[16,16,16],\"affine\":[[10,0,0,-75],[0,10,0,-75],[0,0,10,-75]]}}";

static const char *const INSTEAD[] = {
	"0", "-1", "1", "2", "3", "5", "8", "16", "17", "64", "4096", "65536", "2147483647", "2147483648", "-2147483648",
	"9223372036854775807", "-9223372036854775808", "0.5", "1e-320", "1e10", "1e308", "-1e308", "\"text\"", "null", "[]", "{}",
	"true", "[[1]]",
};

enum { SIDE = 16, MOST_VOXELS = 1 << 13 }; /* that are run; more are planned */

/* ---- the weights, which fit the configuration above, under any other ---- */

static json_t *parsed(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(v);
	return v;
}

/* The safetensors file of a kind: its tensors' entries, and the bytes behind its header. */
typedef struct written {
	const char *kind, *path;
	json_t *header;
	unsigned char *data;
	size_t bytes;
} written;

static void make(written *w, const char *kind)
{
	err e = { 0 };
	model_config c;
	params ps = { 0 };
	param_table t = { 0 };
	json_t *config = parsed(CONFIG);
	st_file *f = NULL;
	*w = (written){ .kind = kind, .path = test_path("w.safetensors"), .header = json_object() };
	SUCCEEDS(config_parse(&c, config, "c", &e));
	if (!strcmp(kind, "autoencoder"))
		SUCCEEDS(autoencoder_table(&c.autoencoder, &t, &e));
	else if (!strcmp(kind, "semantic"))
		SUCCEEDS(semantic_table(&c.semantic, &t, &e));
	else
		SUCCEEDS(unet_table(&c, !strcmp(kind, "shift_unet"), &t, &e));
	SUCCEEDS(table_fresh(&t, 1, &ps, &e));
	SUCCEEDS(weights_write(w->path, true, &(weights_content){ .kind = kind, .params = &ps, .config = config }, &e));
	SUCCEEDS(st_open(&f, w->path, &e));
	w->bytes = f->bytes;
	w->data = malloc(f->bytes);
	assert_non_null(w->data);
	memcpy(w->data, f->data, f->bytes);
	for (size_t i = 0; i < f->n; i++) {
		const st_tensor *x = &f->tensors[i];
		size_t at = (size_t)((const unsigned char *)x->data - f->data);
		json_t *axes = json_array();
		for (int k = 0; k < x->rank; k++)
			json_array_append_new(axes, json_integer(x->n[k]));
		json_object_set_new(w->header, x->name,
				    json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", axes, "data_offsets", (json_int_t)at,
					      (json_int_t)(at + x->bytes)));
	}
	st_close(f);
	table_free(&t);
	params_free(&ps);
	json_decref(config);
}

static void put(const written *w, const json_t *config)
{
	char *text = json_dumps(config, JSON_COMPACT);
	char *how = json_dumps(json_object_get(config, "preparation"), JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *metadata = json_pack("{s:s, s:s, s:s}", "kind", w->kind, "config", text, "identity",
				     "0000000000000000000000000000000000000000000000000000000000000000");
	if (how)
		json_object_set_new(metadata, "preparation", json_string(how));
	json_object_set_new(w->header, "__metadata__", metadata);
	char *header = json_dumps(w->header, JSON_COMPACT);
	FILE *f = fopen(w->path, "wb");
	assert_non_null(f);
	uint64_t length = strlen(header);
	fwrite(&length, sizeof length, 1, f);
	fwrite(header, 1, length, f);
	fwrite(w->data, 1, w->bytes, f);
	assert_int_equal(fclose(f), 0);
	free(header);
	free(text);
	free(how);
}

/* ---- what the tools do with such a file ---- */

static float *numbers(size_t n)
{
	float *v = malloc(n * sizeof *v);
	assert_non_null(v);
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(i * 37 % 101) / 100;
	return v;
}

static size_t product(const int64_t *n) { return (size_t)(n[0] * n[1] * n[2] * n[3]); }

/* nii2lat, lat2nii */
static int through_coder(const char *path, err *e)
{
	coder k;
	preparation how;
	prepared trace;
	volume scan = { .n = { SIDE, SIDE, SIDE }, .affine = { { 10, 0, 0, -75 }, { 0, 10, 0, -75 }, { 0, 0, 10, -75 } } };
	volume x = { .v = NULL };
	model_cost cost;
	int code = coder_open(&k, path, NN_EXACT, 1, e);
	if (!code)
		code = preparation_parse(&how, k.net.w.preparation, k.net.w.config.volume, e);
	if (!code)
		code = coder_shape(&k, how.n, e);
	if (!code && product(k.x) > MOST_VOXELS) {
		code = coder_plan(&cost, &k, false, e);
	} else if (!code) {
		scan.v = numbers(SIDE * SIDE * SIDE);
		code = prepare(&x, &trace, &how, &scan, e);
		float *z = numbers(product(k.z)), *back = numbers(product(k.x));
		if (!code)
			code = coder_encode(&k, z, x.v, NULL, e);
		if (!code)
			code = coder_decode(&k, back, z, e);
		free(z);
		free(back);
		volume_free(&x);
		volume_free(&scan);
	}
	coder_close(&k);
	return code;
}

/* sem-encode */
static int through_encoder(const char *path, err *e)
{
	encoder k;
	preparation how;
	model_cost cost;
	int code = encoder_open(&k, path, NN_EXACT, 1, e);
	if (!code)
		code = preparation_parse(&how, k.net.w.preparation, k.net.w.config.volume, e);
	if (!code)
		code = encoder_shape(&k, how.n, e);
	size_t n = code ? 0 : volume_count(k.n);
	if (!code && n > MOST_VOXELS) {
		code = encoder_plan(&cost, &k, e);
	} else if (!code) {
		float *x = numbers(n), *y = numbers((size_t)k.y);
		code = encoder_code(&k, y, x, e);
		free(x);
		free(y);
	}
	encoder_close(&k);
	return code;
}

static int predict(void *of, float *eps, float *g, const float *x, int t, const float *y, err *e)
{
	return denoiser_eps(of, eps, g, x, t, g ? y : NULL, e);
}

/* lat-denoise */
static int through_denoiser(const char *path, err *e)
{
	denoiser d;
	schedule s = { 0 };
	solver how = { 0 };
	int code = denoiser_open(&d, path, NN_EXACT, 1, e);
	if (!code && product(d.x) <= MOST_VOXELS) { /* a plan would run half of them */
		size_t n = product(d.x);
		float *x = numbers(n), *y = d.y ? numbers((size_t)d.y) : NULL;
		const diffusion_config *c = &d.net.w.config.diffusion;
		code = schedule_new(&s, c, e);
		if (!code)
			code = solver_new(&how, SOLVER_DPMPP2M, &s, c->timesteps < 3 ? 1 : 2, e);
		how.clip = c->clip;
		for (size_t i = 0; i < n; i++)
			x[i] = (float)scaling_apply(&d.scaling, (double)x[i], i);
		if (!code)
			code = solver_sample(&how, &(predictor){ predict, &d, n, y }, x, e);
		for (size_t i = 0; !code && i < n; i++)
			if (!isfinite(scaling_undo(&d.scaling, (double)x[i], i)))
				code = err_set(e, ERR_DATA, "the result is not finite");
		free(x);
		free(y);
	}
	solver_free(&how);
	schedule_free(&s);
	denoiser_close(&d);
	return code;
}

/* ---- every number ---- */

typedef struct trial {
	written w;
	int (*through)(const char *path, err *e);
	json_t *config;
	size_t tried, taken;
} trial;

static int attempt(trial *t, const char *where, const json_t *instead, err *e)
{
	*e = (err){ 0 };
	put(&t->w, t->config);
	int code = t->through(t->w.path, e);
	char *text = json_dumps(instead, JSON_COMPACT | JSON_ENCODE_ANY);
	if ((code && code != ERR_CONFIG && code != ERR_DATA) || code != e->code || (code && (!*e->text || strchr(e->text, '\n'))))
		fail_msg("%s: %s = %s: status %d, in e %d: %s", t->w.kind, where, text, code, e->code, e->text);
	free(text);
	t->tried++;
	t->taken += !code;
	return code;
}

/* Each value below v, which lies at `where`, by each of INSTEAD. */
static void vary(trial *t, json_t *v, const char *where)
{
	const char *key;
	json_t *below;
	void *next;
	size_t n = json_is_object(v) ? json_object_size(v) : json_array_size(v), i = 0;
	char name[128];
	json_t *copy = json_copy(v); /* holds what v's entries were */
	for (i = 0; i < n; i++) {
		if (json_is_array(v)) {
			below = json_array_get(copy, i);
			snprintf(name, sizeof name, "%s[%zu]", where, i);
			key = NULL;
		} else {
			next = json_object_iter(copy);
			for (size_t k = 0; k < i; k++)
				next = json_object_iter_next(copy, next);
			key = json_object_iter_key(next);
			below = json_object_iter_value(next);
			snprintf(name, sizeof name, "%s%s%s", where, *where ? "." : "", key);
		}
		for (size_t k = 0; k < sizeof INSTEAD / sizeof *INSTEAD; k++) {
			err e;
			json_t *instead = parsed(INSTEAD[k]);
			if (key)
				json_object_set(v, key, instead);
			else
				json_array_set(v, i, instead);
			attempt(t, name, instead, &e);
			json_decref(instead);
		}
		if (key)
			json_object_set(v, key, below);
		else
			json_array_set(v, i, below);
		if (json_is_object(below) || json_is_array(below))
			vary(t, below, name);
	}
	json_decref(copy);
}

/* sections: those that this kind of network is made by, and what all read. */
static void every_number(const char *kind, int (*through)(const char *path, err *e), const char *const *sections)
{
	trial t = { .through = through, .config = parsed(CONFIG) };
	err e = { 0 };
	make(&t.w, kind);
	assert_int_equal(attempt(&t, "as it is", json_object_get(t.config, "volume"), &e), 0);
	for (; *sections; sections++) {
		json_t *section = json_incref(json_object_get(t.config, *sections)), *wrong = json_real(1e308);
		vary(&t, section, *sections);
		json_object_set(t.config, *sections, wrong);
		assert_int_equal(attempt(&t, *sections, wrong, &e), ERR_CONFIG);
		json_object_set_new(t.config, *sections, section);
		json_decref(wrong);
	}
	assert_true(t.tried > 500 && t.taken > 50 && t.taken < t.tried);
	printf("# %s: %zu configurations, %zu of them taken\n", kind, t.tried, t.taken);
	/* more and longer lists than there can be */
	json_t *s = json_object_get(t.config, "autoencoder");
	json_t *channels = json_array();
	for (int i = 0; i < 20; i++) {
		json_array_append_new(channels, json_integer(4));
		json_object_set(s, "channels", channels);
		json_object_set(json_object_get(t.config, "semantic"), "dims", channels);
		json_object_set(json_object_get(t.config, "unet"), "multipliers", channels);
		json_object_set(json_object_get(t.config, "unet"), "attention_at", channels);
		attempt(&t, "lists", channels, &e);
	}
	json_decref(channels);
	unlink(t.w.path);
	json_decref(t.config);
	json_decref(t.w.header);
	free(t.w.data);
}

static void autoencoders(void **state)
{
	(void)state;
	every_number("autoencoder", through_coder,
		     (const char *const[]){ "volume", "autoencoder", "discriminator", "losses", "preparation", NULL });
}

static void semantic_encoders(void **state)
{
	(void)state;
	every_number("semantic", through_encoder, (const char *const[]){ "volume", "semantic", "preparation", NULL });
}

static void denoisers(void **state)
{
	(void)state;
	every_number("shift_unet", through_denoiser, (const char *const[]){ "volume", "autoencoder", "unet", "diffusion", NULL });
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(autoencoders), cmocka_unit_test(semantic_encoders),
					    cmocka_unit_test(denoisers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
