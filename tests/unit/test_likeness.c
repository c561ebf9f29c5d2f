/* Likeness to a mean brain: units, small moves, turns; on a body without symmetry between front and back, up and down. */
#include "../unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "volume/likeness.h"

enum { SIDE = 40 };
static const double MM = 5;

/* An ellipsoid of 65, 80 and 55 mm with a dark hole off its middle, and two smaller ones beside it; p: mm from its middle. */
static double body(const double p[3])
{
	static const double parts[4][7] = { { 0, 0, 0, 65, 80, 55, .6 },
					    { 0, 20, 10, 20, 30, 15, -.4 },
					    { 20, -35, -20, 30, 25, 20, .4 },
					    { 0, -40, -55, 40, 25, 25, .8 } };
	double v = 0;
	for (int i = 0; i < 4; i++) {
		double r = 0;
		for (int a = 0; a < 3; a++)
			r += pow((p[a] - parts[i][a]) / parts[i][3 + a], 2);
		v += r < 1 ? parts[i][6] : 0;
	}
	return v;
}

/* The body, moved: what lies at p there lies at `move` of p. */
static void make(volume *v, double move[3][4], double unit)
{
	err e = { 0 };
	double back[3][4];
	SUCCEEDS(volume_new(v, (int[3]){ SIDE, SIDE, SIDE }, &e));
	for (int a = 0; a < 3; a++) {
		v->affine[a][a] = MM;
		v->affine[a][3] = -MM * (SIDE - 1) / 2 + 10 * a;
	}
	assert_true(affine_inverse(back, move));
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++)
			for (int k = 0; k < SIDE; k++) {
				double p[3];
				affine_apply(p, v->affine, (const double[3]){ i, j, k });
				affine_apply(p, back, p);
				v->v[(i * SIDE + j) * SIDE + k] = (float)(unit * body(p));
			}
}

static double none[3][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };

static void reference(likeness_reference *r)
{
	err e = { 0 };
	volume mean;
	make(&mean, none, 3);
	SUCCEEDS(likeness_open(r, &mean, &e));
	volume_free(&mean);
}

static likeness of(double move[3][4], double unit)
{
	err e = { 0 };
	likeness_reference r;
	likeness l;
	volume v;
	reference(&r);
	make(&v, move, unit);
	SUCCEEDS(likeness_of(&l, &r, &v, &e));
	volume_free(&v);
	likeness_close(&r);
	return l;
}

static void units_do_not_matter(void **state)
{
	(void)state;
	char text[200];
	likeness l = of(none, 500), one = of(none, 1);
	assert_true(l.ssim > .999 && fabs(l.ssim - one.ssim) < 1e-5);
	assert_true(l.best < l.ssim - .05);
	assert_null(likeness_concern(text, &l));
}

static void what_would_make_it_more_alike(void **state)
{
	(void)state;
	char text[200];
	double right[3][4] = { { 1, 0, 0, 8 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	double c = cos(10 * M_PI / 180), s = sin(10 * M_PI / 180);
	double nose_down[3][4] = { { 1, 0, 0, 0 }, { 0, c, s, 0 }, { 0, -s, c, 0 } };
	double large[3][4] = { { 1.09, 0, 0, 0 }, { 0, 1.09, 0, 0 }, { 0, 0, 1.09, 0 } };
	likeness l = of(right, 1);
	assert_string_equal(l.move, "moved left by 8 mm");
	assert_true(l.best > l.ssim + .1 && l.best > .88);
	assert_non_null(strstr(likeness_concern(text, &l), "does not look like a registered brain: "));
	l = of(nose_down, 1);
	assert_string_equal(l.move, "turned nose up by 10 degrees");
	assert_true(l.best > l.ssim + .1 && l.best > .88);
	assert_non_null(strstr(likeness_concern(text, &l), "turned nose up by 10 degrees"));
	l = of(large, 1);
	/* what is too large is unlike a brain, not askew */
	assert_true(l.best <= l.ssim + LIKENESS_ASKEW && l.ssim < LIKENESS_LEAST);
	assert_non_null(strstr(likeness_concern(text, &l), "SSIM with the mean brain 0.6"));
}

static void far_off(void **state)
{
	(void)state;
	char text[200];
	double far[3][4] = { { -1, 0, 0, 15 }, { 0, -1, 0, 20 }, { 0, 0, 1, 0 } };
	likeness l = of(far, 1);
	assert_true(l.ssim < LIKENESS_LEAST);
	assert_non_null(strstr(likeness_concern(text, &l), "SSIM with the mean brain 0."));
	l = (likeness){ .ssim = NAN, .best = NAN, .move = "" };
	assert_non_null(likeness_concern(text, &l));
}

/* Every turn is found, and undone; a tilted head is left alone. */
static void which_way_up(void **state)
{
	(void)state;
	static const int turns[4][3] = { { -1, -2, 3 }, { 1, -2, -3 }, { 2, 3, 1 }, { 1, -3, 2 } };
	static const double degrees[4] = { 180, 180, 120, 90 };
	err e = { 0 };
	likeness_reference r;
	likeness_turn t;
	reference(&r);
	for (int k = 0; k < 4; k++) {
		double m[3][4] = { { 0, 0, 0, 12 }, { 0, 0, 0, -7 }, { 0, 0, 0, 5 } }, all[3][4];
		volume v;
		for (int a = 0; a < 3; a++)
			m[a][abs(turns[k][a]) - 1] = turns[k][a] > 0 ? 1 : -1;
		make(&v, m, 70);
		SUCCEEDS(likeness_find_turn(&t, &r, &v, &e));
		assert_true(fabs(t.degrees - degrees[k]) < 1);
		assert_true(t.ssim > .9);
		affine_multiply(all, t.matrix, m);
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++)
				assert_true(fabs(all[i][j] - (i == j)) < .02);
		volume_free(&v);
	}
	double c = cos(.35), s = sin(.35), tilted[3][4] = { { 1, 0, 0, 3 }, { 0, c, -s, 4 }, { 0, s, c, 9 } };
	volume v;
	make(&v, tilted, 1);
	SUCCEEDS(likeness_find_turn(&t, &r, &v, &e));
	assert_true(t.degrees > 5 && t.degrees < 35);
	assert_memory_equal(t.matrix, none, sizeof none);
	volume_free(&v);
	likeness_close(&r);
}

static void what_is_no_brain(void **state)
{
	(void)state;
	err e = { 0 };
	likeness_reference r, small;
	likeness_turn t;
	likeness l;
	volume v;
	SUCCEEDS(volume_new(&v, (int[3]){ SIDE, SIDE, SIDE }, &e));
	v.affine[0][0] = v.affine[1][1] = v.affine[2][2] = MM;
	assert_int_equal(likeness_open(&small, &v, &e), ERR_DATA);
	assert_string_equal(e.text, "is empty");
	reference(&r);
	assert_int_equal(likeness_find_turn(&t, &r, &v, &e), ERR_DATA);
	SUCCEEDS(likeness_of(&l, &r, &v, &e));
	assert_true(l.ssim < .2);
	v.affine[0][0] = v.affine[1][1] = v.affine[2][2] = .5;
	v.v[0] = 1;
	assert_int_equal(likeness_open(&small, &v, &e), ERR_DATA);
	volume_free(&v);
	likeness_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_do_not_matter), cmocka_unit_test(what_would_make_it_more_alike),
		cmocka_unit_test(far_off),	       cmocka_unit_test(which_way_up),
		cmocka_unit_test(what_is_no_brain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
