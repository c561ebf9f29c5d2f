/* Measures of how like real scans drawn ones are, on scans whose answers are known. */
#include "../unit.h"

#include <math.h>

#include "base/blas.h"
#include "base/philox.h"
#include "base/threads.h"
#include "realism/boxes.h"
#include "realism/choose.h"
#include "realism/components.h"
#include "realism/diversity.h"
#include "realism/frechet.h"
#include "realism/local.h"
#include "realism/nearest.h"
#include "realism/spectrum.h"
#include "volume/volume.h"

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.12g, not %.12g", got, want);
}

/* `count` scans of n: value(scan, x, y, z) */
static scans make(const int n[3], size_t count, double (*value)(size_t, int, int, int))
{
	err e = { 0 };
	scans s = { .count = 0 };
	float *x = calloc(volume_count(n), sizeof *x);
	assert_non_null(x);
	for (size_t i = 0; i < count; i++) {
		float *to = x;
		for (int a = 0; a < n[0]; a++)
			for (int b = 0; b < n[1]; b++)
				for (int c = 0; c < n[2]; c++)
					*to++ = (float)value(i, a, b, c);
		SUCCEEDS(scans_add(&s, n, x, &e));
	}
	free(x);
	return s;
}

static const int SMALL[3] = { 10, 10, 10 };

static double two_halves(size_t i, int x, int y, int z)
{
	(void)z;
	return x < 5 ? 1 : (i == 0 ? .1 : .3) + (y == 0 ? .1 : 0);
}

/* The mean is 1, .2, or .3 on a face. */
static void brains(void **state)
{
	(void)state;
	err e = { 0 };
	inside b;
	float odd[8] = { -1, 2, 1.5f, 1, 0, 0, 0, 0 };
	scans s = make(SMALL, 2, two_halves), none = { .count = 0 };
	SUCCEEDS(inside_of(&b, &s, &e));
	assert_int_equal(b.count, 500 + 50);
	for (size_t i = 0, k = 0; i < s.voxels; i++) {
		bool bright = i < 500 || i / 10 % 10 == 0;
		assert_true((b.mask[i] != 0) == bright);
		if (bright)
			assert_int_equal(b.voxel[k++], i);
	}
	inside_free(&b);
	FAILS(ERR_DATA, "2x2x2 voxels, not 10x10x10", scans_add(&s, (const int[3]){ 2, 2, 2 }, odd, &e));
	scans_free(&s);
	SUCCEEDS(scans_add(&none, (const int[3]){ 2, 2, 2 }, odd, &e));
	assert_true(none.x[0] == 0 && none.x[1] == 1.5f && none.x[2] == 1.5f && none.x[3] == 1);
	memset(none.x, 0, 8 * sizeof *none.x);
	FAILS(ERR_DATA, "nothing is bright", inside_of(&b, &none, &e));
	inside_free(&b);
	scans_free(&none);
}

/* ---- components ---- */

static double amount[3] = { .05, .02, .01 };
static double shift;

/* Three patterns that are orthogonal, each with a number of its own from scan to scan. */
static double patterns(size_t i, int x, int y, int z)
{
	double sign[3] = { i & 1 ? 1 : -1, i & 2 ? 1 : -1, i & 4 ? 1 : -1 };
	double pattern[3] = { x & 1 ? 1 : -1, y & 1 ? 1 : -1, z & 1 ? 1 : -1 };
	double v = .5;
	for (int k = 0; k < 3; k++)
		v += (sign[k] + (k == 1 ? shift : 0)) * amount[k] * pattern[k];
	return v;
}

