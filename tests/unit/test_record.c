/* What records bring to models: shapes, makers, values. */
#include "../unit.h"

#include <math.h>

#include "format/maker.h"
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
	const maker theirs = { "autoencoder", "theirs", NULL, "other.safetensors" }, ours = { "autoencoder", "ours", NULL, NULL };
	FAILS(ERR_DATA, "z is of another model (autoencoder ours.., not theirs.. of other.safetensors); --any-model",
	      record_floats(v, r, "z", 4, shape, &theirs, &e));
	FAILS(ERR_DATA, "z is of another model", record_floats(v, r, "z", 4, other, &theirs, &e)); /* not its shape is to blame */
	FAILS(ERR_DATA, "tensor y: element 1 is nan, no finite number", record_floats(v, r, "y", 1, shape, NULL, &e));
	assert_true(v[0] == 0); /* nothing is written when it fails */
	SUCCEEDS(record_floats(v, r, "z", 4, shape, &ours, &e));
	assert_memory_equal(v, ((float[]){ 1, 2, 3, 4 }), sizeof v);
	SUCCEEDS(record_made_by(lat_find(r, "y"), &ours, &e)); /* not known */
	SUCCEEDS(record_made_by(lat_find(r, "z"), NULL, &e)); /* any will do */
}

/* The same weights with other conventions are another model; what one of the two does not tell is not compared. */
static void conventions(void **state)
{
	(void)state;
	err e = { 0 };
	lat_tensor *t = lat_find(r, "z");
	json_t *eight = json_pack("{s:i, s:s}", "autoencoder.groups", 8, "later", "x"), *two = json_pack("{s:i}", "autoencoder.groups", 2),
	       *same = json_pack("{s:f}", "autoencoder.groups", 8.), *clip = json_pack("{s:f}", "diffusion.clip", 1.),
	       *none = json_pack("{s:n}", "diffusion.clip");
	maker m = { "autoencoder", "ours", eight, "a.safetensors" };
	char text[MAKER_TEXT];
	SUCCEEDS(record_made_by(t, &m, &e)); /* a record of an earlier version */
	SUCCEEDS(maker_put(t, &m, &e));
	assert_string_equal(maker_of(t).identity, "ours");
	assert_true(json_equal(maker_of(t).conventions, eight));
	SUCCEEDS(record_made_by(t, &m, &e));
	m.conventions = two;
	FAILS(ERR_DATA, "z is of another model (autoencoder autoencoder.groups 8, not 2 of a.safetensors); --any-model",
	      record_made_by(t, &m, &e));
	m.conventions = same;
	SUCCEEDS(record_made_by(t, &m, &e));
	m.conventions = NULL; /* weights of which a diffusion network of an earlier version says no more than the identity */
	SUCCEEDS(record_made_by(t, &m, &e));
	assert_false(maker_same(&(maker){ .conventions = none }, &(maker){ .conventions = clip }, text));
	assert_string_equal(text, "diffusion.clip null, not 1");
	assert_true(maker_same(&(maker){ .conventions = two }, &(maker){ .conventions = clip }, text));
	json_t *all[] = { eight, two, same, clip, none };
	for (int i = 0; i < 5; i++)
		json_decref(all[i]);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(values), cmocka_unit_test(conventions), cmocka_unit_test(grids) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
