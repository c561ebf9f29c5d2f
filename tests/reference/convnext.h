/* The operators of the semantic encoder as their plain formulas, in double precision: as layers.h, for what is in depthwise.h,
 * layer_norm.h, convnext.h and slices.h. */
#ifndef TESTS_REFERENCE_CONVNEXT_H
#define TESTS_REFERENCE_CONVNEXT_H

#include "base/err.h"
#include "nn/shape.h"

/* y [s]: every map and channel of x [s] convolved with its taps w [c][7][7], three zeros around, plus bias [c] (NULL: none). */
void ref_depthwise(shape s, const double *x, const double *w, const double *bias, double *y);
/* y [n][c]: every row of x [n][c] less its mean, over sqrt(biased variance + eps), times gain [c], plus offset [c]. */
void ref_layer_norm(size_t n, int c, const double *x, const double *gain, const double *offset, double eps, double *y);
/* u Phi(u), Phi the standard normal distribution function. */
double ref_gelu(double u);

/* The branch of a ConvNeXt block behind its depthwise convolution; matrices [out][in]. */
typedef struct ref_convnext {
	int wide;
	const double *gain, *offset, *widen, *widen_bias, *narrow, *narrow_bias, *scale;
	const double *keep; /* [b*x]; NULL: 1 */
	double eps;
} ref_convnext;
/* y = x + keep scale (narrow gelu(widen norm(d) + widen_bias) + narrow_bias); d, x, y [s]. ERR_OS without memory. */
int ref_convnext_forward(const ref_convnext *r, shape s, const double *d, const double *x, double *y, err *e);

/* y [b][x][c]: means over y and z of x [s]. */
void ref_map_mean(shape s, const double *x, double *y);
/* y [b][c] = sum over i of softmax(score [b][n])_i x [b][n][c]_i. */
void ref_soft_pool(int b, int n, int c, const double *x, const double *score, double *y);

#endif
