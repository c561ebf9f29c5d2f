/* NIfTI files: every type, both versions and byte orders, pairs, compression; what is refused; headers kept byte for byte. */
#include "../unit.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <nifti2_io.h>
#include <zlib.h>

#include "nii/nii.h"

enum { NX = 5, NY = 4, NZ = 19, COUNT = NX * NY * NZ };

/* ---- files made by hand ---- */

typedef struct made {
	nifti_1_header h1;
	nifti_2_header h2;
	int version;
	bool swapped;
	char extension[64]; /* behind the header: extender and extension */
	size_t extension_bytes;
	unsigned char image[COUNT * 16];
	size_t image_bytes;
} made;

static made plain(int version, int type, int bytes)
{
	made m = { .version = version, .extension_bytes = 4, .image_bytes = (size_t)COUNT * (size_t)bytes };
	m.h1 = (nifti_1_header){ .sizeof_hdr = 348,
				 .dim = { 3, NX, NY, NZ, 1, 1, 1, 1 },
				 .datatype = (short)type,
				 .bitpix = (short)(8 * bytes),
				 .pixdim = { 1, 2, 3, 4, 0, 0, 0, 0 },
				 .vox_offset = 352,
				 .sform_code = 2,
				 .srow_x = { -2, 0, 0, 10 },
				 .srow_y = { 0, 3, .5f, -20 },
				 .srow_z = { 0, 0, 4, 30 },
				 .magic = "n+1",
				 .descrip = "made by hand" };
	m.h2 = (nifti_2_header){ .sizeof_hdr = 540,
				 .magic = "n+2\0\r\n\032\n",
				 .dim = { 3, NX, NY, NZ, 1, 1, 1, 1 },
				 .datatype = (short)type,
				 .bitpix = (short)(8 * bytes),
				 .pixdim = { 1, 2, 3, 4, 0, 0, 0, 0 },
				 .vox_offset = 544,
				 .sform_code = 2,
				 .srow_x = { -2, 0, 0, 10 },
				 .srow_y = { 0, 3, .5, -20 },
				 .srow_z = { 0, 0, 4, 30 },
				 .descrip = "made by hand" };
	return m;
}

static void save(const char *path, const void *a, size_t na, const void *b, size_t nb, const void *c, size_t nc)
{
	bool gz = strlen(path) > 3 && !strcmp(path + strlen(path) - 3, ".gz");
	gzFile f = gzopen(path, gz ? "wb" : "wbT");
	assert_non_null(f);
	assert_int_equal(gzwrite(f, a, (unsigned)na), na);
	assert_int_equal(gzwrite(f, b, (unsigned)nb), nb);
	assert_int_equal(gzwrite(f, c, (unsigned)nc), nc);
	assert_int_equal(gzclose(f), Z_OK);
}

/* Header in the file's byte order; its size. */
static size_t header_bytes(unsigned char out[540], const made *m)
{
	if (m->version == 1) {
		nifti_1_header h = m->h1;
		if (m->swapped)
			nifti_swap_as_nifti1(&h);
		memcpy(out, &h, sizeof h);
		return sizeof h;
	}
	nifti_2_header h = m->h2;
	if (m->swapped)
		nifti_swap_as_nifti2(&h);
	memcpy(out, &h, sizeof h);
	return sizeof h;
}

static const char *store(const char *name, const made *m)
{
	const char *path = test_path(name);
	unsigned char h[540];
	size_t n = header_bytes(h, m);
	save(path, h, n, m->extension, m->extension_bytes, m->image, m->image_bytes);
	return path;
}

static double value_at(int x, int y, int z) { return x + 10 * y + 5 * z; } /* at most 124: fits int8 */

/* Of x86's long double ten bytes count, the others are padding. */
#define SIGNIFICANT(n) ((n) == 16 && LDBL_MANT_DIG == 64 ? 10 : (n))

