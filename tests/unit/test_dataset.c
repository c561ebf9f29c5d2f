/* The scans of a training run: what is taken, how it is split, in which order it is drawn. */
#include "../unit.h"

#include "base/file.h"
#include "format/lat.h"
#include "nii/nii.h"
#include "train/dataset.h"

enum { N = 8, VOXELS = N * N * N };

static char warned[1024];

static void __attribute__((format(printf, 1, 2))) warn(const char *fmt, ...)
{
	va_list ap;
	size_t at = strlen(warned);
	va_start(ap, fmt);
	vsnprintf(warned + at, sizeof warned - at, fmt, ap);
	va_end(ap);
}

static dataset_options options(void)
{
	dataset_options o = {.folder = test_folder(), .share = .3, .warn = warn};
	o.preparation = (preparation){.kind = PREPARE_WORLD, .n = {N, N, N}, .affine = {{2, 0, 0, -7}, {0, 2, 0, -7}, {0, 0, 2, -7}}};
	return o;
}

/* A scan that lies on the model's grid: its voxels are taken as they are, divided by their percentile. */
static void make_scan(const char *path, float value)
{
	err e = {0};
	volume v;
	nii_header h;
	dataset_options o = options();
	SUCCEEDS(volume_new(&v, (int[]){N, N, N}, &e));
	memcpy(v.affine, o.preparation.affine, sizeof v.affine);
	for (int i = 0; i < VOXELS; i++)
		v.v[i] = value * (float)(1 + i % 7);
	SUCCEEDS(nii_header_new(&h, v.n, v.affine, 1, &e));
	SUCCEEDS(nii_write(path, true, &h, &v, false, NULL, &e));
	nii_header_free(&h);
	volume_free(&v);
}

static void make_stream(const char *path, const char *const *ids, int n, int side)
{
	err e = {0};
	outfile *out = NULL;
	lat_writer *w = NULL;
	float *x = calloc((size_t)side * side * side, sizeof *x);
	assert_non_null(x);
	SUCCEEDS(out_open(&out, path, true, &e));
	SUCCEEDS(lat_writer_new(&w, out, &e));
	for (int i = 0; i < n; i++) {
		lat_record *r = NULL;
		x[1] = (float)(i + 1);
		SUCCEEDS(lat_new(&r, ids[i], &e));
		SUCCEEDS(lat_set_floats(r, "x", DTYPE_F32, 4, (int64_t[]){1, side, side, side}, x, NULL, &e));
		SUCCEEDS(lat_write(w, r, &e));
		lat_free(r);
	}
	SUCCEEDS(lat_finish(w, &e));
	lat_writer_free(w);
	SUCCEEDS(out_commit(out, &e));
	free(x);
}

