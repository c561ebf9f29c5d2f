#include "nii/header.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nii/type.h"

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
		if (i <= 3 && (f->dim[i] < 1 || f->dim[i] > NII_MAX_VOXELS / voxels))
			return err_set(e, ERR_DATA, "%s: impossible size (dim[%d] is %lld)", name, i, (long long)f->dim[i]);
		if (i <= 3)
			voxels *= f->dim[i];
	}
	for (int i = 0; i < 3; i++)
		h->n[i] = i < f->dim[0] ? (int)f->dim[i + 1] : 1;
	return 0;
}

static int read_type(nii_header *h, const nifti_2_header *f, const char *name, err *e)
{
	h->datatype = f->datatype;
	if (!nii_type_find(h->datatype))
		return err_set(e, ERR_DATA, "%s: voxels of type %d (%s) are not real numbers", name, h->datatype,
			       nifti_datatype_string(h->datatype));
	bool scaled = isfinite(f->scl_slope) && f->scl_slope != 0;
	if (scaled && !isfinite(f->scl_inter))
		return err_set(e, ERR_DATA, "%s: scl_inter is not a number", name);
	h->slope = scaled ? f->scl_slope : 1;
	h->inter = scaled ? f->scl_inter : 0;
	return 0;
}

static int read_geometry(nii_header *h, const nifti_2_header *f, const char *name, err *e)
{
	double inverse[3][4];
	h->qform_code = f->qform_code;
	h->sform_code = f->sform_code;
	for (int i = 0; i < 3; i++) {
		double mm = fabs(f->pixdim[i + 1]);
		h->pixdim[i] = isfinite(mm) && mm > 0 ? mm : 1;
	}
	if (h->sform_code > 0) {
		memcpy(h->affine[0], f->srow_x, sizeof h->affine[0]);
		memcpy(h->affine[1], f->srow_y, sizeof h->affine[1]);
		memcpy(h->affine[2], f->srow_z, sizeof h->affine[2]);
	} else if (h->qform_code > 0) {
		nifti_dmat44 m = nifti_quatern_to_dmat44(f->quatern_b, f->quatern_c, f->quatern_d, f->qoffset_x, f->qoffset_y, f->qoffset_z,
							 h->pixdim[0], h->pixdim[1], h->pixdim[2], f->pixdim[0] < 0 ? -1 : 1);
		memcpy(h->affine, m.m, sizeof h->affine);
	} else {
		memset(h->affine, 0, sizeof h->affine);
		for (int i = 0; i < 3; i++)
			h->affine[i][i] = h->pixdim[i];
	}
	if (!affine_inverse(inverse, h->affine))
		return err_set(e, ERR_DATA, "%s: the %cform (code %d) does not map voxels to space", name, h->sform_code > 0 ? 's' : 'q',
			       h->sform_code > 0 ? h->sform_code : h->qform_code);
	return 0;
}

static int read_offset(nii_header *h, double stored, const char *name, err *e)
{
	double least = h->pair ? 0 : h->version == 1 ? NII1_IMAGE : NII2_IMAGE;
	/* some writers leave 0 in a single file and mean the least */
	double offset = stored == 0 ? least : stored;
	if (!(offset >= least && offset <= NII_MAX_BYTES) || offset != floor(offset))
		return err_set(e, ERR_DATA, "%s: impossible vox_offset (%g)", name, stored);
	h->offset = (uint64_t)offset;
	return 0;
}

int nii_header_read(nii_header *h, const unsigned char *bytes, const char *name, err *e)
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
		code = read_type(h, &f, name, e);
	if (!code)
		code = read_geometry(h, &f, name, e);
	return code ? code : read_offset(h, offset, name, e);
}

int nii_header_parse(nii_header *h, const void *bytes, size_t size, const char *name, err *e)
{
	unsigned char *copy;
	if (size < 4 || size > NII_MAX_BYTES || !nii_header_length(bytes) || size < nii_header_length(bytes))
		return err_set(e, ERR_DATA, "%s: not a NIfTI header", name);
	int code = nii_header_read(h, bytes, name, e);
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
		if (!isfinite((float)affine[i / 4][i % 4]))
			return err_set(e, ERR_DATA, "the new place is not finite");
	memcpy(h->affine, affine, sizeof h->affine);
	h->qform_code = 0;
	h->sform_code = code;
	if (h->version == 1) {
		int16_t q = 0, s = (int16_t)code;
		put(h, offsetof(nifti_1_header, qform_code), &q, 2);
		put(h, offsetof(nifti_1_header, sform_code), &s, 2);
		for (size_t i = 0; i < 12; i++) {
			float v = (float)affine[i / 4][i % 4];
			put(h, offsetof(nifti_1_header, srow_x) + 4 * i, &v, 4);
		}
	} else {
		int32_t q = 0, s = code;
		put(h, offsetof(nifti_2_header, qform_code), &q, 4);
		put(h, offsetof(nifti_2_header, sform_code), &s, 4);
		for (size_t i = 0; i < 12; i++) {
			double v = affine[i / 4][i % 4];
			put(h, offsetof(nifti_2_header, srow_x) + 8 * i, &v, 8);
		}
	}
	return 0;
}
