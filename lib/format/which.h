/* Which of several T1-weighted images of one session is the scan to work on: by what their names and headers say they show. */
#ifndef FORMAT_WHICH_H
#define FORMAT_WHICH_H

#include <stdbool.h>

/* What a header says: size of the image and of a voxel along each axis, mm. Zeros: not known. */
typedef struct which_extent {
	double image[3], voxel[3];
} which_extent;

/* Why the one is taken and not the other; what comes first counts most. */
enum which_reason {
	WHICH_CONTRAST, /* a contrast agent was given: ce-, or its words in acq- */
	WHICH_PART, /* a slab, a spine: less than 100 mm along an axis, chunk-, or the words for it in acq- */
	WHICH_MADE, /* of derivatives: desc-prepare, then plain ones, then space-MNI.., then others, then what our networks draw */
	WHICH_THICK, /* slices of more than 3 mm */
	WHICH_ACQUISITION, /* none named, then one with words for the whole head (mprage), then others, then 2D ones (fse) */
	WHICH_RECONSTRUCTION, /* rec- */
	WHICH_OTHERS, /* more entities: echo-, flip-, .. */
	WHICH_RUN, /* a later run, echo .. */
	WHICH_REASONS
};

typedef struct which_rank {
	int of[WHICH_REASONS]; /* less is better */
} which_rank;

/* Is it no image of the head's tissue at all, as part-phase? Then what it is, for people, else NULL. */
const char *which_unfit(const char *name);
which_rank which_rank_of(const char *name, const which_extent *extent);
/* The first reason why a is better than b, in *why: below 0; 0: none is; above 0: b is better. */
int which_compare(const which_rank *a, const which_rank *b, enum which_reason *why);
/* "with contrast agent": what is said of the one that is not taken. */
const char *which_reason_text(enum which_reason why);

/* Has a name the entities that are asked for ("acq-mprage run-1", separated by blanks or commas)? Of several labels of one entity any will
 * do; numbers are compared by value. NULL or "": yes. */
bool which_asked(const char *wanted, const char *name);
/* A word of `wanted` that is no entity (without a label or key), NULL: all are. Points into `wanted`; *n: its length. */
const char *which_bad_word(const char *wanted, int *n);

#endif
