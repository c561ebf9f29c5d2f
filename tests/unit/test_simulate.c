/* Simulated change: the flow of Poisson's equation, volumes that are wanted, what a scanner adds. */
#include "../unit.h"

#include <math.h>

#include "base/threads.h"
#include "simulate/atrophy.h"
#include "simulate/poisson.h"
#include "simulate/rounding.h"
#include "simulate/scanner.h"
#include "simulate/way.h"

/* ---- Poisson ---- */

static size_t face_at(const flow *f, int axis, const int at[3])
{
	int m[3] = { f->n[0], f->n[1], f->n[2] };
	m[axis]++;
	return ((size_t)at[0] * (size_t)m[1] + (size_t)at[1]) * (size_t)m[2] + (size_t)at[2];
}

static double divergence(const flow *f, const int at[3])
{
	double sum = 0;
	for (int a = 0; a < 3; a++) {
		int next[3] = { at[0], at[1], at[2] };
		next[a]++;
		sum += (double)f->face[a][face_at(f, a, next)] - (double)f->face[a][face_at(f, a, at)];
	}
	return sum;
}

/* A product of cosines is its own potential but for a factor: faces carry the slopes of that. */
static void a_cosine(void **state)
{
	(void)state;
	enum { X = 12, Y = 10, Z = 9 };
	static float s[X * Y * Z];
	const int n[3] = { X, Y, Z }, k[3] = { 2, 1, 3 };
	const double mm[3] = { 1, 2, .5 };
	double lambda = 0;
	flow f;
	err e = { 0 };
	for (int a = 0; a < 3; a++)
		lambda += (2 - 2 * cos(M_PI * k[a] / n[a])) / (mm[a] * mm[a]);
	for (int i = 0; i < X * Y * Z; i++)
		s[i] = (float)(cos(M_PI * k[0] * (i / Z / Y + .5) / X) * cos(M_PI * k[1] * (i / Z % Y + .5) / Y) *
			       cos(M_PI * k[2] * (i % Z + .5) / Z));
	SUCCEEDS(poisson_flow(&f, s, n, mm, &e));
	for (int a = 0; a < 3; a++)
		for (int i = 1; i < n[a]; i++) {
			int at[3] = { 3, 4, 2 }, before[3] = { 3, 4, 2 };
			at[a] = i;
			before[a] = i - 1;
			const double want =
				((double)s[(before[0] * Y + before[1]) * Z + before[2]] - (double)s[(at[0] * Y + at[1]) * Z + at[2]]) /
				lambda / (mm[a] * mm[a]);
			assert_true(fabs((double)f.face[a][face_at(&f, a, at)] - want) < 1e-6);
		}
	flow_free(&f);
}

/* Whatever the source: the divergence is the source less its mean, and nothing passes through the box. */
static void any_source(void **state)
{
	(void)state;
	enum { X = 7, Y = 11, Z = 5 };
	static float s[X * Y * Z];
	const int n[3] = { X, Y, Z };
	double mean = 0;
	flow f;
	err e = { 0 };
	for (int i = 0; i < X * Y * Z; i++) {
		s[i] = (float)philox_normal(philox_make(1, 2), (uint64_t)i);
		mean += (double)s[i] / (X * Y * Z);
	}
	SUCCEEDS(poisson_flow(&f, s, n, (const double[3]){ 1, 1.5, 3 }, &e));
	for (int i = 0; i < X; i++)
		for (int j = 0; j < Y; j++)
			for (int k = 0; k < Z; k++)
				assert_true(fabs(divergence(&f, (const int[3]){ i, j, k }) - (double)s[(i * Y + j) * Z + k] + mean) < 1e-5);
	for (int j = 0; j < Y; j++)
		for (int k = 0; k < Z; k++) {
			assert_float_equal(f.face[0][face_at(&f, 0, (const int[3]){ 0, j, k })], 0, 0);
			assert_float_equal(f.face[0][face_at(&f, 0, (const int[3]){ X, j, k })], 0, 0);
		}
	flow_free(&f);
}

