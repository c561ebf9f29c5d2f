/* What the trainers of diffusion networks share: scans as latents, noise, and what a configuration becomes. */
#include "../unit.h"

#include <math.h>

#include "format/lat.h"
#include "train/noisy.h"

static latent_space space;

static void open_space(void **state)
{
	(void)state;
	err e = { 0 };
	diffusion_config d = { .timesteps = 1000, .scale_factor = .8, .clip = INFINITY };
	SUCCEEDS(latent_space_open(&space, "tests/oracle/golden/autoencoder.safetensors", NN_EXACT, 1, &e));
	SUCCEEDS(latent_space_set(&space, &d, &e));
	assert_true(space.scaling.scale == .8 && !space.scaling.mean && space.count == shape_count(space.s));
	assert_int_equal(space.s.c, space.coder.net.w.config.autoencoder.latent_channels);
}

/* sqrt(a_t) scale z + sqrt(1-a_t) noise, with a_t from its definition; the same numbers again for the same draw, others for another. */
static void noise_in_latents(void **state)
{
	(void)state;
	err e = { 0 };
	noisy_latent n, again;
	train_state s = { .seed = 3 };
	float *z = calloc(space.count, sizeof *z);
	assert_non_null(z);
	SUCCEEDS(noisy_latent_new(&n, &space, 4, &e));
	SUCCEEDS(noisy_latent_new(&again, &space, 1, &e));
	for (size_t i = 0; i < space.count; i++)
		z[i] = sinf((float)i);
	double sum = 0, squares = 0, count = 0;
	int places[10] = { 0 };
	for (uint64_t draw = 0; draw < 2000; draw++) {
		noisy_latent_draw(&n, &space, z, &s, draw, 1);
		assert_in_range(n.t[0], 0, 999);
		places[n.t[0] / 100]++;
		if (draw % 100)
			continue;
		double a = 1;
		for (int t = 0; t <= n.t[0]; t++)
			a *= 1 - (1e-4 + (.02 - 1e-4) * t / 999);
		for (size_t i = 0; i < space.count; i++) {
			double noise = (double)n.noise[i];
			assert_true(fabs((double)n.v[i] - (sqrt(a) * .8 * (double)z[i] + sqrt(1 - a) * noise)) < 1e-6);
			sum += noise;
			squares += noise * noise;
			count++;
		}
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(places[i], 140, 260); /* 200, sd 13.4 */
	assert_true(fabs(sum / count) < 4 / sqrt(count) && fabs(squares / count - 1) < 4 * sqrt(2 / count));
	noisy_latent_draw(&again, &space, z, &s, 1999, 1);
	assert_true(again.n == 1 && again.t[0] == n.t[0]);
	assert_memory_equal(again.v, n.v, space.count * sizeof *z);
	s.seed = 4;
	noisy_latent_draw(&again, &space, z, &s, 1999, 1);
	assert_memory_not_equal(again.noise, n.noise, space.count * sizeof *z);
	/* draws of one latent: one in each part, each with noise of its own */
	for (uint64_t draw = 0; draw < 100; draw++) {
		noisy_latent_draw(&n, &space, z, &s, draw, 4);
		assert_int_equal(n.n, 4);
		for (int k = 0; k < 4; k++)
			assert_in_range(n.t[k], 250 * k, 250 * k + 249);
		for (int k = 1; k < 4; k++)
			assert_memory_not_equal(n.noise, n.noise + (size_t)k * space.count, space.count * sizeof *z);
	}
	/* pairs to judge by: the id decides, not the run */
	for (int k = 0; k < NOISE_PAIRS; k++) {
		noisy_latent_pair(&n, &space, "sub-01", z, k);
		assert_true(n.n == 1 && n.t[0] / 100 == k);
		noisy_latent_pair(&again, &space, "sub-02", z, k);
		assert_memory_not_equal(again.noise, n.noise, space.count * sizeof *z);
	}
	noisy_latent_free(&n);
	noisy_latent_free(&again);
	free(z);
}

/* The same with a mean and a standard deviation for each place. */
static void noise_in_standardised_latents(void **state)
{
	(void)state;
	err e = { 0 };
	noisy_latent n;
	float *z = calloc(space.count, sizeof *z);
	assert_non_null(z);
	SUCCEEDS(noisy_latent_new(&n, &space, 1, &e));
	philox r = philox_make(7, 7);
	float *mean = calloc(space.count, sizeof *mean), *sd = calloc(space.count, sizeof *sd);
	assert_true(mean && sd);
	for (size_t i = 0; i < space.count; i++) {
		z[i] = sinf((float)i * 2);
		mean[i] = cosf((float)i);
		sd[i] = 1.5f + sinf((float)i);
	}
	scaling plain = space.scaling, standard = { .8, mean, sd };
	double signal = schedule_signal(&space.schedule, 100), noise = schedule_noise(&space.schedule, 100);
	SUCCEEDS(latent_space_scale(&space, standard, &e));
	noisy_latent_set(&n, &space, z, 0, 100, r);
	double first = (double)space.place[0] / pow((double)sd[0], 2), sum = 0;
	for (size_t i = 0; i < space.count; i++) {
		assert_true(fabs((double)space.place[i] / pow((double)sd[i], 2) / first - 1) < 1e-6);
		sum += (double)space.place[i] / (double)space.count;
	}
	assert_true(fabs(sum - 1) < 1e-6);
	SUCCEEDS(latent_space_scale(&space, plain, &e));
	assert_null(space.place);
	for (size_t i = 0; i < space.count; i++) {
		double x = ((double)z[i] - (double)mean[i]) / (double)sd[i] * .8;
		assert_true(fabs((double)n.v[i] - (signal * x + noise * (double)n.noise[i])) < 1e-6);
		assert_true(fabs(scaling_undo(&standard, x, i) - (double)z[i]) < 1e-12);
	}
	free(mean);
	free(sd);
	noisy_latent_free(&n);
	free(z);
}

/* What json says of the autoencoder is the model's, of the conventions its own or ours. */
static void configuration(void **state)
{
	(void)state;
	err e = { 0 };
	json_t *json = json_pack("{s:[i,i,i], s:{s:i}, s:{s:s}}", "volume", 1, 2, 3, "autoencoder", "latent_channels", 77, "diffusion",
				 "schedule", "cosine");
	model_config c;
	SUCCEEDS(latent_space_config(&space, json, &e));
	SUCCEEDS(config_parse(&c, json, "json", &e));
	assert_memory_equal(c.volume, space.coder.net.w.config.volume, sizeof c.volume);
	assert_int_equal(c.autoencoder.latent_channels, space.s.c);
	assert_true(isinf(c.diffusion.clip) && c.diffusion.shift == SHIFT_NOISE && c.diffusion.schedule == SCHEDULE_COSINE);
	json_object_set_new(json, "diffusion", json_pack("{s:f, s:s}", "clip", 1., "shift", "published"));
	SUCCEEDS(latent_space_config(&space, json, &e));
	SUCCEEDS(config_parse(&c, json, "json", &e));
	assert_true(c.diffusion.clip == 1 && c.diffusion.shift == SHIFT_PUBLISHED);
	c.unet.in_channels = space.s.c;
	c.unet.levels = 2;
	SUCCEEDS(latent_space_fits(&space, &c, &e));
	c.unet.in_channels++;
	FAILS(ERR_CONFIG, "unet.in_channels", latent_space_fits(&space, &c, &e));
	c.unet.in_channels = space.s.c;
	c.unet.levels = 5;
	FAILS(ERR_CONFIG, "unet.multipliers", latent_space_fits(&space, &c, &e));
	json_decref(json);
	/* in a model's metadata, what is absent is as published */
	json = json_object();
	SUCCEEDS(config_parse(&c, json, "json", &e));
	assert_true(c.diffusion.clip == 1 && c.diffusion.shift == SHIFT_PUBLISHED);
	json_decref(json);
}

/* Scans and their latents; records with a latent alone. */
static void scans(void **state)
{
	(void)state;
	err e = { 0 };
	const int *n = space.coder.net.w.config.volume;
	const int64_t voxels[4] = { 1, n[0], n[1], n[2] };
	const char *path = test_path("scans.lat");
	dataset *d = NULL;
	outfile *out = NULL;
	lat_writer *w = NULL;
	float *x = calloc(space.voxels, sizeof *x), *z = calloc(space.count, sizeof *z);
	assert_true(x && z);
	for (size_t i = 0; i < space.voxels; i++)
		x[i] = .5f + .5f * cosf((float)i / 50);
	SUCCEEDS(coder_encode(&space.coder, z, x, NULL, &e));
	SUCCEEDS(out_open(&out, path, true, &e));
	SUCCEEDS(lat_writer_new(&w, out, &e));
	for (int i = 0; i < 2; i++) {
		lat_record *r = NULL;
		SUCCEEDS(lat_new(&r, i ? "latent" : "voxels", &e));
		SUCCEEDS(i ? lat_set_floats(r, "z", DTYPE_F32, 4, space.coder.z, z, NULL, &e)
			   : lat_set_floats(r, "x", DTYPE_F32, 4, voxels, x, NULL, &e));
		SUCCEEDS(lat_write(w, r, &e));
		lat_free(r);
	}
	SUCCEEDS(lat_finish(w, &e));
	lat_writer_free(w);
	SUCCEEDS(out_commit(out, &e));

	for (int keep = 0; keep < 2; keep++) {
		const dataset_latents l = latent_space_data(&space, keep ? VOXELS_KEPT : VOXELS_UNUSED, NULL);
		dataset_options o = { .folder = test_folder(), .latents = &l };
		SUCCEEDS(preparation_parse(&o.preparation, space.coder.net.w.preparation, n, &e));
		SUCCEEDS(dataset_open(&d, (char *[]){ (char *)path }, 1, &o, &e));
		assert_int_equal(d->n_train, 2);
		assert_true((d->scans[0].x != NULL) == keep && !d->scans[1].x);
		if (keep)
			assert_memory_equal(d->scans[0].x, x, space.voxels * sizeof *x);
		for (int i = 0; i < 2; i++)
			assert_memory_equal(d->scans[i].z, z, space.count * sizeof *z);
		double mean = 0, variance = 0;
		for (size_t i = 0; i < space.count; i++)
			mean += (double)z[i] / (double)space.count;
		for (size_t i = 0; i < space.count; i++)
			variance += ((double)z[i] - mean) * ((double)z[i] - mean) / (double)space.count;
		diffusion_config conventions = { 0 };
		SUCCEEDS(latent_space_learn(&space, d, &conventions, &e));
		assert_true(fabs(conventions.scale_factor * sqrt(variance) - 1) < 1e-6 && !space.scaling.mean);
		conventions.standardised = true;
		FAILS(ERR_DATA, "all the same", latent_space_learn(&space, d, &conventions, &e));

		/* varied as the recipe says, where there are voxels */
		const training t = { .recipe = { .augment = true, .augmentation = augmentation_default() }, .state.seed = 1 };
		for (uint64_t draw = 0; draw < 2; draw++) {
			const float *drawn_x, *drawn_z;
			const dataset_scan *scan = dataset_draw(d, 1, (int64_t)draw);
			SUCCEEDS(latent_draw(&space, &t, d, draw, &drawn_x, &drawn_z, &e));
			assert_true((drawn_z == scan->z) == !scan->x);
			if (scan->x) {
				SUCCEEDS(coder_encode(&space.coder, z, drawn_x, NULL, &e));
				assert_memory_equal(drawn_z, z, space.count * sizeof *z);
				assert_memory_not_equal(drawn_z, scan->z, space.count * sizeof *z);
				SUCCEEDS(coder_encode(&space.coder, z, x, NULL, &e));
			}
		}
		dataset_close(d);
	}
	const dataset_latents l = latent_space_data(&space, VOXELS_NEEDED, NULL);
	dataset_options o = { .folder = test_folder(), .latents = &l };
	SUCCEEDS(preparation_parse(&o.preparation, space.coder.net.w.preparation, n, &e));
	FAILS(ERR_DATA, "latent: ", dataset_open(&d, (char *[]){ (char *)path }, 1, &o, &e));
	unlink(path);
	free(x);
	free(z);
}

static void close_space(void **state)
{
	(void)state;
	latent_space_close(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_space),
		cmocka_unit_test(noise_in_latents),
		cmocka_unit_test(noise_in_standardised_latents),
		cmocka_unit_test(configuration),
		cmocka_unit_test(scans),
		cmocka_unit_test(close_space),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(test_folder());
	return failed;
}