static void variances(void **state)
{
	(void)state;
	err e = { 0 };
	pca p;
	spread s;
	scans real = make(SMALL, 8, patterns), wide, moved, same;
	for (int k = 0; k < 3; k++)
		amount[k] *= 2;
	wide = make(SMALL, 8, patterns);
	for (int k = 0; k < 3; k++)
		amount[k] /= 2;
	shift = .7;
	moved = make(SMALL, 8, patterns);
	shift = 0;
	SUCCEEDS(components_of(&p, &real, 3, &e));
	const scans *sides[] = { &real, &wide, &moved };
	const double share[] = { 1, 4, 1 }, bias[] = { 0, 0, .7 };
	for (int i = 0; i < 3; i++) {
		SUCCEEDS(spread_open(&s, &p, &e));
		for (size_t k = 0; k < sides[i]->count; k++)
			spread_see(&s, scans_at(sides[i], k));
		near(spread_share(&s), share[i], 1e-5);
		near(spread_bias(&s), bias[i], 1e-5);
		spread_free(&s);
	}
	pca_free(&p);
	FAILS(ERR_DATA, "fewer than 4 components", components_of(&p, &real, 4, &e));
	pca_free(&p);
	FAILS(ERR_DATA, "8 real scans for 8 components", components_of(&p, &real, 8, &e));
	pca_free(&p);
	same = make(SMALL, 1, patterns);
	SUCCEEDS(scans_add(&same, SMALL, scans_at(&real, 0), &e));
	FAILS(ERR_DATA, "fewer than 1 components", components_of(&p, &same, 1, &e));
	pca_free(&p);
	scans_free(&same);
	scans_free(&real);
	scans_free(&wide);
	scans_free(&moved);
}

/* ---- spectrum ---- */

enum { LONG = 160 };
static const int LINE[3] = { LONG, 3, 3 };
static double frequency, amplitude;

static double wave(size_t i, int x, int y, int z)
{
	(void)i, (void)y, (void)z;
	return .5 + amplitude * cos(frequency * x);
}

/* What a Gaussian leaves of a wave's amplitude. */
static double left(double sigma) { return exp(-.5 * frequency * frequency * sigma * sigma); }

static void bands(void **state)
{
	(void)state;
	err e = { 0 };
	double variance[SPECTRUM_BANDS], ratio[SPECTRUM_BANDS];
	/* whole periods, out of reach of the ends */
	inside b = { .count = 0, .voxel = calloc(64 * 9, sizeof(size_t)) };
	assert_non_null(b.voxel);
	for (size_t i = 48 * 9; i < 112 * 9; i++)
		b.voxel[b.count++] = i;
	static const int periods[] = { 4, 8, 16, 32 };
	for (int i = 0; i < 4; i++) {
		frequency = 2 * M_PI / periods[i];
		amplitude = .4;
		scans real = make(LINE, 2, wave);
		SUCCEEDS(spectrum_of(variance, real.x, LINE, &b, &e));
		for (int k = 0; k < SPECTRUM_BANDS; k++) {
			double fine = k ? left(spectrum_sigma[k - 1]) : 1, part = amplitude * (fine - left(spectrum_sigma[k]));
			near(variance[k], part * part / 2, 2e-5);
		}
		/* smoothed by sigma 1.5: the same share is lost in every band */
		amplitude = .4 * left(1.5);
		scans drawn = make(LINE, 3, wave);
		SUCCEEDS(spectrum_compare(ratio, &real, &drawn, &b, &e));
		near(ratio[0], left(1.5) * left(1.5), 1e-4);
		near(ratio[i], left(1.5) * left(1.5), 1e-4);
		SUCCEEDS(spectrum_compare(ratio, &real, &real, &b, &e));
		for (int k = 0; k < SPECTRUM_BANDS; k++)
			near(ratio[k], 1, 1e-12);
		scans_free(&real);
		scans_free(&drawn);
	}
	amplitude = 0;
	scans flat = make(LINE, 1, wave), none = { .count = 0 };
	FAILS(ERR_DATA, "no structure", spectrum_compare(ratio, &flat, &flat, &b, &e));
	FAILS(ERR_DATA, "no scans", spectrum_compare(ratio, &flat, &none, &b, &e));
	scans_free(&flat);
	free(b.voxel);
}