/* ---- a ball ---- */

enum { SIDE = 41, MIDDLE = 20, COUNT = SIDE * SIDE * SIDE };
static const int N[3] = { SIDE, SIDE, SIDE };

static double radius_of(int i)
{
	const double x = i / SIDE / SIDE - MIDDLE, y = i / SIDE % SIDE - MIDDLE, z = i % SIDE - MIDDLE;
	return sqrt(x * x + y * y + z * z);
}

/* Balls of these radii, one in the other: labels 3 (innermost), 2, 1; 0 outside. */
static void balls(label_map *m, const double radius[3])
{
	err e = { 0 };
	volume v;
	SUCCEEDS(volume_new(&v, N, &e));
	for (int i = 0; i < COUNT; i++)
		for (int b = 0; b < 3; b++)
			v.v[i] += radius_of(i) <= radius[b];
	v.affine[0][0] = v.affine[1][1] = v.affine[2][2] = 2;
	SUCCEEDS(label_map_new(m, &v, "balls", &e));
	volume_free(&v);
}

/* Constant divergence d in a ball: what lies at r comes from r exp(-d / 3), and small volumes grow by exp(d); outside, r^3 grows by
 * as much as the ball has. */
static void a_ball_expands(void **state)
{
	(void)state;
	static float s[COUNT];
	static uint16_t at[COUNT];
	const double radius = 9, d = .3;
	label_map m;
	way_extent x;
	flow f;
	err e = { 0 };
	double mean = 0;
	balls(&m, (const double[3]){ radius, 4, 0 });
	for (int i = 0; i < COUNT; i++) {
		s[i] = radius_of(i) <= radius ? (float)d : 0;
		mean += (double)s[i] / COUNT;
	}
	SUCCEEDS(poisson_flow(&f, s, N, (const double[3]){ 2, 2, 2 }, &e));
	const way w = { .by = &f };
	for (double r = 2; r <= 6; r += 2) {
		double p[3] = { MIDDLE + r, MIDDLE, MIDDLE }, q[3] = { MIDDLE, MIDDLE - r / sqrt(2), MIDDLE + r / sqrt(2) };
		way_back(&w, p);
		way_back(&w, q);
		assert_true(fabs(p[0] - MIDDLE - r * exp(-(d - mean) / 3)) < .02 * r);
		assert_true(fabs(p[1] - MIDDLE) < 1e-3 && fabs(p[2] - MIDDLE) < 1e-3);
		assert_true(fabs(MIDDLE - q[1] - r / sqrt(2) * exp(-(d - mean) / 3)) < .02 * r);
	}
	double p[3] = { MIDDLE, MIDDLE, MIDDLE + 13 };
	way_back(&w, p);
	assert_true(fabs(pow(p[2] - MIDDLE, 3) - (pow(13, 3) - pow(radius, 3) * (exp(d) - 1))) < .04 * pow(13, 3));
	way_labels(at, &(way){ .by = NULL }, &m);
	SUCCEEDS(way_measure(&x, &w, &m, at, &e));
	assert_int_equal(x.folded, 0);
	/* innermost: far from the ball's edge */
	assert_int_equal(m.value[2], 2);
	assert_true(fabs(x.least[2] / exp(d - mean) - 1) < .03 && fabs(x.most[2] / exp(d - mean) - 1) < .03);
	way_extent_free(&x);
	flow_free(&f);
	label_map_free(&m);
}

