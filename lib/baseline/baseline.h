/* What the simplest methods make of a scan when they have seen others: what a network must beat. */
#ifndef BASELINE_BASELINE_H
#define BASELINE_BASELINE_H

#include <stdint.h>

#include "base/err.h"
#include "baseline/pca.h"

enum baseline_method {
	BASELINE_MEAN,	  /* the mean of the others */
	BASELINE_NEAREST, /* the other that is closest in mean squared difference */
	BASELINE_PCA,	  /* k principal components of whole scans */
	BASELINE_BLOCKS,  /* k principal components of blocks of 4x4x4 voxels: as many numbers as a latent of k channels at factor 4 */
};

typedef struct baseline {
	enum baseline_method method;
	int n[3];
	size_t voxels, scans;
	float *x;	/* [scans][voxels], where they are needed themselves */
	pca components;
} baseline;

/* Learns from `scans` scans x [scans][n], which is taken over. ERR_DATA: no scans; k components are too many; sides that 4 does not
 * divide (BASELINE_BLOCKS). ERR_OS. baseline_free also when it fails. */
int baseline_learn(baseline *b, enum baseline_method method, float *x, size_t scans, const int n[3], int k, err *e);
void baseline_free(baseline *b);

/* x [n] -> what the method makes of it, in place. */
void baseline_apply(const baseline *b, float *x);

#endif
