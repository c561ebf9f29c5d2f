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
	BASELINE_BLOCKS,  /* k principal components of blocks of side^3 voxels: as many numbers as a latent of k channels at that factor */
};

typedef struct baseline {
	enum baseline_method method;
	int n[3], side;
	size_t voxels, scans;
	float *x;	/* [scans][voxels], where they are needed themselves */
	pca components;
} baseline;

/* Learns from `scans` scans x [scans][n], which is taken over. side >= 1: of BASELINE_BLOCKS' blocks, in voxels. ERR_DATA: no scans; k
 * components are too many; a side that does not divide n (BASELINE_BLOCKS). ERR_OS. baseline_free also when it fails. */
int baseline_learn(baseline *b, enum baseline_method method, float *x, size_t scans, const int n[3], int k, int side, err *e);
void baseline_free(baseline *b);

/* x [n] -> what the method makes of it, in place. ERR_OS. */
int baseline_apply(const baseline *b, float *x, err *e);

#endif
