/* Ridge and L2 logistic regression on standardised codes, by LAPACK. Both are solved in the space of the codes' singular vectors: with
 * X = U S V' the minimum of either objective is w = V a, |w| = |a|, so that a has at most as many entries as there are records, whatever
 * the length of a code, and one decomposition serves every strength. */
#ifndef PROBE_LINEAR_H
#define PROBE_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { BASIS_LARGEST = 20000 }; /* min(N, P) that a decomposition is tried for */

/* N standardised codes and their decomposition. */
typedef struct basis {
	size_t n, p, r; /* records, features, rank r <= min(n, p) */
	double *mean, *std; /* [p], divisor N; std 1 where a feature is constant */
	double *s; /* [r] singular values, largest first, those that are rounding alone left out */
	double *v; /* [r,p]: row k is the singular vector k of the features */
	double *u; /* [n,r]: record i in the basis is u[i,k] * s[k] */
} basis;

/* Standardises the codes of n records, codes + rows[i] * p each, and decomposes them. ERR_DATA: more than BASIS_LARGEST of both records
 * and features; ERR_OS. Freed with basis_free, also when it failed. */
int basis_make(basis *b, const float *codes, size_t p, const size_t *rows, size_t n, err *e);
void basis_free(basis *b);

/* A linear function of the standardised code z: w . z + bias. */
typedef struct linear {
	double *weight; /* [p], freed with free() */
	double bias; /* not penalised */
} linear;

/* Minimises sum_i (value_i - f_i)^2 + lambda |w|^2 (Hoerl and Kennard 1970, eq. 2.1): scikit-learn's Ridge(alpha=lambda) on the
 * standardised codes. lambda >= 0; with 0 the least |w| of those that are best. */
int ridge_fit(linear *out, const basis *b, const double *value, double lambda, err *e);

/* Minimises C sum_i c_i log(1 + exp(-t_i f_i)) + |w|^2 / 2, t_i = +1 where positive[i], else -1, by Newton's method with halved steps:
 * scikit-learn's LogisticRegression(C=C) on the standardised codes. c_i = 1; balanced: N / (2 N_k) for the N_k records of class k, as
 * class_weight="balanced". a [r + 1] is the solution in the basis, the bias last: start and result (zeros to begin with), so that a series
 * of strengths costs little. ERR_DATA: one class alone. */
int logistic_fit(linear *out, const basis *b, const bool *positive, double C, bool balanced, double *a, err *e);

/* log(1 + exp(-m)), without overflow: what m = t f costs there, before C and c. */
double logistic_loss(double m);

/* f of a code that is not standardised yet. */
double linear_value(const linear *l, const basis *b, const float *code);

#endif