/* value_at in type T, X fastest, in the machine's order or the other one. */
#define FILL(T, name)                                                                                                                      \
	static void fill_##name(made *m)                                                                                                   \
	{                                                                                                                                  \
		unsigned char *p = m->image;                                                                                               \
		for (int z = 0; z < NZ; z++)                                                                                               \
			for (int y = 0; y < NY; y++)                                                                                       \
				for (int x = 0; x < NX; x++, p += sizeof(T)) {                                                             \
					T v = (T)value_at(x, y, z);                                                                        \
					memset(p, 0, sizeof v);                                                                            \
					memcpy(p, &v, SIGNIFICANT(sizeof v));                                                              \
					if (m->swapped && sizeof v > 1)                                                                    \
						nifti_swap_Nbytes(1, sizeof v, p);                                                         \
				}                                                                                                          \
	}
FILL(uint8_t, u8)
FILL(int8_t, i8)
FILL(int16_t, i16)
FILL(uint16_t, u16)
FILL(int32_t, i32)
FILL(uint32_t, u32)
FILL(int64_t, i64)
FILL(uint64_t, u64)
FILL(float, f32)
FILL(double, f64)
FILL(long double, f128)

static const struct {
	int code, bytes;
	void (*fill)(made *m);
} types[] = {
	{ DT_UINT8, 1, fill_u8 },    { DT_INT8, 1, fill_i8 },	  { DT_INT16, 2, fill_i16 },	  { DT_UINT16, 2, fill_u16 },
	{ DT_INT32, 4, fill_i32 },   { DT_UINT32, 4, fill_u32 },  { DT_INT64, 8, fill_i64 },	  { DT_UINT64, 8, fill_u64 },
	{ DT_FLOAT32, 4, fill_f32 }, { DT_FLOAT64, 8, fill_f64 }, { DT_FLOAT128, 16, fill_f128 },
};
enum { TYPES = sizeof types / sizeof *types };

static void expect_values(const volume *v, double slope, double inter)
{
	assert_int_equal(v->n[0], NX);
	assert_int_equal(v->n[1], NY);
	assert_int_equal(v->n[2], NZ);
	for (int x = 0; x < NX; x++)
		for (int y = 0; y < NY; y++)
			for (int z = 0; z < NZ; z++)
				assert_float_equal(v->v[(x * NY + y) * NZ + z], value_at(x, y, z) * slope + inter, 1e-4);
}

static void slurp(const char *path, unsigned char *out, size_t cap, size_t *n)
{
	gzFile f = gzopen(path, "rb");
	assert_non_null(f);
	int got = gzread(f, out, (unsigned)cap);
	assert_true(got >= 0);
	*n = (size_t)got;
	gzclose(f);
}

/* ---- reading and writing back ---- */

static void every_type_version_and_order(void **state)
{
	(void)state;
	err e = { 0 };
	for (int i = 0; i < TYPES * 2 * 2 * 2; i++) {
		made m = plain(1 + i % 2, types[i / 8].code, types[i / 8].bytes);
		m.swapped = i / 2 % 2;
		types[i / 8].fill(&m);
		const char *path = store(i / 4 % 2 ? "t.nii.gz" : "t.nii", &m);
		volume v, w;
		nii_header h, k;
		nii_notes notes;
		SUCCEEDS(nii_read(&v, &h, &notes, path, &e));
		expect_values(&v, 1, 0);
		assert_int_equal(h.version, m.version);
		assert_int_equal(h.swapped, m.swapped);
		assert_int_equal(h.datatype, types[i / 8].code);
		assert_int_equal(h.sform_code, 2);
		assert_float_equal(v.affine[0][0], -2, 0);
		assert_float_equal(v.affine[1][2], .5, 0);
		assert_float_equal(v.affine[2][3], 30, 0);
		assert_int_equal(notes.n, 0);

		/* the scan's own type again: the very same bytes */
		unsigned char a[540 + COUNT * 16 + 16], b[540 + COUNT * 16 + 16];
		size_t na, nb;
		const char *back = test_path("back.nii.gz");
		nii_loss loss;
		SUCCEEDS(nii_write(back, true, &h, &v, true, &loss, &e));
		assert_int_equal(loss.rounded + loss.saturated, 0);
		slurp(path, a, sizeof a, &na);
		slurp(back, b, sizeof b, &nb);
		assert_int_equal(na, nb);
		assert_memory_equal(a, b, na);

		/* float32: the header but for four fields */
		SUCCEEDS(nii_write(back, true, &h, &v, false, NULL, &e));
		SUCCEEDS(nii_read(&w, &k, NULL, back, &e));
		expect_values(&w, 1, 0);
		assert_int_equal(k.datatype, DT_FLOAT32);
		assert_float_equal(k.slope, 1, 0);
		made want = m;
		want.h1.datatype = want.h2.datatype = DT_FLOAT32;
		want.h1.bitpix = want.h2.bitpix = 32;
		want.h1.scl_slope = 1;
		want.h2.scl_slope = 1;
		unsigned char header[540];
		size_t n = header_bytes(header, &want);
		assert_memory_equal(k.bytes, header, n);
		assert_int_equal(k.size, n + 4);
		nii_header_free(&h);
		nii_header_free(&k);
		volume_free(&v);
		volume_free(&w);
	}
}

