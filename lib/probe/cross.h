/* Fitting a probe to cases, choosing its strength, and judging it by cross-validation. */
#ifndef PROBE_CROSS_H
#define PROBE_CROSS_H

#include <stdbool.h>

#include "base/err.h"
#include "probe/cases.h"
#include "probe/linear.h"
#include "probe/probe.h"

typedef struct fit_options {
	enum probe_task task;
	double strength; /* C or lambda; NAN: chosen by cross-validation */
	bool balanced; /* of a classification: both classes count the same */
	int folds; /* of the choice, at least 2; at most as many as there are subjects are used */
	unsigned long seed; /* of the choice's folds */
} fit_options;

/* Fits to the cases rows [n] (NULL: all). *strength is the one given or chosen. A choice is made among C = 10^-5, 10^-4.5 .. 10^2, or
 * lambda = 10^-1 .. 10^6, by the least mean loss on subjects left out (of a classification the logarithmic one, weighted when balanced; of
 * a regression the squared error); of equals the one that shrinks most. Standardisation is part of what is fitted in each fold.
 * b and out are freed by basis_free and free(out->weight), also when it failed. Errors as of the fits; results do not depend on the
 * number of threads. */
int cross_fit(linear *out, basis *b, double *strength, const cases *c, const size_t *rows, size_t n, const fit_options *how, err *e);

/* Value f of every case by a probe that was fitted without its fold: fold[s] in 0..k-1 for each subject s. strength [k]: those used. */
int cross_predict(double *f, double *strength, const cases *c, const int *fold, int k, const fit_options *how, err *e);

#endif
