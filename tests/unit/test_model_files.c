/* Configurations, tables of parameters, files of weights, and where they are found. */
#include "../unit.h"

#include <math.h>
#include <sys/stat.h>

#include "../oracle.h"
#include "model/config.h"
#include "model/eight_bits.h"
#include "model/find.h"
#include "nn/table.h"
#include "model/weights.h"

static int parse(model_config *c, const char *text, err *e)
{
	json_t *root = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(root);
	int code = config_parse(c, root, "cfg", e);
	json_decref(root);
	return code;
}

static void config_takes(void **state)
{
	(void)state;
	err e = { 0 };
	model_config c, published = config_default();
	json_t *root = NULL;
	SUCCEEDS(config_read(&c, "tests/oracle/small.json", &root, &e));
	assert_string_equal(json_string_value(json_object_get(root, "name")), "small");
	json_decref(root);
	assert_int_equal(c.volume[1], 40);
	assert_int_equal(c.autoencoder.levels, 3);
	assert_int_equal(c.autoencoder.channels[0], 8);
	assert_int_equal(c.autoencoder.channels[2], 16);
	assert_int_equal(c.autoencoder.latent_channels, 3);
	assert_int_equal(c.autoencoder.image_channels, 1);
	assert_int_equal(c.autoencoder.res_blocks, 2);
	assert_int_equal(c.autoencoder.groups, 8);
	assert_int_equal(ae_factor(&c.autoencoder), 4);
	assert_int_equal(c.discriminator.channels, 8);
	assert_int_equal(c.unet.base_channels, 32);
	assert_int_equal(c.unet.levels, 2);
	assert_int_equal(c.unet.multipliers[1], 2);
	assert_int_equal(c.unet.attentions, 1);
	assert_int_equal(c.unet.attention_at[0], 2);
	assert_int_equal(unet_factor(&c.unet), 2);
	assert_int_equal(c.latent_dim, 64);
	assert_int_equal(c.discriminator.layers, 3);
	assert_int_equal(c.diffusion.timesteps, 1000);
	assert_true(c.diffusion.schedule == SCHEDULE_LINEAR);
	assert_true(c.diffusion.scale_factor == .8730 && c.diffusion.clip == 1);
	assert_true(c.losses.kl_weight == 1e-7 && c.losses.adv_weight == .025);
	/* the published configuration is what absent keys mean */
	SUCCEEDS(config_read(&c, "tests/oracle/ldae.json", NULL, &e));
	assert_memory_equal(&c, &published, sizeof c);
	SUCCEEDS(parse(&c, "{}", &e));
	assert_memory_equal(&c, &published, sizeof c);
	SUCCEEDS(parse(&c, "{\"diffusion\":{\"clip\":null,\"schedule\":\"cosine\"},\"new\":[1],\"losses\":{\"kl_weight\":0}}", &e));
	assert_true(isinf(c.diffusion.clip) && c.diffusion.schedule == SCHEDULE_COSINE && c.losses.kl_weight == 0);
	SUCCEEDS(parse(&c, "{\"autoencoder\":{\"channels\":[16],\"groups\":16},\"volume\":[3,5,7]}", &e));
	assert_int_equal(ae_factor(&c.autoencoder), 1);
	SUCCEEDS(parse(&c, "{\"autoencoder\":{\"latent_channels\":5}}", &e));
	assert_int_equal(c.unet.in_channels, 5);
}

