/* Does a scan lie as registered brains do? Asked of a mean of registered brains.
 *
 * Both are looked at on a grid of 6 mm, where the folds that tell people apart hardly count, by SSIM (volume/score.h: window 7, where the
 * mean is bright) after the scan's brightness is fitted to the mean's, so that a scan's units do not matter. */
#ifndef VOLUME_LIKENESS_H
#define VOLUME_LIKENESS_H

#include "base/err.h"
#include "volume/volume.h"

typedef struct likeness_reference {
	volume brain; /* the mean on its grid of 6 mm, its 99.9th percentile 1 */
	double centre[3]; /* of its mass, world mm */
	double litres; /* of what is brighter than a tenth of that */
} likeness_reference;

/* mean: in its place in the world. Freed with likeness_close. ERR_DATA: empty, or too small for a brain; ERR_OS. */
int likeness_open(likeness_reference *r, const volume *mean, err *e);
void likeness_close(likeness_reference *r);

typedef struct likeness {
	double ssim; /* where it lies */
	double best; /* the largest after one of some small moves (10 degrees, 8 mm) */
	const char *move; /* that move, as "turned nose up by 10 degrees" */
} likeness;

/* Of a scan in its place in the world. ERR_DATA when its affine cannot be inverted, ERR_OS. */
int likeness_of(likeness *out, const likeness_reference *r, const volume *scan, err *e);

/* Registered brains have more (.77 to .93), brains that are turned by 20 degrees or more, or moved by 20 mm, have less. */
#define LIKENESS_LEAST .68
/* So much more like the mean after a small move is no brain that lies right, but each that is turned by 10 degrees or moved by 10 mm. */
#define LIKENESS_ASKEW .03

/* NULL, or one line on why it does not lie as a registered brain, in text[200]. */
const char *likeness_concern(char text[200], const likeness *l);

typedef struct likeness_turn {
	double degrees; /* how far the brain lies turned from the mean's */
	double matrix[3][4]; /* the turn about the scan's centre that sets it upright, world mm to world mm; none when it is no more than
				LIKENESS_UPRIGHT degrees, for so may a head lie. Handedness is kept */
	double ssim; /* after it, when place and size are fitted, too */
} likeness_turn;

#define LIKENESS_UPRIGHT 50

/* Which way up does a brain lie, wherever it is? The 24 turns that take axes to axes are tried, and small moves from the best of them.
 * ERR_DATA: an empty scan; ERR_OS. */
int likeness_find_turn(likeness_turn *out, const likeness_reference *r, const volume *scan, err *e);

#endif
