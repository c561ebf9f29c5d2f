/* Label maps, and names for sets of labels. */
#ifndef SIMULATE_LABELS_H
#define SIMULATE_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "volume/volume.h"

/* More different labels than this are no label map but an image. */
enum { LABELS_MOST = 4096, LABELS_LARGEST = 1 << 24 };

typedef struct label_map {
	int n[3];
	double voxel; /* ml */
	int count; /* different labels */
	int value[LABELS_MOST]; /* [count], ascending */
	uint16_t *at; /* [X,Y,Z]: which of them */
} label_map;

/* A label map of v, whose values must be whole numbers from 0 to 2^24. name: for messages. ERR_DATA: they are not, or too many different
 * ones; ERR_OS. Freed with label_map_free, also when it failed. */
int label_map_new(label_map *m, const volume *v, const char *name, err *e);
void label_map_free(label_map *m);

/* What a label has of a place. */
typedef struct label_share {
	uint16_t label; /* as `at` */
	double share; /* above 0 */
} label_share;
enum { LABEL_SHARES = 8 };
/* The labels of the voxels round place p, with their linear weights; beyond the map its outermost voxels go on. Returns how many there are;
 * each label is there once, and the shares' sum is 1. */
int label_map_shares(label_share out[LABEL_SHARES], const label_map *m, const double p[3]);

/* A set of labels with a name. */
typedef struct region {
	char name[256];
	struct label_range {
		int from, to;
	} *ranges; /* [n] */
	size_t n, cap;
} region;
bool region_has(const region *r, int label);
/* Of the labels 0..count-1 of the map, those that are in r, as 1. */
void region_of_map(unsigned char *in, const region *r, const label_map *m);
void region_free(region *r);

/* Regions of a table. */
typedef struct region_table {
	region *all; /* [n] */
	size_t n, cap;
} region_table;

/* Reads a table with the columns `region`, a name of letters, digits and _ that begins with a letter, and `labels`, numbers and ranges
 * (100-207) separated by commas or blanks. path NULL: an empty one. ERR_NOINPUT, ERR_DATA "PATH: line N: reason", ERR_OS. Freed with
 * region_table_free, also when it failed. */
int region_table_read(region_table *t, const char *path, err *e);
/* NULL: no region of this name. */
const region *region_table_find(const region_table *t, const char *name);
void region_table_free(region_table *t);

/* A region of `text`: names of t, labels and ranges joined by '+' ("hippocampus", "47+48"). what: in front of messages. ERR_USAGE: no such
 * name; ERR_OS. Freed with region_free, also when it failed. */
int region_parse(region *r, const char *text, const region_table *t, const char *what, err *e);

/* Regions with a number each. */
typedef struct amounts {
	struct amount {
		region of;
		double value;
	} *all; /* [n] */
	size_t n, cap;
} amounts;

/* "REGION=NUMBER,REGION=NUMBER", regions as region_parse has them; NULL: none. ERR_USAGE, ERR_OS. Freed with amounts_free, also when it
 * failed. */
int amounts_parse(amounts *a, const char *text, const region_table *t, const char *what, err *e);
void amounts_free(amounts *a);

#endif
