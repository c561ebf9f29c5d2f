/* Are the intensities of a scan like those that the models have seen? */
#ifndef VOLUME_INTENSITY_H
#define VOLUME_INTENSITY_H

#include "base/err.h"
#include "volume/prepare.h"

enum { INTENSITY_TEXT = 160 };

/* Fills text with one line on how the intensities differ from those of a T1-weighted brain on a background of 0, with "" when they do not:
 * a background that is not 0, negative values in the brain, spikes, inverted or missing contrast. x and how: what prepare made of the scan.
 * A `stored` grid, on which the brain may lie anywhere, is not judged. ERR_OS. */
int intensity_concern(char text[INTENSITY_TEXT], const preparation *p, const prepared *how, const volume *scan, const volume *x, err *e);

#endif
