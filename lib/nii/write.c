#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nii/header.h"
#include "nii/name.h"
#include "nii/sink.h"
#include "nii/type.h"

/* ---- the header ---- */

/* Puts `size` bytes of a number into the header, in its byte order. */
static void put(unsigned char *bytes, size_t at, void *number, int size, bool swapped)
{
	if (swapped)
		nifti_swap_Nbytes(1, size, number);
	memcpy(bytes + at, number, (size_t)size);
}

static void put_type(unsigned char *bytes, const nii_header *h)
{
	int16_t type = DT_FLOAT32, bits = 32;
	if (h->version == 1) {
		float slope = 1, inter = 0;
		put(bytes, offsetof(nifti_1_header, datatype), &type, 2, h->swapped);
		put(bytes, offsetof(nifti_1_header, bitpix), &bits, 2, h->swapped);
		put(bytes, offsetof(nifti_1_header, scl_slope), &slope, 4, h->swapped);
		put(bytes, offsetof(nifti_1_header, scl_inter), &inter, 4, h->swapped);
	} else {
		double slope = 1, inter = 0;
		put(bytes, offsetof(nifti_2_header, datatype), &type, 2, h->swapped);
		put(bytes, offsetof(nifti_2_header, bitpix), &bits, 2, h->swapped);
		put(bytes, offsetof(nifti_2_header, scl_slope), &slope, 8, h->swapped);
		put(bytes, offsetof(nifti_2_header, scl_inter), &inter, 8, h->swapped);
	}
}

static void put_place(unsigned char *bytes, const nii_header *h, bool pair, size_t offset)
{
	if (h->version == 1) {
		float at = (float)offset;
		memcpy(bytes + offsetof(nifti_1_header, magic), pair ? "ni1" : "n+1", 4);
		put(bytes, offsetof(nifti_1_header, vox_offset), &at, 4, h->swapped);
	} else {
		int64_t at = (int64_t)offset;
		memcpy(bytes + offsetof(nifti_2_header, magic), pair ? "ni2" : "n+2", 4);
		put(bytes, offsetof(nifti_2_header, vox_offset), &at, 8, h->swapped);
	}
}

/* The header as it will be written: *size bytes in *out, freed with free(); *skip zeros go in front of a pair's image. */
static int new_header(unsigned char **out, size_t *size, size_t *skip, const nii_header *h, bool pair, bool keep_type, err *e)
{
	size_t least = h->version == 1 ? NII1_IMAGE : NII2_IMAGE, n = h->size;
	if (!pair && h->pair)
		n = n < least ? least : (n + 15) / 16 * 16;
	int code = mem_zero(out, n, 1, "header", e);
	if (code)
		return code;
	memcpy(*out, h->bytes, h->size);
	if (!keep_type)
		put_type(*out, h);
	if (pair != h->pair)
		put_place(*out, h, pair, pair ? 0 : n);
	*size = n;
	*skip = pair && h->pair ? (size_t)h->offset : 0;
	return 0;
}

/* ---- the image ---- */

static double stored_value(double v, const nii_header *h, const nii_type *t, nii_loss *loss)
{
	double exact = (v - h->inter) / h->slope, s = exact;
	if (!t->whole)
		return s;
	s = fmin(fmax(nearbyint(exact), t->least), t->most);
	loss->saturated += exact < t->least - .5 || exact > t->most + .5;
	loss->rounded += s != exact && exact >= t->least - .5 && exact <= t->most + .5;
	return s;
}

/* Voxels z of v (Z fastest) as one plane of the file (X fastest). */
static void turn_plane(unsigned char *raw, const volume *v, int z, const nii_header *h, const nii_type *t, bool keep_type, nii_loss *loss)
{
	size_t nx = (size_t)v->n[0], ny = (size_t)v->n[1], nz = (size_t)v->n[2];
	for (size_t y = 0; y < ny; y++)
		for (size_t x = 0; x < nx; x++) {
			double value = v->v[(x * ny + y) * nz + (size_t)z];
			t->store(raw + (y * nx + x) * t->size, keep_type ? stored_value(value, h, t, loss) : value);
		}
	if (h->swapped && t->size > 1)
		nifti_swap_Nbytes((int64_t)(nx * ny), (int)t->size, raw);
}

static int write_image(nii_sink *s, const nii_header *h, const volume *v, bool keep_type, nii_loss *loss, err *e)
{
	const nii_type *t = nii_type_find(keep_type ? h->datatype : DT_FLOAT32);
	size_t bytes = (size_t)v->n[0] * (size_t)v->n[1] * t->size;
	unsigned char *raw = NULL;
	int code = mem_zero(&raw, bytes, 1, "image", e);
	for (int z = 0; z < v->n[2] && !code; z++) {
		turn_plane(raw, v, z, h, t, keep_type, loss);
		code = nii_sink_write(s, raw, bytes, e);
	}
	free(raw);
	return code;
}

/* ---- the file, or both ---- */

static int write_zeros(nii_sink *s, size_t n, err *e)
{
	static const unsigned char zeros[4096];
	int code = 0;
	for (size_t take; !code && n; n -= take) {
		take = n < sizeof zeros ? n : sizeof zeros;
		code = nii_sink_write(s, zeros, take, e);
	}
	return code;
}

static int check_values(const char *path, const volume *v, err *e)
{
	size_t count = volume_count(v->n), bad = 0;
	for (size_t i = 0; i < count; i++)
		bad += !isfinite(v->v[i]);
	return !bad ? 0
		    : err_set(e, ERR_DATA, "%s: not written: %zu of its %zu voxels would not be finite",
			      strcmp(path, "-") ? path : "stdout", bad, count);
}

int nii_write(const char *path, bool force, const nii_header *h, const volume *v, bool keep_type, nii_loss *loss, err *e)
{
	bool pair = nii_name_is_pair(path), gzip = nii_name_is_gz(path);
	nii_sink *head = NULL, *image = NULL;
	unsigned char *bytes = NULL;
	char *name = NULL;
	size_t size, skip;
	nii_loss lost = {0};
	if (memcmp(h->n, v->n, sizeof h->n))
		return err_set(e, ERR_BUG, "%s: a header of another size than the image", path);
	int code = check_values(path, v, e);
	if (!code)
		code = new_header(&bytes, &size, &skip, h, pair, keep_type, e);
	if (!code)
		code = pair ? nii_name_of_pair(&name, path, "hdr", e) : mem_text(&name, path, e);
	if (!code)
		code = nii_sink_open(&head, name, force, gzip, e);
	free(name);
	name = NULL;
	if (!code && pair)
		code = nii_name_of_pair(&name, path, "img", e);
	if (!code && pair)
		code = nii_sink_open(&image, name, force, gzip, e);
	free(name);
	if (!code)
		code = nii_sink_write(head, bytes, size, e);
	if (!code)
		code = write_zeros(pair ? image : head, skip, e);
	if (!code)
		code = write_image(pair ? image : head, h, v, keep_type, &lost, e);
	free(bytes);
	/* the header last: with it the pair is there */
	if (!code && pair) {
		code = nii_sink_commit(image, e);
		image = NULL;
	}
	if (!code) {
		code = nii_sink_commit(head, e);
		head = NULL;
	}
	nii_sink_abort(image);
	nii_sink_abort(head);
	if (!code && loss)
		*loss = lost;
	return code;
}
