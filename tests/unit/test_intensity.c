/* Intensities unlike those of a brain on a background of 0 are told apart, and by their cause. */
#include "../unit.h"

#include <math.h>
#include <stdbool.h>

#include "volume/intensity.h"

/* A brain in MNI space on a grid of 3 mm, not the model's: a grey surface, white matter with folds, dark ventricles, a bright rim. */
enum { X = 66, Y = 82, Z = 67 };

static volume scan;

static double width = 1; /* of the ventricles, in units of a healthy brain's */

static double brain_at(const double at[3])
{
	double r = hypot(hypot(at[0] / 73, (at[1] + 18) / 90), (at[2] - 8) / 76);
	double ventricle = hypot(hypot((fabs(at[0]) - 10 * width) / (6 * width), (at[1] + 5) / (22 * width)), (at[2] - 19) / (7 * width));
	bool fold = sin(at[0] / 6) * sin(at[1] / 7) > .3;
	return r > 1 ? 0 : ventricle < 1 ? 250 : r > .97 ? 1000 : r > .75 || fold ? 450 : 900 - 100 * r;
}

static void draw(void)
{
	err e = { 0 };
	size_t voxel = 0;
	volume_free(&scan);
	SUCCEEDS(volume_new(&scan, (int[]){ X, Y, Z }, &e));
	double affine[3][4] = { { 3, 0, 0, -97 }, { 0, 3, 0, -139 }, { 0, 0, 3, -93 } };
	memcpy(scan.affine, affine, sizeof affine);
	for (int i = 0; i < X; i++)
		for (int j = 0; j < Y; j++)
			for (int k = 0; k < Z; k++) {
				double at[3];
				affine_apply(at, affine, (const double[3]){ i, j, k });
				scan.v[voxel++] = (float)brain_at(at);
			}
}

static void expect(const char *part)
{
	err e = { 0 };
	preparation p = preparation_default();
	prepared how;
	volume x;
	char text[INTENSITY_TEXT];
	SUCCEEDS(prepare(&x, &how, &p, &scan, &e));
	SUCCEEDS(intensity_concern(text, &p, &how, &scan, &x, &e));
	if (*part ? !strstr(text, part) : *text)
		fail_msg("'%s' instead of '..%s..'", text, part);
	volume_free(&x);
}

/* Each voxel becomes `inside` where there was brain, else `outside`, both of v. */
#define CHANGE(inside, outside) \
	do { \
		draw(); \
		for (size_t i = 0; i < (size_t)X * Y * Z; i++) { \
			double v = scan.v[i]; \
			scan.v[i] = (float)(v > 0 ? (inside) : (outside)); \
		} \
	} while (0)

static void causes(void **state)
{
	(void)state;
	CHANGE(v, v);
	expect("");
	CHANGE(v * 7, v);
	expect("");
	/* what splines leave behind */
	CHANGE(v, (double)(i % 7) - 3);
	expect("");
	CHANGE(v, -1024);
	expect("its background is about -1.02e+03");
	CHANGE(v / 1000, -1);
	expect("its background is about -1,");
	CHANGE(v + 30, 30);
	expect("its background is about 30,");
	CHANGE((v - 700) / 200, 0);
	expect("% of the brain is negative: standardised?");
	CHANGE((v - 700) / 200, -3.5);
	expect("its background is about -3.5,");
	CHANGE(i % 300 ? v : 5000, 0);
	expect("99.9th percentile: 5e+03");
	CHANGE(i % 50000 ? v : 1e5, 0);
	expect("spikes? Some voxels are ");
	CHANGE(1100 - v, 0);
	expect("inverted, or not T1-weighted?");
	CHANGE(v + 8000, 0);
	expect("hardly any contrast");
	CHANGE(1, 0);
	expect("hardly any contrast");
}

/* Ventricles so wide that the white matter beside them is thin (normal pressure hydrocephalus, say) are no inverted contrast, and inverted
 * they are one. */
static void wide_ventricles(void **state)
{
	(void)state;
	width = 2.2;
	CHANGE(v, v);
	expect("");
	CHANGE(1100 - v, 0);
	expect("inverted, or not T1-weighted?");
	width = 1;
}

/* Where the brain lies elsewhere its parts are not judged, and a grid of no place is not judged at all. */
static void places(void **state)
{
	(void)state;
	for (int shift = 0; shift <= 60; shift += 10) {
		draw();
		scan.affine[1][3] += shift;
		expect("");
	}
	CHANGE(v, -1024);
	scan.affine[2][3] += 60;
	expect("its background is about -1.02e+03");
	err e = { 0 };
	preparation p = { .kind = PREPARE_STORED, .n = { 64, 64, 64 }, .spacing = 3 };
	prepared how;
	volume x;
	char text[INTENSITY_TEXT] = "?";
	SUCCEEDS(prepare(&x, &how, &p, &scan, &e));
	SUCCEEDS(intensity_concern(text, &p, &how, &scan, &x, &e));
	assert_string_equal(text, "");
	volume_free(&x);
	volume_free(&scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes),
		cmocka_unit_test(wide_ventricles),
		cmocka_unit_test(places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
