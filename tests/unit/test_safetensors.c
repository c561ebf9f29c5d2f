#include "../unit.h"

#include <math.h>

#include "format/safetensors.h"
#include "../oracle.h"

/* A file in memory: header length, header, `bytes` of zeros (or 0 1 2 ..). */
static st_file *parse(const char *header, size_t bytes, int *code, err *e)
{
	static unsigned char b[1 << 16];
	size_t n = strlen(header);
	st_file *f = NULL;
	assert_true(8 + n + bytes <= sizeof b);
	memset(b, 0, 8);
	b[0] = (unsigned char)n;
	b[1] = (unsigned char)(n >> 8);
	memcpy(b + 8, header, n);
	for (size_t i = 0; i < bytes; i++)
		b[8 + n + i] = (unsigned char)i;
	*code = st_parse(&f, b, 8 + n + bytes, "w", e);
	return f;
}

static void accepts(void **state)
{
	(void)state;
	err e = { 0 };
	int code;
	st_file *f = parse("{\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[4,5]},\"__metadata__\":{\"kind\":\"x\"},"
			   "\"a\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[0,4]},\"z\":{\"dtype\":\"I64\",\"shape\":[3,0],"
			   "\"data_offsets\":[4,4]},\"ok\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[5,6],\"more\":null}}   ",
			   6, &code, &e);
	assert_int_equal(code, 0);
	assert_int_equal(f->n, 4);
	assert_string_equal(f->tensors[0].name, "a");
	assert_string_equal(f->tensors[1].name, "z");
	assert_string_equal(f->tensors[2].name, "b");
	const st_tensor *a = st_find(f, "a"), *b = st_find(f, "b"), *z = st_find(f, "z"), *ok = st_find(f, "ok");
	assert_null(st_find(f, "c"));
	assert_null(st_find(f, "__metadata__"));
	assert_int_equal(a->dtype, DTYPE_F16);
	assert_int_equal(a->rank, 2);
	assert_int_equal(a->n[0], 2);
	assert_int_equal(a->n[1], 1);
	assert_int_equal(a->bytes, 4);
	assert_int_equal(b->rank, 0);
	assert_int_equal(b->count, 1);
	assert_int_equal(*(const unsigned char *)b->data, 4);
	assert_int_equal(z->count, 0);
	assert_int_equal(ok->dtype, DTYPE_U8);
	assert_string_equal(st_meta(f, "kind"), "x");
	assert_null(st_meta(f, "identity"));
	assert_int_equal(st_verify(f, &e), 0);
	st_close(f);
	f = parse("{}", 0, &code, &e);
	assert_int_equal(code, 0);
	assert_int_equal(f->n, 0);
	st_close(f);
}

#define T(type, shape, from, to) "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		size_t bytes;
		const char *why;
	} bad[] = {
		{ "{\"a\":", 0, "header" },
		{ "[1]", 0, "no JSON object" },
		{ "{} {}", 0, "header" },
		{ "{\"a\":" T("F32", "[4]", "0", "16") "}", 0, "end at byte 16" },
		{ "{\"a\":" T("F32", "[4]", "0", "16") "}", 17, "belong to no tensor" },
		{ "{\"a\":" T("F32", "[4]", "0", "15") "}", 16, "for a shape of 16" },
		{ "{\"a\":" T("F32", "[4611686018427387904,8]", "0", "16") "}", 16, "impossible shape" },
		{ "{\"a\":" T("F64", "[4611686018427387904]", "0", "16") "}", 16, "impossible shape" },
		{ "{\"a\":" T("F32", "[99999999999999999999]", "0", "16") "}", 16, "header" },
		{ "{\"a\":" T("F32", "[-4]", "0", "16") "}", 16, "impossible shape" },
		{ "{\"a\":" T("F32", "[4.0]", "0", "16") "}", 16, "impossible shape" },
		{ "{\"a\":" T("F32", "4", "0", "16") "}", 16, "needs dtype" },
		{ "{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,4]", "0", "16") "}", 16, "9 axes" },
		{ "{\"a\":" T("F8_E4M3", "[16]", "0", "16") "}", 16, "type F8_E4M3 is not supported" },
		{ "{\"a\":" T("F32", "[4]", "-8", "8") "}", 16, "impossible data_offsets" },
		{ "{\"a\":" T("F32", "[4]", "16", "0") "}", 16, "impossible data_offsets" },
		{ "{\"a\":" T("F32", "[4]", "0", "16") ",\"b\":" T("F32", "[4]", "8", "24") "}", 24, "overlap" },
		{ "{\"a\":" T("F32", "[4]", "0", "16") ",\"b\":" T("F32", "[4]", "0", "16") "}", 16, "overlap" },
		{ "{\"a\":" T("F32", "[2]", "0", "8") ",\"b\":" T("F32", "[2]", "12", "20") "}", 20, "gap" },
		{ "{\"a\":" T("F32", "[2]", "4", "12") "}", 12, "gap" },
		{ "{\"a\":" T("U8", "[1]", "0", "1") ",\"a\":" T("U8", "[1]", "1", "2") "}", 2, "header" },
		{ "{\"a\":3}", 0, "needs dtype" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "needs dtype" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4,4]}}", 4, "needs dtype" },
		{ "{\"__metadata__\":{\"a\":1}}", 0, "no string" },
		{ "{\"__metadata__\":[]}", 0, "no object" },
		{ "{}", 3, "belong to no tensor" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err e = { 0 };
		int code;
		st_file *f = parse(bad[i].header, bad[i].bytes, &code, &e);
		assert_null(f);
		if (code != ERR_CONFIG || e.code != ERR_CONFIG || strncmp(e.text, "w: ", 3) || !strstr(e.text, bad[i].why))
			fail_msg("%s: %d, %s", bad[i].header, code, e.text);
	}
}

