/* Records and streams: what goes in comes out, and nothing that is cut or changed passes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/lat.h"
#include "format/maker.h"

/* A stream in memory, and the path by which infile and outfile reach it. */
struct memory {
	int fd;
	char path[32];
};

static struct memory memory_new(void)
{
	struct memory m = { .fd = memfd_create("lat", 0) };
	assert_true(m.fd >= 0);
	snprintf(m.path, sizeof m.path, "/proc/self/fd/%d", m.fd);
	return m;
}

static void memory_set(struct memory m, const unsigned char *bytes, size_t n)
{
	assert_int_equal(ftruncate(m.fd, 0), 0);
	assert_int_equal(pwrite(m.fd, bytes, n, 0), n);
}

/* Writes records and an end marker; returns the bytes. The records stay the caller's. */
static unsigned char *written(lat_record **r, int count, size_t *n)
{
	err e = { 0 };
	char path[] = "/tmp/test_lat.XXXXXX", *bytes = NULL;
	outfile *f = NULL;
	lat_writer *w = NULL;
	close(mkstemp(path));
	assert_int_equal(out_open(&f, path, true, &e), 0);
	assert_int_equal(lat_writer_new(&w, f, &e), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(lat_write(w, r[i], &e), 0);
	assert_int_equal(lat_finish(w, &e), 0);
	lat_writer_free(w);
	assert_int_equal(out_commit(f, &e), 0);
	assert_int_equal(file_slurp(path, 1 << 28, &bytes, n, &e), 0);
	unlink(path);
	return (unsigned char *)bytes;
}

/* Reads all there is: the number of records, or minus the error code. Tensors are verified. */
static int readable(struct memory m, err *e)
{
	infile *in = NULL;
	lat_reader *rd = NULL;
	lat_record *r = NULL;
	int n = 0, code = in_open(&in, m.path, e);
	assert_int_equal(code, 0);
	assert_int_equal(lat_reader_new(&rd, in, e), 0);
	while (!(code = lat_read(rd, &r, e)) && r) {
		for (int i = 0; !code && i < r->count; i++)
			code = lat_verify(&r->tensors[i], e);
		lat_free(r);
		if (code)
			break;
		n++;
	}
	lat_reader_free(rd);
	in_close(in);
	return code ? -code : n;
}

/* The first record. */
static lat_record *first(const unsigned char *bytes, size_t n)
{
	struct memory m = memory_new();
	infile *in = NULL;
	lat_reader *rd = NULL;
	lat_record *r = NULL;
	err e = { 0 };
	memory_set(m, bytes, n);
	assert_int_equal(in_open(&in, m.path, &e), 0);
	assert_int_equal(lat_reader_new(&rd, in, &e), 0);
	assert_int_equal(lat_read(rd, &r, &e), 0);
	lat_reader_free(rd);
	in_close(in);
	close(m.fd);
	return r;
}

static lat_record *small_record(const char *id)
{
	lat_record *r = NULL;
	float v[24];
	err e = { 0 };
	for (int i = 0; i < 24; i++)
		v[i] = (float)(i % 7) / 3;
	assert_int_equal(lat_new(&r, id, &e), 0);
	assert_int_equal(lat_set_floats(r, "z", DTYPE_F32, 4, (int64_t[]){ 3, 2, 2, 2 }, v, NULL, &e), 0);
	assert_int_equal(lat_set_floats(r, "y", DTYPE_F16, 1, (int64_t[]){ 5 }, v, NULL, &e), 0);
	return r;
}

static void ids(void **state)
{
	(void)state;
	char longest[LAT_MAX_ID + 2];
	memset(longest, 'a', sizeof longest);
	longest[LAT_MAX_ID] = 0;
	assert_true(lat_id_ok(longest));
	longest[LAT_MAX_ID] = 'a';
	longest[LAT_MAX_ID + 1] = 0;
	assert_false(lat_id_ok(longest));
	static const char *const good[] = { "a", "sub-01_ses-M12_T1w", "A.b-C_9", "-", "_", "a..b" };
	static const char *const bad[] = { "", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa9", "a{id}", "a\\" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(lat_id_ok(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		lat_record *r = NULL;
		assert_false(lat_id_ok(bad[i]));
		assert_int_equal(lat_new(&r, bad[i], NULL), ERR_USAGE);
		assert_null(r);
	}
}

static void every_type(void **state)
{
	(void)state;
	err e = { 0 };
	unsigned char raw[30 * 8];
	size_t n;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (unsigned char)(i * i * 31 >> 3 & 0xbb); /* in every type of float a finite number */
	lat_record *r = NULL;
	assert_int_equal(lat_new(&r, "all", &e), 0);
	for (enum dtype t = DTYPE_F32; t <= DTYPE_U64; t++)
		assert_int_equal(lat_set(r, dtype_name(t), t, 3, (int64_t[]){ 2, 5, 3 }, raw, NULL, &e), 0);
	assert_int_equal(lat_set(r, "scalar", DTYPE_F64, 0, NULL, raw, NULL, &e), 0);
	unsigned char *bytes = written(&r, 1, &n);
	lat_free(r);
	r = first(bytes, n);
	assert_int_equal(r->count, 13);
	for (enum dtype t = DTYPE_F32; t <= DTYPE_U64; t++) {
		lat_tensor *x = lat_find(r, dtype_name(t));
		const void *data = NULL;
		assert_non_null(x);
		assert_int_equal(x->dtype, t);
		assert_true(lat_has_shape(x, 3, (int64_t[]){ 2, 5, 3 }));
		assert_false(lat_has_shape(x, 2, (int64_t[]){ 2, 5 }));
		assert_false(lat_has_shape(x, 3, (int64_t[]){ 2, 5, 4 }));
		assert_int_equal(lat_data(x, &data, &e), 0);
		assert_memory_equal(data, raw, 30 * dtype_size(t));
	}
	assert_int_equal(lat_find(r, "scalar")->elements, 1);
	lat_free(r);
	free(bytes);
}

/* Smooth values, as images have: shuffled planes win. Values of few levels: plain wins. Both come back. */
static void both_filters(void **state)
{
	(void)state;
	enum { N = 20000 };
	float *smooth = malloc(N * sizeof *smooth), *levels = malloc(N * sizeof *levels), *back = NULL;
	err e = { 0 };
	size_t n;
	for (int i = 0; i < N; i++) {
		smooth[i] = sinf((float)i * .01f) * .7f + (float)((uint32_t)i * 2654435761u >> 16) * 1e-6f;
		levels[i] = (float)((uint32_t)i * 2654435761u >> 29) / 7;
	}
	lat_record *r = NULL;
	assert_int_equal(lat_new(&r, "a", &e), 0);
	assert_int_equal(lat_set_floats(r, "smooth", DTYPE_F32, 1, (int64_t[]){ N }, smooth, NULL, &e), 0);
	assert_int_equal(lat_set_floats(r, "levels", DTYPE_F32, 1, (int64_t[]){ N }, levels, NULL, &e), 0);
	unsigned char *bytes = written(&r, 1, &n);
	lat_free(r);
	r = first(bytes, n);
	assert_string_equal(lat_find(r, "smooth")->filter, "shuffle");
	assert_string_equal(lat_find(r, "levels")->filter, "none");
	assert_true(lat_find(r, "smooth")->frame_bytes < N * 7 / 2);
	assert_int_equal(lat_floats(lat_find(r, "smooth"), &back, &e), 0);
	assert_memory_equal(back, smooth, N * sizeof *back);
	free(back);
	assert_int_equal(lat_floats(lat_find(r, "levels"), &back, &e), 0);
	assert_memory_equal(back, levels, N * sizeof *back);
	free(back);
	free(smooth);
	free(levels);
	free(bytes);
	lat_free(r);
}

static void same_bytes(void **state)
{
	(void)state;
	size_t n, m;
	lat_record *r = small_record("a"), *again = small_record("a");
	json_object_set_new(r->header, "b", json_pack("{s:i, s:f}", "y", 1, "x", .1));
	json_object_set_new(again->header, "b", json_pack("{s:f, s:i}", "x", .1, "y", 1));
	unsigned char *a = written(&r, 1, &n), *b = written(&again, 1, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	/* and what was read is handed on as it was */
	lat_record *read = first(a, n);
	free(b);
	b = written(&read, 1, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	assert_null(read->tensors[0].data);
	lat_free(r);
	lat_free(again);
	lat_free(read);
	free(a);
	free(b);
}

static void editing(void **state)
{
	(void)state;
	err e = { 0 };
	lat_record *r = small_record("a");
	lat_tensor *t = lat_find(r, "z");
	double months = -1;
	float *v = NULL;
	assert_int_equal(lat_set_model(t, "autoencoder", "abc", &e), 0);
	assert_string_equal(maker_of(t).identity, "abc");
	assert_string_equal(maker_of(t).kind, "autoencoder");
	/* replaced in its place, and no longer from that model */
	assert_int_equal(lat_set(r, "z", DTYPE_U8, 1, (int64_t[]){ 2 }, "\1\2", &t, &e), 0);
	assert_ptr_equal(t, &r->tensors[0]);
	assert_null(maker_of(t).identity);
	assert_int_equal(lat_floats(t, &v, &e), 0);
	assert_true(v[0] == 1 && v[1] == 2);
	free(v);
	lat_drop(r, "none");
	lat_drop(r, "z");
	assert_int_equal(r->count, 1);
	assert_null(lat_find(r, "z"));
	assert_non_null(lat_find(r, "y"));
	assert_int_equal(lat_need(r, "z", &t, &e), ERR_DATA);
	assert_string_equal(e.text, "no tensor z (it has y)");
	assert_false(lat_months(r, &months));
	json_object_set_new(r->header, "months", json_integer(12));
	assert_true(lat_months(r, &months) && months == 12);
	assert_int_equal(lat_add_history(r, NULL, &e), 0);
	assert_null(json_object_get(r->header, "history"));
	assert_int_equal(lat_add_history(r, json_string("one"), &e), 0);
	assert_int_equal(lat_add_history(r, json_string("two"), &e), 0);
	assert_int_equal(json_array_size(json_object_get(r->header, "history")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(r->header, "history"), 1)), "two");
	assert_int_equal(lat_set_id(r, "b", &e), 0);
	assert_string_equal(lat_id(r), "b");
	assert_int_equal(lat_set_id(r, "b/c", &e), ERR_USAGE);
	assert_string_equal(lat_id(r), "b");
	lat_free(r);
}

/* Copies of records and tensors live on their own; a tensor with other values keeps its meta. */
static void copies(void **state)
{
	(void)state;
	err e = { 0 };
	lat_record *r = NULL, *c = NULL;
	lat_tensor *t = NULL;
	const float v[4] = { 1, 2, 3, 4 }, w[4] = { 5, 6, 7, 8 };
	const void *data;
	size_t n, m;
	assert_int_equal(lat_new(&r, "a", &e), 0);
	assert_int_equal(lat_set_floats(r, "y", DTYPE_F16, 1, (int64_t[]){ 4 }, v, &t, &e), 0);
	assert_int_equal(lat_set_model(t, "semantic", "abc", &e), 0);
	assert_int_equal(lat_set_floats(r, "z", DTYPE_F32, 2, (int64_t[]){ 2, 2 }, w, NULL, &e), 0);
	unsigned char *first = written(&r, 1, &n); /* from here on z and y are compressed, too */
	assert_int_equal(lat_copy(&c, r, &e), 0);
	lat_free(r);
	unsigned char *second = written(&c, 1, &m);
	assert_int_equal(n, m);
	assert_memory_equal(first, second, n);
	free(second);
	/* y with z's values: now f32, still of its model */
	t = lat_find(c, "y");
	assert_int_equal(lat_replace(t, w, &e), 0);
	assert_int_equal(t->dtype, DTYPE_F32);
	assert_string_equal(maker_of(t).identity, "abc");
	assert_string_equal(maker_of(t).kind, "semantic");
	second = written(&c, 1, &m);
	free(second);
	assert_int_equal(lat_data(t, &data, &e), 0);
	assert_memory_equal(data, w, sizeof w);
	/* a tensor of another record, in its place and at the end */
	assert_int_equal(lat_new(&r, "b", &e), 0);
	assert_int_equal(lat_set_floats(r, "y", DTYPE_F32, 1, (int64_t[]){ 2 }, v, NULL, &e), 0);
	assert_int_equal(lat_put_copy(r, lat_find(c, "y"), &e), 0);
	assert_int_equal(lat_put_copy(r, lat_find(c, "z"), &e), 0);
	lat_free(c);
	assert_int_equal(r->count, 2);
	assert_string_equal(r->tensors[0].name, "y");
	assert_int_equal(r->tensors[0].shape[0], 4);
	assert_string_equal(maker_of(&r->tensors[0]).identity, "abc");
	assert_string_equal(maker_of(&r->tensors[0]).kind, "semantic");
	assert_int_equal(lat_data(&r->tensors[1], &data, &e), 0);
	assert_memory_equal(data, w, sizeof w);
	second = written(&r, 1, &m);
	free(first);
	free(second);
	lat_free(r);
}

static void not_possible(void **state)
{
	(void)state;
	err e = { 0 };
	lat_record *r = NULL;
	const float huge[] = { 1, 1e6f };
	char name[LAT_MAX_NAME + 2];
	assert_int_equal(lat_new(&r, "a", &e), 0);
	assert_int_equal(lat_set_floats(r, "z", DTYPE_F16, 1, (int64_t[]){ 2 }, huge, NULL, &e), ERR_DATA);
	assert_string_equal(e.text, "tensor z: value 1e+06 is too large for f16");
	assert_int_equal(lat_set(r, "z", DTYPE_U8, 1, (int64_t[]){ 0 }, "", NULL, &e), ERR_DATA);
	assert_int_equal(lat_set(r, "z", DTYPE_U8, 2, (int64_t[]){ INT64_MAX, 3 }, "", NULL, &e), ERR_DATA);
	assert_int_equal(lat_set(r, "z", DTYPE_U8, 9, (int64_t[]){ 1, 1, 1, 1, 1, 1, 1, 1, 1 }, "", NULL, &e), ERR_DATA);
	assert_int_equal(lat_set(r, "a/b", DTYPE_U8, 0, NULL, "", NULL, &e), ERR_USAGE);
	assert_int_equal(lat_set(r, ".a", DTYPE_U8, 0, NULL, "", NULL, &e), ERR_USAGE);
	assert_int_equal(lat_set(r, "z", DTYPE_UNKNOWN, 0, NULL, "", NULL, &e), ERR_BUG);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	assert_int_equal(lat_set(r, name, DTYPE_U8, 0, NULL, "", NULL, &e), ERR_USAGE);
	assert_int_equal(r->count, 0);
	for (int i = 0; i < LAT_MAX_TENSORS; i++) {
		sprintf(name, "t%d", i);
		assert_int_equal(lat_set(r, name, DTYPE_U8, 0, NULL, "", NULL, &e), 0);
	}
	assert_int_equal(lat_set(r, "more", DTYPE_U8, 0, NULL, "", NULL, &e), ERR_DATA);
	assert_int_equal(r->count, LAT_MAX_TENSORS);
	lat_free(r);
}

/* Every cut of a stream of two records, at any byte, alone and with a whole stream behind it. */
static void every_cut(void **state)
{
	(void)state;
	lat_record *r[] = { small_record("a"), small_record("b") };
	size_t n, m;
	unsigned char *bytes = written(r, 2, &n), *one = written(r, 1, &m), *both = malloc(n + m);
	struct memory in = memory_new();
	err e = { 0 };
	memory_set(in, bytes, n);
	assert_int_equal(readable(in, &e), 2);
	for (size_t cut = 0; cut < n; cut++) {
		memory_set(in, bytes, cut);
		assert_int_equal(readable(in, &e), -ERR_DATA);
		assert_non_null(strstr(e.text, in.path));
		assert_non_null(strstr(e.text, ": byte "));
		if (cut) { /* nothing before a stream is no cut */
			memcpy(both, bytes, cut);
			memcpy(both + cut, one, m);
			memory_set(in, both, cut + m);
			assert_int_equal(readable(in, &e), -ERR_DATA);
		}
	}
	memcpy(both, bytes, n);
	memcpy(both + n, one, m);
	memory_set(in, both, n + m);
	assert_int_equal(readable(in, &e), 3);
	close(in.fd);
	lat_free(r[0]);
	lat_free(r[1]);
	free(bytes);
	free(one);
	free(both);
}

static void every_flip(void **state)
{
	(void)state;
	lat_record *r = small_record("a");
	size_t n;
	unsigned char *bytes = written(&r, 1, &n);
	struct memory in = memory_new();
	err e = { 0 };
	for (size_t bit = 0; bit < n * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		memory_set(in, bytes, n);
		assert_int_equal(readable(in, &e), -ERR_DATA);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	memory_set(in, bytes, n);
	assert_int_equal(readable(in, &e), 1);
	close(in.fd);
	lat_free(r);
	free(bytes);
}

/* The paper's latent, as noisy as it can be, and 1200 bytes of other things in its header; the limits are the project's own. */
static void compact(void **state)
{
	(void)state;
	enum { N = 3 * 16 * 20 * 16 };
	float *v = malloc(N * sizeof *v);
	static const char identity[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	uint64_t s = 1;
	size_t n;
	err e = { 0 };
	for (int i = 0; i < N; i++) { /* normal numbers, of the sum of twelve uniform ones */
		double sum = -6;
		for (int k = 0; k < 12; k++) {
			s = s * 6364136223846793005u + 1442695040888963407u;
			sum += (double)(s >> 11) * 0x1p-53;
		}
		v[i] = (float)sum;
	}
	for (int half = 0; half < 2; half++) {
		lat_record *r = NULL;
		assert_int_equal(lat_new(&r, "sub-0001_ses-M000_T1w", &e), 0);
		assert_int_equal(lat_set_floats(r, "z", half ? DTYPE_F16 : DTYPE_F32, 4, (int64_t[]){ 3, 16, 20, 16 }, v, NULL, &e), 0);
		assert_int_equal(lat_set_model(lat_find(r, "z"), "autoencoder", identity, &e), 0);
		char text[1201] = "";
		memset(text, 'A', sizeof text - 1);
		json_object_set_new(r->header, "source", json_string(text));
		unsigned char *bytes = written(&r, 1, &n);
		assert_true(n <= (half ? 29000 : 54000));
		free(bytes);
		lat_free(r);
	}
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids),	      cmocka_unit_test(every_type), cmocka_unit_test(both_filters),
		cmocka_unit_test(same_bytes), cmocka_unit_test(editing),    cmocka_unit_test(copies),    cmocka_unit_test(not_possible),
		cmocka_unit_test(every_cut),  cmocka_unit_test(every_flip), cmocka_unit_test(compact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
