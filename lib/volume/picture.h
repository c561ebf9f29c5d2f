/* Pictures of volumes: slices side by side, as PNG. */
#ifndef VOLUME_PICTURE_H
#define VOLUME_PICTURE_H

#include <stdbool.h>

#include "base/err.h"
#include "volume/volume.h"

typedef struct picture {
	int width, height;
	unsigned char *rgb; /* [height,width,3], freed with picture_free */
} picture;

typedef struct mosaic_options {
	int slices; /* of each plane, at equal distances within what is bright in the first scan */
	int size; /* pixels of the longest side of a scan */
	const char *planes; /* letters of "acs": axial, coronal, sagittal, in the order wanted */
	double low, high; /* black and white; NAN: 0 (or the least value, if that is negative) and the first scan's 99.5th percentile of
			     nonzero voxels */
	bool difference; /* a row below each further scan: that scan less the first, red where more, blue where less */
	double contrast; /* of the differences: a tenth of the way from black to white fills 1/10 of the colour scale times this */
	const volume *overlay; /* drawn in colour over the first scan where it is above 0, or NULL */
	bool contour; /* of the overlay only its outline, at half of its largest value */
} mosaic_options;

mosaic_options mosaic_default(void);

/* One row for each scan, every one at the same places of the world (its affine says where that is): front up or right, the left of the head
 * on the left. captions: a text for each scan, or NULL. scans[0] decides on the frame. ERR_DATA, ERR_OS. */
int mosaic(picture *out, const volume *const *scans, const char *const *captions, int count, const mosaic_options *o, err *e);

/* Errors as out_open and out_write. The same picture gives the same bytes. */
int picture_write(const char *path, bool force, const picture *p, err *e);
void picture_free(picture *p);

#endif
