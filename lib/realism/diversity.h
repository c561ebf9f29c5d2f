/* How alike are scans of one set among each other? */
#ifndef REALISM_DIVERSITY_H
#define REALISM_DIVERSITY_H

#include <stdint.h>

#include "realism/scans.h"

enum { DIVERSITY_PAIRS = 100, DIVERSITY_SCALES = 3, DIVERSITY_WINDOW = 11 };

/* Mean MS-SSIM (score_ms_ssim_of: three scales, windows of 11, range 1) over all pairs, or 100 of them chosen by the seed: less is more
 * diverse. ERR_DATA: fewer than two scans; an axis of fewer than 44 voxels. ERR_OS. */
int diversity_of(double *out, const scans *s, uint64_t seed, err *e);

#endif