static void slope_and_intercept(void **state)
{
	(void)state;
	static const struct {
		float slope, inter;
		double want_slope, want_inter;
	} cases[] = { { 2, -3, 2, -3 }, { 0, 7, 1, 0 }, { NAN, 7, 1, 0 }, { INFINITY, 1, 1, 0 }, { -1.5f, .5f, -1.5, .5 } };
	err e = { 0 };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		made m = plain(1, DT_INT16, 2);
		fill_i16(&m);
		m.h1.scl_slope = cases[i].slope;
		m.h1.scl_inter = cases[i].inter;
		volume v;
		SUCCEEDS(nii_read(&v, NULL, NULL, store("s.nii", &m), &e));
		expect_values(&v, cases[i].want_slope, cases[i].want_inter);
		volume_free(&v);
	}
}

static void what_is_not_finite_becomes_zero(void **state)
{
	(void)state;
	err e = { 0 };
	made m = plain(1, DT_FLOAT64, 8);
	fill_f64(&m);
	static const double odd[] = { NAN, INFINITY, -INFINITY, 1e300 };
	memcpy(m.image, odd, sizeof odd);
	double label = 16777217;
	memcpy(m.image + 100 * sizeof label, &label, sizeof label);
	volume v;
	nii_notes notes;
	SUCCEEDS(nii_read(&v, NULL, &notes, store("nan.nii", &m), &e));
	assert_int_equal(notes.not_finite, 4);
	assert_int_equal(notes.rounded, 1);
	assert_int_equal(notes.n, 3);
	assert_string_equal(notes.line[0], "3 voxels are not finite and count as 0");
	assert_string_equal(notes.line[1], "1 voxel is too large for single precision and counts as 0");
	assert_string_equal(notes.line[2], "1 voxel is a whole number that single precision does not hold, and rounded");
	for (int x = 0; x < 4; x++)
		assert_float_equal(v.v[x * NY * NZ], 0, 0);
	assert_float_equal(v.v[4 * NY * NZ], 4, 0);
	volume_free(&v);
}

static void form_codes_decide(void **state)
{
	(void)state;
	err e = { 0 };
	for (int q = 0; q < 3; q++)
		for (int s = 0; s < 3; s++) {
			made m = plain(1, DT_UINT8, 1);
			fill_u8(&m);
			m.h1.qform_code = (short)q;
			m.h1.sform_code = (short)s;
			/* half a turn about z, z mirrored by qfac */
			m.h1.pixdim[0] = -1;
			m.h1.quatern_d = 1;
			m.h1.qoffset_x = 7;
			volume v;
			nii_notes notes;
			SUCCEEDS(nii_read(&v, NULL, &notes, store("q.nii", &m), &e));
			assert_int_equal(notes.n, (!q && !s) || (q && s));
			if (notes.n)
				assert_non_null(strstr(notes.line[0], q ? "disagree by up to" : "neither sform nor qform"));
			assert_float_equal(v.affine[0][0], s || q ? -2 : 2, 1e-6);
			assert_float_equal(v.affine[1][1], s || !q ? 3 : -3, 1e-6);
			assert_float_equal(v.affine[2][2], s || !q ? 4 : -4, 1e-6);
			assert_float_equal(v.affine[0][3], s ? 10 : q ? 7 : 0, 1e-6);
			volume_free(&v);
		}
}