/* ---- distances ---- */

static double level(size_t i, int x, int y, int z)
{
	(void)x, (void)y, (void)z;
	return i == 0 ? .5 : i == 1 ? .7 : 1;
}

static void distances(void **state)
{
	(void)state;
	err e = { 0 };
	inside b;
	nearest d;
	scans s = make(SMALL, 3, level);
	SUCCEEDS(inside_of(&b, &s, &e));
	SUCCEEDS(nearest_open(&d, s.count, &e));
	assert_true(isinf(nearest_least(&d)));
	nearest_see(&d, &s, scans_at(&s, 2), &b);
	near(nearest_mean(&d), (.5 + .3 + 0) / 3, 1e-6);
	nearest_see(&d, &s, scans_at(&s, 0), &b);
	near(nearest_mean(&d), (0 + .2 + 0) / 3, 1e-6);
	near(nearest_least(&d), 0, 0);
	nearest_see(&d, &s, scans_at(&s, 1), &b);
	near(nearest_mean(&d), 0, 0);
	nearest_free(&d);
	inside_free(&b);
	scans_free(&s);
}

/* ---- diversity ---- */

static void choices(void **state)
{
	(void)state;
	size_t order[50], pair[100][2], again[100][2];
	bool seen[50] = { false };
	choose_order(order, 50, philox_make(3, 4));
	size_t fixed = 0;
	for (size_t i = 0; i < 50; i++) {
		assert_true(order[i] < 50 && !seen[order[i]]);
		seen[order[i]] = true;
		fixed += order[i] == i;
	}
	assert_true(fixed < 10);
	assert_int_equal(choose_pairs(pair, 100, 1, philox_make(0, 0)), 0);
	assert_int_equal(choose_pairs(pair, 100, 14, philox_make(0, 0)), 91);
	for (size_t n = 14; n <= 40; n += 13) {
		size_t count = choose_pairs(pair, 100, n, philox_make(1, 0));
		assert_int_equal(choose_pairs(again, 100, n, philox_make(1, 0)), count);
		assert_memory_equal(pair, again, count * sizeof *pair);
		for (size_t i = 0; i < count; i++) {
			assert_true(pair[i][0] < pair[i][1] && pair[i][1] < n);
			for (size_t k = 0; k < i; k++)
				assert_true(pair[i][0] != pair[k][0] || pair[i][1] != pair[k][1]);
		}
	}
	choose_pairs(again, 100, 40, philox_make(2, 0));
	assert_memory_not_equal(pair, again, sizeof pair);
}

/* Flat scans: contrast is 1 everywhere, and SSIM of the last scale is that of the means. */
static void alike(void **state)
{
	(void)state;
	err e = { 0 };
	const double v[] = { .5, .7, 1 }, weight = .3001 / (.0448 + .2856 + .3001);
	double got, want = 0;
	scans s = make((const int[3]){ 44, 45, 44 }, 3, level), small = make((const int[3]){ 43, 44, 44 }, 2, level);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < i; k++)
			want += pow((2 * v[i] * v[k] + 1e-4) / (v[i] * v[i] + v[k] * v[k] + 1e-4), weight) / 3;
	SUCCEEDS(diversity_of(&got, &s, 0, &e));
	near(got, want, 1e-6);
	FAILS(ERR_DATA, "44 an axis", diversity_of(&got, &small, 0, &e));
	s.count = 1;
	FAILS(ERR_DATA, "no pair", diversity_of(&got, &s, 0, &e));
	scans_free(&s);
	scans_free(&small);
}

/* ---- local structure ---- */

static double noise(uint64_t i) { return philox_normal(philox_make(9, 9), i); }