/* Lengths that lie, and files too short to be any. */
static void refuses_lengths(void **state)
{
	(void)state;
	err e = { 0 };
	st_file *f = NULL;
	unsigned char b[64] = { 0 };
	for (size_t n = 0; n < 8; n++)
		FAILS(ERR_CONFIG, "too few", st_parse(&f, b, n, "w", &e));
	FAILS(ERR_CONFIG, "no JSON object", st_parse(&f, b, 8, "w", &e));
	memset(b, 0xFF, 8);
	FAILS(ERR_CONFIG, "cut short", st_parse(&f, b, 64, "w", &e));
	memset(b, 0, 8);
	b[7] = 0x10; /* 2^60 */
	FAILS(ERR_CONFIG, "cut short", st_parse(&f, b, 64, "w", &e));
	b[7] = 0;
	b[0] = 57;
	FAILS(ERR_CONFIG, "cut short", st_parse(&f, b, 64, "w", &e));
	FAILS(ERR_NOINPUT, "/nowhere", st_open(&f, "/nowhere/w", &e));
	FAILS(ERR_NOINPUT, "directory", st_open(&f, "/tmp", &e));
	FAILS(ERR_NOINPUT, "regular", st_open(&f, "/dev/zero", &e));
}

/* Nesting and numbers of values that would cost memory are refused before it is taken. */
static void refuses_floods(void **state)
{
	(void)state;
	size_t n = ST_MAX_HEADER;
	unsigned char *b = calloc(1, n + 8 + 8);
	st_file *f = NULL;
	err e = { 0 };
	assert_non_null(b);
	b[0] = 8;
	b[3] = 1; /* 2^24 + 8 */
	memset(b + 8, ' ', n + 8);
	b[8] = '{';
	FAILS(ERR_CONFIG, "at most", st_parse(&f, b, n + 16, "w", &e));
	b[0] = 0;
	FAILS(ERR_CONFIG, "header", st_parse(&f, b, n + 8, "w", &e));
	memcpy(b + 8, "{\"a\":", 5);
	memset(b + 13, '[', n - 5);
	FAILS(ERR_CONFIG, "header", st_parse(&f, b, n + 8, "w", &e));
	memcpy(b + 13, "[", 1);
	for (size_t i = 14; i + 1 < n + 8; i += 2)
		memcpy(b + i, "0,", 2);
	FAILS(ERR_CONFIG, "header", st_parse(&f, b, n + 8, "w", &e));
	free(b);
}

static void identity(void **state)
{
	(void)state;
	err e = { 0 };
	int code;
	char hex[SHA_TEXT];
	st_file *f = parse("{\"a\":" T("U8", "[3]", "0", "3") "}", 3, &code, &e);
	assert_int_equal(code, 0);
	((unsigned char *)f->data)[0] = 'a';
	((unsigned char *)f->data)[1] = 'b';
	((unsigned char *)f->data)[2] = 'c';
	st_identity(f, hex);
	/* FIPS 180-2, appendix B.1 */
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	st_close(f);
}

