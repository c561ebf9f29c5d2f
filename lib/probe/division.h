/* Subjects divided into the folds of a cross-validation, with the folds' names. */
#ifndef PROBE_DIVISION_H
#define PROBE_DIVISION_H

#include "base/err.h"
#include "probe/cases.h"

typedef struct division {
	int k; /* folds */
	int *fold; /* [subjects] 0..k-1 */
	char **names; /* [k] */
} division;

/* As the column `fold` of a table says, read by the column participant_id; named as there, in the order of the subjects. Errors as
 * labels_read and labels_find; ERR_DATA: a subject without a fold, one fold alone. Freed with division_free, also when it failed. */
int division_read(division *d, const cases *c, const char *path, err *e);
/* Into k folds as folds_make does, named 1..k. Freed with division_free, also when it failed. */
int division_draw(division *d, const cases *c, int k, bool classes, unsigned long seed, err *e);
void division_free(division *d);

#endif
