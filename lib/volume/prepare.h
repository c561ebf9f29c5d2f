/* Preparation: from a scan to the model's grid and units, and back. */
#ifndef VOLUME_PREPARE_H
#define VOLUME_PREPARE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "volume/volume.h"

typedef struct preparation {
	enum preparation_kind {
		/* As the authors of LDAE do: axes as stored, resampled linearly to `spacing` with voxel 0 in place, centre crop or
		 * pad with each line's minimum, (v - min) / (max - min). */
		PREPARE_STORED,
		/* Sampled at the world coordinates of the model's grid (grid_sample); v / (99.9th percentile of the nonzero voxels of
		 * the scan inside the grid's outer box, linear between ranks; 1 when there are none), not clipped. */
		PREPARE_WORLD,
	} kind;
	int n[3]; /* the model's grid */
	double spacing; /* PREPARE_STORED: mm */
	double affine[3][4]; /* PREPARE_WORLD: of the model's grid */
} preparation;

/* PREPARE_WORLD, 64x80x64 at 3 mm in MNI space: what is used when no model says otherwise. */
preparation preparation_default(void);
/* From a model's metadata: {"name":"world","size":[X,Y,Z],"affine":[[4],[4],[4]]} or {"name":"stored","size":[X,Y,Z],"spacing":1.5}.
 * NULL or null: `stored` at 1.5 mm with the configuration's size. ERR_CONFIG. */
int preparation_parse(preparation *p, const json_t *object, const int size[3], err *e);
/* A new reference; NULL when memory is short. */
json_t *preparation_json(const preparation *p);
bool preparation_same(const preparation *a, const preparation *b);
/* Was a record prepared as `ours`? object: what it says of it; it may say nothing (no object). ERR_DATA. */
int preparation_check(const preparation *ours, const json_t *object, err *e);

/* What was done to one scan, and what it looked like. */
typedef struct prepared {
	double scale, offset; /* the scan's value = x * scale + offset */
	double to_source[3][4]; /* voxel of the model's grid -> voxel of the scan */
	double inside; /* PREPARE_WORLD: share of the scan's intensity that lies inside the grid */
	double litres; /* PREPARE_WORLD: volume on the grid brighter than 1/20 of the percentile */
	double centre[3]; /* PREPARE_WORLD: its centre of mass, world mm */
} prepared;

/* Prepares a scan. x->v is allocated ([1,X,Y,Z] as the networks take it); x->affine: of the model's grid in the scan's world. ERR_OS;
 * ERR_DATA when the scan's voxel sizes make a `stored` grid unreasonably large. */
int prepare(volume *x, prepared *how, const preparation *p, const volume *scan, err *e);

/* NULL, or one line on why a scan does not look like a registered brain without its skull. */
const char *prepare_concern(const preparation *p, const prepared *how);

/* The way back: fills scan->v (allocated here; scan->n as of the scan that was prepared) from x on the model's grid: cubic, 0 outside
 * the grid; inside times scale plus offset unless `unit`. ERR_OS, ERR_DATA. */
int prepare_undo(volume *scan, const volume *x, const prepared *how, bool unit, err *e);

/* `how` as a record keeps it: {"scale","offset","to_source"}: a new reference, NULL when memory is short. */
json_t *prepared_json(const prepared *how);
/* ERR_DATA. The other fields become 0. */
int prepared_parse(prepared *how, const json_t *object, err *e);

#endif
