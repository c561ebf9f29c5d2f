/* Checkpoints of PyTorch: every number of those in tests/checkpoints, and what is refused of archives, pickles and networks. */
#include "../unit.h"

#include <math.h>
#include <zlib.h>

#include "../oracle.h"
#include "base/file.h"
#include "format/checkpoint.h"
#include "format/pickle.h"
#include "format/zip.h"
#include "model/import.h"
#include "model/weights.h"

#define FILES "tests/checkpoints/"

/* ---- the numbers ---- */

/* As tests/checkpoints/make.py: steps of 1/16 from -1. */
static void check_values(const params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const param *p = &ps->p[i];
		char key[256];
		snprintf(key, sizeof key, "1/%s", p->name);
		uint64_t hash = oracle_hash(key);
		for (size_t k = 0; k < p->count; k++) {
			float want = (floorf(oracle_number(hash, k, 0, 1) * 32 - 16)) / 16;
			if (p->v[k] != want)
				fail_msg("%s[%zu]: %g, not %g", p->name, k, (double)p->v[k], (double)want);
		}
	}
}

static json_t *given(void)
{
	model_config c;
	json_t *v = NULL;
	err e = { 0 };
	SUCCEEDS(config_read(&c, FILES "config.json", &v, &e));
	return v;
}

/* Converts a file and looks at every number; the kinds that must come out, one space behind each. */
static void converts(const char *name, const char *kinds)
{
import in;
	err e = { 0 };
	json_t *config = given(), *preparation = json_pack("{s:s, s:[i,i,i], s:f}", "name", "stored", "size", 16, 16, 16, "spacing", 1.5);
	char path[512], found[128] = "";
	snprintf(path, sizeof path, FILES "%s", name);
	SUCCEEDS(import_open(&in, path, NULL, &e));
	SUCCEEDS(import_configure(&in, config, &e));
	SUCCEEDS(import_verify(&in, &e));
	for (int i = 0; i < in.n; i++) {
		weights w;
		const char *kind = in.parts[i].kind;
		strcat(strcat(found, kind), " ");
		SUCCEEDS(import_write(&in, i, test_folder(), true, preparation, &e));
		char made[512];
		snprintf(made, sizeof made, "%s/%s.safetensors", test_folder(), kind);
		SUCCEEDS(weights_open(&w, made, kind, &e));
		assert_true(w.identity_stored && w.params.n > 30);
		assert_string_equal(json_string_value(json_object_get(w.preparation, "name")), "stored");
		assert_string_equal(st_meta(w.file, "source"), name);
		assert_true(w.config.diffusion.clip == 1 && w.config.diffusion.scale_factor == .8730);
		check_values(&w.params);
		weights_close(&w);
	}
	assert_string_equal(found, kinds);
	json_decref(config);
	json_decref(preparation);
	import_close(&in);
}

static void every_number(void **state)
{
	(void)state;
	converts("autoencoder.pth", "autoencoder ");
	converts("autoencoder-old.pth", "autoencoder "); /* half; other strides, shared storages */
	converts("stage1.ckpt", "autoencoder ");
	converts("stage3.ckpt", "semantic shift_unet "); /* bfloat16; doubled names */
}