static void pairs(void **state)
{
	(void)state;
	err e = { 0 };
	made m = plain(1, DT_INT16, 2);
	unsigned char h[540];
	volume v, w;
	nii_header a, b;
	fill_i16(&m);
	memcpy(m.h1.magic, "ni1", 4);
	m.h1.vox_offset = 16; /* the image begins later in its file */
	size_t n = header_bytes(h, &m);
	save(test_path("p.hdr.gz"), h, n, NULL, 0, NULL, 0);
	save(test_path("p.img.gz"), "................", 16, m.image, m.image_bytes, NULL, 0);
	SUCCEEDS(nii_read(&v, &a, NULL, test_path("p.img.gz"), &e));
	expect_values(&v, 1, 0);
	assert_true(a.pair);
	/* as a pair again */
	SUCCEEDS(nii_write(test_path("p2.img"), true, &a, &v, true, NULL, &e));
	SUCCEEDS(nii_read(&w, &b, NULL, test_path("p2.hdr"), &e));
	expect_values(&w, 1, 0);
	assert_int_equal(b.size, a.size);
	assert_memory_equal(b.bytes, a.bytes, a.size);
	volume_free(&w);
	nii_header_free(&b);
	/* as a single file, and that as a pair */
	SUCCEEDS(nii_write(test_path("p3.nii"), true, &a, &v, true, NULL, &e));
	nii_header_free(&a);
	volume_free(&v);
	SUCCEEDS(nii_read(&v, &a, NULL, test_path("p3.nii"), &e));
	expect_values(&v, 1, 0);
	assert_false(a.pair);
	assert_int_equal(a.offset, 352);
	SUCCEEDS(nii_write(test_path("p4.hdr"), true, &a, &v, false, NULL, &e));
	SUCCEEDS(nii_read(&w, &b, NULL, test_path("p4.hdr"), &e));
	expect_values(&w, 1, 0);
	assert_true(b.pair);
	assert_int_equal(b.offset, 0);
	nii_header_free(&a);
	nii_header_free(&b);
	volume_free(&v);
	volume_free(&w);
	FAILS(ERR_NOINPUT, "lone.img",
	      (save(test_path("lone.hdr"), h, n, NULL, 0, NULL, 0), nii_read(&v, NULL, NULL, test_path("lone.hdr"), &e)));
	FAILS(ERR_DATA, "not named .hdr",
	      (save(test_path("named.nii"), h, n, NULL, 0, NULL, 0), nii_read(&v, NULL, NULL, test_path("named.nii"), &e)));
}

static void extensions_are_kept(void **state)
{
	(void)state;
	err e = { 0 };
	made m = plain(1, DT_UINT8, 1);
	fill_u8(&m);
	memcpy(m.extension, "\1\0\0\0\x20\0\0\0\6\0\0\0the user's own words", 32);
	m.extension_bytes = 36;
	m.h1.vox_offset = 384;
	volume v;
	nii_header h, k;
	SUCCEEDS(nii_read(&v, &h, NULL, store("x.nii", &m), &e));
	expect_values(&v, 1, 0);
	assert_int_equal(h.size, 384);
	SUCCEEDS(nii_write(test_path("x2.nii.gz"), true, &h, &v, false, NULL, &e));
	volume_free(&v);
	SUCCEEDS(nii_read(&v, &k, NULL, test_path("x2.nii.gz"), &e));
	expect_values(&v, 1, 0);
	assert_memory_equal(k.bytes + 348, m.extension, 36);
	/* a record's way of keeping it */
	nii_header parsed;
	SUCCEEDS(nii_header_parse(&parsed, k.bytes, k.size, "record", &e));
	assert_memory_equal(parsed.affine, h.affine, sizeof h.affine);
	nii_header_free(&parsed);
	FAILS(ERR_DATA, "record: a header of 383 bytes", nii_header_parse(&parsed, k.bytes, 383, "record", &e));
	FAILS(ERR_DATA, "record: not a NIfTI header", nii_header_parse(&parsed, k.bytes, 347, "record", &e));
	nii_header_free(&h);
	nii_header_free(&k);
	volume_free(&v);
}