static void config_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *key;
	} bad[] = {
		{ "[1]", "no object" },
		{ "{\"volume\":[32,40]}", "volume" },
		{ "{\"volume\":[32,40,0]}", "volume" },
		{ "{\"volume\":[32,40,30]}", "volume: 30 is no multiple of the autoencoder's factor 8" },
		{ "{\"volume\":[32,40,1e3]}", "volume" },
		{ "{\"autoencoder\":7}", "autoencoder: no object" },
		{ "{\"autoencoder\":{\"channels\":[]}}", "autoencoder.channels" },
		{ "{\"autoencoder\":{\"channels\":[32,32,32,32,32,32,32,32,32]}}", "autoencoder.channels" },
		{ "{\"autoencoder\":{\"channels\":[33]}}", "autoencoder.groups: 32 does not divide 33" },
		{ "{\"autoencoder\":{\"groups\":0}}", "autoencoder.groups" },
		{ "{\"autoencoder\":{\"latent_channels\":-3}}", "autoencoder.latent_channels" },
		{ "{\"autoencoder\":{\"res_blocks\":\"2\"}}", "autoencoder.res_blocks" },
		{ "{\"autoencoder\":{\"image_channels\":0}}", "autoencoder.image_channels" },
		{ "{\"autoencoder\":{\"image_channels\":2}}", "autoencoder.image_channels: 2, but scans have 1 channel" },
		{ "{\"autoencoder\":{\"res_blocks\":17}}", "autoencoder.res_blocks: must be a whole number from 0 to 16" },
		{ "{\"autoencoder\":{\"channels\":[32,9223372036854775807]}}", "autoencoder.channels" },
		{ "{\"autoencoder\":{\"patch\":16,\"channels\":[32,32,32,32,32,32]}}",
		  "autoencoder.patch: 16 with 6 levels: a factor of 512, at most 256 is possible" },
		{ "{\"volume\":[4096,4096,4096]}", "volume: 68719476736 voxels, at most 1073741824 are possible" },
		{ "{\"autoencoder\":{\"channels\":[32],\"latent_channels\":1024},\"volume\":[1024,1024,64]}",
		  "volume: latents of 68719476736 numbers, at most 1073741824 are possible" },
		{ "{\"discriminator\":{\"layers\":0}}", "discriminator.layers" },
		{ "{\"discriminator\":{\"channels\":1e9}}", "discriminator.channels" },
		{ "{\"unet\":{\"base_channels\":33,\"groups\":1}}", "unet.base_channels: must be even" },
		{ "{\"unet\":{\"multipliers\":[1,0]}}", "unet.multipliers" },
		{ "{\"unet\":{\"base_channels\":4096,\"multipliers\":[2147483647]}}", "unet.multipliers" },
		{ "{\"unet\":{\"base_channels\":48}}", "unet.groups: 32 does not divide 48" },
		{ "{\"unet\":{\"heads\":3}}", "unet.heads: 3 does not divide 256" },
		{ "{\"unet\":{\"res_blocks\":17}}", "unet.res_blocks" },
		{ "{\"unet\":{\"attention_at\":[1,2,3,4,5,6,7,8,9]}}", "unet.attention_at" },
		{ "{\"unet\":{\"dropout\":1}}", "unet.dropout" },
		{ "{\"latent_dim\":0}", "latent_dim" },
		{ "{\"losses\":{\"adv_weight\":-1}}", "losses.adv_weight" },
		{ "{\"diffusion\":{\"schedule\":\"sigmoid\"}}", "diffusion.schedule" },
		{ "{\"diffusion\":{\"scale_factor\":0}}", "diffusion.scale_factor" },
		{ "{\"diffusion\":{\"clip\":\"none\"}}", "diffusion.clip" },
		{ "{\"diffusion\":{\"timesteps\":1}}", "diffusion.timesteps" },
		{ "{\"diffusion\":{\"timesteps\":1048576}}", "diffusion.timesteps" },
	};
	err e = { 0 };
	model_config c;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		FAILS(ERR_CONFIG, bad[i].key, parse(&c, bad[i].text, &e));
		assert_true(!strncmp(e.text, "cfg: ", 5));
	}
	FAILS(ERR_NOINPUT, "/nowhere", config_read(&c, "/nowhere/c.json", NULL, &e));
	FAILS(ERR_CONFIG, "params.tsv", config_read(&c, "tests/oracle/golden/params.tsv", NULL, &e));
}

