/* NIfTI headers that contradict themselves, or tell sizes, units and values in unusual ways: what is taken, said and refused. */
#include "../unit.h"

#include <math.h>
#include <nifti2_io.h>

#include "nii/nii.h"

enum { N = 64, COUNT = N * 2 * 3 };

/* A scan of 64x2x3 doubles 1, 2, 3 .. on an oblique grid of 2x3x4 mm, which both forms tell. */
static nifti_2_header usual(void)
{
	nifti_2_header h = { .sizeof_hdr = 540,
			     .magic = "n+2\0\r\n\032\n",
			     .dim = { 3, N, 2, 3, 1, 1, 1, 1 },
			     .datatype = DT_FLOAT64,
			     .bitpix = 64,
			     .pixdim = { 1, 2, 3, 4 },
			     .vox_offset = 544,
			     .qform_code = 1,
			     .sform_code = 1,
			     /* nearly half a turn about an oblique axis, where a quaternion of floats is least exact */
			     .quatern_b = .6f,
			     .quatern_c = .7999999f,
			     .quatern_d = .0001f,
			     .qoffset_x = -40,
			     .qoffset_y = 10.5,
			     .qoffset_z = 7 };
	nifti_dmat44 m = nifti_quatern_to_dmat44(h.quatern_b, h.quatern_c, h.quatern_d, h.qoffset_x, h.qoffset_y, h.qoffset_z, 2, 3, 4, 1);
	memcpy(h.srow_x, m.m[0], sizeof h.srow_x);
	memcpy(h.srow_y, m.m[1], sizeof h.srow_y);
	memcpy(h.srow_z, m.m[2], sizeof h.srow_z);
	return h;
}

static double image[COUNT];

static const char *store(const nifti_2_header *h, const char *between, size_t bytes)
{
	const char *path = test_path("a.nii");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(h, sizeof *h, 1, f), 1);
	if (bytes)
		assert_int_equal(fwrite(between, bytes, 1, f), 1);
	assert_int_equal(fwrite(image, sizeof image, 1, f), 1);
	assert_int_equal(fclose(f), 0);
	return path;
}

static const char none[4];

/* Reads it; what is said must be this one line, or nothing at all (NULL). */
static nii_header take(const nifti_2_header *changed, const char *said)
{
	err e = { 0 };
	volume v;
	nii_header h;
	nii_notes notes;
	SUCCEEDS(nii_read(&v, &h, &notes, store(changed, none, 4), &e));
	assert_int_equal(notes.n, said ? 1 : 0);
	if (said)
		assert_string_equal(notes.line[0], said);
	volume_free(&v);
	return h;
}

static void refuse(const nifti_2_header *changed, const char *why)
{
	err e = { 0 };
	volume v;
	FAILS(ERR_DATA, why, nii_read(&v, NULL, NULL, store(changed, none, 4), &e));
	assert_null(v.v);
}

static void forms_that_disagree_are_said(void **state)
{
	(void)state;
	nifti_2_header h = usual(), g = h;
	nii_header a = take(&h, NULL);
	nii_header_free(&a);

	for (int i = 0; i < 4; i++)
		g.srow_x[i] = -h.srow_x[i];
	a = take(&g, "qform (code 1) and sform (code 1) disagree about which side is left: the sform is taken; is it right?");
	assert_float_equal(a.affine[0][3], 40, 0);
	nii_header_free(&a);

	g = h;
	g.qform_code = 2;
	g.srow_z[3] += 1.5;
	a = take(&g, "qform (code 2) and sform (code 1) disagree by up to 1.5 mm: the sform is taken");
	assert_float_equal(a.affine[2][3], 8.5, 0);
	nii_header_free(&a);

	/* a shift within a quarter of a voxel */
	g.srow_z[3] = h.srow_z[3] + .4;
	a = take(&g, NULL);
	nii_header_free(&a);
	/* one voxel at the other end: by their direction */
	g = h;
	g.srow_y[0] += 2. / (N - 1);
	a = take(&g, "qform (code 1) and sform (code 1) disagree by up to 2 mm: the sform is taken");
	nii_header_free(&a);
	/* by their size */
	g = h;
	g.pixdim[1] = 2.1;
	a = take(&g, "qform (code 1) and sform (code 1) disagree by up to 6.3 mm: the sform is taken");
	nii_header_free(&a);

	/* there is only one answer when the other's code is 0 */
	g.qform_code = 0;
	a = take(&g, NULL);
	nii_header_free(&a);

	g = h;
	g.quatern_b = NAN;
	a = take(&g, "its qform (code 1) places no voxel: the sform (code 1) is taken");
	nii_header_free(&a);
	g.sform_code = 0;
	refuse(&g, "the qform (code 1) does not map voxels to space");
}