static void whole_numbers_round_and_saturate(void **state)
{
	(void)state;
	err e = { 0 };
	made m = plain(1, DT_INT8, 1);
	fill_i8(&m);
	m.h1.scl_slope = 2;
	m.h1.scl_inter = 1;
	volume v, w;
	nii_header h;
	nii_loss loss;
	SUCCEEDS(nii_read(&v, &h, NULL, store("r.nii", &m), &e));
	v.v[0] = 3; /* stored 1 */
	v.v[1] = 4.9f; /* stored 1.95: 2 */
	v.v[2] = 1000; /* 127 */
	v.v[3] = -1000; /* -128 */
	SUCCEEDS(nii_write(test_path("r2.nii"), true, &h, &v, true, &loss, &e));
	assert_int_equal(loss.rounded, 1);
	assert_int_equal(loss.saturated, 2);
	SUCCEEDS(nii_read(&w, NULL, NULL, test_path("r2.nii"), &e));
	assert_float_equal(w.v[0], 3, 0);
	assert_float_equal(w.v[1], 5, 0);
	assert_float_equal(w.v[2], 255, 0);
	assert_float_equal(w.v[3], -255, 0);
	assert_float_equal(w.v[4], v.v[4], 0);
	nii_header_free(&h);
	volume_free(&v);
	volume_free(&w);
}

static void new_headers(void **state)
{
	(void)state;
	err e = { 0 };
	double affine[3][4] = { { 0, 0, 3, -90 }, { -3, 0, 0, 126 }, { 0, 3, 0, -72 } };
	int n[3] = { NX, NY, NZ };
	volume v, w;
	nii_header h, k;
	SUCCEEDS(volume_new(&v, n, &e));
	v.v[7] = .25f;
	SUCCEEDS(nii_header_new(&h, n, affine, 4, &e));
	SUCCEEDS(nii_write(test_path("n.nii"), true, &h, &v, false, NULL, &e));
	SUCCEEDS(nii_read(&w, &k, NULL, test_path("n.nii"), &e));
	assert_int_equal(k.qform_code, 4);
	assert_int_equal(k.sform_code, 4);
	assert_memory_equal(w.v, v.v, COUNT * sizeof(float));
	for (int i = 0; i < 12; i++)
		assert_float_equal(k.affine[i / 4][i % 4], affine[i / 4][i % 4], 1e-6);
	/* the qform says the same */
	nifti_1_header f;
	memcpy(&f, k.bytes, sizeof f);
	nifti_dmat44 q = nifti_quatern_to_dmat44(f.quatern_b, f.quatern_c, f.quatern_d, f.qoffset_x, f.qoffset_y, f.qoffset_z, f.pixdim[1],
						 f.pixdim[2], f.pixdim[3], f.pixdim[0]);
	for (int i = 0; i < 12; i++)
		assert_float_equal(q.m[i / 4][i % 4], affine[i / 4][i % 4], 1e-5);
	FAILS(ERR_CREATE, "exists", nii_write(test_path("n.nii"), false, &h, &v, false, NULL, &e));
	nii_header_free(&h);
	nii_header_free(&k);
	volume_free(&v);
	volume_free(&w);
	FAILS(ERR_DATA, "40000", nii_header_new(&h, (int[]){ 40000, 1, 1 }, affine, 0, &e));
}

/* ---- what is refused ---- */