static void boxes(void **state)
{
	(void)state;
	err e = { 0 };
	enum { X = 7, Y = 5, Z = 6, C = 2 };
	static const int n[3] = { X, Y, Z };
	float in[X * Y * Z * C], out[X * Y * Z * C];
	for (int i = 0; i < X * Y * Z * C; i++)
		in[i] = (float)noise((uint64_t)i);
	assert_int_equal(boxes_along(7, 3, 2), 3);
	assert_int_equal(boxes_along(6, 3, 2), 2);
	assert_int_equal(boxes_along(2, 3, 2), 0);
	boxes_mean(out, in, n, C, 3, 2);
	for (int i = 0; i < 3 * 2 * 2 * C; i++) {
		int c = i % C, z = i / C % 2, y = i / C / 2 % 2, x = i / C / 4;
		double sum = 0;
		for (int k = 0; k < 27; k++)
			sum += (double)in[(((2 * x + k / 9) * Y + 2 * y + k / 3 % 3) * Z + 2 * z + k % 3) * C + c];
		near((double)out[i], sum / 27, 1e-6);
	}
	SUCCEEDS(boxes_high_pass(out, in, n, 3, &e));
	for (int i = 0; i < X * Y * Z; i++) {
		double sum = 0;
		for (int k = 0; k < 27; k++) {
			int x = i / Z / Y + k / 9 - 1, y = i / Z % Y + k / 3 % 3 - 1, z = i % Z + k % 3 - 1;
			if (x >= 0 && x < X && y >= 0 && y < Y && z >= 0 && z < Z)
				sum += (double)in[(x * Y + y) * Z + z];
		}
		near((double)out[i], (double)in[i] - sum / 27, 1e-6);
	}
}

/* The weights as their definition says. */
static double weight(int layer, int out, int in, int ins, int taps, int tap)
{
	int fan = ins * taps * taps * taps;
	return sqrt(2. / fan) * philox_normal(philox_make(1, (uint64_t)layer), (uint64_t)(out * fan + in * taps * taps * taps + tap));
}

/* out [n][outs] = ReLU of a convolution, zeros around. */
static void convolve(double *out, const double *in, const int n[3], int layer, int outs, int ins, int taps)
{
	int cube = taps * taps * taps;
	double *w = calloc((size_t)(outs * ins * cube), sizeof *w);
	assert_non_null(w);
	for (int i = 0; i < outs * ins * cube; i++)
		w[i] = weight(layer, i / cube / ins, i / cube % ins, ins, taps, i % cube);
	for (int v = 0; v < n[0] * n[1] * n[2]; v++)
		for (int o = 0; o < outs; o++) {
			double sum = 0;
			for (int t = 0; t < cube; t++) {
				int x = v / n[2] / n[1] + t / taps / taps - taps / 2, y = v / n[2] % n[1] + t / taps % taps - taps / 2,
				    z = v % n[2] + t % taps - taps / 2;
				if (x < 0 || x >= n[0] || y < 0 || y >= n[1] || z < 0 || z >= n[2])
					continue;
				for (int i = 0; i < ins; i++)
					sum += w[(o * ins + i) * cube + t] * in[((x * n[1] + y) * n[2] + z) * ins + i];
			}
			out[v * outs + o] = fmax(sum, 0);
		}
	free(w);
}

/* Mean over a cube of a volume [n][channels]. */
static double mean_over(const double *v, const int n[3], int channels, int c, const int first[3], int side)
{
	double sum = 0;
	for (int k = 0; k < side * side * side; k++) {
		int x = first[0] + k / side / side, y = first[1] + k / side % side, z = first[2] + k % side;
		sum += v[((x * n[1] + y) * n[2] + z) * channels + c];
	}
	return sum / (side * side * side);
}

