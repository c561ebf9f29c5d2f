/* Principal components and what the simple methods make of scans, by hand. */
#include "../unit.h"

#include <math.h>

#include "baseline/baseline.h"

static void same(const float *got, const double *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(fabs((double)got[i] - want[i]) < 1e-6 * (1 + fabs(want[i])));
}

/* Rows on one line: m + t a. One component finds it, and projects anything onto it. */
static void check_line(size_t n, size_t width)
{
	err e;
	pca p;
	float rows[64], off[8];
	double m[8], a[8], square = 0, want[8], along = 0, score;
	for (size_t k = 0; k < width; k++) {
		m[k] = 5 + (double)k;
		a[k] = k % 3 ? 1 : -2;
		square += a[k] * a[k];
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < width; k++)
			rows[i * width + k] = (float)(m[k] + ((double)i - (double)(n - 1) / 2) * a[k]);
	SUCCEEDS(pca_fit(&p, rows, n, width, 1, &e));
	for (size_t i = 0; i < n; i++) {
		pca_scores(&p, &score, rows + i * width);
		/* the axis may point either way */
		assert_true(fabs(score * p.axis[0] - ((double)i - (double)(n - 1) / 2) * a[0]) < 1e-6);
	}
	for (size_t k = 0; k < width; k++) {
		assert_true(fabs(p.mean[k] - m[k]) < 1e-12);
		assert_true(fabs(p.axis[k] * p.axis[0] - a[k] * a[0] / square) < 1e-12);
		off[k] = (float)(k * k);
		along += ((double)off[k] - m[k]) * a[k] / square;
	}
	for (size_t k = 0; k < width; k++)
		want[k] = m[k] + along * a[k];
	pca_project(&p, off);
	same(off, want, width);
	pca_free(&p);
	assert_int_equal(pca_fit(&p, rows, n, width, (int)(n < width ? n : width) + 1, &e), ERR_DATA);
	pca_free(&p);
}

static void lines(void **state)
{
	(void)state;
	check_line(5, 8); /* from the Gram matrix of rows */
	check_line(8, 5); /* of columns */
	check_line(2, 2);
}

/* Axes that are spread are orthonormal and span what they did before. Each is a sum of all in equal parts, so that the scores' mean squares
 * differ no more than those of the axes that share a frequency do. */
static void check_spread(int k)
{
	enum { N = 40, WIDTH = 9 };
	err e;
	pca p;
	float rows[N * WIDTH], before[WIDTH], after[WIDTH];
	double mean = 0, apart = 0, square[WIDTH] = { 0 }, score[WIDTH];
	for (size_t i = 0; i < N * WIDTH; i++)
		rows[i] = (float)(sin(1.7 * (double)i + (double)(i * i % 101)) * pow(2, -(double)(i % WIDTH)));
	SUCCEEDS(pca_fit(&p, rows, N, WIDTH, k, &e));
	for (int i = 0; i < k; i++)
		mean += p.square[i] / k;
	for (int i = k % 2 ? 1 : 2; i + 1 < k; i += 2)
		apart += (p.square[i] - p.square[i + 1]) / k;
	assert_true(apart < (k % 2 ? .4 : .15) * mean && p.square[k - 1] < .1 * mean);
	memcpy(before, rows, sizeof before);
	memcpy(after, rows, sizeof after);
	pca_project(&p, before);
	SUCCEEDS(pca_spread(&p, &e));
	pca_project(&p, after);
	for (int i = 0; i < WIDTH; i++)
		assert_true(fabs((double)(before[i] - after[i])) < 1e-6);
	for (int i = 0; i < k; i++)
		for (int j = 0; j < k; j++) {
			double dot = 0;
			for (int x = 0; x < WIDTH; x++)
				dot += p.axis[i * WIDTH + x] * p.axis[j * WIDTH + x];
			assert_true(fabs(dot - (i == j)) < 1e-12);
		}
	for (int r = 0; r < N; r++) {
		pca_scores(&p, score, rows + r * WIDTH);
		for (int i = 0; i < k; i++)
			square[i] += score[i] * score[i] / N;
	}
	for (int i = 0; i < k; i++) {
		assert_true(fabs(p.square[i] - square[i]) < 1e-9 * mean);
		assert_true(fabs(square[i] - mean) < apart + 1e-9 * mean);
	}
	pca_free(&p);
}

static void spread(void **state)
{
	(void)state;
	check_spread(6);
	check_spread(7);
}

/* As many components as there are: nothing is lost. Axes are orthonormal and sorted. */
static void all_components(void **state)
{
	(void)state;
	err e;
	pca p;
	float rows[4 * 7];
	double want[4 * 7], last = INFINITY;
	for (int i = 0; i < 4 * 7; i++)
		want[i] = (double)(rows[i] = sinf((float)(i * i)));
	SUCCEEDS(pca_fit(&p, rows, 4, 7, 3, &e));
	for (int i = 0; i < 3; i++) {
		double variance = 0;
		for (int k = 0; k <= i; k++) {
			double dot = 0;
			for (int l = 0; l < 7; l++)
				dot += p.axis[i * 7 + l] * p.axis[k * 7 + l];
			assert_true(fabs(dot - (i == k)) < 1e-12);
		}
		for (int r = 0; r < 4; r++) {
			double along = 0;
			for (int l = 0; l < 7; l++)
				along += ((double)rows[r * 7 + l] - p.mean[l]) * p.axis[i * 7 + l];
			variance += along * along;
		}
		assert_true(variance <= last);
		last = variance;
	}
	for (int r = 0; r < 4; r++)
		pca_project(&p, rows + r * 7);
	same(rows, want, 4 * 7);
	pca_free(&p);
}

