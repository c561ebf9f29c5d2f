/* Scores against the reference implementation's values, pictures, augmentation. */
#include "../unit.h"

#include "../golden.h"

#include <png.h>

#include "base/threads.h"
#include "volume/augment.h"
#include "volume/percentile.h"
#include "volume/picture.h"
#include "volume/score.h"

static int setup(void **state)
{
	(void)state;
	err e = { 0 };
	return st_open(&values, GOLDEN "values.safetensors", &e);
}

static int teardown(void **state)
{
	(void)state;
	st_close(values);
	unlink(test_path("p.png"));
	rmdir(test_folder());
	return 0;
}

enum { X = 32, Y = 40, Z = 32, COUNT = X * Y * Z };
static const int N[3] = { X, Y, Z };

static void ssim_as_the_reference(void **state)
{
	(void)state;
	err e = { 0 };
	const float *a = golden("x", 2 * COUNT), *b = a + COUNT;
	static const int windows[] = { 3, 4, 11 };
	for (int i = 0; i < 3; i++) {
		char name[16];
		ssim_result r, same;
		snprintf(name, sizeof name, "ssim.%d", windows[i]);
		SUCCEEDS(score_ssim(&r, a, b, NULL, N, windows[i], 1, &e));
		assert_float_equal(r.whole, *golden(name, 1), 1e-7);
		assert_true(isnan(r.masked));
		assert_true(r.brain < r.whole);
		SUCCEEDS(score_ssim(&same, a, a, NULL, N, windows[i], 1, &e));
		assert_float_equal(same.whole, 1, 1e-12);
		assert_float_equal(same.brain, 1, 1e-12);
	}
}

static void ms_ssim_as_the_reference(void **state)
{
	(void)state;
	err e = { 0 };
	static float a[48 * 48 * 48], b[48 * 48 * 48];
	const float *x = golden("x", 2 * COUNT);
	double r;
	for (int i = 0; i < X; i++)
		for (int j = 0; j < Y; j++)
			for (int k = 0; k < Z; k++) {
				a[(i * 48 + j) * 48 + k] = x[(i * Y + j) * Z + k];
				b[(i * 48 + j) * 48 + k] = x[COUNT + (i * Y + j) * Z + k];
			}
	SUCCEEDS(score_ms_ssim(&r, a, b, (const int[3]){ 48, 48, 48 }, 1, &e));
	assert_float_equal(r, *golden("ms-ssim.3", 1), 1e-7);
	FAILS(ERR_DATA, "48 an axis", score_ms_ssim(&r, a, b, (const int[3]){ 48, 47, 48 }, 1, &e));
}

/* Fewer scales have the same weights, which add to 1; five of them add to 1.0001 as published. */
static void ms_ssim_of_fewer_scales(void **state)
{
	(void)state;
	err e = { 0 };
	enum { SIDE = 48, VOXELS = SIDE * SIDE * SIDE };
	static const int n[3] = { SIDE, SIDE, SIDE };
	static float a[VOXELS], b[VOXELS];
	const float *x = golden("x", 2 * COUNT);
	double five, of, s = .5, r = 2 * s / (1 + s * s), w[] = { .0448, .2856, .3001 };
	for (int i = 0; i < VOXELS; i++) {
		a[i] = x[i % (2 * COUNT)];
		b[i] = (float)s * a[i];
	}
	SUCCEEDS(score_ms_ssim(&five, a, b, n, 1, &e));
	SUCCEEDS(score_ms_ssim_of(&of, a, b, n, 5, 3, 1, &e));
	assert_float_equal(of, pow(five, 1 / 1.0001), 1e-9);
	/* half as bright, constants that count for nothing: contrast and the comparison of means are r in every window */
	SUCCEEDS(score_ms_ssim_of(&of, a, b, n, 3, 11, 1e-9, &e));
	assert_float_equal(of, pow(r, (w[0] + w[1] + 2 * w[2]) / (w[0] + w[1] + w[2])), 1e-6);
	SUCCEEDS(score_ms_ssim_of(&of, a, a, n, 3, 11, 1, &e));
	assert_float_equal(of, 1, 1e-12);
	FAILS(ERR_DATA, "3 scales (52 an axis", score_ms_ssim_of(&of, a, b, n, 3, 13, 1, &e));
	FAILS(ERR_USAGE, "6 scales", score_ms_ssim_of(&of, a, b, n, 6, 3, 1, &e));
	FAILS(ERR_USAGE, "0 scales", score_ms_ssim_of(&of, a, b, n, 0, 3, 1, &e));
}