static void features_by_hand(void **state)
{
	(void)state;
	err e = { 0 };
	enum { X = 13, Y = 12, Z = 16, V = X * Y * Z };
	static const int n[3] = { X, Y, Z }, half[3] = { 6, 6, 8 };
	static float x[V], high[V], mask[V], got[2 * 2 * 3 * FEATURES], again[2 * 2 * 3 * FEATURES];
	static double in[V], fine[V * FEATURES_FINE], pooled[6 * 6 * 8 * FEATURES_FINE], coarse[6 * 6 * 8 * FEATURES_COARSE];
	features *f;
	for (int i = 0; i < V; i++) {
		x[i] = (float)noise((uint64_t)i);
		/* the last boxes along Z are out */
		mask[i] = i % Z < 13;
	}
	SUCCEEDS(boxes_high_pass(high, x, n, 9, &e));
	for (int i = 0; i < V; i++)
		in[i] = (double)high[i];
	convolve(fine, in, n, 0, FEATURES_FINE, 1, 5);
	for (int v = 0; v < 6 * 6 * 8; v++)
		for (int c = 0; c < FEATURES_FINE; c++)
			pooled[v * FEATURES_FINE + c] =
				mean_over(fine, n, FEATURES_FINE, c, (const int[3]){ v / 48 * 2, v / 8 % 6 * 2, v % 8 * 2 }, 2);
	convolve(coarse, pooled, half, 1, FEATURES_COARSE, FEATURES_FINE, 3);
	SUCCEEDS(features_open(&f, n, mask, &e));
	assert_int_equal(features_places(f), 2 * 2 * 2);
	SUCCEEDS(features_of(f, got, x, &e));
	for (int p = 0; p < 8; p++) {
		const int first[3] = { p / 4 * 4, p / 2 % 2 * 4, p % 2 * 4 }, second[3] = { first[0] / 2, first[1] / 2, first[2] / 2 };
		for (int c = 0; c < FEATURES_FINE; c++)
			near((double)got[p * FEATURES + c], mean_over(fine, n, FEATURES_FINE, c, first, 8), 1e-5);
		for (int c = 0; c < FEATURES_COARSE; c++)
			near((double)got[p * FEATURES + FEATURES_FINE + c], mean_over(coarse, half, FEATURES_COARSE, c, second, 4), 1e-5);
	}
	features_close(f);
	threads_set(3);
	SUCCEEDS(features_open(&f, n, mask, &e));
	SUCCEEDS(features_of(f, again, x, &e));
	assert_memory_equal(got, again, 8 * FEATURES * sizeof *got);
	features_close(f);
	threads_set(1);
	memset(mask, 0, sizeof mask);
	FAILS(ERR_DATA, "no box", features_open(&f, n, mask, &e));
	features_close(f);
	FAILS(ERR_DATA, "no box", features_open(&f, (const int[3]){ 7, 12, 16 }, mask, &e));
	features_close(f);
}

/* Rows whose covariance is known: of two features, at the corners of a square that a matrix has moved. */
static void corners(moments *m, const double a[2][2], double mx, double my)
{
	float rows[4][FEATURES] = { { 0 } };
	*m = (moments){ 0 };
	for (int i = 0; i < 4; i++) {
		double u = i & 1 ? 1 : -1, v = i & 2 ? 1 : -1;
		rows[i][3] = (float)(mx + a[0][0] * u + a[0][1] * v);
		rows[i][40] = (float)(my + a[1][0] * u + a[1][1] * v);
	}
	moments_add(m, rows[0], 2);
	moments_add(m, rows[2], 2);
}