static void refuses_headers(void **state)
{
	(void)state;
	err e = { 0 };
	volume v;
	made good = plain(1, DT_INT16, 2), m;
	fill_i16(&good);
#define REFUSED(change, part)                                                                                                              \
	do {                                                                                                                               \
		m = good;                                                                                                                  \
		change;                                                                                                                    \
		FAILS(ERR_DATA, part, nii_read(&v, NULL, NULL, store("bad.nii", &m), &e));                                                 \
		assert_null(v.v);                                                                                                          \
	} while (0)
	REFUSED(m.h1.sizeof_hdr = 347, "not a NIfTI file");
	REFUSED(memset(m.h1.magic, 0, 4), "Analyze 7.5");
	REFUSED(m.h1.dim[0] = 0, "0 dimensions");
	REFUSED(m.h1.dim[0] = 8, "8 dimensions");
	REFUSED(m.h1.dim[1] = 0, "dim[1] is 0");
	REFUSED(m.h1.dim[2] = -4, "dim[2] is -4");
	REFUSED((m.h1.dim[0] = 4, m.h1.dim[4] = 2), "several frames");
	REFUSED((m.h1.dim[1] = m.h1.dim[2] = m.h1.dim[3] = 32767), "impossible size");
	REFUSED(m.h1.dim[3] = 1000, "more than the file can hold");
	REFUSED(m.h1.datatype = DT_RGB24, "not real numbers");
	REFUSED(m.h1.datatype = DT_COMPLEX64, "not real numbers");
	REFUSED(m.h1.datatype = DT_BINARY, "not real numbers");
	REFUSED(m.h1.datatype = 12345, "not real numbers");
	REFUSED(m.h1.vox_offset = NAN, "vox_offset");
	REFUSED(m.h1.vox_offset = 100, "vox_offset");
	REFUSED(m.h1.vox_offset = 352.5f, "vox_offset");
	REFUSED(m.h1.vox_offset = 1e30f, "vox_offset");
	REFUSED(m.h1.srow_x[0] = NAN, "sform");
	REFUSED(memset(m.h1.srow_z, 0, 16), "sform");
	REFUSED((m.h1.scl_slope = 1, m.h1.scl_inter = NAN), "scl_inter");
	REFUSED((m.h1.sform_code = 0, m.h1.qform_code = 1, m.h1.quatern_b = NAN), "qform");
	REFUSED(m.image_bytes -= 1, "more than the file can hold");
	REFUSED(m.image[m.image_bytes++] = 1, "more data than the header says");
#undef REFUSED
	/* zeros behind the image are padding */
	m = good;
	m.image_bytes += 100;
	memset(m.image + good.image_bytes, 0, 100);
	SUCCEEDS(nii_read(&v, NULL, NULL, store("pad.nii", &m), &e));
	expect_values(&v, 1, 0);
	volume_free(&v);
	/* two dimensions are one slice, and a missing vox_offset is the least */
	m = good;
	m.h1.dim[0] = 2;
	m.h1.vox_offset = 0;
	m.image_bytes = NX * NY * 2;
	SUCCEEDS(nii_read(&v, NULL, NULL, store("flat.nii", &m), &e));
	assert_int_equal(v.n[2], 1);
	assert_float_equal(v.v[NY + 2], value_at(1, 2, 0), 0);
	volume_free(&v);
	made two = plain(2, DT_INT16, 2);
	two.h2.magic[4] = '\n'; /* as text conversion does */
	FAILS(ERR_DATA, "as if it were text", nii_read(&v, NULL, NULL, store("text.nii", &two), &e));
	FAILS(ERR_NOINPUT, "none.nii", nii_read(&v, NULL, NULL, test_path("none.nii"), &e));
}

static void refuses_damaged_gzip(void **state)
{
	(void)state;
	err e = { 0 };
	volume v;
	made m = plain(1, DT_FLOAT64, 8);
	fill_f64(&m);
	const char *path = store("z.nii.gz", &m);
	static unsigned char whole[1 << 16], b[1 << 17];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, whole, sizeof whole);
	close(fd);
	assert_true(n > 100);