static void configuration_from_shapes(void **state)
{
	(void)state;
import in;
	err e = { 0 };
	json_t *config = given();
	SUCCEEDS(import_open(&in, FILES "stage3.ckpt", NULL, &e));
	assert_string_equal(in.parts[0].prefix, "ema_encoder.");
	assert_string_equal(in.parts[1].prefix, "ema_decoder.");
	SUCCEEDS(import_configure(&in, config, &e));
	const sem_config *s = &in.parsed.semantic;
	const unet_config *u = &in.parsed.unet;
	assert_true(s->levels == 2 && s->dims[0] == 2 && s->dims[1] == 4 && s->depths[0] == 1 && s->depths[1] == 2);
	assert_true(s->embedding == 4 && s->slices == 16 && s->heads == 2 && in.parsed.latent_dim == 4);
	assert_true(u->in_channels == 2 && u->base_channels == 2 && u->levels == 2 && u->multipliers[0] == 1 && u->multipliers[1] == 2);
	assert_true(u->res_blocks == 1 && u->attentions == 1 && u->attention_at[0] == 2 && u->groups == 2);
	import_close(&in);
	SUCCEEDS(import_open(&in, FILES "stage1.ckpt", "model", &e));
	assert_int_equal(in.n_all, 2);
	SUCCEEDS(import_configure(&in, config, &e));
	const ae_config *a = &in.parsed.autoencoder;
	assert_true(a->levels == 2 && a->channels[0] == 2 && a->channels[1] == 4 && a->latent_channels == 2 && a->res_blocks == 1);
	import_close(&in);
	FAILS(ERR_CONFIG, "no network to take under 'x': it holds autoencoder under 'model.', discriminator under 'discriminator.'",
	      import_open(&in, FILES "stage1.ckpt", "x", &e));
	import_close(&in);
	SUCCEEDS(import_open(&in, FILES "autoencoder.pth", NULL, &e));
	FAILS(ERR_CONFIG, "groups: 32 does not divide 2 channels", import_configure(&in, NULL, &e));
	import_close(&in);
	SUCCEEDS(import_open(&in, FILES "autoencoder.pth", NULL, &e));
	json_object_set_new(json_object_get(config, "autoencoder"), "latent_channels", json_integer(3));
	FAILS(ERR_CONFIG,
	      "autoencoder: encoder.blocks.5.conv.weight has shape 2x4x3x3x3; the other tensors, or the configuration, ask for 3x4x3x3x3",
	      import_configure(&in, config, &e));
	import_close(&in);
	json_decref(config);
}

/* A network of which one tensor is missing, or has another shape: whichever it is, that one is named and nothing else blamed. */
static void each_tensor_is_named(const char *file, const char *kind)
{
	weights w;
	err e = { 0 };
	char name[300];
	json_t *config = given();
	const char *path = test_path("part.safetensors");
	SUCCEEDS(weights_open(&w, file, kind, &e));
	st_item *items = calloc(w.params.n, sizeof *items);
	assert_true(items && w.params.n > 30);
	for (size_t i = 0; i < 2 * w.params.n; i++) {
		const param *p = &w.params.p[i / 2];
		const bool whole = i % 2; /* else it is missing */
		int64_t other[5];
		size_t n = 0;
import in;
		for (size_t k = 0; k < w.params.n; k++)
			if (whole || k != i / 2)
				items[n++] = (st_item){ w.params.p[k].name, DTYPE_F32, w.params.p[k].rank, w.params.p[k].n,
							w.params.p[k].v };
		memcpy(other, p->n, sizeof other);
		other[0]++;
		float *larger = calloc(p->count / (size_t)p->n[0] * (size_t)other[0], sizeof *larger);
		assert_non_null(larger);
		if (whole) {
			items[i / 2].n = other;
			items[i / 2].data = larger;
		}
		SUCCEEDS(st_write(path, true, items, n, NULL, false, &e));
		SUCCEEDS(import_open(&in, path, NULL, &e));
		snprintf(name, sizeof name, "%s: %s %s", kind, p->name, whole ? "has shape " : "is missing");
		FAILS(ERR_CONFIG, name, import_configure(&in, config, &e));
		import_close(&in);
		free(larger);
	}
	unlink(path);
	free(items);
	json_decref(config);
	weights_close(&w);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
import in;
	err e = { 0 };
	json_t *config = given(), *preparation = json_pack("{s:s, s:[i,i,i], s:f}", "name", "stored", "size", 16, 16, 16, "spacing", 1.5);
	for (const char *const *file = (const char *const[]){ FILES "autoencoder.pth", FILES "stage3.ckpt", NULL }; *file; file++) {
		SUCCEEDS(import_open(&in, *file, NULL, &e));
		SUCCEEDS(import_configure(&in, config, &e));
		for (int i = 0; i < in.n; i++)
			SUCCEEDS(import_write(&in, i, test_folder(), true, preparation, &e));
		import_close(&in);
	}
	each_tensor_is_named(test_path("autoencoder.safetensors"), "autoencoder");
	each_tensor_is_named(test_path("semantic.safetensors"), "semantic");
	each_tensor_is_named(test_path("shift_unet.safetensors"), "shift_unet");
	json_decref(config);
	json_decref(preparation);
}

/* ---- cut and damaged files ---- */

/* A copy of a test file. */
static unsigned char *load(const char *name, size_t *n)
{
	const void *map;
	err e = { 0 };
	SUCCEEDS(file_map(name, &map, n, &e));
	unsigned char *copy = malloc(*n);
	assert_non_null(copy);
	memcpy(copy, map, *n);
	file_unmap(map, *n);
	return copy;
}

