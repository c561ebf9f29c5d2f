#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/npy.h"

static char path[] = "/tmp/test_npy.XXXXXX";

static int enter(void **state)
{
	(void)state;
	return close(mkstemp(path));
}

static int leave(void **state)
{
	(void)state;
	return unlink(path);
}

/* A file of this version, header text and elements, `padded` to the length that NumPy would give it. */
static void make(int version, const char *header, const void *data, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	size_t length = strlen(header);
	fprintf(f, "\x93NUMPY%c%c%c%c", version, 0, (int)(length & 255), (int)(length >> 8));
	if (version > 1)
		fwrite("\0", 1, 2, f);
	fwrite(header, 1, length, f);
	fwrite(data, 1, n, f);
	assert_int_equal(fclose(f), 0);
}

static int load(npy_array *a, err *e)
{
	infile *f = NULL;
	assert_int_equal(in_open(&f, path, e), 0);
	int code = npy_read(a, f, e);
	in_close(f);
	return code;
}

static void every_type(void **state)
{
	(void)state;
	unsigned char raw[6 * 8];
	static const enum dtype types[] = { DTYPE_F32, DTYPE_F16, DTYPE_F64, DTYPE_I8,	DTYPE_I16, DTYPE_I32,
					    DTYPE_I64, DTYPE_U8,  DTYPE_U16, DTYPE_U32, DTYPE_U64 };
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (unsigned char)(i * 41 + 3);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		err e = { 0 };
		npy_array a;
		outfile *o = NULL;
		size_t n = 0;
		char *bytes = NULL;
		assert_int_equal(out_open(&o, path, true, &e), 0);
		assert_int_equal(npy_write(o, types[i], 2, (int64_t[]){ 2, 3 }, raw, &e), 0);
		assert_int_equal(out_commit(o, &e), 0);
		assert_int_equal(load(&a, &e), 0);
		assert_int_equal(a.dtype, types[i]);
		assert_int_equal(a.rank, 2);
		assert_int_equal(a.elements, 6);
		assert_true(a.shape[0] == 2 && a.shape[1] == 3);
		assert_memory_equal(a.data, raw, 6 * dtype_size(types[i]));
		free(a.data);
		assert_int_equal(file_slurp(path, 1000, &bytes, &n, &e), 0);
		assert_int_equal((n - 6 * dtype_size(types[i])) % 64, 0);
		free(bytes);
	}
}

static void header_as_numpy_writes_it(void **state)
{
	(void)state;
	outfile *o = NULL;
	char *bytes = NULL;
	size_t n;
	assert_int_equal(out_open(&o, path, true, NULL), 0);
	assert_int_equal(npy_write(o, DTYPE_F32, 1, (int64_t[]){ 1 }, &(float){ 1 }, NULL), 0);
	assert_int_equal(out_commit(o, NULL), 0);
	assert_int_equal(file_slurp(path, 1000, &bytes, &n, NULL), 0);
	assert_int_equal(n, 132);
	assert_memory_equal(bytes, "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }  ", 69);
	assert_int_equal(bytes[127], '\n');
	free(bytes);
}

static void bf16_becomes_f32(void **state)
{
	(void)state;
	npy_array a;
	outfile *o = NULL;
	assert_int_equal(out_open(&o, path, true, NULL), 0);
	assert_int_equal(npy_write(o, DTYPE_BF16, 0, NULL, &(uint16_t){ 0xbf80 }, NULL), 0);
	assert_int_equal(out_commit(o, NULL), 0);
	assert_int_equal(load(&a, NULL), 0);
	assert_int_equal(a.dtype, DTYPE_F32);
	assert_int_equal(a.rank, 0);
	assert_true(*(float *)a.data == -1);
	free(a.data);
}

