/* NIfTI-1 and -2: one frame of real numbers in three dimensions, in and out. Names as in nifti1.h and nifti2.h. */
#ifndef NII_NII_H
#define NII_NII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "volume/volume.h"

/* What a header says of its voxels' values. */
typedef struct nii_meaning {
	double cal_min, cal_max; /* what viewers show as black and white; both 0: not told */
	int intent; /* NIFTI_INTENT_* */
	double intent_p[3];
	char intent_name[16];
} nii_meaning;

typedef struct nii_header {
	/* Every byte in front of the image as stored: header, extender, extensions. They are the user's own. */
	unsigned char *bytes;
	size_t size;
	int version; /* 1 or 2 */
	bool swapped; /* bytes are in the other order than this machine's */
	bool pair; /* a .hdr whose image lies in an .img */
	int n[3];
	int datatype; /* DT_* code of nifti1.h */
	double slope, inter; /* value = stored * slope + inter; 1, 0 when the header asks for nothing */
	uint64_t offset; /* of the image in its file */
	bool offset_guessed; /* a single file's header says 0 */
	int qform_code, sform_code;
	double mm; /* of the header's unit of length: 1, or 1000 for metres, .001 for microns */
	double pixdim[3]; /* mm */
	double affine[3][4]; /* mm; sform if its code > 0, else qform if its code > 0, else diag(pixdim) */
	nii_meaning meaning;
} nii_header;

/* What a user should hear about a file that was taken all the same: a line for each matter, that the file's name goes in front of. */
enum { NII_NOTES = 12 };
typedef struct nii_notes {
	int n;
	char line[NII_NOTES][200];
	size_t not_finite; /* voxels that were NaN, infinite or too large for a float, and are 0 now */
	size_t rounded; /* voxels with whole numbers that no float holds, such as labels beyond 2^24 */
} nii_notes;

/* Reads a scan: .nii, or .hdr and .img of which either is named; each may be compressed with gzip (recognised by its magic); "-": a single
 * file on stdin. v: values in the header's units (slope and intercept applied), v->affine as h->affine; freed with volume_free. h (freed
 * with nii_header_free) and notes may be NULL. On failure nothing is left to free. The header is checked against what the file can hold
 * (gzip inflates at most 1032-fold) before memory is taken, the file to its end. What is not finite becomes 0 and is noted. ERR_NOINPUT:
 * the file, or a header's image, cannot be opened. ERR_DATA: not NIfTI, damaged, cut short, several frames, not a type of real numbers,
 * no voxel that is finite, no size of voxels. ERR_IO, ERR_OS. */
int nii_read(volume *v, nii_header *h, nii_notes *notes, const char *path, err *e);

/* How large an image is along its axes, and its voxels, mm: from the header alone. Errors as nii_read, then nothing is set. */
int nii_extent(double image[3], double voxel[3], const char *path, err *e);

/* A header from bytes that were a nii_header's (a record keeps them; they are copied). name: for messages. ERR_DATA, ERR_OS. */
int nii_header_parse(nii_header *h, const void *bytes, size_t size, const char *name, err *e);
/* A new NIfTI-1 header, float32 and mm, for voxels of this grid. code: NIFTI_XFORM_* of both forms; 0: neither. ERR_DATA when NIfTI-1
 * cannot hold the grid, ERR_OS. */
int nii_header_new(nii_header *h, const int n[3], double affine[3][4], int code, err *e);
/* Gives the scan another place: affine (mm) becomes the sform with this NIFTI_XFORM_* code > 0, and the qform, which can hold no shear and
 * would say something else, is switched off (code 0). All other bytes are kept. ERR_DATA: not finite. */
int nii_header_place(nii_header *h, double affine[3][4], int code, err *e);
/* What is said of the values: when they come from another scan, or are no longer the scan's (a mask, other units: {0}). */
void nii_header_mean(nii_header *h, const nii_meaning *meaning);
/* Makes the image whole numbers of 16 bits, `slope` > 0 a step, for nii_write with keep_type. All other bytes are kept. */
void nii_header_int16(nii_header *h, double slope);
/* What the header says that the values are (the name of its intent), when that is no intensity of an image: a statistic, labels, vectors.
 * NULL when it says nothing of the kind. */
const char *nii_no_intensities(const nii_header *h);
void nii_header_free(nii_header *h);

/* What was lost on the way to whole numbers. */
typedef struct nii_loss {
	size_t rounded, saturated; /* voxels */
} nii_loss;

/* Writes v under h. Every byte of the header is kept, except datatype, bitpix, scl_slope and scl_inter, which become float32, 1 and 0
 * (with keep_type these are kept, too, and values rounded and saturated; loss may be NULL), and magic and vox_offset where a pair becomes
 * a single file or the reverse. path: a pair when it ends in .hdr or .img (.gz), else a single file; compressed when it ends in .gz, with
 * the same bytes every time (.GZ and so on, too); "-": stdout, single, not compressed. v->n must be h->n (ERR_BUG). ERR_DATA: voxels that
 * are not finite; nothing is written then. ERR_CREATE, ERR_IO, ERR_OS. */
int nii_write(const char *path, bool force, const nii_header *h, const volume *v, bool keep_type, nii_loss *loss, err *e);

enum { NII_ID = ID_LONGEST + 1 };
/* The id of a file name: without its folders, .gz, and .nii, .hdr or .img (in capitals, too). ERR_USAGE when it cannot be one: empty,
 * longer than 200, with a leading dot or other characters than [A-Za-z0-9._+-]. */
int nii_id(char id[NII_ID], const char *path, err *e);

#endif