static void every_cut_is_seen(void **state)
{
	(void)state;
	for (const char *const *name = (const char *const[]){ FILES "autoencoder.pth", FILES "autoencoder-old.pth", NULL }; *name; name++) {
		size_t n;
		unsigned char *b = load(*name, &n);
		for (size_t cut = 0; cut < n; cut += cut < 2000 || cut + 2000 > n ? 1 : 37) {
			checkpoint c;
			err e = { 0 };
			unsigned char *part = malloc(cut + 1); /* of its own, so that reading beyond shows under sanitizers */
			assert_non_null(part);
			memcpy(part, b, cut);
			assert_int_equal(checkpoint_parse(&c, part, cut, "cut", &e), ERR_CONFIG);
			checkpoint_close(&c);
			free(part);
		}
		free(b);
	}
}

/* A bit that is turned anywhere in an archive is seen by a checksum, or is none of the weights' business: never a crash. */
static void turned_bits(void **state)
{
	(void)state;
	size_t n, seen = 0;
	unsigned char *b = load(FILES "autoencoder.pth", &n);
	for (size_t at = 0; at < n; at += 13) {
		checkpoint c;
		err e = { 0 };
		b[at] ^= 1 << at % 8;
		int code = checkpoint_parse(&c, b, n, "bits", &e);
		for (size_t i = 0; !code && i < c.n; i++)
			code = checkpoint_verify(&c, &c.tensors[i], &e);
		assert_true(!code || code == ERR_CONFIG);
		seen += code != 0;
		checkpoint_close(&c);
		b[at] ^= 1 << at % 8;
	}
	assert_true(seen > n / 13 / 2);
	free(b);
}

/* ---- pickles ---- */

/* One pickle, its length known where it holds zeros. */
static int run(const char *bytes, size_t n, err *e)
{
	pickle p = { 0 };
	size_t used;
	uint32_t root;
	int code = pickle_read(&p, bytes, n, &used, &root, e);
	pickle_free(&p);
	return code;
}
#define PICKLE(text) text, sizeof(text) - 1

