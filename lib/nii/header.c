#include "nii/header.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nii/type.h"

void nii_note(nii_notes *notes, const char *fmt, ...)
{
	va_list ap;
	if (!notes || notes->n == NII_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(notes->line[notes->n++], sizeof notes->line[0], fmt, ap);
	va_end(ap);
}

static size_t length_of(int32_t sizeof_hdr) { return sizeof_hdr == NII1_SIZE ? NII1_SIZE : sizeof_hdr == NII2_SIZE ? NII2_SIZE : 0; }

static int32_t first_number(const unsigned char first[4], bool swapped)
{
	int32_t v;
	memcpy(&v, first, sizeof v);
	if (swapped)
		nifti_swap_4bytes(1, &v);
	return v;
}

size_t nii_header_length(const unsigned char first[4])
{
	size_t n = length_of(first_number(first, false));
	return n ? n : length_of(first_number(first, true));
}

/* The fields of NIfTI-1 that matter here, in NIfTI-2's larger types. */
static nifti_2_header widen(const nifti_1_header *s)
{
	nifti_2_header h = {.datatype = s->datatype,
			    .scl_slope = s->scl_slope,
			    .scl_inter = s->scl_inter,
			    .qform_code = s->qform_code,
			    .sform_code = s->sform_code,
			    .xyzt_units = (unsigned char)s->xyzt_units,
			    .cal_min = s->cal_min,
			    .cal_max = s->cal_max,
			    .intent_code = s->intent_code,
			    .intent_p1 = s->intent_p1,
			    .intent_p2 = s->intent_p2,
			    .intent_p3 = s->intent_p3,
			    .quatern_b = s->quatern_b,
			    .quatern_c = s->quatern_c,
			    .quatern_d = s->quatern_d,
			    .qoffset_x = s->qoffset_x,
			    .qoffset_y = s->qoffset_y,
			    .qoffset_z = s->qoffset_z};
	for (int i = 0; i < 8; i++) {
		h.dim[i] = s->dim[i];
		h.pixdim[i] = s->pixdim[i];
	}
	for (int i = 0; i < 4; i++) {
		h.srow_x[i] = s->srow_x[i];
		h.srow_y[i] = s->srow_y[i];
		h.srow_z[i] = s->srow_z[i];
	}
	memcpy(h.intent_name, s->intent_name, sizeof h.intent_name);
	return h;
}

static int read_dims(nii_header *h, const nifti_2_header *f, const char *name, err *e)
{
	if (f->dim[0] < 1 || f->dim[0] > 7)
		return err_set(e, ERR_DATA, "%s: %lld dimensions", name, (long long)f->dim[0]);
	int64_t voxels = 1;
	for (int i = 1; i <= f->dim[0]; i++) {
		if (i > 3 && f->dim[i] > 1)
			return err_set(e, ERR_DATA, "%s: several frames (dim[%d] is %lld); extract one first", name, i,
				       (long long)f->dim[i]);
		if (f->dim[i] < 0 || (i <= 3 && (f->dim[i] < 1 || f->dim[i] > NII_MAX_VOXELS / voxels)))
			return err_set(e, ERR_DATA, "%s: impossible size (dim[%d] is %lld)", name, i, (long long)f->dim[i]);
		if (i <= 3)
			voxels *= f->dim[i];
	}
	for (int i = 0; i < 3; i++)
		h->n[i] = i < f->dim[0] ? (int)f->dim[i + 1] : 1;
	return 0;
}

static int read_type(nii_header *h, const nifti_2_header *f, const char *name, nii_notes *notes, err *e)
{
	h->datatype = f->datatype;
	if (!nii_type_find(h->datatype))
		return err_set(e, ERR_DATA, "%s: voxels of type %d (%s) are not real numbers", name, h->datatype,
			       nifti_datatype_string(h->datatype));
	bool scaled = isfinite(f->scl_slope) && f->scl_slope != 0;
	/* a NaN is how some writers say that there is none */
	if (isinf(f->scl_slope) || (isnan(f->scl_slope) && f->scl_inter != 0 && isfinite(f->scl_inter)))
		nii_note(notes, "scl_slope is %g and scl_inter %g: values are taken as they are stored", f->scl_slope, f->scl_inter);
	if (scaled && !isfinite(f->scl_inter))
		return err_set(e, ERR_DATA, "%s: scl_inter is not a number", name);
	h->slope = scaled ? f->scl_slope : 1;
	h->inter = scaled ? f->scl_inter : 0;
	return 0;
}

/* The header's unit of length. None at all is millimetres by custom. */
static double read_unit(const nifti_2_header *f, nii_notes *notes)
{
	int unit = f->xyzt_units & 7;
	if (unit == NIFTI_UNITS_METER || unit == NIFTI_UNITS_MICRON) {
		nii_note(notes, "its lengths are in %s (xyzt_units %d), and are taken so", unit == NIFTI_UNITS_METER ? "metres" : "microns",
			 unit);
		return unit == NIFTI_UNITS_METER ? 1000 : .001;
	}
	if (unit != NIFTI_UNITS_UNKNOWN && unit != NIFTI_UNITS_MM)
		nii_note(notes, "its unit of length is not known (xyzt_units %d): millimetres are taken", unit);
	return 1;
}

static bool is_size(double stored) { return isfinite(stored) && stored != 0; }

/* How wide voxels are. A sform says it, too; without one, sizes that are none are refused but for a single slice. */
static int read_spacing(nii_header *h, const nifti_2_header *f, const char *name, nii_notes *notes, err *e)
{
	for (int i = 0; i < 3; i++) {
		double stored = f->pixdim[i + 1];
		h->pixdim[i] = is_size(stored) ? fabs(stored) * h->mm : 1;
		if (is_size(stored))
			continue;
		if (h->sform_code > 0)
			nii_note(notes, "a voxel size of %g (pixdim[%d]): those of the sform are taken", stored, i + 1);
		else if (h->n[i] > 1)
			return err_set(e, ERR_DATA, "%s: a voxel size of %g (pixdim[%d]), and no sform that says another", name, stored,
				       i + 1);
		else
			nii_note(notes, "its only slice has a thickness of %g (pixdim[%d]): 1 mm is taken", stored, i + 1);
	}
	return 0;
}

static void affine_of_qform(double out[3][4], const nii_header *h, const nifti_2_header *f)
{
	nifti_dmat44 m = nifti_quatern_to_dmat44(f->quatern_b, f->quatern_c, f->quatern_d, f->qoffset_x * h->mm, f->qoffset_y * h->mm,
						 f->qoffset_z * h->mm, h->pixdim[0], h->pixdim[1], h->pixdim[2], f->pixdim[0] < 0 ? -1 : 1);
	memcpy(out, m.m, sizeof(double[3][4]));
}

static double determinant(double a[3][4])
{
	return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
	       a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
}

/* The sform was taken: what does the qform say? A quaternion of floats cannot tell the corner of a volume better than to a tenth of a
 * voxel. */
static void compare_forms(nii_header *h, const nifti_2_header *f, nii_notes *notes)
{
	const double most = .25; /* voxels */
	double q[3][4], mm[3], apart = 0, unused[3][4];
	if (!is_size(f->pixdim[1]) || !is_size(f->pixdim[2]) || !is_size(f->pixdim[3]))
		return; /* which is said already */
	affine_of_qform(q, h, f);
	if (!affine_inverse(unused, q)) {
		nii_note(notes, "its qform (code %d) places no voxel: the sform (code %d) is taken", h->qform_code, h->sform_code);
		return;
	}
	if (determinant(q) * determinant(h->affine) < 0) {
		nii_note(notes, "qform (code %d) and sform (code %d) disagree about which side is left: the sform is taken; is it right?",
			 h->qform_code, h->sform_code);
		return;
	}
	for (int corner = 0; corner < 8; corner++) {
		double at[3], there[3], d = 0;
		for (int i = 0; i < 3; i++)
			at[i] = corner >> i & 1 ? h->n[i] - 1 : 0;
		affine_apply(there, q, at);
		affine_apply(at, h->affine, at);
		for (int i = 0; i < 3; i++)
			d += (at[i] - there[i]) * (at[i] - there[i]);
		apart = fmax(apart, sqrt(d));
	}
	affine_spacing(mm, h->affine);
	if (apart > most * fmin(mm[0], fmin(mm[1], mm[2])))
		nii_note(notes, "qform (code %d) and sform (code %d) disagree by up to %.3g mm: the sform is taken", h->qform_code,
			 h->sform_code, apart);
}

static int read_geometry(nii_header *h, const nifti_2_header *f, const char *name, nii_notes *notes, err *e)
{
	double inverse[3][4];
	h->qform_code = f->qform_code;
	h->sform_code = f->sform_code;
	h->mm = read_unit(f, notes);
	int code = read_spacing(h, f, name, notes, e);
	if (code)
		return code;
	memset(h->affine, 0, sizeof h->affine);
	if (h->sform_code > 0) {
		for (int i = 0; i < 4; i++) {
			h->affine[0][i] = f->srow_x[i] * h->mm;
			h->affine[1][i] = f->srow_y[i] * h->mm;
			h->affine[2][i] = f->srow_z[i] * h->mm;
		}
	} else if (h->qform_code > 0) {
		affine_of_qform(h->affine, h, f);
	} else {
		nii_note(notes, "neither sform nor qform: its place and orientation are guessed from the voxel sizes");
		for (int i = 0; i < 3; i++)
			h->affine[i][i] = h->pixdim[i];
	}
	if (!affine_inverse(inverse, h->affine))
		return err_set(e, ERR_DATA, "%s: the %cform (code %d) does not map voxels to space", name, h->sform_code > 0 ? 's' : 'q',
			       h->sform_code > 0 ? h->sform_code : h->qform_code);
	if (h->sform_code > 0 && h->qform_code > 0)
		compare_forms(h, f, notes);
	return 0;
}

static void read_meaning(nii_header *h, const nifti_2_header *f)
{
	h->meaning = (nii_meaning){ .cal_min = f->cal_min,
				    .cal_max = f->cal_max,
				    .intent = f->intent_code,
				    .intent_p = { f->intent_p1, f->intent_p2, f->intent_p3 } };
	memcpy(h->meaning.intent_name, f->intent_name, sizeof h->meaning.intent_name);
}

static int read_offset(nii_header *h, double stored, const char *name, err *e)
{
	double least = h->pair ? 0 : h->version == 1 ? NII1_IMAGE : NII2_IMAGE;
	/* some writers leave 0 in a single file and mean the least */
	double offset = stored == 0 ? least : stored;
	if (!(offset >= least && isfinite(offset)) || offset != floor(offset))
		return err_set(e, ERR_DATA, "%s: impossible vox_offset (%g)", name, stored);
	if (offset > NII_MAX_BYTES)
		return err_set(e, ERR_DATA, "%s: header and extensions of %.0f bytes (vox_offset), more than the %d that are taken", name,
			       stored, NII_MAX_BYTES);
	h->offset = (uint64_t)offset;
	h->offset_guessed = stored != offset;
	return 0;
}

int nii_header_read(nii_header *h, const unsigned char *bytes, const char *name, nii_notes *notes, err *e)
{
	nifti_2_header f;
	double offset;
	*h = (nii_header){.swapped = !length_of(first_number(bytes, false))};
	if (nii_header_length(bytes) == NII1_SIZE) {
		nifti_1_header s;
		memcpy(&s, bytes, sizeof s);
		if (h->swapped)
			nifti_swap_as_nifti1(&s);
		h->version = 1;
		h->pair = !memcmp(s.magic, "ni1", 4);
		if (!h->pair && memcmp(s.magic, "n+1", 4))
			return err_set(e, ERR_DATA, "%s: no NIfTI magic: perhaps Analyze 7.5, whose left and right are unknown", name);
		f = widen(&s);
		offset = (double)s.vox_offset;
	} else {
		memcpy(&f, bytes, sizeof f);
		if (h->swapped)
			nifti_swap_as_nifti2(&f);
		h->version = 2;
		h->pair = !memcmp(f.magic, "ni2", 4);
		if ((!h->pair && memcmp(f.magic, "n+2", 4)) || memcmp(f.magic + 4, "\r\n\032\n", 4))
			return err_set(e, ERR_DATA, "%s: no NIfTI-2 magic, or changed on its way as if it were text", name);
		offset = (double)f.vox_offset;
	}
	int code = read_dims(h, &f, name, e);
	if (!code)
		code = read_type(h, &f, name, notes, e);
	if (!code)
		code = read_geometry(h, &f, name, notes, e);
	read_meaning(h, &f);
	return code ? code : read_offset(h, offset, name, e);
}

int nii_header_parse(nii_header *h, const void *bytes, size_t size, const char *name, err *e)
{
	unsigned char *copy;
	if (size < 4 || size > NII_MAX_BYTES || !nii_header_length(bytes) || size < nii_header_length(bytes))
		return err_set(e, ERR_DATA, "%s: not a NIfTI header", name);
	int code = nii_header_read(h, bytes, name, NULL, e);
	if (!code && !h->pair && size != h->offset)
		code = err_set(e, ERR_DATA, "%s: a header of %zu bytes whose image begins at %zu", name, size, (size_t)h->offset);
	if (!code)
		code = mem_zero(&copy, size, 1, name, e);
	if (code)
		return code;
	memcpy(copy, bytes, size);
	h->bytes = copy;
	h->size = size;
	return 0;
}

void nii_header_free(nii_header *h)
{
	free(h->bytes);
	h->bytes = NULL;
	h->size = 0;
}

int nii_header_new(nii_header *h, const int n[3], double affine[3][4], int code, err *e)
{
	unsigned char bytes[NII1_IMAGE] = {0};
	nifti_1_header f = {.sizeof_hdr = NII1_SIZE,
			    .datatype = DT_FLOAT32,
			    .bitpix = 32,
			    .vox_offset = NII1_IMAGE,
			    .scl_slope = 1,
			    .xyzt_units = NIFTI_UNITS_MM | NIFTI_UNITS_SEC,
			    .qform_code = (short)code,
			    .sform_code = (short)code,
			    .magic = "n+1"};
	nifti_dmat44 m = {{{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}}};
	double b, c, d, x, y, z, dx, dy, dz, qfac;
	memcpy(m.m, affine, sizeof m.m[0] * 3);
	nifti_dmat44_to_quatern(m, &b, &c, &d, &x, &y, &z, &dx, &dy, &dz, &qfac);
	f.quatern_b = (float)b;
	f.quatern_c = (float)c;
	f.quatern_d = (float)d;
	f.qoffset_x = (float)x;
	f.qoffset_y = (float)y;
	f.qoffset_z = (float)z;
	f.dim[0] = 3;
	f.pixdim[0] = (float)qfac;
	for (int i = 0; i < 7; i++) {
		int size = i < 3 ? n[i] : 1;
		if (size < 1 || size > INT16_MAX)
			return err_set(e, ERR_DATA, "NIfTI-1 cannot hold an axis of %d voxels", size);
		f.dim[i + 1] = (short)size;
		f.pixdim[i + 1] = i == 0 ? (float)dx : i == 1 ? (float)dy : i == 2 ? (float)dz : 0;
	}
	for (int i = 0; i < 4; i++) {
		f.srow_x[i] = (float)affine[0][i];
		f.srow_y[i] = (float)affine[1][i];
		f.srow_z[i] = (float)affine[2][i];
	}
	memcpy(bytes, &f, sizeof f);
	return nii_header_parse(h, bytes, sizeof bytes, "new header", e);
}

/* A number of the header, `size` bytes, in its byte order. */
static void put(nii_header *h, size_t at, void *number, int size)
{
	if (h->swapped)
		nifti_swap_Nbytes(1, size, number);
	memcpy(h->bytes + at, number, (size_t)size);
}

int nii_header_place(nii_header *h, double affine[3][4], int code, err *e)
{
	for (int i = 0; i < 12; i++)
		if (!isfinite((float)(affine[i / 4][i % 4] / h->mm)))
			return err_set(e, ERR_DATA, "the new place is not finite");
	memcpy(h->affine, affine, sizeof h->affine);
	h->qform_code = 0;
	h->sform_code = code;
	if (h->version == 1) {
		int16_t q = 0, s = (int16_t)code;
		put(h, offsetof(nifti_1_header, qform_code), &q, 2);
		put(h, offsetof(nifti_1_header, sform_code), &s, 2);
		for (size_t i = 0; i < 12; i++) {
			float v = (float)(affine[i / 4][i % 4] / h->mm);
			put(h, offsetof(nifti_1_header, srow_x) + 4 * i, &v, 4);
		}
	} else {
		int32_t q = 0, s = code;
		put(h, offsetof(nifti_2_header, qform_code), &q, 4);
		put(h, offsetof(nifti_2_header, sform_code), &s, 4);
		for (size_t i = 0; i < 12; i++) {
			double v = affine[i / 4][i % 4] / h->mm;
			put(h, offsetof(nifti_2_header, srow_x) + 8 * i, &v, 8);
		}
	}
	return 0;
}

void nii_header_mean(nii_header *h, const nii_meaning *meaning)
{
	nii_meaning m = *meaning;
	double numbers[] = { m.cal_min, m.cal_max, m.intent_p[0], m.intent_p[1], m.intent_p[2] };
	h->meaning = m;
	if (h->version == 1) {
		static const size_t at[] = { offsetof(nifti_1_header, cal_min), offsetof(nifti_1_header, cal_max),
					     offsetof(nifti_1_header, intent_p1), offsetof(nifti_1_header, intent_p2),
					     offsetof(nifti_1_header, intent_p3) };
		int16_t intent = (int16_t)m.intent;
		for (int i = 0; i < 5; i++) {
			float v = (float)numbers[i];
			put(h, at[i], &v, 4);
		}
		put(h, offsetof(nifti_1_header, intent_code), &intent, 2);
		memcpy(h->bytes + offsetof(nifti_1_header, intent_name), m.intent_name, sizeof m.intent_name);
	} else {
		static const size_t at[] = { offsetof(nifti_2_header, cal_min), offsetof(nifti_2_header, cal_max),
					     offsetof(nifti_2_header, intent_p1), offsetof(nifti_2_header, intent_p2),
					     offsetof(nifti_2_header, intent_p3) };
		int32_t intent = m.intent;
		for (int i = 0; i < 5; i++)
			put(h, at[i], &numbers[i], 8);
		put(h, offsetof(nifti_2_header, intent_code), &intent, 4);
		memcpy(h->bytes + offsetof(nifti_2_header, intent_name), m.intent_name, sizeof m.intent_name);
	}
}

void nii_header_int16(nii_header *h, double slope)
{
	int16_t type = DT_INT16, bits = 16;
	h->datatype = DT_INT16;
	h->slope = slope;
	h->inter = 0;
	if (h->version == 1) {
		float scale = (float)slope, inter = 0;
		h->slope = (double)scale;
		put(h, offsetof(nifti_1_header, datatype), &type, 2);
		put(h, offsetof(nifti_1_header, bitpix), &bits, 2);
		put(h, offsetof(nifti_1_header, scl_slope), &scale, 4);
		put(h, offsetof(nifti_1_header, scl_inter), &inter, 4);
	} else {
		double inter = 0;
		put(h, offsetof(nifti_2_header, datatype), &type, 2);
		put(h, offsetof(nifti_2_header, bitpix), &bits, 2);
		put(h, offsetof(nifti_2_header, scl_slope), &slope, 8);
		put(h, offsetof(nifti_2_header, scl_inter), &inter, 8);
	}
}

const char *nii_no_intensities(const nii_header *h)
{
	int intent = h->meaning.intent;
	return intent == NIFTI_INTENT_NONE || intent == NIFTI_INTENT_ESTIMATE || intent == NIFTI_INTENT_DIMLESS
		       ? NULL
		       : nifti_intent_string(intent);
}
