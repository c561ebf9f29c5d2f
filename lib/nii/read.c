#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "nii/header.h"
#include "nii/name.h"
#include "nii/source.h"
#include "nii/type.h"

/* Planes that are read and turned over at once: a cache line of floats along Z. */
enum { PLANES = 16 };

static int read_exactly(nii_source *s, void *buf, size_t n, const char *what, err *e)
{
	size_t got;
	int code = nii_source_read(s, buf, n, &got, e);
	return code || got == n ? code : err_set(e, ERR_DATA, "%s: cut short within the %s", nii_source_name(s), what);
}

/* Some writers leave vox_offset 0 and mean that the image follows the header: which is not so when extensions do. */
static int check_extender(const nii_header *h, const unsigned char *bytes, const char *name, err *e)
{
	size_t extender = h->version == 1 ? NII1_SIZE : NII2_SIZE;
	if (h->pair || !h->offset_guessed || !bytes[extender])
		return 0;
	return err_set(e, ERR_DATA, "%s: extensions follow its header, but vox_offset is 0: where the image begins is not told", name);
}

/* The header with its extensions: all bytes up to a single file's image, the whole of a pair's .hdr. */
static int read_header(nii_header *h, nii_source *s, nii_notes *notes, err *e)
{
	unsigned char *bytes = NULL;
	size_t cap = 0, got, want, length;
	int code = mem_grow(&bytes, &cap, NII2_SIZE, 1, "header", e);
	if (!code)
		code = nii_source_read(s, bytes, 4, &got, e);
	if (code)
		goto failed;
	length = got == 4 ? nii_header_length(bytes) : 0;
	if (!length) {
		code = err_set(e, ERR_DATA, "%s: %s", nii_source_name(s), got ? "not a NIfTI file" : "empty");
		goto failed;
	}
	code = read_exactly(s, bytes + 4, length - 4, "header", e);
	if (!code)
		code = nii_header_read(h, bytes, nii_source_name(s), notes, e);
	if (code)
		goto failed;
	/* how long a pair's extensions are is not known; read one byte too many to see the end */
	want = h->pair ? NII_MAX_BYTES + 1 : (size_t)h->offset;
	for (got = 1; !code && got && length < want; length += got) {
		size_t step = want - length < 1 << 16 ? want - length : 1 << 16;
		code = mem_grow(&bytes, &cap, length + step, 1, "header", e);
		if (!code)
			code = nii_source_read(s, bytes + length, step, &got, e);
		if (code)
			got = 0;
	}
	if (!code && (h->pair ? length > NII_MAX_BYTES : length < want))
		code = h->pair ? err_set(e, ERR_DATA, "%s: header and extensions of more than the %d bytes that are taken",
					 nii_source_name(s), NII_MAX_BYTES)
			       : err_set(e, ERR_DATA, "%s: cut short in front of the image", nii_source_name(s));
	if (!code)
		code = check_extender(h, bytes, nii_source_name(s), e);
	if (code)
		goto failed;
	h->bytes = bytes;
	h->size = length;
	return 0;
failed:
	free(bytes);
	return code;
}

/* Voxels that no float holds as they are. */
struct oddities {
	size_t not_finite, too_large; /* 0 now */
	size_t rounded; /* whole numbers */
};

/* Is the stored number, which is read as it is, a whole one that became another? Of the 64-bit types a double does not tell all. */
static bool is_rounded(double stored, float value, bool whole)
{
	return (double)value != stored ? stored == nearbyint(stored) : whole && fabs(stored) >= 0x1p53;
}

/* Turns `planes` planes of the file (X fastest) into voxels z.. of v (Z fastest). */
static void turn_planes(volume *v, struct oddities *odd, int z, int planes, const unsigned char *raw, const nii_header *h,
			const nii_type *t)
{
	size_t not_finite = 0, too_large = 0, rounded = 0, nx = (size_t)v->n[0], ny = (size_t)v->n[1], nz = (size_t)v->n[2];
	bool plain = h->slope == 1 && h->inter == 0;
#pragma omp parallel for schedule(static) reduction(+ : not_finite, too_large, rounded) num_threads(threads_count())
	for (size_t y = 0; y < ny; y++)
		for (size_t x = 0; x < nx; x++) {
			float *to = v->v + (x * ny + y) * nz + (size_t)z;
			for (int k = 0; k < planes; k++) {
				double stored = t->load(raw + (((size_t)k * ny + y) * nx + x) * t->size);
				float value = (float)(stored * h->slope + h->inter);
				bool finite = isfinite(value);
				to[k] = finite ? value : 0;
				not_finite += !isfinite(stored);
				too_large += !finite && isfinite(stored);
				rounded += finite && plain && is_rounded(stored, value, t->whole);
			}
		}
	odd->not_finite += not_finite;
	odd->too_large += too_large;
	odd->rounded += rounded;
}

