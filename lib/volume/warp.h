/* Shapes between those of real subjects, for training: anatomy varies as it does among people, not as random smooth fields do.
 *
 * A subject's warp is what registration to a template found: voxel u of the template lies at u + w(u) of the subject's scan. A shape that
 * is (1-s) of subject a and s of subject b has the template's voxel u at T(u) = u + (1-s) w_a(u) + s w_b(u). So voxel q of a scan of this
 * shape with a's tissue is voxel u + w_a(u) of a's scan, u being where T leads to q. */
#ifndef VOLUME_WARP_H
#define VOLUME_WARP_H

#include <stdint.h>

#include "base/err.h"

/* A warp as a record keeps it: w along X, Y, Z in voxels at every `spacing`-th voxel of each axis, [3,GX,GY,GZ]. Spacing of a warp of this
 * shape for a grid n, G = (n - 1) / spacing + 1 on each axis; 0 when none fits. */
int warp_spacing(const int64_t shape[4], const int n[3]);

/* Where the voxels of a changed scan come from: displacements at control points of cubic B-splines, `spacing` voxels apart, the first one
 * `spacing` before voxel 0. */
typedef struct pull {
	int spacing, g[3];
	float *v; /* [g0,g1,g2,4], the fourth unused */
} pull;

/* From a's scan towards the shape of b, both warps of this spacing, by share 0..1. ERR_OS. Freed with pull_free, also when it fails. */
int pull_new(pull *p, const int n[3], int spacing, const float *a, const float *b, double share, err *e);
void pull_free(pull *p);

/* Voxel p, not necessarily whole, becomes the place in a's scan that it comes from. */
void pull_apply(const pull *w, float p[3]);

#endif
