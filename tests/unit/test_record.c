/* What records bring to models: shapes, makers, values. */
#include "../unit.h"

#include <math.h>

#include "model/record.h"

static lat_record *r;

static int setup(void **state)
{
	(void)state;
	err e = { 0 };
	lat_tensor *t;
	SUCCEEDS(lat_new(&r, "a", &e));
	SUCCEEDS(lat_set_floats(r, "z", DTYPE_F32, 4, (int64_t[]){ 2, 1, 1, 2 }, (float[]){ 1, 2, 3, 4 }, &t, &e));
	SUCCEEDS(lat_set_model(t, "autoencoder", "ours", &e));
	SUCCEEDS(lat_set_floats(r, "y", DTYPE_F32, 1, (int64_t[]){ 2 }, (float[]){ 1, 2 }, &t, &e));
	((float *)t->data)[1] = NAN; /* as no tool writes it */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lat_free(r);
	return 0;
}

static void values(void **state)
{
	(void)state;
	err e = { 0 };
	float v[4] = { 0 };
	const int64_t shape[4] = { 2, 1, 1, 2 }, other[4] = { 2, 1, 2, 1 };
	FAILS(ERR_DATA, "no tensor x (it has z, y)", record_floats(v, r, "x", 4, shape, NULL, &e));
	FAILS(ERR_DATA, "z has shape 2x1x1x2, the model's 2x1x2x1", record_floats(v, r, "z", 4, other, NULL, &e));
	FAILS(ERR_DATA, "z is of another model (ours.., not theirs..)", record_floats(v, r, "z", 4, shape, "theirs", &e));
	FAILS(ERR_DATA, "tensor y: element 1 is nan, no finite number", record_floats(v, r, "y", 1, shape, NULL, &e));
	assert_true(v[0] == 0); /* nothing is written when it fails */
	SUCCEEDS(record_floats(v, r, "z", 4, shape, "ours", &e));
	assert_memory_equal(v, ((float[]){ 1, 2, 3, 4 }), sizeof v);
	SUCCEEDS(record_made_by(lat_find(r, "z"), NULL, "ours", &e)); /* not known */
}

static void grids(void **state)
{
	(void)state;
	err e = { 0 };
	int n[3];
	lat_tensor large = { .name = "x", .rank = 4, .shape = { 1, 4096, 4097, 1 } };
	SUCCEEDS(lat_grid(n, lat_find(r, "z"), 2, &e));
	assert_memory_equal(n, ((int[]){ 1, 1, 2 }), sizeof n);
	FAILS(ERR_DATA, "z of 2x1x1x2 is no volume of one channel", lat_grid(n, lat_find(r, "z"), 1, &e));
	FAILS(ERR_DATA, "y of 2 is no volume of 3 channels", lat_grid(n, lat_find(r, "y"), 3, &e));
	FAILS(ERR_DATA, "x of 1x4096x4097x1 is no volume of one channel", lat_grid(n, &large, 1, &e));
	large.shape[2] = 4096;
	SUCCEEDS(lat_grid(n, &large, 1, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(values), cmocka_unit_test(grids) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