static void sizes_of_voxels(void **state)
{
	(void)state;
	static const double no_size[] = { 0, NAN, INFINITY };
	static const char *const shown[] = { "0", "nan", "inf" };
	for (int i = 0; i < 3; i++) {
		char said[100];
		nifti_2_header h = usual();
		h.pixdim[3] = no_size[i];
		snprintf(said, sizeof said, "a voxel size of %s (pixdim[3]): those of the sform are taken", shown[i]);
		nii_header a = take(&h, said);
		assert_float_equal(a.affine[0][3], -40, 0);
		nii_header_free(&a);
		h.sform_code = 0;
		snprintf(said, sizeof said, "a voxel size of %s (pixdim[3]), and no sform that says another", shown[i]);
		refuse(&h, said);
		h.qform_code = 0;
		refuse(&h, said);
		/* a single slice has a place all the same */
		h.qform_code = 1;
		h.dim[2] = 6;
		h.dim[3] = 1;
		snprintf(said, sizeof said, "its only slice has a thickness of %s (pixdim[3]): 1 mm is taken", shown[i]);
		a = take(&h, said);
		nii_header_free(&a);
	}
}

static void units_of_length(void **state)
{
	(void)state;
	nifti_2_header h = usual(), g = h;
	double want[3][4];
	nii_header a = take(&h, NULL);
	memcpy(want, a.affine, sizeof want);
	nii_header_free(&a);
	static const struct {
		int unit;
		double mm;
		const char *said;
	} units[] = { { NIFTI_UNITS_METER, 1000, "its lengths are in metres (xyzt_units 1), and are taken so" },
		      { NIFTI_UNITS_MICRON, .001, "its lengths are in microns (xyzt_units 3), and are taken so" },
		      { NIFTI_UNITS_MM, 1, NULL } };
	for (int i = 0; i < 3; i++)
		for (int form = 0; form < 2; form++) {
			g = h;
			g.sform_code = form;
			g.qform_code = !form;
			g.xyzt_units = units[i].unit | NIFTI_UNITS_SEC;
			g.qoffset_x /= units[i].mm;
			g.qoffset_y /= units[i].mm;
			g.qoffset_z /= units[i].mm;
			for (int k = 0; k < 4; k++) {
				g.pixdim[k] /= k ? units[i].mm : 1;
				g.srow_x[k] /= units[i].mm;
				g.srow_y[k] /= units[i].mm;
				g.srow_z[k] /= units[i].mm;
			}
			a = take(&g, units[i].said);
			for (int k = 0; k < 12; k++)
				assert_float_equal(a.affine[k / 4][k % 4], want[k / 4][k % 4], 1e-9);
			/* a new place is written in the header's own unit */
			err e = { 0 };
			nii_header b;
			SUCCEEDS(nii_header_place(&a, want, 2, &e));
			SUCCEEDS(nii_header_parse(&b, a.bytes, a.size, "placed", &e));
			for (int k = 0; k < 12; k++)
				assert_float_equal(b.affine[k / 4][k % 4], want[k / 4][k % 4], 1e-9);
			nii_header_free(&a);
			nii_header_free(&b);
		}
	g = h;
	g.xyzt_units = 5;
	a = take(&g, "its unit of length is not known (xyzt_units 5): millimetres are taken");
	nii_header_free(&a);
}

static void slopes_that_are_none(void **state)
{
	(void)state;
	nifti_2_header h = usual();
	nii_header a;
	h.scl_slope = NAN;
	h.scl_inter = NAN;
	a = take(&h, NULL);
	nii_header_free(&a);
	h.scl_inter = 3;
	a = take(&h, "scl_slope is nan and scl_inter 3: values are taken as they are stored");
	nii_header_free(&a);
	h.scl_slope = INFINITY;
	h.scl_inter = 0;
	a = take(&h, "scl_slope is inf and scl_inter 0: values are taken as they are stored");
	assert_float_equal(a.slope, 1, 0);
	nii_header_free(&a);
}

static void dimensions_beyond_three(void **state)
{
	(void)state;
	nifti_2_header h = usual();
	h.dim[0] = 5;
	h.dim[5] = 0;
	nii_header a = take(&h, NULL);
	nii_header_free(&a);
	h.dim[5] = -1;
	refuse(&h, "impossible size (dim[5] is -1)");
}