static void frechet_by_hand(void **state)
{
	(void)state;
	err e = { 0 };
	static moments a, b, sum;
	double d;
	/* along one feature: (difference of means)^2 + (difference of sds)^2; sums of squares are divided by n - 1 = 3 */
	corners(&a, (const double[2][2]){ { 2, 0 }, { 0, 0 } }, 1, 0);
	corners(&b, (const double[2][2]){ { .5, 0 }, { 0, 0 } }, 4, 0);
	SUCCEEDS(frechet_distance(&d, &a, &b, &e));
	near(d, 9 + 1.5 * 1.5 * 4 / 3, 1e-6);
	near(moments_variance(&a), 4 * 4. / 3, 1e-6);
	SUCCEEDS(frechet_distance(&d, &a, &a, &e));
	near(d, 0, 1e-6);
	/* covariances that do not commute: the trace of a 2x2 matrix's root is the root of (trace + 2 root of the determinant) */
	const double p[2][2] = { { 2, 0 }, { 0, 1 } }, q[2][2] = { { 1, 0 }, { .5, .25 } };
	corners(&a, p, 0, 0);
	corners(&b, q, 0, .5);
	double cb[2][2] = { { 1, .5 }, { .5, .25 + .0625 } }, scale = 4. / 3;
	double trace = 4 * cb[0][0] + cb[1][1], determinant = 4 * (cb[0][0] * cb[1][1] - .25);
	SUCCEEDS(frechet_distance(&d, &a, &b, &e));
	near(d, .25 + scale * (5 + cb[0][0] + cb[1][1] - 2 * sqrt(trace + 2 * sqrt(determinant))), 1e-6);
	/* clouds added */
	sum = a;
	moments_join(&sum, &b);
	assert_int_equal(sum.n, 8);
	near(sum.sum[40], 2, 1e-6);
	near(sum.product[3][3], 4 * 4 + 4 * 1, 1e-6);
	a.n = 1;
	FAILS(ERR_DATA, "no covariances", frechet_distance(&d, &a, &b, &e));
}

static uint64_t brood;
static bool coarse_grained;

/* Grains of one voxel, or of two. */
static double grains(size_t i, int x, int y, int z)
{
	int s = coarse_grained ? 2 : 1;
	return .7 + .1 * noise((uint64_t)((((brood + i) * 20 + (uint64_t)(x / s)) * 20 + (uint64_t)(y / s)) * 20 + (uint64_t)(z / s)));
}

static void textures(void **state)
{
	(void)state;
	err e = { 0 };
	static const int n[3] = { 20, 20, 20 };
	double d, again;
	inside b;
	scans real = make(n, 6, grains);
	brood = 100;
	scans drawn = make(n, 4, grains);
	coarse_grained = true;
	scans other = make(n, 4, grains);
	coarse_grained = false;
	SUCCEEDS(inside_of(&b, &real, &e));
	SUCCEEDS(local_compare(&d, &real, &drawn, &b, 0, &e));
	assert_true(d > .7 && d < 1.4);
	SUCCEEDS(local_compare(&again, &real, &drawn, &b, 0, &e));
	assert_true(d == again);
	SUCCEEDS(local_compare(&again, &real, &drawn, &b, 1, &e));
	assert_true(d != again);
	SUCCEEDS(local_compare(&d, &real, &other, &b, 0, &e));
	assert_true(d > 5);
	/* lots that share scans are nearer than halves */
	SUCCEEDS(local_compare(&d, &real, &real, &b, 0, &e));
	assert_true(d > 0 && d < 1);
	real.count = 3;
	FAILS(ERR_DATA, "four and two", local_compare(&d, &real, &drawn, &b, 0, &e));
	real.count = 4;
	for (size_t i = 1; i < 4; i++)
		memcpy(real.x + i * real.voxels, real.x, real.voxels * sizeof *real.x);
	FAILS(ERR_DATA, "do not differ", local_compare(&d, &real, &drawn, &b, 0, &e));
	scans_free(&real);
	scans_free(&drawn);
	scans_free(&other);
	inside_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brains),	    cmocka_unit_test(variances),	cmocka_unit_test(bands),
		cmocka_unit_test(distances),	    cmocka_unit_test(choices),		cmocka_unit_test(alike),
		cmocka_unit_test(boxes),	    cmocka_unit_test(features_by_hand), cmocka_unit_test(frechet_by_hand),
		cmocka_unit_test(textures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
