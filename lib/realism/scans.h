/* Scans of one grid, and where their brains are. */
#ifndef REALISM_SCANS_H
#define REALISM_SCANS_H

#include <stddef.h>

#include "base/err.h"

typedef struct scans {
	int n[3];		/* of the first that came */
	size_t voxels;		/* of one scan */
	size_t count, cap;
	float *x;		/* [count][X,Y,Z] */
} scans;

/* A copy of x [X,Y,Z], n = X, Y, Z, its values clipped to 0 .. 1.5, behind those that are there; s is zeroed at first. ERR_DATA when n is
 * not that of the others, ERR_OS. */
int scans_add(scans *s, const int n[3], const float *x, err *e);
/* The same clipping of a scan that is not kept. */
void scans_clip(float *x, size_t voxels);
const float *scans_at(const scans *s, size_t i);
void scans_free(scans *s);

/* Where a mean of scans is bright: more than a quarter of the 99th percentile of all its voxels. */
typedef struct inside {
	float *mask;		/* [X,Y,Z], 1 inside, 0 outside */
	size_t *voxel, count;	/* the places of those inside, in order */
} inside;

/* Of the mean of s, which has a scan at least. Freed with inside_free, also when it fails. ERR_DATA when nothing is bright, ERR_OS. */
int inside_of(inside *b, const scans *s, err *e);
void inside_free(inside *b);

#endif