static void masks_and_ranges(void **state)
{
	(void)state;
	err e = { 0 };
	const float *a = golden("x", 2 * COUNT), *b = a + COUNT;
	static float mask[COUNT], scaled[2][COUNT];
	ssim_result r, q;
	/* the brain of score_ssim is the mask of score_brain */
	SUCCEEDS(score_brain(mask, a, N, 11, 1, &e));
	SUCCEEDS(score_ssim(&r, a, b, mask, N, 11, 1, &e));
	assert_float_equal(r.brain, r.masked, 1e-12);
	double inside = 0;
	for (int i = 0; i < COUNT; i++)
		inside += (double)mask[i];
	assert_true(inside > 1000 && inside < 22. * 30 * 22);
	/* in other units the same */
	for (int i = 0; i < COUNT; i++) {
		scaled[0][i] = a[i] * 1000;
		scaled[1][i] = b[i] * 1000;
	}
	SUCCEEDS(score_ssim(&q, scaled[0], scaled[1], mask, N, 11, 1000, &e));
	assert_float_equal(q.whole, r.whole, 1e-6);
	assert_float_equal(q.brain, r.brain, 1e-6);
	assert_float_equal(score_mse(scaled[0], scaled[1], NULL, COUNT), 1e6 * score_mse(a, b, NULL, COUNT), 1e-1);
	memset(mask, 0, sizeof mask);
	SUCCEEDS(score_ssim(&q, a, b, mask, N, 11, 1, &e));
	assert_true(isnan(q.masked));
	assert_true(isnan(score_mse(a, b, mask, COUNT)));
	mask[5] = 1;
	assert_float_equal(score_mse(a, b, mask, COUNT), pow((double)a[5] - (double)b[5], 2), 1e-15);
	assert_float_equal(score_psnr(.01, 1), 20, 1e-12);
	assert_true(isinf(score_psnr(0, 1)));
	FAILS(ERR_DATA, "window of 33", score_ssim(&q, a, b, NULL, N, 33, 1, &e));
	FAILS(ERR_USAGE, "window of 0", score_ssim(&q, a, b, NULL, N, 0, 1, &e));
	FAILS(ERR_USAGE, "range", score_ssim(&q, a, b, NULL, N, 3, 0, &e));
}

/* Flat background far from 0: variances must not go wrong. */
static void flat_volumes(void **state)
{
	(void)state;
	err e = { 0 };
	static float a[COUNT], b[COUNT];
	ssim_result r;
	for (int i = 0; i < COUNT; i++)
		a[i] = b[i] = 12345.678f;
	SUCCEEDS(score_ssim(&r, a, b, NULL, N, 7, 1, &e));
	assert_float_equal(r.whole, 1, 1e-4);
}

static void scores_and_threads(void **state)
{
	(void)state;
	err e = { 0 };
	ssim_result r[2];
	for (int i = 0; i < 2; i++) {
		threads_set(1 + 2 * i);
		SUCCEEDS(score_ssim(&r[i], golden("x", 2 * COUNT), golden("x", 2 * COUNT) + COUNT, golden("x", 2 * COUNT), N, 5, 1, &e));
	}
	threads_set(2);
	assert_memory_equal(&r[0], &r[1], sizeof r[0]);
}