/* A map that turns space inside out is found out. */
static void folding(void **state)
{
	(void)state;
	static uint16_t at[COUNT];
	const double mirror[3][4] = { { -1, 0, 0, SIDE - 1 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	const double larger[3][4] = { { .5, 0, 0, 0 }, { 0, .5, 0, 0 }, { 0, 0, .5, 0 } };
	label_map m;
	way_extent x;
	err e = { 0 };
	balls(&m, (const double[3]){ 0, 0, 0 });
	SUCCEEDS(way_measure(&x, &(way){ .turn = mirror }, &m, at, &e));
	assert_int_equal(x.folded, COUNT);
	way_extent_free(&x);
	SUCCEEDS(way_measure(&x, &(way){ .turn = larger }, &m, at, &e));
	assert_int_equal(x.folded, 0);
	assert_true(fabs(x.least[0] - 8) < 1e-4 && fabs(x.most[0] - 8) < 1e-4);
	way_extent_free(&x);
	label_map_free(&m);
}

/* ---- volumes ---- */

struct wish {
	region_table none;
	amounts changes, fills;
	region rest;
};

static void wish_for(struct wish *w, const char *changes, const char *fills, const char *rest)
{
	err e = { 0 };
	SUCCEEDS(region_table_read(&w->none, NULL, &e));
	SUCCEEDS(amounts_parse(&w->changes, changes, &w->none, "--change", &e));
	SUCCEEDS(amounts_parse(&w->fills, fills, &w->none, "--fill", &e));
	SUCCEEDS(region_parse(&w->rest, rest, &w->none, "--rest", &e));
}

static void forget(struct wish *w)
{
	amounts_free(&w->changes);
	amounts_free(&w->fills);
	region_free(&w->rest);
}

static int solve(atrophy_result *r, const label_map *m, const struct wish *w, err *e)
{
	return atrophy_solve(r, &(atrophy){ .map = m, .mm = { 2, 2, 2 }, .changes = &w->changes, .fills = &w->fills, .rest = &w->rest }, e);
}

static void volumes_that_are_wanted(void **state)
{
	(void)state;
	/* nested regions; one that fills; growth */
	static const struct {
		const char *changes, *fills;
		double factor[3]; /* of the labels 3, 2 and 3, 1 */
	} cases[] = { { "3=20,2+3=-5", "1=.25", { 1.2, .95, 0 } },
		      { "2+3=-10", "1=.5", { 0, .9, 0 } },
		      { "3=-30", NULL, { .7, 0, 1 } },
		      { "3=40,1=-10", NULL, { 1.4, 0, .9 } } };
	label_map m;
	balls(&m, (const double[3]){ 15, 11, 6 });
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct wish w;
		atrophy_result r;
		err e = { 0 };
		wish_for(&w, cases[c].changes, cases[c].fills, "0");
		SUCCEEDS(solve(&r, &m, &w, &e));
		const double three = r.after[3] / r.before[3], both = (r.after[2] + r.after[3]) / (r.before[2] + r.before[3]),
			     one = r.after[1] / r.before[1];
		assert_true(cases[c].factor[0] == 0 || fabs(three - cases[c].factor[0]) < 1e-3 * fabs(1 - cases[c].factor[0]));
		assert_true(cases[c].factor[1] == 0 || fabs(both - cases[c].factor[1]) < 1e-3 * fabs(1 - cases[c].factor[1]));
		/* what is in no region keeps its volume but for what crosses its edges */
		assert_true(cases[c].factor[2] == 0 || fabs(one - cases[c].factor[2]) < 5e-3);
		if (cases[c].fills) {
			const double lost = r.before[2] + r.before[3] - r.after[2] - r.after[3],
				     share = cases[c].fills[3] == '2' ? .25 : .5;
			assert_true(fabs((r.after[1] - r.before[1]) / lost - share) < 2e-3);
		}
		/* nothing leaves the box; voxels are 8 microlitres */
		double all = 0;
		for (int l = 0; l < m.count; l++)
			all += r.after[l];
		assert_true(fabs(all / (COUNT * .008) - 1) < 1e-6);
		atrophy_free(&r);
		forget(&w);
	}
	label_map_free(&m);
}

static void nothing_to_do(void **state)
{
	(void)state;
	label_map m;
	struct wish w;
	atrophy_result r;
	err e = { 0 };
	balls(&m, (const double[3]){ 15, 11, 6 });
	wish_for(&w, "3=0,2+3=0", "1=.2", "0");
	SUCCEEDS(solve(&r, &m, &w, &e));
	assert_int_equal(r.rounds, 0);
	assert_null(r.by.face[0]);
	for (int l = 0; l < m.count; l++)
		assert_true(r.before[l] == r.after[l]);
	atrophy_free(&r);
	forget(&w);
	label_map_free(&m);
}

static void what_cannot_be(void **state)
{
	(void)state;
	static const struct {
		const char *changes, *fills, *rest, *says;
	} cases[] = { { "7=-5", NULL, "0", "7: the scan has none" },	 { "1+2=-5,2+3=-5", NULL, "0", "1+2 and 2+3 overlap" },
		      { "2=-5,2+9=-5", NULL, "0", "2 and 2+9 overlap" }, { "2=-5", "2+1=.1", "0", "2 and 2+1 overlap" },
		      { "2=-5", NULL, "0+2", "0+2 and 2 overlap" },	 { "2=-99", NULL, "0", "would have" },
		      { "3=-5", "1=-400", "0", "would have" },		 { "2+3=-5,3=100", NULL, "0", "nothing would remain" },
		      { "1+2=-50", NULL, "3", "needs more room" },	 { "2=-5", NULL, "9", "needs more room" } };
	label_map m;
	balls(&m, (const double[3]){ 15, 7, 6 });
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct wish w;
		atrophy_result r;
		err e = { 0 };
		wish_for(&w, cases[c].changes, cases[c].fills, cases[c].rest);
		FAILS(ERR_DATA, cases[c].says, solve(&r, &m, &w, &e));
		atrophy_free(&r);
		forget(&w);
	}
	label_map_free(&m);
}

