/* Affines, sampling between grids, and the preparations. */
#include "../unit.h"

#include <jansson.h>
#include <math.h>

#include "base/threads.h"
#include "format/safetensors.h"
#include "volume/grid.h"
#include "volume/prepare.h"

static volume make(int x, int y, int z)
{
	err e = { 0 };
	volume v;
	SUCCEEDS(volume_new(&v, (int[]){ x, y, z }, &e));
	return v;
}

static float *at(const volume *v, int x, int y, int z)
{
	return &v->v[((size_t)x * (size_t)v->n[1] + (size_t)y) * (size_t)v->n[2] + (size_t)z];
}

static double largest_difference(const float *a, const float *b, size_t n)
{
	double d = 0;
	for (size_t i = 0; i < n; i++)
		d = fmax(d, fabs((double)a[i] - (double)b[i]));
	return d;
}

/* ---- affines ---- */

static void inverse_of_affines(void **state)
{
	(void)state;
	double a[3][4] = { { 2, .1, -.3, 5 }, { 0, -3, .2, -7 }, { .5, 0, 1, 100 } }, b[3][4], c[3][4];
	assert_true(affine_inverse(b, a));
	affine_multiply(c, a, b);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			assert_float_equal(c[i][j], i == j, 1e-13);
	double tiny[3][4] = { { 1e-4, 0, 0, 0 }, { 0, 1e-4, 0, 0 }, { 0, 0, 1e-4, 0 } };
	assert_true(affine_inverse(b, tiny));
	assert_float_equal(b[2][2], 1e4, 1e-8);
	double flat[3][4] = { { 1, 1, 0, 0 }, { 1, 1, 0, 0 }, { 0, 0, 1, 0 } };
	assert_false(affine_inverse(b, flat));
	flat[0][0] = NAN;
	assert_false(affine_inverse(b, flat));
	double far[3][4] = { { 1, 0, 0, INFINITY }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	assert_false(affine_inverse(b, far));
}

/* ---- sampling ---- */

static void same_grid_gives_the_same_values(void **state)
{
	(void)state;
	err e = { 0 };
	volume a = make(5, 6, 7), b = make(5, 6, 7);
	for (int i = 0; i < 5 * 6 * 7; i++)
		a.v[i] = (float)((i * 37) % 101);
	SUCCEEDS(grid_sample(&b, a.affine, &a, GRID_FADE, &e));
	assert_memory_equal(a.v, b.v, sizeof *a.v * 5 * 6 * 7);
	SUCCEEDS(grid_sample(&b, a.affine, &a, GRID_CUT, &e));
	assert_memory_equal(a.v, b.v, sizeof *a.v * 5 * 6 * 7);
	volume_free(&a);
	volume_free(&b);
}

/* A cubic kernel of third order gives quadratics back, away from the edges. */
static void quadratics_are_exact(void **state)
{
	(void)state;
	err e = { 0 };
	volume a = make(12, 12, 12), b = make(15, 15, 15);
	double map[3][4] = { { .5, .1, -.05, 2.1 }, { -.1, .4, .1, 2.5 }, { .05, -.1, .5, 2.4 } };
	for (int x = 0; x < 12; x++)
		for (int y = 0; y < 12; y++)
			for (int z = 0; z < 12; z++)
				*at(&a, x, y, z) = (float)(1 + x * x + 2 * y * y - z * z + x - 3 * y + 200);
	SUCCEEDS(grid_sample(&b, map, &a, GRID_CUT, &e));
	int seen = 0;
	for (int x = 0; x < 15; x++)
		for (int y = 0; y < 15; y++)
			for (int z = 0; z < 15; z++) {
				double p[3];
				affine_apply(p, map, (const double[3]){ x, y, z });
				bool in = true;
				for (int i = 0; i < 3; i++)
					in = in && p[i] >= 1 && p[i] <= 10;
				if (!in)
					continue;
				double want = 201 + p[0] * p[0] + 2 * p[1] * p[1] - p[2] * p[2] + p[0] - 3 * p[1];
				assert_float_equal(*at(&b, x, y, z), want, 2e-4);
				seen++;
			}
	assert_true(seen > 1000);
	volume_free(&a);
	volume_free(&b);
}

static void edges_fade_or_are_cut(void **state)
{
	(void)state;
	err e = { 0 };
	volume a = make(3, 1, 1), b = make(9, 1, 1);
	double map[3][4] = { { 1, 0, 0, -3 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	for (int i = 0; i < 3; i++)
		a.v[i] = 8;
	static const struct {
		double shift;
		float fade[9], cut[9];
	} cases[] = { { -3, { 0, 0, 0, 8, 8, 8, 0, 0, 0 }, { 0, 0, 0, 8, 8, 8, 0, 0, 0 } },
		      { -3.25, { 0, 0, 0, 6, 8, 8, 2, 0, 0 }, { 0, 0, 0, 8, 8, 8, 0, 0, 0 } },
		      { -2.5, { 0, 0, 4, 8, 8, 4, 0, 0, 0 }, { 0, 0, 8, 8, 8, 8, 0, 0, 0 } } };
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		map[0][3] = cases[k].shift;
		SUCCEEDS(grid_sample(&b, map, &a, GRID_FADE, &e));
		for (int i = 0; i < 9; i++)
			assert_float_equal(b.v[i], cases[k].fade[i], 1e-6);
		SUCCEEDS(grid_sample(&b, map, &a, GRID_CUT, &e));
		for (int i = 0; i < 9; i++)
			assert_float_equal(b.v[i], cases[k].cut[i], 1e-6);
	}
	/* places that are no numbers are outside */
	map[0][3] = 1e300;
	SUCCEEDS(grid_sample(&b, map, &a, GRID_FADE, &e));
	for (int i = 0; i < 9; i++)
		assert_float_equal(b.v[i], 0, 0);
	volume_free(&a);
	volume_free(&b);
}

/* A stripe pattern that the coarse grid cannot hold is smoothed away; its mean stays. */
static void smoothing_before_reduction(void **state)
{
	(void)state;
	err e = { 0 };
	volume a = make(64, 4, 4), b = make(16, 4, 4);
	double map[3][4] = { { 4, 0, 0, 1.3 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	for (int x = 0; x < 64; x++)
		for (int i = 0; i < 16; i++)
			a.v[x * 16 + i] = x % 2 ? 2 : 0;
	SUCCEEDS(grid_sample(&b, map, &a, GRID_FADE, &e));
	for (int x = 2; x < 14; x++)
		assert_float_equal(*at(&b, x, 1, 2), 1, 1e-4);
	/* FWHM sqrt(4^2 - 1): an impulse keeps its sum times 1/4 along this axis, wherever it lies */
	double sum = 0;
	memset(a.v, 0, sizeof *a.v * 64 * 16);
	for (int i = 0; i < 16; i++)
		a.v[32 * 16 + i] = 100;
	SUCCEEDS(grid_sample(&b, map, &a, GRID_FADE, &e));
	for (int x = 0; x < 16; x++)
		sum += (double)*at(&b, x, 2, 2);
	assert_float_equal(sum, 25, .75);
	volume_free(&a);
	volume_free(&b);
}

static void threads_change_nothing(void **state)
{
	(void)state;
	err e = { 0 };
	volume a = make(20, 21, 22), b = make(9, 10, 11), c = make(9, 10, 11);
	double map[3][4] = { { 2, .3, 0, 1 }, { -.2, 2, .1, .5 }, { .1, 0, 2, 0 } };
	for (int i = 0; i < 20 * 21 * 22; i++)
		a.v[i] = (float)((i * 7919) % 1009);
	threads_set(1);
	SUCCEEDS(grid_sample(&b, map, &a, GRID_FADE, &e));
	threads_set(3);
	SUCCEEDS(grid_sample(&c, map, &a, GRID_FADE, &e));
	threads_set(2);
	assert_memory_equal(b.v, c.v, sizeof *b.v * 9 * 10 * 11);
	volume_free(&a);
	volume_free(&b);
	volume_free(&c);
}

/* ---- preparation ---- */

static void stored_as_the_reference(void **state)
{
	(void)state;
	err e = { 0 };
	st_file *f;
	SUCCEEDS(st_open(&f, "tests/oracle/golden/values.safetensors", &e));
	const st_tensor *in = st_find(f, "prepare.in"), *want = st_find(f, "prepare.out");
	volume scan = { .n = { 21, 46, 30 }, .affine = { { 0, -2.4, 0, 3 }, { 1, 0, 0, 1 }, { 0, 0, 1.1, 2 } } }, x,
	       back = { .n = { 21, 46, 30 } };
	preparation p;
	prepared how;
	assert_non_null(in);
	assert_non_null(want);
	scan.v = malloc(in->bytes);
	memcpy(scan.v, in->data, in->bytes);
	SUCCEEDS(preparation_parse(&p, NULL, (const int[3]){ 32, 40, 32 }, &e));
	SUCCEEDS(prepare(&x, &how, &p, &scan, &e));
	assert_int_equal(volume_count(x.n), want->count);
	assert_true(largest_difference(x.v, want->data, want->count) <= 1.2e-7);
	/* and back, where nothing was cut away: a twentieth of the range on average, for there is noise in it */
	SUCCEEDS(prepare_undo(&back, &x, &how, false, &e));
	double range = how.scale, sum = 0;
	size_t n = 0;
	for (int i = 2; i < 19; i++)
		for (int j = 12; j < 34; j++)
			for (int k = 4; k < 26; k++, n++)
				sum += fabs((double)(*at(&back, i, j, k) - *at(&scan, i, j, k)));
	assert_true(sum / (double)n < .05 * range);
	assert_null(prepare_concern(&p, &how));
	volume_free(&scan);
	volume_free(&x);
	volume_free(&back);
	st_close(f);
}

static void stored_on_its_own_grid_changes_nothing(void **state)
{
	(void)state;
	err e = { 0 };
	volume scan = make(8, 9, 10), x, back = { .n = { 8, 9, 10 } };
	preparation p = { .kind = PREPARE_STORED, .n = { 8, 9, 10 }, .spacing = 1.5 };
	prepared how;
	for (int i = 0; i < 3; i++)
		scan.affine[i][i] = 1.5005;
	for (int i = 0; i < 720; i++)
		scan.v[i] = (float)(i % 97) * 4 - 100;
	SUCCEEDS(prepare(&x, &how, &p, &scan, &e));
	for (int i = 0; i < 720; i++)
		assert_float_equal(x.v[i], (i % 97) / 96., 1e-6);
	SUCCEEDS(prepare_undo(&back, &x, &how, false, &e));
	assert_true(largest_difference(back.v, scan.v, 720) < 1e-4);
	volume_free(&x);
	/* a constant volume is 0, and comes back */
	for (int i = 0; i < 720; i++)
		scan.v[i] = 7;
	volume_free(&back);
	SUCCEEDS(prepare(&x, &how, &p, &scan, &e));
	SUCCEEDS(prepare_undo(&back, &x, &how, false, &e));
	for (int i = 0; i < 720; i++) {
		assert_float_equal(x.v[i], 0, 0);
		assert_float_equal(back.v[i], 7, 0);
	}
	volume_free(&scan);
	volume_free(&x);
	volume_free(&back);
}

static const preparation small_world = { .kind = PREPARE_WORLD,
					 .n = { 16, 20, 16 },
					 .affine = { { 12, 0, 0, -90 }, { 0, 12, 0, -130 }, { 0, 0, 12, -85 } } };

/* Something smooth in the world; 0 outside a ball. */
static float head(const double mm[3])
{
	double x = mm[0], y = mm[1] + 20, z = mm[2] - 5, r = sqrt(x * x + y * y + z * z);
	return r > 75 ? 0 : (float)((1 + cos(r / 75 * acos(-1))) * 400 * (1 + .2 * sin(x / 20) * cos(y / 25) + .1 * sin(z / 15)));
}

static volume head_on(const int n[3], double affine[3][4])
{
	volume v = make(n[0], n[1], n[2]);
	memcpy(v.affine, affine, sizeof v.affine);
	for (int i = 0; i < n[0]; i++)
		for (int j = 0; j < n[1]; j++)
			for (int k = 0; k < n[2]; k++) {
				double mm[3];
				affine_apply(mm, affine, (const double[3]){ i, j, k });
				*at(&v, i, j, k) = head(mm);
			}
	return v;
}

/* The same head on a straight, an oblique and a sheared grid gives nearly the same x; on permuted and mirrored ones the very same. */
static void world_does_not_depend_on_the_grid(void **state)
{
	(void)state;
	err e = { 0 };
	double straight[3][4] = { { 4, 0, 0, -90 }, { 0, 4, 0, -120 }, { 0, 0, 4, -90 } }, c = cos(.3), s = sin(.3);
	double oblique[3][4] = { { 4 * c, -4 * s, 0, -115 }, { 4 * s, 4 * c, 0, -130 }, { 0, 0, 4, -90 } };
	double sheared[3][4] = { { 4, .6, 0, -105 }, { 0, 4, .5, -130 }, { 0, 0, 4, -90 } };
	volume a = head_on((const int[3]){ 46, 52, 50 }, straight), b = head_on((const int[3]){ 64, 64, 50 }, oblique),
	       d = head_on((const int[3]){ 50, 52, 50 }, sheared), x, y;
	prepared how;
	SUCCEEDS(prepare(&x, &how, &small_world, &a, &e));
	size_t count = volume_count(x.n);
	float top = 0;
	for (size_t i = 0; i < count; i++)
		top = fmaxf(top, x.v[i]);
	assert_true(top > .7f && top < 1.1f);
	SUCCEEDS(prepare(&y, &how, &small_world, &b, &e));
	assert_true(largest_difference(x.v, y.v, count) < .01);
	volume_free(&y);
	SUCCEEDS(prepare(&y, &how, &small_world, &d, &e));
	assert_true(largest_difference(x.v, y.v, count) < .01);
	volume_free(&y);
	int worst = 0;
	for (int order = 0; order < 48; order++) {
		static const int perms[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
		const int *perm = perms[order / 8];
		volume v = make(a.n[perm[0]], a.n[perm[1]], a.n[perm[2]]);
		for (int i = 0; i < 3; i++)
			v.affine[i][i] = 0;
		for (int k = 0; k < 3; k++) {
			bool mirrored = order >> k & 1;
			v.affine[perm[k]][k] = mirrored ? -4 : 4;
			v.affine[perm[k]][3] = straight[perm[k]][3] + (mirrored ? 4 * (v.n[k] - 1) : 0);
		}
		for (int i = 0; i < v.n[0]; i++)
			for (int j = 0; j < v.n[1]; j++)
				for (int k = 0; k < v.n[2]; k++) {
					int to[3] = { i, j, k }, from[3];
					for (int m = 0; m < 3; m++)
						from[perm[m]] = order >> m & 1 ? v.n[m] - 1 - to[m] : to[m];
					*at(&v, i, j, k) = *at(&a, from[0], from[1], from[2]);
				}
		SUCCEEDS(prepare(&y, &how, &small_world, &v, &e));
		double diff = largest_difference(x.v, y.v, count);
		if (!(diff <= 1e-6))
			worst++;
		volume_free(&y);
		volume_free(&v);
	}
	assert_int_equal(worst, 0);
	volume_free(&a);
	volume_free(&b);
	volume_free(&d);
	volume_free(&x);
}

/* Grid -> scan's grid -> grid: x comes back within 2 % of its largest value, with the scale of the scan. */
static void world_round_trip(void **state)
{
	(void)state;
	err e = { 0 };
	double affine[3][4] = { { -3, .2, 0, 85 }, { .2, 3, .3, -115 }, { 0, -.3, 3, -70 } };
	volume scan = head_on((const int[3]){ 58, 66, 54 }, affine), back = { .n = { 58, 66, 54 } }, x, y;
	prepared how, again;
	SUCCEEDS(prepare(&x, &how, &small_world, &scan, &e));
	assert_float_equal(how.inside, 1, 1e-3);
	SUCCEEDS(prepare_undo(&back, &x, &how, false, &e));
	memcpy(back.affine, affine, sizeof affine);
	/* scan itself, of which a grid of 12 mm keeps the coarse shape */
	double diff = 0, power = 0;
	for (size_t i = 0; i < volume_count(scan.n); i++) {
		diff += pow((double)(scan.v[i] - back.v[i]), 2);
		power += pow((double)scan.v[i], 2);
	}
	assert_true(diff / power < .01);
	SUCCEEDS(prepare(&y, &again, &small_world, &back, &e));
	double scale = again.scale / how.scale;
	for (size_t i = 0; i < volume_count(y.n); i++)
		y.v[i] *= (float)scale;
	assert_true(largest_difference(x.v, y.v, volume_count(x.n)) < .06);
	volume_free(&scan);
	volume_free(&back);
	volume_free(&x);
	volume_free(&y);
}

static void percentile_of_nonzero_voxels_inside(void **state)
{
	(void)state;
	err e = { 0 };
	volume scan = make(40, 50, 60), x;
	prepared how;
	scan.affine[0][3] = -20;
	scan.affine[1][3] = -30;
	scan.affine[2][3] = -30;
	int used = 0;
	for (size_t i = 0; i < volume_count(scan.n); i++)
		scan.v[i] = i % 10 ? 0 : (float)++used;
	SUCCEEDS(prepare(&x, &how, &small_world, &scan, &e));
	assert_float_equal(how.scale, 1 + .999 * (used - 1), 1e-6 * used);
	volume_free(&x);
	/* only what lies inside counts */
	scan.affine[2][3] = -85 - 6 - 29.5; /* the box's lower face between planes 29 and 30 */
	for (size_t i = 0; i < volume_count(scan.n); i++)
		scan.v[i] = i % 60 < 30 ? 1000 : 5;
	SUCCEEDS(prepare(&x, &how, &small_world, &scan, &e));
	assert_float_equal(how.scale, 5, 0);
	assert_float_equal(how.inside, 5 / 1005., 1e-9);
	volume_free(&x);
	memset(scan.v, 0, volume_count(scan.n) * sizeof *scan.v);
	SUCCEEDS(prepare(&x, &how, &small_world, &scan, &e));
	assert_float_equal(how.scale, 1, 0);
	assert_non_null(strstr(prepare_concern(&small_world, &how), "prepare.mk"));
	volume_free(&x);
	volume_free(&scan);
}

static void preparations_as_json(void **state)
{
	(void)state;
	err e = { 0 };
	preparation p = preparation_default(), q;
	prepared how = { .scale = 1 / 3., .offset = -7, .to_source = { { .1, 0, 0, 1 }, { 0, .2, 0, 2 }, { 0, 0, .3, 3 } } }, same;
	assert_int_equal(p.n[1], 80);
	assert_float_equal(p.affine[1][3], -136.25, 0);
	json_t *j = preparation_json(&p);
	SUCCEEDS(preparation_parse(&q, j, (const int[3]){ 1, 1, 1 }, &e));
	assert_true(preparation_same(&p, &q));
	q.affine[2][3] += 1e-9;
	assert_false(preparation_same(&p, &q));
	SUCCEEDS(preparation_check(&p, j, &e));
	FAILS(ERR_DATA, "prepared in another way", preparation_check(&q, j, &e));
	SUCCEEDS(preparation_check(&q, NULL, &e));
	json_object_del(j, "affine");
	FAILS(ERR_DATA, "preparation: affine", preparation_check(&p, j, &e));
	json_decref(j);
	SUCCEEDS(preparation_parse(&q, NULL, (const int[3]){ 128, 160, 128 }, &e));
	assert_int_equal(q.kind, PREPARE_STORED);
	assert_int_equal(q.n[2], 128);
	assert_float_equal(q.spacing, 1.5, 0);
	j = preparation_json(&q);
	SUCCEEDS(preparation_parse(&p, j, (const int[3]){ 1, 1, 1 }, &e));
	assert_true(preparation_same(&p, &q));
	json_decref(j);
	j = prepared_json(&how);
	SUCCEEDS(prepared_parse(&same, j, &e));
	assert_float_equal(same.scale, how.scale, 0);
	assert_memory_equal(same.to_source, how.to_source, sizeof how.to_source);
	json_object_del(j, "scale");
	FAILS(ERR_DATA, "scale", prepared_parse(&same, j, &e));
	json_decref(j);
	static const char *const bad[] = { "{}",
					   "{\"name\":\"other\",\"size\":[1,1,1]}",
					   "{\"name\":\"stored\",\"size\":[1,1],\"spacing\":1}",
					   "{\"name\":\"stored\",\"size\":[1,1,0],\"spacing\":1}",
					   "{\"name\":\"stored\",\"size\":[1,1,1],\"spacing\":-1}",
					   "{\"name\":\"stored\",\"size\":[1,1,100000],\"spacing\":1}",
					   "{\"name\":\"world\",\"size\":[1,1,1]}",
					   "{\"name\":\"world\",\"size\":[1,1,1],\"affine\":[[1,0,0,0],[1,0,0,0],[0,0,1,0]]}",
					   "[]",
					   "7" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		j = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		assert_non_null(j);
		FAILS(ERR_CONFIG, "preparation: ", preparation_parse(&p, j, (const int[3]){ 1, 1, 1 }, &e));
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inverse_of_affines),
		cmocka_unit_test(same_grid_gives_the_same_values),
		cmocka_unit_test(quadratics_are_exact),
		cmocka_unit_test(edges_fade_or_are_cut),
		cmocka_unit_test(smoothing_before_reduction),
		cmocka_unit_test(threads_change_nothing),
		cmocka_unit_test(stored_as_the_reference),
		cmocka_unit_test(stored_on_its_own_grid_changes_nothing),
		cmocka_unit_test(world_does_not_depend_on_the_grid),
		cmocka_unit_test(world_round_trip),
		cmocka_unit_test(percentile_of_nonzero_voxels_inside),
		cmocka_unit_test(preparations_as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