/* What a block and a batch norm have, and something drawn otherwise. */
static const param_entry entries[] = {
	{ "blocks.3.conv.weight", 5, { 64, 8, 3, 3, 3 }, 216, INIT_UNIFORM },
	{ "blocks.3.conv.bias", 1, { 64 }, 216, INIT_UNIFORM },
	{ "bn.weight", 1, { 64 }, 0, INIT_GAIN },
	{ "bn.running_var", 1, { 64 }, 0, INIT_ONES },
	{ "d.weight", 5, { 64, 8, 3, 3, 3 }, 0, INIT_NORMAL },
	{ "bn.num_batches_tracked", 0, { 0 }, 0, INIT_COUNTER },
};

static void add_entries(param_table *t)
{
	err e = { 0 };
	size_t number;
	for (size_t i = 0; i < 6; i++) {
		SUCCEEDS(table_add(t, &entries[i], &number, &e));
		assert_int_equal(number, i + 1);
	}
}

static void names(void **state)
{
	(void)state;
	err e = { 0 };
	param_table t = { 0 };
	size_t number;
	add_entries(&t);
	assert_int_equal(table_find(&t, "bn.weight"), 3);
	assert_int_equal(table_find(&t, "bn.bias"), 0);
	/* named once more it is the same, unless its shape is another */
	SUCCEEDS(table_add(&t, &entries[2], &number, &e));
	assert_int_equal(number, 3);
	FAILS(ERR_BUG, "bn.weight: two parameters", table_add(&t, &(param_entry){ "bn.weight", 1, { 63 }, 0, INIT_GAIN }, &number, &e));
	FAILS(ERR_BUG, "impossible", table_add(&t, &(param_entry){ "x", 6, { 1, 1, 1, 1, 1 }, 0, INIT_ONES }, &number, &e));
	assert_int_equal(t.n, 6);
	/* in another order */
	SUCCEEDS(table_order(&t, (const char *const[]){ "d.", "bn.r", "bn.", NULL }, &e));
	static const int places[] = { 4, 3, 2, 5, 0, 1 };
	assert_int_equal(t.n, 6);
	for (int i = 0; i < 6; i++)
		assert_string_equal(t.t[i].name, entries[places[i]].name);
	table_free(&t);
}

static void tables(void **state)
{
	(void)state;
	err e = { 0 };
	param_table t = { 0 };
	params a = { 0 }, b = { 0 };
	size_t number;
	add_entries(&t);
	SUCCEEDS(table_fresh(&t, 1, &a, &e));
	assert_string_equal(a.p[0].name, "blocks.3.conv.weight");
	assert_int_equal(a.p[0].count, 64 * 216);
	double bound = 1 / sqrt(216), sum = 0, square = 0, most = 0;
	for (size_t i = 0; i < a.p[0].count; i++) {
		double x = a.p[0].v[i];
		sum += x;
		square += x * x;
		most = fmax(most, fabs(x));
	}
	double count = (double)a.p[0].count;
	assert_true(most <= bound && most > .99 * bound);
	assert_true(fabs(sum / count) < 4 * bound / sqrt(3 * count));
	assert_true(fabs(square / count / (bound * bound / 3) - 1) < .05);
	square = 0;
	for (size_t i = 0; i < a.p[4].count; i++)
		square += (double)a.p[4].v[i] * a.p[4].v[i];
	assert_true(fabs(sqrt(square / count) / .02 - 1) < .05);
	sum = 0;
	for (size_t i = 0; i < 64; i++)
		sum += a.p[2].v[i];
	assert_true(fabs(sum / 64 - 1) < .01 && a.p[2].v[0] != a.p[2].v[1]);
	assert_true(a.p[3].v[0] == 1 && a.p[3].v[63] == 1);
	assert_true(a.p[5].counter && a.p[5].rank == 0 && a.p[5].v[0] == 0);
	/* a function of seed and name, not of the place in the table */
	param_table other = { 0 };
	SUCCEEDS(table_add(&other, &entries[4], &number, &e));
	SUCCEEDS(table_fresh(&other, 1, &b, &e));
	assert_memory_equal(b.p[0].v, a.p[4].v, a.p[4].count * sizeof(float));
	params_free(&b);
	SUCCEEDS(table_fresh(&other, 2, &b, &e));
	assert_memory_not_equal(b.p[0].v, a.p[4].v, 64 * sizeof(float));
	/* what a file must hold */
	SUCCEEDS(table_check(&other, &a, &e));
	FAILS(ERR_CONFIG, "blocks.3.conv.weight: is missing", table_check(&t, &b, &e));
	a.p[4].n[1] = 9;
	FAILS(ERR_CONFIG, "d.weight: has shape 64x9x3x3x3, the configuration asks for 64x8x3x3x3", table_check(&t, &a, &e));
	params_free(&a);
	params_free(&b);
	table_free(&t);
	table_free(&other);
}

