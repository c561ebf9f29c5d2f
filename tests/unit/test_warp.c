/* The way from a subject's scan towards another one's shape. */
#include "../unit.h"

#include <math.h>

#include "volume/augment.h"
#include "volume/warp.h"

enum { SIDE = 25, SPACING = 4, G = 7, POINTS = G * G * G };

static const int N[3] = { SIDE, SIDE, SIDE };

/* Warps that stretch the template by `grow` about voxel 0 and then move it by `by`. */
static void stretch(float w[3 * POINTS], const double grow[3], const double by[3])
{
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < POINTS; i++) {
			const int at[3] = { i / G / G, i / G % G, i % G };
			w[k * POINTS + i] = (float)(grow[k] * at[k] * SPACING + by[k]);
		}
}

static void shapes_of_warps(void **state)
{
	(void)state;
	assert_int_equal(warp_spacing((int64_t[]){ 3, G, G, G }, N), SPACING);
	assert_int_equal(warp_spacing((int64_t[]){ 3, 22, 28, 24 }, (int[]){ 88, 112, 96 }), 4);
	assert_int_equal(warp_spacing((int64_t[]){ 3, G, G, G + 1 }, N), 0);
	assert_int_equal(warp_spacing((int64_t[]){ 2, G, G, G }, N), 0);
}

static void between_two(void **state)
{
	(void)state;
	static float a[3 * POINTS], b[3 * POINTS];
	const double ga[3] = { .1, 0, -.05 }, gb[3] = { -.1, .08, 0 }, ma[3] = { 0, 1, .5 }, mb[3] = { 1, 0, -.5 };
	err e;
	stretch(a, ga, ma);
	stretch(b, gb, mb);
	for (double share = 0; share <= 1; share += .25) {
		pull p;
		SUCCEEDS(pull_new(&p, N, SPACING, a, b, share, &e));
		for (int i = 0; i < 50; i++) {
			/* where neither the search nor the splines come near the edge */
			const double q[3] = { 7 + i % 3 * 1.3, 6.5 + i % 7, 8 + i % 5 * .7 };
			float got[3] = { (float)q[0], (float)q[1], (float)q[2] };
			pull_apply(&p, got);
			for (int k = 0; k < 3; k++) {
				const double u = (q[k] - (1 - share) * ma[k] - share * mb[k]) / (1 + (1 - share) * ga[k] + share * gb[k]);
				assert_true(fabs((double)got[k] - (u + ga[k] * u + ma[k])) < 1e-3);
				assert_true(share > 0 || fabs((double)got[k] - q[k]) < 1e-3);
			}
		}
		pull_free(&p);
	}
}

/* A scan becomes as large as the other's shape says, and stays as it is where warps are not known. */
static void as_augmentation(void **state)
{
	(void)state;
	static float a[3 * POINTS], b[3 * POINTS], in[SIDE * SIDE * SIDE], out[SIDE * SIDE * SIDE];
	const double none[3] = { 0 }, larger[3] = { .2, .2, .2 };
	const augmentation towards = { .towards = 1, .spacing = 4 };
	double before = 0, least = INFINITY, most = 0;
	err e;
	stretch(a, none, none);
	stretch(b, larger, none);
	for (int i = 0; i < SIDE * SIDE * SIDE; i++) {
		const int x = i / SIDE / SIDE - 10, y = i / SIDE % SIDE - 10, z = i % SIDE - 10;
		in[i] = (float)exp(-(x * x + y * y + z * z) / 18.);
		before += (double)in[i];
	}
	for (uint64_t draw = 0; draw < 40; draw++) {
		double mass = 0;
		SUCCEEDS(augment(out, in, N, &towards, &(augment_shape){ a, b, SPACING }, philox_make(2, draw), &e));
		for (int i = 0; i < SIDE * SIDE * SIDE; i++)
			mass += (double)out[i];
		least = fmin(least, mass / before);
		most = fmax(most, mass / before);
	}
	/* shares are uniform on 0..1: volumes from 1 to 1.2^3 */
	assert_true(least > .99 && least < 1.1);
	assert_true(most > 1.6 && most < 1.74);
	SUCCEEDS(augment(out, in, N, &towards, &(augment_shape){ a, NULL, SPACING }, philox_make(2, 1), &e));
	for (int i = 0; i < SIDE * SIDE * SIDE; i++)
		assert_true(fabs((double)(out[i] - in[i])) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(shapes_of_warps), cmocka_unit_test(between_two),
					    cmocka_unit_test(as_augmentation) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