static void percentiles(void **state)
{
	(void)state;
	float v[] = { 5, 1, 4, 2, 3 }, same[100], one[] = { 7 };
	assert_float_equal(percentile(v, 5, 0), 1, 0);
	assert_float_equal(percentile(v, 5, 1), 5, 0);
	assert_float_equal(percentile(v, 5, .5), 3, 0);
	assert_float_equal(percentile(v, 5, .6), 3.4, 1e-6);
	assert_float_equal(percentile(one, 1, .999), 7, 0);
	for (int i = 0; i < 100; i++)
		same[i] = i < 99 ? 2 : 3;
	assert_float_equal(percentile(same, 100, .95), 2, 0);
	assert_float_equal(percentile(same, 100, .995), 2.505, 1e-6);
}

/* ---- augmentation ---- */

static const augmentation none = { .spacing = 10 };

static void nothing_changes_nothing(void **state)
{
	(void)state;
	err e = { 0 };
	static float out[COUNT];
	const float *x = golden("x", 2 * COUNT);
	SUCCEEDS(augment(out, x, N, &none, NULL, philox_make(1, 2), &e));
	for (int i = 0; i < COUNT; i++)
		assert_float_equal(out[i], x[i], 2e-6);
	augmentation mirror = none;
	mirror.flip = 1;
	SUCCEEDS(augment(out, x, N, &mirror, NULL, philox_make(1, 2), &e));
	for (int i = 0; i < X; i++)
		for (int k = 0; k < Y * Z; k++)
			assert_float_equal(out[i * Y * Z + k], x[(X - 1 - i) * Y * Z + k], 2e-6);
}

static void a_function_of_seed_and_stream(void **state)
{
	(void)state;
	err e = { 0 };
	static float a[COUNT], b[COUNT];
	const float *x = golden("x", 2 * COUNT);
	augmentation all = augmentation_default();
	double mean = 0, worst = 0, size = 0;
	threads_set(1);
	SUCCEEDS(augment(a, x, N, &all, NULL, philox_make(1, 2), &e));
	threads_set(3);
	SUCCEEDS(augment(b, x, N, &all, NULL, philox_make(1, 2), &e));
	threads_set(2);
	assert_memory_equal(a, b, sizeof a);
	SUCCEEDS(augment(b, x, N, &all, NULL, philox_make(1, 3), &e));
	assert_memory_not_equal(a, b, sizeof a);
	/* changed, but still the same thing */
	for (int i = 0; i < COUNT; i++) {
		mean += fabs((double)(a[i] - x[i]));
		size += fabs((double)x[i]);
		worst = fmax(worst, fabs((double)a[i]));
	}
	assert_true(mean / size > .02 && mean / size < .5);
	assert_true(worst < 1.6);
	FAILS(ERR_BUG, "control points", augment(b, x, N, &(augmentation){ .spacing = 1 }, NULL, philox_make(1, 3), &e));
}

/* Of many draws the shifts have the sd that was asked for, and half are mirrored. */
static void draws_have_the_right_size(void **state)
{
	(void)state;
	err e = { 0 };
	enum { SIDE = 24, DRAWS = 300 };
	static float in[SIDE * SIDE * SIDE], out[SIDE * SIDE * SIDE];
	const int n[3] = { SIDE, SIDE, SIDE };
	augmentation a = { .flip = .5, .shift = 1.5, .spacing = 8 };
	double sum = 0, squares = 0;
	int mirrored = 0;
	for (int x = 0; x < SIDE; x++)
		for (int y = 0; y < SIDE; y++)
			for (int z = 0; z < SIDE; z++)
				in[(x * SIDE + y) * SIDE + z] =
					(float)exp(-((x - 8) * (x - 8) + (y - 12) * (y - 12) + (z - 12) * (z - 12)) / 18.);
	for (int d = 0; d < DRAWS; d++) {
		double mass = 0, at[3] = { 0 };
		SUCCEEDS(augment(out, in, n, &a, NULL, philox_make(5, (uint64_t)d), &e));
		for (int i = 0; i < SIDE * SIDE * SIDE; i++) {
			mass += (double)out[i];
			at[0] += (double)out[i] * (i / SIDE / SIDE);
			at[1] += (double)out[i] * (i / SIDE % SIDE);
		}
		mirrored += at[0] / mass > 11.5;
		sum += at[1] / mass - 12;
		squares += pow(at[1] / mass - 12, 2);
	}
	assert_true(mirrored > 110 && mirrored < 190);
	assert_true(fabs(sum / DRAWS) < .3);
	assert_true(sqrt(squares / DRAWS) > 1.3 && sqrt(squares / DRAWS) < 1.7);
}