static void other_orders(void **state)
{
	(void)state;
	npy_array a;
	static const int16_t big[] = { 0x0100, 0x0200, 0x0300, 0x0400, 0x0500, 0x0600 };
	static const unsigned char columns[] = { 1, 4, 2, 5, 3, 6 };
	make(1, "{'descr': '>i2', 'fortran_order': False, 'shape': (6,), }\n", big, sizeof big);
	assert_int_equal(load(&a, NULL), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(((int16_t *)a.data)[i], i + 1);
	free(a.data);
	/* first index fastest; keys in another order, version 2, a boolean */
	make(2, "{\"shape\": (2, 3), 'fortran_order': True,'descr':'|b1'}", columns, sizeof columns);
	assert_int_equal(load(&a, NULL), 0);
	assert_int_equal(a.dtype, DTYPE_U8);
	for (int i = 0; i < 6; i++)
		assert_int_equal(((unsigned char *)a.data)[i], i + 1);
	free(a.data);
	/* three dimensions: element (i,j,k) = i + 2j + 6k as it lies there */
	unsigned char lying[24];
	for (int i = 0; i < 24; i++)
		lying[i] = (unsigned char)i;
	make(3, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }", lying, sizeof lying);
	assert_int_equal(load(&a, NULL), 0);
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < 4; k++)
				assert_int_equal(((unsigned char *)a.data)[(i * 3 + j) * 4 + k], i + 2 * j + 6 * k);
	free(a.data);
}

static void refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
		"{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }",
		"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
		"{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }",
		"{'descr': '<f1', 'fortran_order': False, 'shape': (8,), }",
		"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': 2, }",
		"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }",
		"{'descr': '<f4', 'fortran_order': False, }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,), }",
		"{'descr': '<f4', 'shape': (2,), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x",
		"",
		"{",
		"{'",
		"{'descr",
		"{'descr'",
		"{'descr':",
		"{'descr': '",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 2), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 3), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,), }",
		"{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }",
		"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		npy_array a;
		err e = { 0 };
		make(1, bad[i], "abcdefgh", 8);
		assert_int_equal(load(&a, &e), ERR_DATA);
		assert_non_null(strstr(e.text, path));
		assert_null(a.data);
	}
	npy_array a;
	const char *good = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
	make(1, good, "abcdefgh", 8);
	assert_int_equal(load(&a, NULL), 0);
	free(a.data);
	make(4, good, "abcdefgh", 8);
	assert_int_equal(load(&a, NULL), ERR_DATA);
	for (int cut = 0; cut < 10 + (int)strlen(good) + 8; cut++) {
		make(1, good, "abcdefgh", 8);
		assert_int_equal(truncate(path, cut), 0);
		assert_int_equal(load(&a, NULL), ERR_DATA);
	}
}

/* Through a pipe the size is not known beforehand. */
static void through_a_pipe(void **state)
{
	(void)state;
	static const char *const counts[] = { "2", "3", "1" };
	static const int codes[] = { 0, ERR_DATA, ERR_DATA };
	for (int i = 0; i < 3; i++) {
		int ends[2];
		char header[100], name[40];
		npy_array a;
		infile *f = NULL;
		snprintf(header, sizeof header, "{'descr': '<i4', 'fortran_order': False, 'shape': (%s,), }", counts[i]);
		make(1, header, "abcdefgh", 8);
		char *bytes = NULL;
		size_t n;
		assert_int_equal(file_slurp(path, 1000, &bytes, &n, NULL), 0);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], bytes, n), n);
		close(ends[1]);
		snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
		assert_int_equal(in_open(&f, name, NULL), 0);
		assert_int_equal(npy_read(&a, f, NULL), codes[i]);
		in_close(f);
		close(ends[0]);
		free(a.data);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),	    cmocka_unit_test(header_as_numpy_writes_it),
		cmocka_unit_test(bf16_becomes_f32), cmocka_unit_test(other_orders),
		cmocka_unit_test(refused),	    cmocka_unit_test(through_a_pipe),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
