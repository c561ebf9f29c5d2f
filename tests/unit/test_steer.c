/* Moving codes along a probe's direction, against the reference implementation's golden values. */
#include "../unit.h"

#include <math.h>

#include "format/safetensors.h"
#include "probe/steer.h"

enum { P = 64 };

static void golden_manipulation(void **state)
{
	(void)state;
	err e = { 0 };
	st_file *f = NULL;
	double weight[P], mean[P], std[P], most = 0, worst = 0;
	float y[P];
	steered moved;
	SUCCEEDS(st_open(&f, "tests/oracle/golden/values.safetensors", &e));
	const float *from = st_find(f, "y")->data, *want = st_find(f, "manipulate")->data;
	probe p = { .n = P, .weight = weight, .mean = mean, .std = std };
	for (int i = 0; i < P; i++) {
		weight[i] = (double)((const float *)st_find(f, "probe.weight")->data)[i];
		mean[i] = (double)((const float *)st_find(f, "probe.mean")->data)[i];
		std[i] = (double)((const float *)st_find(f, "probe.std")->data)[i];
	}
	for (int k = 0; k < 2; k++) {
		memcpy(y, from + k * P, sizeof y);
		SUCCEEDS(probe_steer(&moved, &p, y, STEER_BY, 2.5, &e));
		for (int i = 0; i < P; i++) {
			worst = fmax(worst, fabs((double)y[i] - (double)want[k * P + i]));
			most = fmax(most, fabs((double)want[k * P + i]));
		}
	}
	print_message("manipulate: %.1e\n", worst / most);
	assert_true(worst <= 2e-7 * most);
	/* the probe's value moves by k sqrt(P) |w|, and back again */
	double before = probe_value(&p, from), length = 0;
	for (int i = 0; i < P; i++)
		length += weight[i] * weight[i];
	memcpy(y, from, sizeof y);
	SUCCEEDS(probe_steer(&moved, &p, y, STEER_BY, -.5, &e));
	assert_true(fabs(probe_value(&p, y) - before + .5 * sqrt(P * length)) < 1e-5 * sqrt(P * length));
	memset(weight, 0, sizeof weight);
	FAILS(ERR_DATA, "no direction", probe_steer(&moved, &p, y, STEER_BY, 1, &e));
	st_close(f);
}

/* A probe whose reading is easily followed: f = 3 (y0 - 1) / 2 + 4 (y1 + 1) / .5 + 50. |w| = 5, and f grows by 5 sqrt(2) for each 1. */
static void in_the_targets_unit(void **state)
{
	(void)state;
	err e = { 0 };
	double weight[2] = { 3, 4 }, mean[2] = { 1, -1 }, std[2] = { 2, .5 };
	probe p = { .task = PROBE_REGRESS, .n = 2, .bias = 50, .weight = weight, .mean = mean, .std = std };
	float y[2] = { 3, -1.5f }; /* f = 3 - 4 + 50 */
	steered moved;
	SUCCEEDS(probe_steer(&moved, &p, y, STEER_TO, 70, &e));
	assert_true(moved.from == 49 && fabs(moved.to - 70) < 1e-5 && fabs(moved.by - 21 / (5 * sqrt(2))) < 1e-12);
	assert_true(fabs(y[0] - (3 + 21. / 25 * 3 * 2)) < 1e-5 && fabs(y[1] - (-1.5 + 21. / 25 * 4 * .5)) < 1e-5);
	SUCCEEDS(probe_steer(&moved, &p, y, STEER_ADD, -10, &e));
	assert_true(fabs(moved.from - 70) < 1e-5 && fabs(moved.to - 60) < 1e-5 && fabs(probe_value(&p, y) - 60) < 1e-5);
	p.task = PROBE_CLASSIFY;
	p.bias = 0;
	SUCCEEDS(probe_steer(&moved, &p, y, STEER_TO, .2, &e));
	assert_true(fabs(moved.to - .2) < 1e-6 && fabs(probe_value(&p, y) - log(.25)) < 1e-5);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden_manipulation), cmocka_unit_test(in_the_targets_unit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