static void large_extensions(void **state)
{
	(void)state;
	err e = { 0 };
	volume v;
	nii_header a;
	nifti_2_header h = usual();
	size_t bytes = 9 << 20;
	char *p = calloc(4 + bytes, 1);
	assert_non_null(p);
	p[0] = 1;
	memcpy(p + 4, &(int32_t[]){ (int32_t)bytes, NIFTI_ECODE_COMMENT }, 8);
	memset(p + 12, 'x', bytes - 8);
	h.vox_offset = 544 + (int64_t)bytes;
	SUCCEEDS(nii_read(&v, &a, NULL, store(&h, p, 4 + bytes), &e));
	assert_int_equal(a.size, 544 + bytes);
	assert_memory_equal(a.bytes + 540, p, 4 + bytes);
	assert_float_equal(v.v[0], 1, 0);
	volume_free(&v);
	nii_header_free(&a);
	/* where the image begins is not told; the bytes are those of the extension */
	h.vox_offset = 0;
	FAILS(ERR_DATA, "extensions follow its header, but vox_offset is 0", nii_read(&v, NULL, NULL, store(&h, p, 4 + bytes), &e));
	h.vox_offset = (int64_t)300 << 20;
	FAILS(ERR_DATA, "header and extensions of 314572800 bytes (vox_offset), more than the 268435456 that are taken",
	      nii_read(&v, NULL, NULL, store(&h, p, 4 + bytes), &e));
	h.vox_offset = (int64_t)20 << 20;
	FAILS(ERR_DATA, "cut short in front of the image", nii_read(&v, NULL, NULL, store(&h, p, 4 + bytes), &e));
	free(p);
}

static void nothing_finite_is_no_scan(void **state)
{
	(void)state;
	nifti_2_header h = usual();
	double kept[COUNT];
	memcpy(kept, image, sizeof kept);
	for (int i = 0; i < COUNT; i++)
		image[i] = i % 2 ? NAN : 1e200;
	refuse(&h, "none of its voxels is finite");
	image[7] = 3;
	err e = { 0 };
	volume v;
	nii_notes notes;
	SUCCEEDS(nii_read(&v, NULL, &notes, store(&h, none, 4), &e));
	assert_int_equal(notes.not_finite, COUNT - 1);
	volume_free(&v);
	memcpy(image, kept, sizeof kept);
}

/* Whole numbers in each type that can hold larger ones than a float. */
static void labels_beyond_floats(void **state)
{
	(void)state;
	static const struct {
		int type, bytes;
		long long stored;
		double real, slope;
		size_t rounded;
	} cases[] = { { DT_INT32, 4, 16777216, 0, 1, 0 },
		      { DT_INT32, 4, 16777217, 0, 1, COUNT },
		      { DT_INT32, 4, -16777217, 0, 1, COUNT },
		      { DT_INT32, 4, 16777218, 0, 1, 0 },
		      { DT_INT32, 4, 16777217, 0, .5, 0 }, /* no labels: values of a scale */
		      { DT_UINT32, 4, 4000000001, 0, 1, COUNT },
		      { DT_INT64, 8, 9007199254740993, 0, 1, COUNT }, /* 2^53 + 1: no double either */
		      { DT_INT64, 8, 1 << 25, 0, 1, 0 },
		      { DT_FLOAT64, 8, 0, 16777217, 1, COUNT },
		      { DT_FLOAT64, 8, 0, .1, 1, 0 },
		      { DT_FLOAT64, 8, 0, 16777217.5, 1, 0 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err e = { 0 };
		volume v;
		nii_notes notes;
		nifti_2_header h = usual();
		h.datatype = (int16_t)cases[i].type;
		h.bitpix = (int16_t)(8 * cases[i].bytes);
		h.scl_slope = cases[i].slope;
		const char *path = test_path("l.nii");
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(&h, sizeof h, 1, f) + fwrite(none, 4, 1, f), 2);
		for (int k = 0; k < COUNT; k++)
			assert_int_equal(fwrite(cases[i].type == DT_FLOAT64 ? (const void *)&cases[i].real : &cases[i].stored,
						(size_t)cases[i].bytes, 1, f),
					 1);
		assert_int_equal(fclose(f), 0);
		SUCCEEDS(nii_read(&v, NULL, &notes, path, &e));
		assert_int_equal(notes.rounded, cases[i].rounded);
		assert_int_equal(notes.n, cases[i].rounded > 0);
		volume_free(&v);
	}
}