static void weights_golden(void **state)
{
	(void)state;
	err e = { 0 };
	weights w;
	param *p = NULL;
	int64_t n[5] = { 8, 1, 3, 3, 3 };
	SUCCEEDS(weights_open(&w, "tests/oracle/golden/autoencoder.safetensors", "autoencoder", &e));
	SUCCEEDS(params_expect(&w.params, "encoder.blocks.0.conv.weight", 5, n, &p, &e));
	assert_true(p->mapped && p->v[5] == oracle_number(oracle_hash("1/encoder.blocks.0.conv.weight"), 5, -1. / 3, 1. / 3));
	assert_int_equal(w.config.autoencoder.groups, 8);
	assert_null(w.preparation);
	assert_false(w.identity_stored);
	assert_int_equal(strlen(w.identity), 64);
	char identity[SHA_TEXT];
	strcpy(identity, w.identity);

	/* through our writer: the same values, configuration and identity, now stored */
	const char *path = test_path("w.safetensors");
	json_t *preparation = json_pack("{s:s}", "name", "world"), *notes = json_pack("{s:s}", "licence", "MIT");
	const weights_content noted = { .kind = "autoencoder",
					.params = &w.params,
					.config = w.config_json,
					.preparation = preparation,
					.notes = notes };
	SUCCEEDS(weights_write(path, false, &noted, &e));
	weights v;
	SUCCEEDS(weights_open(&v, path, "autoencoder", &e));
	assert_true(v.identity_stored);
	assert_string_equal(v.identity, identity);
	assert_string_equal(json_string_value(json_object_get(v.preparation, "name")), "world");
	assert_string_equal(st_meta(v.file, "licence"), "MIT");
	assert_true(json_equal(v.config_json, w.config_json));
	assert_int_equal(v.params.n, w.params.n);
	for (size_t i = 0; i < v.params.n; i++) {
		assert_string_equal(v.params.p[i].name, w.params.p[i].name);
		assert_memory_equal(v.params.p[i].v, w.params.p[i].v, v.params.p[i].count * sizeof(float));
	}
	weights_close(&v);

	/* f16: matrices converted to memory of their own, vectors still mapped where they are aligned */
	const weights_content content = { .kind = "autoencoder", .params = &w.params, .config = w.config_json, .store = WEIGHTS_F16 };
	SUCCEEDS(weights_write(path, true, &content, &e));
	SUCCEEDS(weights_open(&v, path, "autoencoder", &e));
	assert_string_not_equal(v.identity, identity);
	for (size_t i = 0; i < v.params.n; i++) {
		const param *a = &v.params.p[i], *b = &w.params.p[i];
		assert_true(a->rank == 1 || !a->mapped);
		for (size_t k = 0; k < a->count; k++)
			assert_true(fabsf(a->v[k] - b->v[k]) <= (a->rank == 1 ? 0 : fabsf(b->v[k]) / 2048 + 0x1p-25f));
	}
	weights_close(&v);
	weights_close(&w);

	/* counters are whole numbers in the file, too */
	SUCCEEDS(weights_open(&w, "tests/oracle/golden/discriminator.safetensors", "discriminator", &e));
	SUCCEEDS(params_expect(&w.params, "0.adn.N.num_batches_tracked", 0, NULL, &p, &e));
	assert_true(p->counter && p->v[0] == 7);
	const weights_content other = { .kind = "discriminator", .params = &w.params, .config = w.config_json };
	SUCCEEDS(weights_write(path, true, &other, &e));
	SUCCEEDS(weights_open(&v, path, "discriminator", &e));
	assert_int_equal(st_find(v.file, "0.adn.N.num_batches_tracked")->dtype, DTYPE_I64);
	assert_string_equal(v.identity, w.identity);
	weights_close(&v);
	weights_close(&w);
	json_decref(preparation);
	json_decref(notes);
	unlink(path);
}

