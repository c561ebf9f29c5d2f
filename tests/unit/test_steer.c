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
		SUCCEEDS(probe_steer(&p, y, 2.5, &e));
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
	SUCCEEDS(probe_steer(&p, y, -.5, &e));
	assert_true(fabs(probe_value(&p, y) - before + .5 * sqrt(P * length)) < 1e-5 * sqrt(P * length));
	memset(weight, 0, sizeof weight);
	FAILS(ERR_DATA, "no direction", probe_steer(&p, y, 1, &e));
	st_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden_manipulation) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
