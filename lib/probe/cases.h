/* The labelled codes a probe is fitted or judged on. A case is a record; cases of one subject stay together wherever they are divided. */
#ifndef PROBE_CASES_H
#define PROBE_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct cases {
	size_t n, p; /* cases; numbers in a code (0 until the first) */
	float *codes; /* [n,p] */
	double *value; /* [n] the label; of a classification 1 (positive) and 0 */
	char **participant; /* [n] */
	size_t *subject; /* [n] < subjects: place of the participant among all, sorted by name */
	size_t subjects;
	char **names; /* [subjects], not owned */
	size_t room[3]; /* elements that there is memory for */
} cases;

/* Adds one; the code is copied. ERR_DATA: another length than the first's, or a value that is not finite. */
int cases_add(cases *c, const char *participant, const float *code, size_t p, double value, err *e);
/* Fills in subject, subjects and names. Called once, behind the last case. */
int cases_finish(cases *c, err *e);
void cases_free(cases *c);

/* Divides subjects into k folds, the same for the same names and seed whatever the order of the records: fold[s] for subject s. Subjects
 * are put in the order of a hash and dealt out in turn; `classes`: those who have a positive case first, then the others, so that folds
 * hold about as many of each. `use` [subjects] says which take part (NULL: all); the others get -1. ERR_DATA: fewer subjects than folds. */
int folds_make(int *fold, const cases *c, const bool *use, int k, bool classes, unsigned long seed, err *e);

#endif