/* A weight of a row whose largest is 127 units is off by half a unit at most; what is no layer's stays as with f16. */
static void weights_eight_bits(void **state)
{
	(void)state;
	err e = { 0 };
	weights w, v;
	const char *path = test_path("w8.safetensors");
	SUCCEEDS(weights_open(&w, "tests/oracle/golden/autoencoder.safetensors", "autoencoder", &e));
	const weights_content content = { .kind = "autoencoder", .params = &w.params, .config = w.config_json, .store = WEIGHTS_I8 };
	SUCCEEDS(weights_write(path, false, &content, &e));
	SUCCEEDS(weights_open(&v, path, "autoencoder", &e));
	assert_int_equal(v.params.n, w.params.n);
	size_t small = 0;
	for (size_t i = 0; i < v.params.n; i++) {
		const param *a = &v.params.p[i], *b = &w.params.p[i];
		const size_t each = a->rank ? a->count / (size_t)a->n[0] : 1;
		const bool eight = st_find(v.file, a->name)->dtype == DTYPE_I8;
		assert_string_equal(a->name, b->name);
		assert_false(a->counter);
		assert_int_equal(eight, a->rank > 1 && a->n[0] > 1 && each >= 16);
		small += eight;
		for (size_t k = 0; k < a->count; k++) {
			float largest = 0;
			for (size_t m = 0; m < each; m++)
				largest = fmaxf(largest, fabsf(b->v[k - k % each + m]));
			assert_true(fabsf(a->v[k] - b->v[k]) <=
				    (eight ? largest / 127 * .50001f : a->rank == 1 ? 0 : fabsf(b->v[k]) / 2048 + 0x1p-25f));
		}
	}
	assert_true(small > 10);
	weights_close(&v);
	weights_close(&w);
	unlink(path);
}

/* 2 x 16 weights and their scales, by hand. */
static void eight_bits_values(void **state)
{
	(void)state;
	const float row[2][16] = { { 1.27f, -.635f, .01f, 0 }, { 0 } };
	int8_t q[32];
	float scale[2];
	eight_bits_store(q, scale, row[0], 2, 16);
	assert_true(scale[0] == 1.27f / 127 && scale[1] == 1);
	assert_int_equal(q[0], 127);
	assert_true(q[1] == -63 || q[1] == -64); /* half a unit either way */
	assert_int_equal(q[2], 1);
	for (int i = 3; i < 32; i++)
		assert_int_equal(q[i], 0);
	assert_true(eight_bits_fits(2, (int64_t[]){ 2, 16 }) && eight_bits_fits(5, (int64_t[]){ 8, 1, 3, 3, 3 }));
	assert_false(eight_bits_fits(2, (int64_t[]){ 2, 15 }) || eight_bits_fits(2, (int64_t[]){ 1, 99 }));
	assert_false(eight_bits_fits(1, (int64_t[]){ 99 }) || eight_bits_fits(4, (int64_t[]){ 16, 11, 14, 12 }));
}

