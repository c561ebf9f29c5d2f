/* A volume in slabs for the Winograd convolutions by blocks of channels (winograd_wide.c, winograd_wide_weight.c): each is one tile thick
 * in x, and all tiles of some slabs are transformed at a time. Not for users of nn. */
#ifndef NN_WINOGRAD_SLABS_H
#define NN_WINOGRAD_SLABS_H

#include "nn/conv_job.h"

typedef struct slabs {
	wino_tile tile;
	int ny, nz, each;	/* tiles in a slab: ny*nz */
	int per, all, together; /* slabs of a volume; of all volumes; at a time */
} slabs;

/* channels: how many are transformed, of all that read them. */
slabs wino_slabs(const conv_job *j, wino_tile t, int channels);
/* Tile i, counted from the first of slab `from` on: its volume, and its first output voxel in at. */
int wino_slab_tile(const slabs *s, int from, int i, int at[3]);

/* What is transformed of a slab: the input that its tiles read, or the gradient at what they write. */
typedef struct slab_view {
	conv_job job;	/* how it is loaded */
	wino_transform *transform;
	int step[3];	/* voxels from tile to tile */
	int n[3];	/* voxels of a slab */
	int channels;	/* whole vectors */
	int side;	/* channels of a block */
	size_t patch;	/* floats that loading a slab takes */
	size_t point;	/* from point to point of all tiles that are transformed at a time */
} slab_view;

slab_view wino_slab_inputs(const conv_job *j, const slabs *s, int side);
slab_view wino_slab_gradients(const conv_job *j, const slabs *s, int side);

/* Transforms slab from+i of `count` to its tiles' place in v: [point][channels / side][count * s->each][side]. patch: work space. */
void wino_load_slab(const slab_view *w, const slabs *s, const float *x, int from, int i, int count, float *patch, float *v);

#endif