static int judge(nii_notes *notes, const struct oddities *odd, const nii_header *h, const char *name, err *e)
{
	notes->not_finite = odd->not_finite + odd->too_large;
	notes->rounded = odd->rounded;
	if (notes->not_finite == volume_count(h->n))
		return err_set(e, ERR_DATA, "%s: none of its voxels is finite", name);
	if (odd->not_finite)
		nii_note(notes, "%zu voxel%s not finite and count%s as 0", odd->not_finite, odd->not_finite == 1 ? " is" : "s are",
			 odd->not_finite == 1 ? "s" : "");
	if (odd->too_large)
		nii_note(notes, "%zu voxel%s too large for single precision and count%s as 0", odd->too_large,
			 odd->too_large == 1 ? " is" : "s are", odd->too_large == 1 ? "s" : "");
	if (odd->rounded)
		nii_note(notes, "%zu voxel%s a whole number that single precision does not hold, and rounded", odd->rounded,
			 odd->rounded == 1 ? " is" : "s are");
	return 0;
}

static int read_image(volume *v, nii_notes *notes, nii_source *s, const nii_header *h, err *e)
{
	const nii_type *t = nii_type_find(h->datatype);
	size_t plane = (size_t)h->n[0] * (size_t)h->n[1];
	unsigned char *raw = NULL;
	struct oddities odd = { 0 };
	int batch = h->n[2] < PLANES ? h->n[2] : PLANES;
	int code = mem_zero(&raw, plane * (size_t)batch, t->size, nii_source_name(s), e);
	for (int z = 0; z < h->n[2] && !code; z += batch) {
		int planes = h->n[2] - z < batch ? h->n[2] - z : batch;
		size_t count = plane * (size_t)planes;
		code = read_exactly(s, raw, count * t->size, "image", e);
		if (code)
			break;
		if (h->swapped && t->size > 1)
			nifti_swap_Nbytes((int64_t)count, (int)t->size, raw);
		turn_planes(v, &odd, z, planes, raw, h, t);
	}
	free(raw);
	if (!code)
		code = nii_source_finish(s, e);
	return code ? code : judge(notes, &odd, h, nii_source_name(s), e);
}

static int check_capacity(nii_source *s, const nii_header *h, err *e)
{
	uint64_t room, need = h->offset + volume_count(h->n) * nii_type_find(h->datatype)->size;
	int code = nii_source_capacity(s, &room, e);
	if (code || need <= room)
		return code;
	return err_set(e, ERR_DATA, "%s: the header says %dx%dx%d voxels, more than the file can hold", nii_source_name(s), h->n[0],
		       h->n[1], h->n[2]);
}

/* Opens the image of the pair whose header is `path`, at its first voxel. */
static int open_image(nii_source **out, const char *path, const nii_header *h, err *e)
{
	char *name = NULL;
	unsigned char skip[4096];
	int code;
	if (!nii_name_is_pair(path))
		return err_set(e, ERR_DATA, "%s: the header of a pair, but not named .hdr", path);
	code = nii_name_of_pair(&name, path, "img", e);
	if (!code)
		code = nii_source_open(out, name, e);
	free(name);
	for (uint64_t at = 0; !code && at < h->offset; at += sizeof skip)
		code = read_exactly(*out, skip, h->offset - at < sizeof skip ? h->offset - at : sizeof skip, "image", e);
	return code;
}

int nii_read(volume *v, nii_header *h, nii_notes *notes, const char *path, err *e)
{
	nii_source *s = NULL, *image = NULL;
	nii_header own = {0};
	nii_notes said = {0};
	char *header_name = NULL;
	*v = (volume){.v = NULL};
	int code = nii_name_is_pair(path) ? nii_name_of_pair(&header_name, path, "hdr", e) : mem_text(&header_name, path, e);
	if (!code)
		code = nii_source_open(&s, header_name, e);
	if (!code)
		code = read_header(&own, s, &said, e);
	if (!code && own.pair)
		code = open_image(&image, header_name, &own, e);
	if (!code)
		code = check_capacity(own.pair ? image : s, &own, e);
	if (!code)
		code = volume_new(v, own.n, e);
	if (!code) {
		memcpy(v->affine, own.affine, sizeof v->affine);
		code = read_image(v, &said, own.pair ? image : s, &own, e);
	}
	nii_source_close(s);
	nii_source_close(image);
	free(header_name);
	if (code)
		volume_free(v);
	if (code || !h)
		nii_header_free(&own);
	else
		*h = own;
	if (!code && notes)
		*notes = said;
	return code;
}