static void what_values_mean(void **state)
{
	(void)state;
	err e = { 0 };
	nifti_2_header h = usual();
	nii_header a, b;
	h.cal_max = 4095;
	h.cal_min = -1.5;
	h.intent_code = NIFTI_INTENT_TTEST;
	h.intent_p1 = 17;
	strcpy(h.intent_name, "older > younger");
	double affine[3][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };
	a = take(&h, NULL);
	SUCCEEDS(nii_header_new(&b, a.n, affine, 1, &e));
	nii_header two = a;
	for (int version = 2; version > 0; version--) {
		nii_header *t = version == 2 ? &two : &b, back;
		nii_header_mean(t, &a.meaning);
		SUCCEEDS(nii_header_parse(&back, t->bytes, t->size, "header", &e));
		assert_float_equal(back.meaning.cal_max, 4095, 0);
		assert_float_equal(back.meaning.cal_min, -1.5, 0);
		assert_int_equal(back.meaning.intent, NIFTI_INTENT_TTEST);
		assert_float_equal(back.meaning.intent_p[0], 17, 0);
		assert_string_equal(back.meaning.intent_name, "older > younger");
		nii_header_free(&back);
		nii_header_mean(t, &(nii_meaning){ 0 });
		SUCCEEDS(nii_header_parse(&back, t->bytes, t->size, "header", &e));
		assert_true(back.meaning.cal_max == 0 && back.meaning.cal_min == 0 && back.meaning.intent == 0);
		assert_int_equal(back.meaning.intent_name[0], 0);
		nii_header_free(&back);
	}
	nii_header_free(&a);
	nii_header_free(&b);
}

static void results_are_finite(void **state)
{
	(void)state;
	err e = { 0 };
	nifti_2_header f = usual();
	nii_header h = take(&f, NULL);
	volume v;
	SUCCEEDS(volume_new(&v, h.n, &e));
	v.v[5] = INFINITY;
	v.v[6] = NAN;
	FAILS(ERR_DATA, "not written: 2 of its 384 voxels would not be finite",
	      nii_write(test_path("out.nii"), false, &h, &v, false, NULL, &e));
	assert_int_equal(access(test_path("out.nii"), F_OK), -1);
	v.v[5] = v.v[6] = 0;
	SUCCEEDS(nii_write(test_path("out.nii"), false, &h, &v, false, NULL, &e));
	volume_free(&v);
	nii_header_free(&h);
}

static void names_in_capitals(void **state)
{
	(void)state;
	err e = { 0 };
	nifti_2_header f = usual();
	nii_header h = take(&f, NULL);
	volume v, w;
	unsigned char magic[2];
	static const char *const names[] = { "A.NII.GZ", "B.Nii.Gz", "C.HDR.GZ", "D.nii" },
				 *const files[] = { "A.NII.GZ", "B.Nii.Gz", "C.IMG.GZ", "D.nii" };
	SUCCEEDS(volume_new(&v, h.n, &e));
	v.v[9] = 5;
	for (int i = 0; i < 4; i++) {
		SUCCEEDS(nii_write(test_path(names[i]), false, &h, &v, false, NULL, &e));
		FILE *in = fopen(test_path(files[i]), "r");
		assert_non_null(in);
		assert_int_equal(fread(magic, 2, 1, in), 1);
		assert_int_equal(magic[0] == 0x1f && magic[1] == 0x8b, i < 3);
		fclose(in);
		SUCCEEDS(nii_read(&w, NULL, NULL, test_path(files[i]), &e));
		assert_memory_equal(w.v, v.v, COUNT * sizeof *v.v);
		volume_free(&w);
	}
	volume_free(&v);
	nii_header_free(&h);
}

static int begin(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++)
		image[i] = i + 1;
	return 0;
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
		cmocka_unit_test(forms_that_disagree_are_said),
		cmocka_unit_test(sizes_of_voxels),
		cmocka_unit_test(units_of_length),
		cmocka_unit_test(slopes_that_are_none),
		cmocka_unit_test(dimensions_beyond_three),
		cmocka_unit_test(large_extensions),
		cmocka_unit_test(nothing_finite_is_no_scan),
		cmocka_unit_test(labels_beyond_floats),
		cmocka_unit_test(what_values_mean),
		cmocka_unit_test(results_are_finite),
		cmocka_unit_test(names_in_capitals),
	};
	return cmocka_run_group_tests(tests, begin, clean);
}