/* ---- labels ---- */

static void label_maps(void **state)
{
	(void)state;
	float v[8] = { 0, 7, 7, 3, 16777216, 0, 3, 7 };
	volume scan = { .n = { 2, 2, 2 }, .affine = { { 0, 2, 0, 0 }, { 1, 0, 0, 0 }, { 0, 0, 3, 0 } }, .v = v };
	label_map m;
	err e = { 0 };
	SUCCEEDS(label_map_new(&m, &scan, "map", &e));
	const int want[] = { 0, 3, 7, 16777216 };
	const uint16_t at[] = { 0, 2, 2, 1, 3, 0, 1, 2 };
	assert_int_equal(m.count, 4);
	assert_memory_equal(m.value, want, sizeof want);
	assert_memory_equal(m.at, at, sizeof at);
	assert_true(fabs(m.voxel - .006) < 1e-12);
	label_map_free(&m);
	static const float bad[] = { .5f, -1, 16777218, NAN };
	for (int i = 0; i < 4; i++) {
		v[5] = bad[i];
		FAILS(ERR_DATA, "map: voxel 1,0,1 is", label_map_new(&m, &scan, "map", &e));
		label_map_free(&m);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Places between voxels: linear weights, each label once; on a voxel and beyond the map the nearest voxel alone. */
static void shares_of_labels(void **state)
{
	(void)state;
	float v[8] = { 0, 7, 7, 3, 5, 0, 3, 7 };
	volume scan = { .n = { 2, 2, 2 }, .affine = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } }, .v = v };
	label_map m;
	label_share of[LABEL_SHARES];
	err e = { 0 };
	SUCCEEDS(label_map_new(&m, &scan, "map", &e)); /* 0, 3, 5, 7 */
	assert_int_equal(label_map_shares(of, &m, (const double[]){ .25, .5, 0 }), 4);
	const double want[4] = { .375, .125, .125, .375 }; /* voxel 0,0,0 is 0; 1,1,0 is 3; 1,0,0 is 5; 0,1,0 is 7 */
	for (int i = 0; i < 4; i++)
		assert_true(fabs(of[i].share - want[of[i].label]) < 1e-12);
	assert_int_equal(label_map_shares(of, &m, (const double[]){ 1, 0, 0 }), 1);
	assert_int_equal(of[0].label, 2);
	assert_true(of[0].share == 1);
	assert_int_equal(label_map_shares(of, &m, (const double[]){ -3, 0, 9 }), 1);
	assert_int_equal(of[0].label, 3);
	label_map_free(&m);
}

