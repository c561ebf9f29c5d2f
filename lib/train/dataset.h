/* The scans of a training run: prepared once, split by subject, drawn in an order that depends on the seed alone. */
#ifndef TRAIN_DATASET_H
#define TRAIN_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha.h"
#include "format/maker.h"
#include "volume/augment.h"
#include "volume/prepare.h"

typedef struct dataset_scan {
	char *id;
	char *subject;		/* the id's entity sub-<label>, label only; the whole id when it has none */
	bool validation;
	const float *x;		/* [X,Y,Z] on the model's grid, in the model's units; read-only; NULL when it is not kept or not given */
	const float *warp;	/* [3,GX,GY,GZ], from a template to the scan (volume/warp.h); NULL when the record has none */
	const float *z;		/* [C,X/f,Y/f,Z/f], its latent; NULL without dataset_options.latents */
} dataset_scan;

typedef struct dataset {
	int n[3];
	size_t voxels;
	dataset_scan *scans;		/* in the order of the operands */
	size_t count;
	size_t *train, *validation;	/* numbers of scans */
	size_t n_train, n_validation;
	int warp_spacing;		/* of all warps; 0: there are none */
	char hash[SHA_TEXT];		/* SHA-256 of ids, split, and what is kept of each scan: the same data or not */
	struct dataset_private *p;
} dataset;

/* For the training of a diffusion network: each scan's latent. */
typedef struct dataset_latents {
	int64_t z[4];			/* their shape [C,X,Y,Z] */
	int (*encode)(void *of, float *z, const float *x, err *e);
	void *of;
	const maker *made_by;		/* the autoencoder, borrowed: a record's z that another made is refused; NULL: it is not */
	enum dataset_voxels {
		VOXELS_UNUSED,		/* x is forgotten once it is encoded; a record without x has its z taken as it is */
		VOXELS_KEPT,		/* x is kept where there is one */
		VOXELS_NEEDED,		/* x is kept; a record without it is refused */
	} voxels;
} dataset_latents;

typedef struct dataset_options {
	preparation preparation;
	const char *folder; /* where the prepared voxels are kept, in a file without a name: read through a mapping, so that they may
			     * be more than the memory holds */
	const char *validation;		/* file of subjects to validate on, one a line, with or without "sub-"; ERR_DATA when there is no
					 * scan of any; NULL: by share */
	const dataset_latents *latents;	/* NULL: voxels alone */
	double share;			/* of the subjects, chosen by a hash of each: a new subject moves no other */
	void (*warn)(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* may be NULL */
} dataset_options;

/* Reads all operands: NIfTI files; streams whose records have `x` (with latents: or `z`); names ending in .txt: lists of such files, one a
 * line. An id may not come twice (ERR_DATA). Errors as of the readers and of `encode`; ERR_DATA when nothing is left to train on. Close
 * with dataset_close. */
int dataset_open(dataset **out, char **operands, int n, const dataset_options *o, err *e);
/* d may be NULL. */
void dataset_close(dataset *d);

/* The scans to judge by: those held out or, where there are none, the first 8 of the others. Returns how many; *which: their numbers. */
size_t dataset_judged(const dataset *d, const size_t **which);

/* The scan to train on at step 0, 1 ..: each epoch goes through all of them in an order of its own, drawn from (seed, epoch). */
const dataset_scan *dataset_draw(const dataset *d, uint64_t seed, int64_t step);

/* The warps of scan s and of some other one to train on, drawn from r. Without warps, both NULL. */
augment_shape dataset_shapes(const dataset *d, const dataset_scan *s, philox r);

#endif