#define REFUSED(size, part)                                                                                                                \
	do {                                                                                                                               \
		fd = open(test_path("zz.nii.gz"), O_WRONLY | O_CREAT | O_TRUNC, 0600);                                                     \
		assert_int_equal(write(fd, b, (size_t)(size)), size);                                                                      \
		close(fd);                                                                                                                 \
		FAILS(ERR_DATA, part, nii_read(&v, NULL, NULL, test_path("zz.nii.gz"), &e));                                               \
		assert_null(v.v);                                                                                                          \
	} while (0)
	for (ssize_t cut = 2; cut<n; cut += cut> 20 && cut < n - 20 ? 37 : 1) {
		memcpy(b, whole, (size_t)n);
		REFUSED(cut, "");
	}
	memcpy(b, whole, (size_t)n);
	b[n - 6] ^= 1; /* check sum */
	REFUSED(n, "damaged");
	memcpy(b, whole, (size_t)n);
	b[n - 3] ^= 1; /* length */
	REFUSED(n, "damaged");
	memcpy(b, whole, (size_t)n);
	b[n / 2] ^= 16;
	REFUSED(n, "");
	memcpy(b, whole, (size_t)n);
	memcpy(b + n, "rubbish", 7);
	REFUSED(n + 7, "something else follows");
#undef REFUSED
	/* zeros behind it, and a second member that goes on */
	memset(b + n, 0, 512);
	memcpy(b, whole, (size_t)n);
	fd = open(test_path("zz.nii.gz"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, b, (size_t)n + 512), n + 512);
	close(fd);
	SUCCEEDS(nii_read(&v, NULL, NULL, test_path("zz.nii.gz"), &e));
	expect_values(&v, 1, 0);
	volume_free(&v);
	unsigned char h[540];
	size_t size = header_bytes(h, &m);
	save(test_path("1.gz"), h, size, m.extension, 4, m.image, 100);
	save(test_path("2.gz"), m.image + 100, m.image_bytes - 100, NULL, 0, NULL, 0);
	char command[2048];
	snprintf(command, sizeof command, "cat %s %s > %s", test_path("1.gz"), test_path("2.gz"), test_path("12.nii.gz"));
	assert_int_equal(system(command), 0);
	SUCCEEDS(nii_read(&v, NULL, NULL, test_path("12.nii.gz"), &e));
	expect_values(&v, 1, 0);
	volume_free(&v);
}

/* ---- names ---- */

static void ids(void **state)
{
	(void)state;
	static const struct {
		const char *path, *id;
	} good[] = { { "sub-01_T1w.nii.gz", "sub-01_T1w" },
		     { "/a.b/c.nii", "c" },
		     { "x.hdr", "x" },
		     { "x.img.gz", "x" },
		     { "a.b.nii", "a.b" },
		     { "plain", "plain" },
		     { "sub-01_T1w.NII.GZ", "sub-01_T1w" },
		     { "x.Img.gz", "x" },
		     { "x.gz", "x" } };
	static const char *const bad[] = { "", "a/", ".nii.gz", "a/.hidden.nii", "a b.nii", "\xc3\xa9.nii", "-?.nii" };
	char id[NII_ID];
	err e = { 0 };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		SUCCEEDS(nii_id(id, good[i].path, &e));
		assert_string_equal(id, good[i].id);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		FAILS(ERR_USAGE, "cannot be an id", nii_id(id, bad[i], &e));
	char longest[300];
	memset(longest, 'a', sizeof longest);
	strcpy(longest + 200, ".nii");
	SUCCEEDS(nii_id(id, longest, &e));
	assert_int_equal(strlen(id), 200);
	strcpy(longest + 200, "a.nii");
	longest[200] = 'a';
	FAILS(ERR_USAGE, "cannot be an id", nii_id(id, longest, &e));
}

static int clean(void **state)
{
	(void)state;
	char command[600];
	snprintf(command, sizeof command, "rm -r %s", test_folder());
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_version_and_order),
		cmocka_unit_test(slope_and_intercept),
		cmocka_unit_test(what_is_not_finite_becomes_zero),
		cmocka_unit_test(form_codes_decide),
		cmocka_unit_test(pairs),
		cmocka_unit_test(extensions_are_kept),
		cmocka_unit_test(whole_numbers_round_and_saturate),
		cmocka_unit_test(new_headers),
		cmocka_unit_test(refuses_headers),
		cmocka_unit_test(refuses_damaged_gzip),
		cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