/* Balls that shrink by a fifth of a voxel: the nearest label would not see it, the rounded map's counts are the volumes, up to what lies on
 * a sphere at once. Where nothing moves, nothing changes. */
static void rounded_to_volumes(void **state)
{
	(void)state;
	static uint16_t at[COUNT];
	const double turn[3][4] = { { 1.02, 0, 0, -.37 }, { 0, 1.02, 0, -.41 }, { 0, 0, 1.02, -.43 } };
	const way shrink = { .turn = turn }, none = { .turn = NULL };
	label_map m;
	double volumes[4], counts[4] = { 0 };
	err e = { 0 };
	balls(&m, (const double[]){ 14, 10.3, 7 });
	SUCCEEDS(way_volumes(volumes, &shrink, &m, &e));
	SUCCEEDS(rounded_labels(at, &shrink, &m, volumes, &e));
	for (int i = 0; i < COUNT; i++)
		counts[at[i]]++;
	for (int l = 0; l < 4; l++)
		assert_true(fabs(counts[l] - volumes[l]) <= 2 + 2e-3 * volumes[l]);
	for (int i = 0; i < COUNT; i++) {
		double p[3] = { i / SIDE / SIDE, i / SIDE % SIDE, i % SIDE };
		label_share of[LABEL_SHARES];
		bool there = false;
		way_back(&shrink, p);
		for (int s = label_map_shares(of, &m, p); s-- > 0;)
			there |= of[s].label == at[i];
		assert_true(there);
	}
	SUCCEEDS(way_volumes(volumes, &none, &m, &e));
	SUCCEEDS(rounded_labels(at, &none, &m, volumes, &e));
	assert_memory_equal(at, m.at, sizeof at);
	label_map_free(&m);
}

static void tables_of_regions(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "region\tlabels\na\t1\na\t2\n", "line 3: a appears twice" }, { "region\tlabels\n9a\t1\n", "line 2: '9a' can be no name" },
		{ "region\tlabels\na\t5-3\n", "line 2: '5-3' is no label" },   { "region\tlabels\na\t1;2\n", "line 2: '1;2' is no label" },
		{ "region\tlabels\na\t,\n", "line 2: a: no labels" },	       { "region\tlabel\na\t1\n", "has no column labels" }
	};
	char *path = strdup(test_path("regions.tsv"));
	region_table t;
	region r;
	amounts a;
	err e = { 0 };
	write_text(path, "region\tlabels\nhippo\t47,48\nrest\t1 4,100-102\n");
	SUCCEEDS(region_table_read(&t, path, &e));
	assert_int_equal(t.n, 2);
	SUCCEEDS(region_parse(&r, "rest+hippo+9", &t, "--rest", &e));
	for (int l = 0; l < 110; l++)
		assert_int_equal(region_has(&r, l), l == 47 || l == 48 || l == 1 || l == 4 || l == 9 || (l >= 100 && l <= 102));
	region_free(&r);
	SUCCEEDS(amounts_parse(&a, "hippo=-13.5,5+6=2e1", &t, "--change", &e));
	assert_int_equal(a.n, 2);
	assert_true(a.all[0].value == -13.5 && a.all[1].value == 20 && region_has(&a.all[1].of, 6));
	assert_string_equal(a.all[0].of.name, "hippo");
	amounts_free(&a);
	static const char *const wrong[] = { "hippo",	   "hippo=",   "=3",	   "hipp=3", "hippo=x",
					     "hippo=0x10", "hippo=3,", "hippo=1 ", "47+=1",  "1-=2" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		FAILS(ERR_USAGE, "--change: ", amounts_parse(&a, wrong[i], &t, "--change", &e));
		amounts_free(&a);
	}
	region_table_free(&t);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_text(path, bad[i].text);
		FAILS(ERR_DATA, bad[i].says, region_table_read(&t, path, &e));
		region_table_free(&t);
	}
	unlink(path);
	rmdir(test_folder());
	free(path);
}