/* What no weight needs is carried along under its name: every operation by which an object comes to be, is filled, or called. */
static void objects_are_carried_along(void **state)
{
	(void)state;
	const struct {
		const char *bytes;
		size_t n;
		const char *class;
	} object[] = {
		{ PICKLE("\x80\2cos\nsystem\n(X\4\0\0\0truetR."), "os.system" },
		{ PICKLE("\x80\2cposix\nsystem\n."), "posix.system" },
		{ PICKLE("\x80\4\x8c\10builtins\x8c\4eval\x93."), "builtins.eval" },
		{ PICKLE("\x80\2ca\nB\n)\x81}X\1\0\0\0kK\1sb."), "a.B" }, /* NEWOBJ and its attributes */
		{ PICKLE("\x80\4ca\nB\n)}\x92."), "a.B" }, /* NEWOBJ_EX */
		{ PICKLE("\x80\2ca\nB\n)R)R."), "a.B" }, /* what it made is called */
		{ PICKLE("\x80\2ca\nB\n)RK\1a(K\1K\2e(K\1K\2u."), "a.B" }, /* a list or dictionary of its own */
		{ PICKLE("\x80\2ca\nB\n)R20."), "a.B" }, /* DUP, POP */
		{ PICKLE("\x80\2ca\nB\n)R(K\1K\0021."), "a.B" }, /* POP_MARK */
		{ PICKLE("\x80\2ca\nB\n)R(0."), "a.B" }, /* POP of a mark */
		{ PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(ca\nB\n)RNNNtR."), "a.B" }, /* a tensor of an unknown storage */
		{ PICKLE("\x80\2ctorch._utils\n_rebuild_parameter\n(ca\nB\n)RNNtR."), "a.B" },
		{ PICKLE("\x80\2ccollections\nOrderedDict\nca\nB\n)R\x85R."), "a.B" },
		{ PICKLE("\x80\2(X\7\0\0\0storagectorch\nQInt8Storage\nX\1\0\0\0000X\3\0\0\0cpuK\1tQ."), "torch.QInt8Storage" },
	};
	for (size_t i = 0; i < sizeof object / sizeof *object; i++) {
		pickle p = { 0 };
		size_t used;
		uint32_t root;
		err e = { 0 };
		char class[PICKLE_CLASS];
		SUCCEEDS(pickle_read(&p, object[i].bytes, object[i].n, &used, &root, &e));
		assert_true(p.values[root].kind == PICKLE_OTHER || p.values[root].kind == PICKLE_NAME);
		pickle_class(&p, &p.values[root], class);
		assert_string_equal(class, object[i].class);
		pickle_free(&p);
	}
	err e = { 0 };
	/* sets, long texts and numbers stand beside weights, too */
	SUCCEEDS(run(PICKLE("\x80\4(\x8f(K\1K\2\x90(K\1\x91\x8d\1\0\0\0\0\0\0\0a\x8b\2\0\0\0\xff\xfft."), &e));
}

static void pickles_refused(void **state)
{
	(void)state;
	err e = { 0 };
	SUCCEEDS(run(PICKLE("\x80\2}q\0(X\1\0\0\0aK\1X\1\0\0\0b\x8a\2\xff\xffu."), &e));
	const struct {
		const char *bytes;
		size_t n;
		const char *part;
	} bad[] = {
		{ PICKLE("\x80\2ccollections\nOrderedDict\n)RR."), "takes a value where there is none" },
		{ PICKLE("\x80\2ccollections\nOrderedDict\n)R)R."), "calls what is no name" },
		{ PICKLE("\x80\2ctorch\nFloatStorage\n)R."), "makes a storage" },
		{ PICKLE("\x80\2ctorch._utils\n_rebuild_parameter\n(NNNtR."), "a parameter that is no tensor" },
		{ PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), "a tensor that is described in no way known" },
		{ PICKLE("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuJ\xff\xff\xff\xfftQ."),
		  "a storage that is described in no way known" },
		{ PICKLE("\x80\2i__main__\nX\n."), "an operation that checkpoints do not need" },
		{ PICKLE("\x80\2\x82\1."), "an operation that checkpoints do not need" },
		{ PICKLE("\x80\11N."), "a pickle of a later protocol" },
		{ PICKLE("\x80\2h\0."), "recalls what was not remembered" },
		{ PICKLE("\x80\2Nr\xff\xff\xff\xff."), "more values than a checkpoint can have" },
		{ PICKLE("\x80\2t."), "no mark" },
		{ PICKLE("\x80\2(N\x86."), "takes a value where there is none" },
		{ PICKLE("\x80\2NNs."), "takes a value where there is none" },
		{ PICKLE("\x80\2NNNs."), "puts values into what holds none" },
		{ PICKLE("\x80\2NN."), "ends with values left over" },
		{ PICKLE("\x80\2(N."), "ends with values left over" },
		{ PICKLE("\x80\2K\1}b."), "attributes of what has none" },
		{ PICKLE("\x80\2X\xff\xff\xff\xff."), "cut short" },
		{ PICKLE("\x80\2cos"), "cut short" },
		{ PICKLE(""), "cut short" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		FAILS(ERR_CONFIG, bad[i].part, run(bad[i].bytes, bad[i].n, &e));
}

/* A tensor of `size` and `stride` in a storage of 6 floats. */
static int tensor_in_six(int offset, int size, int stride, err *e)
{
	char b[256];
	static const char begin[] = "\x80\2ctorch._utils\n_rebuild_tensor_v2\n((";
	static const char storage[] = "X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\6tQ";
	size_t n = sizeof begin - 1;
	memcpy(b, begin, n);
	memcpy(b + n, storage, sizeof storage - 1);
	n += sizeof storage - 1;
	n += (size_t)sprintf(b + n, "K%cK%c\x85K%c\x85\x89}tR.", offset, size, stride);
	return run(b, n, e);
}

static void tensors_inside_their_storage(void **state)
{
	(void)state;
	err e = { 0 };
	SUCCEEDS(tensor_in_six(1, 5, 1, &e));
	SUCCEEDS(tensor_in_six(1, 3, 2, &e));
	FAILS(ERR_CONFIG, "larger than its storage", tensor_in_six(2, 5, 1, &e));
	FAILS(ERR_CONFIG, "larger than its storage", tensor_in_six(1, 3, 3, &e));
	FAILS(ERR_CONFIG, "larger than its storage", tensor_in_six(1, 100, 1, &e));
	FAILS(ERR_CONFIG, "larger than its storage", tensor_in_six(6, 1, 1, &e));
}

/* ---- archives ---- */

/* An archive of one stored member "name" with the bytes "data"; the parts of its two headers that tests turn. */
typedef struct tiny {
	unsigned char b[256];
	size_t n;
} tiny;

static void put(tiny *t, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		t->b[t->n++] = i < 8 ? (unsigned char)(v >> 8 * i) : 0;
}

static tiny archive(const char *name, int method, uint32_t size, uint32_t packed, uint32_t place)
{
	tiny t = { .n = 0 };
	size_t length = strlen(name);
	uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)"data", 4);
	put(&t, 0x04034b50, 4), put(&t, 0, 10), put(&t, crc, 4), put(&t, packed, 4), put(&t, size, 4), put(&t, length, 2), put(&t, 0, 2);
	memcpy(t.b + t.n, name, length);
	t.n += length;
	memcpy(t.b + t.n, "data", 4);
	t.n += 4;
	size_t contents = t.n;
	put(&t, 0x02014b50, 4), put(&t, 0, 6), put(&t, (uint64_t)method, 2), put(&t, 0, 4), put(&t, crc, 4), put(&t, packed, 4),
		put(&t, size, 4);
	put(&t, length, 2), put(&t, 0, 12), put(&t, place, 4);
	memcpy(t.b + t.n, name, length);
	t.n += length;
	size_t end = t.n;
	put(&t, 0x06054b50, 4), put(&t, 0, 4), put(&t, 1, 2), put(&t, 1, 2), put(&t, end - contents, 4), put(&t, contents, 4),
		put(&t, 0, 2);
	return t;
}