/* ---- pictures ---- */

static void pictures_show_the_scan(void **state)
{
	(void)state;
	err e = { 0 };
	volume v = { .n = { X, Y, Z }, .affine = { { 3, 0, 0, -48 }, { 0, 3, 0, -60 }, { 0, 0, 3, -48 } } }, w = v;
	v.v = malloc(COUNT * sizeof *v.v);
	w.v = malloc(COUNT * sizeof *w.v);
	memcpy(v.v, golden("x", 2 * COUNT), COUNT * sizeof *v.v);
	memcpy(w.v, v.v, COUNT * sizeof *w.v);
	/* brighter on the right */
	for (int i = COUNT / 2; i < COUNT; i++)
		w.v[i] *= 1.2f;
	mosaic_options o = mosaic_default();
	o.planes = "a";
	o.slices = 1;
	o.size = 100;
	picture p;
	SUCCEEDS(mosaic(&p, (const volume *const[]){ &v, &w }, (const char *const[]){ "first", "second" }, 2, &o, &e));
	int row = p.height / 3, red[2] = { 0 }, blue = 0, lit = 0, coloured = 0;
	for (int y = 0; y < p.height; y++)
		for (int x = 0; x < p.width; x++) {
			const unsigned char *c = p.rgb + (y * p.width + x) * 3;
			if (y < 2 * row) {
				lit += c[0] > 100;
				coloured += c[0] != c[1] || c[1] != c[2];
			} else if (y > 2 * row + 24) {
				/* the step itself rings a little */
				bool aside = abs(x - p.width / 2) > p.width / 20;
				red[x > p.width / 2] += c[0] > 20 && aside;
				blue += c[2] > 20 && aside;
			}
		}
	assert_true(lit > p.width * row / 3);
	assert_int_equal(coloured, 0);
	assert_true(red[1] > 1000);
	assert_true(red[0] < red[1] / 20);
	assert_true(blue < 20);
	SUCCEEDS(picture_write(test_path("p.png"), true, &p, &e));
	png_image image = { .version = PNG_IMAGE_VERSION };
	assert_true(png_image_begin_read_from_file(&image, test_path("p.png")));
	image.format = PNG_FORMAT_RGB;
	assert_int_equal(image.width, p.width);
	assert_int_equal(image.height, p.height);
	unsigned char *read = malloc(PNG_IMAGE_SIZE(image));
	assert_true(png_image_finish_read(&image, NULL, read, 0, NULL));
	assert_memory_equal(read, p.rgb, PNG_IMAGE_SIZE(image));
	free(read);
	FAILS(ERR_CREATE, "exists", picture_write(test_path("p.png"), false, &p, &e));
	picture_free(&p);
	o.slices = 1000;
	FAILS(ERR_DATA, "too large", mosaic(&p, (const volume *const[]){ &v }, NULL, 1, &o, &e));
	volume_free(&v);
	volume_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ssim_as_the_reference),     cmocka_unit_test(ms_ssim_as_the_reference),
		cmocka_unit_test(ms_ssim_of_fewer_scales),
		cmocka_unit_test(masks_and_ranges),	     cmocka_unit_test(flat_volumes),
		cmocka_unit_test(scores_and_threads),	     cmocka_unit_test(percentiles),
		cmocka_unit_test(nothing_changes_nothing),   cmocka_unit_test(a_function_of_seed_and_stream),
		cmocka_unit_test(draws_have_the_right_size), cmocka_unit_test(pictures_show_the_scan),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