/* ---- the scanner ---- */

static void rician(void **state)
{
	(void)state;
	enum { DRAWS = 200000 };
	const philox r = philox_make(3, 4);
	const double sigma = 2.5;
	double dark = 0, dark2 = 0, bright = 0, bright2 = 0;
	for (uint64_t i = 0; i < DRAWS; i++) {
		const double a = scanner_rician(0, sigma, r, i), b = scanner_rician(100, sigma, r, i);
		dark += a / DRAWS;
		dark2 += a * a / DRAWS;
		bright += b / DRAWS;
		bright2 += (b - 100) * (b - 100) / DRAWS;
	}
	assert_true(fabs(dark / (sigma * sqrt(M_PI / 2)) - 1) < .005);
	assert_true(fabs(dark2 / (2 * sigma * sigma) - 1) < .01);
	assert_true(fabs(bright - 100 - sigma * sigma / 200) < .02);
	assert_true(fabs(sqrt(bright2) / sigma - 1) < .01);
}

static void gain_and_field(void **state)
{
	(void)state;
	enum { SMALL = 16, VOXELS = SMALL * SMALL * SMALL, DRAWS = 200 };
	static float v[VOXELS];
	volume scan = { .n = { SMALL, SMALL, SMALL }, .v = v };
	const scanner gain = { .gain = .1 }, field = { .bias = .2 }, noise = { .noise = 1 };
	double gains = 0, fields = 0, slopes = 0;
	err e = { 0 };
	for (uint64_t draw = 0; draw < DRAWS; draw++) {
		for (int i = 0; i < VOXELS; i++)
			v[i] = i % 7 ? 10 : 0;
		SUCCEEDS(scanner_expose(&scan, &gain, philox_make(draw, 1), &e));
		gains += pow(log((double)v[1] / 10), 2) / DRAWS;
		const float factor = v[1];
		for (int i = 0; i < VOXELS; i++) {
			assert_true(v[i] == (i % 7 ? factor : 0));
			v[i] = 10;
		}
		SUCCEEDS(scanner_expose(&scan, &field, philox_make(draw, 1), &e));
		for (int i = 0; i < VOXELS; i++) {
			fields += pow(log((double)v[i] / 10), 2) / DRAWS / VOXELS;
			if (i % SMALL)
				slopes += pow(log((double)v[i] / (double)v[i - 1]), 2) / DRAWS / (VOXELS - SMALL * SMALL);
		}
	}
	assert_true(fabs(sqrt(gains) / .1 - 1) < .1);
	assert_true(fabs(sqrt(fields) / .2 - 1) < .1);
	/* smooth: of 19 cosines 6 have one half wave along z, 3 two, 1 three */
	assert_true(fabs(sqrt(slopes) / (.2 * M_PI / SMALL * sqrt((6 + 3 * 4 + 9) / 19.)) - 1) < .1);
	for (int i = 0; i < VOXELS; i++)
		v[i] = i % 7 ? 10 : 0;
	SUCCEEDS(scanner_expose(&scan, &noise, philox_make(9, 1), &e));
	for (int i = 0; i < VOXELS; i++)
		assert_true(i % 7 ? v[i] != 10 : v[i] == 0);
}