static void archives(void **state)
{
	(void)state;
	const struct {
		const char *name;
		int method;
		uint32_t size, packed, place;
		const char *part;
	} bad[] = {
		{ "/etc/passwd", 0, 4, 4, 0, "a name that is not allowed" },
		{ "../a", 0, 4, 4, 0, "a name that is not allowed" },
		{ "a/../../b", 0, 4, 4, 0, "a name that is not allowed" },
		{ "a\\b", 0, 4, 4, 0, "a name that is not allowed" },
		{ "a", 8, 4, 4, 0, "compressed or encrypted" },
		{ "a", 0, 1000000, 4, 0, "compressed or encrypted" },
		{ "a", 0, 1000000, 1000000, 0, "cut short" },
		{ "a", 0, 60, 60, 0, "its table of contents lies on a member" },
		{ "a", 0, 4, 4, 1, "is not where it should be" },
		{ "a", 0, 4, 4, 4000000000u, "is not where it should be" },
		{ "a", 0, 0xFFFFFFFF, 0xFFFFFFFF, 0, "cut short" },
	};
	err e = { 0 };
	zip z;
	tiny good = archive("a/b..c", 0, 4, 4, 0);
	SUCCEEDS(zip_parse(&z, good.b, good.n, &e));
	assert_int_equal(z.n, 1);
	const zip_member *m = zip_find(&z, "a/b..c");
	assert_non_null(m);
	assert_null(zip_find(&z, "a/b..cd"));
	assert_memory_equal(m->data, "data", 4);
	SUCCEEDS(zip_verify(m, &e));
	good.b[m->data - good.b] ^= 1;
	FAILS(ERR_CONFIG, "member a/b..c: damaged", zip_verify(m, &e));
	zip_free(&z);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		tiny t = archive(bad[i].name, bad[i].method, bad[i].size, bad[i].packed, bad[i].place);
		FAILS(ERR_CONFIG, bad[i].part, zip_parse(&z, t.b, t.n, &e));
		zip_free(&z);
	}
}

static int clean(void **state)
{
	(void)state;
	for (const char *const *kind = (const char *const[]){ "autoencoder", "semantic", "shift_unet", NULL }; *kind; kind++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s.safetensors", test_folder(), *kind);
		unlink(path);
	}
	return rmdir(test_folder());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number), cmocka_unit_test(configuration_from_shapes), cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(turned_bits),	cmocka_unit_test(pickles_refused),	     cmocka_unit_test(tensors_inside_their_storage),
		cmocka_unit_test(archives),	cmocka_unit_test(objects_are_carried_along), cmocka_unit_test(what_is_wrong_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