enum { VOXELS = 8 * 4 * 4 };
static const int GRID[3] = { 8, 4, 4 };

/* Scan s: block b of it holds s + 10 b. */
static float *scans(int count)
{
	float *x = calloc((size_t)count * VOXELS, sizeof *x);
	assert_non_null(x);
	for (int i = 0; i < count * VOXELS; i++)
		x[i] = (float)(i / VOXELS + 10 * (i % VOXELS / 64));
	return x;
}

static void methods(void **state)
{
	(void)state;
	err e;
	baseline b;
	float x[VOXELS];
	for (int i = 0; i < VOXELS; i++)
		x[i] = 1.4f + (float)(10 * (i / 64));
	SUCCEEDS(baseline_learn(&b, BASELINE_NEAREST, scans(3), 3, GRID, 0, 4, &e));
	SUCCEEDS(baseline_apply(&b, x, &e));
	for (int i = 0; i < VOXELS; i++)
		assert_true(x[i] == (float)(1 + 10 * (i / 64)));
	baseline_free(&b);
	SUCCEEDS(baseline_learn(&b, BASELINE_MEAN, scans(4), 4, GRID, 0, 4, &e));
	SUCCEEDS(baseline_apply(&b, x, &e));
	for (int i = 0; i < VOXELS; i++)
		assert_true(fabs((double)x[i] - (1.5 + 10 * (i / 64))) < 1e-6);
	baseline_free(&b);
	/* blocks are flat: one component keeps the mean of each, and nothing else */
	SUCCEEDS(baseline_learn(&b, BASELINE_BLOCKS, scans(3), 3, GRID, 1, 4, &e));
	for (int i = 0; i < VOXELS; i++)
		x[i] = (float)(100 * (i / 64) + (i % 2 ? 3 : -1));
	SUCCEEDS(baseline_apply(&b, x, &e));
	for (int i = 0; i < VOXELS; i++)
		assert_true(fabs((double)x[i] - (1 + 100 * (i / 64))) < 1e-4);
	baseline_free(&b);
	/* two scans lie on a line */
	SUCCEEDS(baseline_learn(&b, BASELINE_PCA, scans(2), 2, GRID, 1, 4, &e));
	for (int i = 0; i < VOXELS; i++)
		x[i] = (float)(10 * (i / 64) + (i % 2 ? 8 : 6));
	SUCCEEDS(baseline_apply(&b, x, &e));
	for (int i = 0; i < VOXELS; i++)
		assert_true(fabs((double)x[i] - (7 + 10 * (i / 64))) < 1e-4);
	baseline_free(&b);
	assert_int_equal(baseline_learn(&b, BASELINE_PCA, scans(2), 2, GRID, 2, 4, &e), ERR_DATA);
	baseline_free(&b);
	assert_int_equal(baseline_learn(&b, BASELINE_BLOCKS, scans(2), 2, (const int[3]){ 8, 8, 2 }, 2, 4, &e), ERR_DATA);
	baseline_free(&b);
	assert_int_equal(baseline_learn(&b, BASELINE_MEAN, NULL, 0, GRID, 0, 4, &e), ERR_DATA);
	baseline_free(&b);
}

/* Blocks of 8: each holds 3 + t times the voxel's place along X in it. One component knows that line; blocks of 4 have two of them. */
static void blocks_of_eight(void **state)
{
	(void)state;
	enum { WIDE = 16 * 8 * 8 };
	static const int grid[3] = { 16, 8, 8 };
	err e;
	baseline b;
	float v[WIDE], *x = calloc(2 * WIDE, sizeof *x);
	assert_non_null(x);
	for (int i = 0; i < 2 * WIDE; i++)
		x[i] = (float)(3 + i / (WIDE / 2) * (i / 64 % 8));
	SUCCEEDS(baseline_learn(&b, BASELINE_BLOCKS, x, 2, grid, 1, 8, &e));
	/* what is along the line stays: t = 10 and -2 */
	for (int i = 0; i < WIDE; i++)
		v[i] = (float)(3 + (i < WIDE / 2 ? 10 : -2) * (i / 64 % 8));
	SUCCEEDS(baseline_apply(&b, v, &e));
	for (int i = 0; i < WIDE; i++)
		assert_true(fabs((double)v[i] - (3 + (i < WIDE / 2 ? 10 : -2) * (i / 64 % 8))) < 1e-4);
	/* and what is across goes */
	for (int i = 0; i < WIDE; i++)
		v[i] = (float)(3 + i / 64 % 8 + (i % 2 ? 1 : -1));
	SUCCEEDS(baseline_apply(&b, v, &e));
	for (int i = 0; i < WIDE; i++)
		assert_true(fabs((double)v[i] - (3 + i / 64 % 8)) < 1e-4);
	baseline_free(&b);
	assert_int_equal(baseline_learn(&b, BASELINE_BLOCKS, calloc(WIDE, sizeof *x), 1, (const int[3]){ 16, 8, 4 }, 1, 8, &e), ERR_DATA);
	assert_string_equal(e.text, "16x8x4 voxels are no blocks of 8");
	baseline_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(spread), cmocka_unit_test(all_components),
					    cmocka_unit_test(methods), cmocka_unit_test(blocks_of_eight) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