static void write_and_read(void **state)
{
	(void)state;
	err e = { 0 };
	const char *path = test_path("w.safetensors"), *again = test_path("v.safetensors");
	float a[6] = { 1, -2.5f, 3e-8f, 65504, 1e-3f, -0.0f }, b[3] = { .1f, 1e20f, 7 };
	int64_t c = -7, na[2] = { 2, 3 }, nb[1] = { 3 };
	st_item items[] = { { "a.weight", DTYPE_F32, 2, na, a }, { "a.bias", DTYPE_F32, 1, nb, b }, { "c", DTYPE_I64, 0, NULL, &c } };
	json_t *metadata = json_pack("{s:s,s:s}", "kind", "autoencoder", "config", "{\"name\": \"\303\244\"}"), *config = NULL;
	st_file *f = NULL;
	SUCCEEDS(st_write(path, false, items, 3, metadata, false, &e));
	FAILS(ERR_CREATE, "exists", st_write(path, false, items, 3, metadata, false, &e));
	b[2] = NAN;
	FAILS(ERR_DATA, "v.safetensors: a.bias: element 2 is nan, no finite number", st_write(again, false, items, 3, metadata, false, &e));
	assert_int_equal(access(again, F_OK), -1);
	b[2] = 7;
	SUCCEEDS(st_open(&f, path, &e));
	assert_int_equal(f->n, 3);
	assert_int_equal((uintptr_t)f->data % 8, 0);
	assert_string_equal(f->tensors[0].name, "a.weight");
	assert_memory_equal(st_find(f, "a.weight")->data, a, sizeof a);
	assert_memory_equal(st_find(f, "a.bias")->data, b, sizeof b);
	assert_memory_equal(st_find(f, "c")->data, &c, sizeof c);
	SUCCEEDS(st_meta_json(f, "config", &config, &e));
	assert_string_equal(json_string_value(json_object_get(config, "name")), "\303\244");
	json_decref(config);
	assert_int_equal(strlen(st_meta(f, "identity")), 64);
	SUCCEEDS(st_verify(f, &e));
	st_close(f);

	/* same input, same bytes */
	SUCCEEDS(st_write(again, false, items, 3, metadata, false, &e));
	char command[1200];
	snprintf(command, sizeof command, "cmp -s %s %s", path, again);
	assert_int_equal(system(command), 0);

	/* one byte of the data changed */
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	fseek(file, -1, SEEK_END);
	fputc(1, file);
	fclose(file);
	SUCCEEDS(st_open(&f, path, &e));
	FAILS(ERR_CONFIG, "damaged", st_verify(f, &e));
	st_close(f);

	/* half: matrices in 16 bits, vectors as they were, another identity */
	SUCCEEDS(st_write(path, true, items, 3, metadata, true, &e));
	SUCCEEDS(st_open(&f, path, &e));
	const st_tensor *h = st_find(f, "a.weight");
	float back[6];
	assert_int_equal(h->dtype, DTYPE_F16);
	dtype_to_float(back, h->data, h->dtype, h->count);
	assert_true(back[0] == 1 && back[1] == -2.5f && back[2] == 0x1p-24f && back[3] == 65504 && signbit(back[5]));
	assert_true(fabsf(back[4] - 1e-3f) <= 1e-3f / 2048);
	assert_int_equal(st_find(f, "a.bias")->dtype, DTYPE_F32);
	assert_memory_equal(st_find(f, "a.bias")->data, b, sizeof b);
	SUCCEEDS(st_verify(f, &e));
	st_close(f);
	/* a vector in the clothes of a convolution */
	const float scale[3] = { 1e-6f, 2e-6f, 3e-9f };
	const st_item layer_scale = { "layer_scale", DTYPE_F32, 3, (int64_t[]){ 3, 1, 1 }, scale };
	SUCCEEDS(st_write(path, true, &layer_scale, 1, NULL, true, &e));
	SUCCEEDS(st_open(&f, path, &e));
	assert_int_equal(f->tensors[0].dtype, DTYPE_F32);
	assert_memory_equal(f->tensors[0].data, scale, sizeof scale);
	st_close(f);
	a[3] = 65520; /* rounds to infinity */
	FAILS(ERR_DATA, "a.weight", st_write(path, true, items, 3, metadata, true, &e));
	a[3] = 1;
	items[1].name = "a.weight";
	assert_int_not_equal(st_write(path, true, items, 3, metadata, false, &e), 0);
	/* what was there is still whole */
	SUCCEEDS(st_open(&f, path, &e));
	SUCCEEDS(st_verify(f, &e));
	st_close(f);
	FAILS(ERR_CREATE, "nowhere", st_write("/nowhere/w", false, items, 1, NULL, false, &e));
	json_decref(metadata);
	unlink(path);
	unlink(again);
}

/* A file of another program, bit for bit what its formula says. */
static void golden(void **state)
{
	(void)state;
	err e = { 0 };
	st_file *f = NULL;
	SUCCEEDS(st_open(&f, "tests/oracle/golden/autoencoder.safetensors", &e));
	assert_string_equal(st_meta(f, "kind"), "autoencoder");
	FILE *table = fopen("tests/oracle/golden/params.tsv", "r");
	assert_non_null(table);
	char line[512], net[64], name[128], shape[64], key[160];
	size_t seen = 0;
	while (fgets(line, sizeof line, table)) {
		double lo, hi;
		if (sscanf(line, "%63[^\t]\t%127[^\t]\t%63[^\t]\t%lf\t%lf", net, name, shape, &lo, &hi) != 5 || strcmp(net, "autoencoder"))
			continue;
		const st_tensor *t = st_find(f, name);
		assert_non_null(t);
		snprintf(key, sizeof key, "1/%s", name);
		for (size_t i = 0; i < t->count; i++)
			assert_true(((const float *)t->data)[i] == oracle_number(oracle_hash(key), i, lo, hi));
		seen++;
	}
	fclose(table);
	assert_int_equal(seen, f->n);
	st_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),	  cmocka_unit_test(refuses),  cmocka_unit_test(refuses_lengths),
		cmocka_unit_test(refuses_floods), cmocka_unit_test(identity), cmocka_unit_test(write_and_read),
		cmocka_unit_test(golden),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(test_folder());
	return failed;
}