static void weights_refuse(void **state)
{
	(void)state;
	err e = { 0 };
	weights w;
	float x = 1;
	st_item item = { "a", DTYPE_F32, 0, NULL, &x };
	const char *path = test_path("bad.safetensors");
	static const struct {
		const char *metadata, *why;
	} bad[] = {
		{ "{}", "pt2st" },
		{ "{\"kind\":\"unet\",\"config\":\"{}\"}", "holds a model of kind unet, not autoencoder" },
		{ "{\"kind\":\"autoencoder\"}", "no configuration" },
		{ "{\"kind\":\"autoencoder\",\"config\":\"[]\"}", "config is no JSON object" },
		{ "{\"kind\":\"autoencoder\",\"config\":\"{\\\"volume\\\":1}\"}", "volume" },
		{ "{\"kind\":\"autoencoder\",\"config\":\"{}\",\"preparation\":\"x\"}", "preparation is no JSON object" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *metadata = json_loads(bad[i].metadata, 0, NULL);
		assert_non_null(metadata);
		SUCCEEDS(st_write(path, true, &item, 1, metadata, false, &e));
		FAILS(ERR_CONFIG, bad[i].why, weights_open(&w, path, "autoencoder", &e));
		assert_non_null(strstr(e.text, "bad.safetensors: "));
		weights_close(&w);
		json_decref(metadata);
	}
	/* a scale for other rows than the weights have, and one that leaves the range of numbers */
	const float scale[2] = { 1, 3e38f };
	const struct {
		int64_t scales;
		const char *why;
	} eight[] = { { 1, "a.weight_scale: is no list of F32, one for each row of a.weight" }, { 2, "a.weight: element 16 is inf" } };
	const int8_t q[32] = { [16] = 127 };
	for (int i = 0; i < 2; i++) {
		const st_item two[] = { { "a.weight", DTYPE_I8, 2, (int64_t[]){ 2, 16 }, q },
					{ "a.weight_scale", DTYPE_F32, 1, &eight[i].scales, scale } };
		json_t *metadata = json_loads("{\"kind\":\"autoencoder\",\"config\":\"{}\"}", 0, NULL);
		SUCCEEDS(st_write(path, true, two, 2, metadata, false, &e));
		FAILS(ERR_CONFIG, eight[i].why, weights_open(&w, path, "autoencoder", &e));
		weights_close(&w);
		json_decref(metadata);
	}
	unlink(path);
	FAILS(ERR_NOINPUT, "bad.safetensors", weights_open(&w, path, "autoencoder", &e));
	weights_close(&w);
}

static void touch(const char *path)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void finding(void **state)
{
	(void)state;
	err e = { 0 };
	char *path = NULL, list[1100];
	const char *first = test_path("first"), *second = test_path("second"), *model = test_path("second/mine"),
		   *file = test_path("second/mine/unet.safetensors");
	assert_int_equal(mkdir(first, 0777) | mkdir(second, 0777) | mkdir(model, 0777), 0);
	touch(file);
	SUCCEEDS(model_find(&path, file, "autoencoder", &e));
	assert_string_equal(path, file);
	free(path);
	SUCCEEDS(model_find(&path, model, "unet", &e));
	assert_string_equal(path, file);
	free(path);
	FAILS(ERR_NOINPUT, "has no semantic.safetensors", model_find(&path, model, "semantic", &e));
	FAILS(ERR_NOINPUT, "no model of this name", model_find(&path, "mine", "unet", &e));
	FAILS(ERR_NOINPUT, "no such file", model_find(&path, "./mine", "unet", &e));
	FAILS(ERR_NOINPUT, "no such file", model_find(&path, "", "unet", &e));
	snprintf(list, sizeof list, "%s::%s", first, second);
	setenv("LATPIPE_MODELS", list, 1);
	SUCCEEDS(model_find(&path, "mine", "unet", &e));
	assert_string_equal(path, file);
	free(path);
	FAILS(ERR_NOINPUT, "has no semantic.safetensors", model_find(&path, "mine", "semantic", &e));
	FAILS(ERR_NOINPUT, first, model_find(&path, "yours", "unet", &e));
	unsetenv("LATPIPE_MODELS");
	unlink(file);
	rmdir(model);
	rmdir(second);
	rmdir(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_takes),	  cmocka_unit_test(config_refuses), cmocka_unit_test(names), cmocka_unit_test(tables),
		cmocka_unit_test(weights_golden), cmocka_unit_test(weights_eight_bits), cmocka_unit_test(eight_bits_values),
		cmocka_unit_test(weights_refuse), cmocka_unit_test(finding),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(test_folder());
	return failed;
}
