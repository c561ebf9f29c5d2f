/* Headers between bytes and meaning: for lib/nii's own files. */
#ifndef NII_HEADER_H
#define NII_HEADER_H

#include <nifti2_io.h>

#include "nii/nii.h"

enum {
	NII1_SIZE = 348,
	NII2_SIZE = 540,
	NII1_IMAGE = 352, /* the least offset of a single file's image: header and extender */
	NII2_IMAGE = 544,
	NII_MAX_BYTES = 256 << 20, /* header and extensions */
	NII_MAX_VOXELS = 1 << 30,
};

/* How long the header is that begins with these four bytes: NII1_SIZE, NII2_SIZE, or 0: it is no NIfTI header. */
size_t nii_header_length(const unsigned char first[4]);
/* Checks the first nii_header_length bytes and fills all of h but `bytes` and `size`. notes may be NULL. */
int nii_header_read(nii_header *h, const unsigned char *bytes, const char *name, nii_notes *notes, err *e);

/* Adds a line; those that find no room are left out. notes may be NULL. */
void nii_note(nii_notes *notes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