static void make_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void operands(void **state)
{
	(void)state;
	err e = {0};
	dataset *d = NULL;
	dataset_options o = options();
	char *scan = (char *)test_path("sub-01_ses-M00_T1w.nii"), *stream = (char *)test_path("more.lat"),
	     *list = (char *)test_path("list.txt");
	char *held = (char *)test_path("held");
	make_scan(scan, 5);
	make_stream(stream, (const char *const[]){"sub-02_T1w", "sub-01_ses-M12_T1w", "gen-0001"}, 3, N);
	make_text(held, "\xEF\xBB\xBFsub-01\r\n 77 ");
	o.validation = held;
	warned[0] = 0;
	SUCCEEDS(dataset_open(&d, (char *[]){scan, stream}, 2, &o, &e));
	assert_non_null(strstr(warned, "held: 1 of 2 subjects have no scan here: 77"));
	assert_int_equal(d->count, 4);
	assert_string_equal(d->scans[0].id, "sub-01_ses-M00_T1w");
	assert_string_equal(d->scans[0].subject, "01");
	assert_string_equal(d->scans[3].subject, "gen-0001");
	/* both sessions of the subject are held out */
	assert_int_equal(d->n_validation, 2);
	assert_int_equal(d->validation[0], 0);
	assert_int_equal(d->validation[1], 2);
	assert_int_equal(d->n_train, 2);
	for (int i = 0; i < VOXELS; i++)
		assert_true(d->scans[0].x[i] > (float)(1 + i % 7) / 7 - 1e-3f && d->scans[0].x[i] < (float)(1 + i % 7) / 7 + 1e-3f);
	assert_true(d->scans[1].x[1] == 1 && d->scans[2].x[1] == 2 && d->scans[3].x[1] == 3 && d->scans[3].x[2] == 0);
	char hash[SHA_TEXT];
	strcpy(hash, d->hash);
	dataset_close(d);

	/* the same by a list: the same data, to the bit; split otherwise: other data */
	char text[1100];
	snprintf(text, sizeof text, "%s\n\n%s\n", scan, stream);
	make_text(list, text);
	SUCCEEDS(dataset_open(&d, (char *[]){list}, 1, &o, &e));
	assert_string_equal(d->hash, hash);
	dataset_close(d);
	make_text(held, "02");
	SUCCEEDS(dataset_open(&d, (char *[]){list}, 1, &o, &e));
	assert_int_equal(d->n_validation, 1);
	assert_string_not_equal(d->hash, hash);
	dataset_close(d);

	/* refused */
	FAILS(ERR_DATA, "sub-01_ses-M00_T1w: appears twice", dataset_open(&d, (char *[]){list, scan}, 2, &o, &e));
	make_text(held, "01 02 gen-0001");
	FAILS(ERR_DATA, "no scans to train on (4 to validate on)", dataset_open(&d, (char *[]){list}, 1, &o, &e));
	make_text(held, "sub-1 sub-02x\nsub-gen");
	FAILS(ERR_DATA,
	      "held: of the subjects it names (1, 02x, gen) there is no scan; the scans' ids are like sub-01_ses-M00_T1w, which is of "
	      "subject 01",
	      dataset_open(&d, (char *[]){list}, 1, &o, &e));
	make_text(held, "\n");
	FAILS(ERR_DATA, "held: names no subject", dataset_open(&d, (char *[]){list}, 1, &o, &e));
	o.validation = NULL;
	make_text(list, list);
	FAILS(ERR_DATA, "a list inside a list", dataset_open(&d, (char *[]){list}, 1, &o, &e));
	FAILS(ERR_NOINPUT, "/nowhere", dataset_open(&d, (char *[]){"/nowhere/a.nii"}, 1, &o, &e));
	FAILS(ERR_CREATE, "/nowhere", dataset_open(&d, (char *[]){scan}, 1, (o.folder = "/nowhere", &o), &e));
	o.folder = test_folder();
	make_stream(stream, (const char *const[]){"a"}, 1, N + 2);
	FAILS(ERR_DATA, "a: x is not on the model's grid of 8x8x8", dataset_open(&d, (char *[]){stream}, 1, &o, &e));
	assert_int_equal(truncate(stream, 60), 0);
	FAILS(ERR_DATA, "more.lat", dataset_open(&d, (char *[]){stream}, 1, &o, &e));
	unlink(scan);
	unlink(stream);
	unlink(list);
	unlink(held);
}

static void order(void **state)
{
	(void)state;
	enum { COUNT = 40 };
	err e = {0};
	dataset *d = NULL, *fewer = NULL;
	dataset_options o = options();
	char names[COUNT][16], *stream = (char *)test_path("all.lat");
	const char *ids[COUNT];
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "sub-%02d_T1w", i);
		ids[i] = names[i];
	}
	make_stream(stream, ids, COUNT, N);
	SUCCEEDS(dataset_open(&d, &stream, 1, &o, &e));
	/* by share: about three tenths, and a subject stays where it is when others leave */
	assert_in_range(d->n_validation, 5, 20);
	make_stream(stream, ids, COUNT / 2, N);
	SUCCEEDS(dataset_open(&fewer, &stream, 1, &o, &e));
	for (size_t i = 0; i < fewer->count; i++)
		assert_int_equal(fewer->scans[i].validation, d->scans[i].validation);

	/* every epoch sees every scan once, in an order of its own; any step can be asked for first */
	int64_t n = (int64_t)d->n_train;
	int moved = 0;
	for (int epoch = 0; epoch < 3; epoch++) {
		int seen[COUNT] = {0};
		for (int64_t i = 0; i < n; i++) {
			const dataset_scan *s = dataset_draw(d, 5, epoch * n + i);
			assert_false(s->validation);
			seen[s - d->scans]++;
			moved += s != dataset_draw(d, 5, (epoch + 1) * n + i);
			assert_ptr_equal(s, dataset_draw(d, 5, epoch * n + i));
		}
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(seen[i], !d->scans[i].validation);
	}
	assert_true(moved > n);
	int other = 0;
	for (int64_t i = 0; i < n; i++)
		other += dataset_draw(d, 5, i) != dataset_draw(d, 6, i);
	assert_true(other > n / 2);
	dataset_close(d);
	dataset_close(fewer);
	unlink(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(operands), cmocka_unit_test(order)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(test_folder());
	return failed;
}