/* Distances in mm stay, whatever the grid; the middle moves as the shift says. */
static void rigid_movement(void **state)
{
	(void)state;
	enum { DRAWS = 300 };
	const volume grid = { .n = { 40, 50, 30 }, .affine = { { 0, -2, 0, 40 }, { 1, 0, .3, -20 }, { 0, 0, 3, 5 } } };
	const scanner s = { .jitter = 2 };
	double affine[3][4], map[3][4], shift = 0, arm = 0;
	memcpy(affine, grid.affine, sizeof affine);
	for (uint64_t draw = 0; draw < DRAWS; draw++) {
		const double p[2][3] = { { 19.5, 24.5, 14.5 }, { 3, 40, 22 } };
		double was[2][3], is[2][3], before = 0, after = 0;
		assert_true(scanner_move(map, &grid, &s, philox_make(draw, 7)));
		for (int i = 0; i < 2; i++) {
			affine_apply(was[i], affine, p[i]);
			affine_apply(is[i], map, p[i]);
			affine_apply(is[i], affine, is[i]);
		}
		for (int a = 0; a < 3; a++) {
			before += pow(was[1][a] - was[0][a], 2);
			after += pow(is[1][a] - is[0][a], 2);
			shift += pow(is[0][a] - was[0][a], 2) / 3 / DRAWS;
			arm += pow(map[a][a] - 1, 2);
		}
		assert_true(fabs(after - before) < 1e-6 * before);
	}
	assert_true(fabs(sqrt(shift) / 2 - 1) < .1);
	assert_true(arm > 0);
	assert_true(scanner_move(map, &grid, &(scanner){ .jitter = 0 }, philox_make(1, 7)));
	for (int i = 0; i < 12; i++)
		assert_true(fabs(map[i / 4][i % 4] - (i / 4 == i % 4)) < 1e-9);
}

/* Any number of threads: the same bytes. */
static void threads(void **state)
{
	(void)state;
	static float out[2][COUNT];
	double volumes[2][4];
	label_map m;
	struct wish w;
	err e = { 0 };
	balls(&m, (const double[3]){ 15, 11, 6 });
	wish_for(&w, "3=20,2+3=-5", "1=.25", "0");
	for (int t = 0; t < 2; t++) {
		atrophy_result r;
		volume scan = { .n = { SIDE, SIDE, SIDE } }, made = { .n = { SIDE, SIDE, SIDE }, .v = out[t] };
		threads_set(t ? 3 : 1);
		SUCCEEDS(volume_new(&scan, N, &e));
		for (int i = 0; i < COUNT; i++)
			scan.v[i] = (float)(100 - radius_of(i));
		SUCCEEDS(solve(&r, &m, &w, &e));
		way_scan(&made, &(way){ .by = &r.by }, &scan);
		SUCCEEDS(scanner_expose(&made, &(scanner){ .noise = 3, .bias = .1, .gain = .1 }, philox_make(1, 2), &e));
		memcpy(volumes[t], r.after, sizeof volumes[t]);
		atrophy_free(&r);
		volume_free(&scan);
	}
	assert_memory_equal(out[0], out[1], sizeof out[0]);
	assert_memory_equal(volumes[0], volumes[1], sizeof volumes[0]);
	forget(&w);
	label_map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_cosine),
					    cmocka_unit_test(any_source),
					    cmocka_unit_test(a_ball_expands),
					    cmocka_unit_test(folding),
					    cmocka_unit_test(volumes_that_are_wanted),
					    cmocka_unit_test(nothing_to_do),
					    cmocka_unit_test(what_cannot_be),
					    cmocka_unit_test(label_maps),
					    cmocka_unit_test(shares_of_labels),
					    cmocka_unit_test(rounded_to_volumes),
					    cmocka_unit_test(tables_of_regions),
					    cmocka_unit_test(rician),
					    cmocka_unit_test(gain_and_field),
					    cmocka_unit_test(rigid_movement),
					    cmocka_unit_test(threads) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
