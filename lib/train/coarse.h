/* A teacher for the semantic encoder while it begins from scratch: a linear map has to tell the coarse scan from the code, and is thrown
 * away afterwards. Fresh codes of all scans are almost one, so neither they nor the shift branch learn anything from the diffusion's
 * loss: it takes a code that tells scans apart to make a shift worth something, and a shift to make the code worth something. */
#ifndef TRAIN_COARSE_H
#define TRAIN_COARSE_H

#include <stddef.h>

#include "base/err.h"
#include "nn/graph.h"
#include "train/dataset.h"

enum { COARSE = 4 }; /* voxels along each side of a block */

/* Coarse scans: means over whole blocks, less those of the mean training scan, over their standard deviation, all blocks together. */
typedef struct coarse {
	int volume[3];
	size_t blocks;
	double *mean; /* [blocks]; NULL until coarse_learn */
	double sd;
	float *scan; /* [blocks], scratch */
} coarse;

/* Of volumes of n voxels. ERR_OS. Freed with coarse_free, also when it fails. */
int coarse_new(coarse *k, const int n[3], err *e);
void coarse_free(coarse *k);
/* Mean and deviation from the training scans of d; they stay once they are known. ERR_OS. */
int coarse_learn(coarse *k, const dataset *d, err *e);
/* k->scan becomes the coarse scan of x [X,Y,Z]. */
void coarse_see(coarse *k, const float *x);

/* The map of codes y [b,1,1,1,width] to coarse scans [b,1,1,1,blocks]; parameters coarse.weight [blocks,width] and coarse.bias. */
layer *coarse_tell(graph *g, const coarse *k, layer *y);
/* Its parameters, for codes of this width. ERR_OS. */
int coarse_table(const coarse *k, int width, param_table *t, err *e);
/* A coarse scan to be written before runs: k->scan. */
layer *coarse_input(graph *g, const coarse *k);
/* Mean over the blocks of (wanted - told)^2. */
layer *coarse_loss(graph *g, layer *told, layer *wanted);

#endif
