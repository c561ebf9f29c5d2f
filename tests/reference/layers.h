/* Every operator of nn as its plain formula, in double precision, on arrays in nn's own order ([b][x][y][z][c]): slow, made to
 * be read, and what tests compare the fast ones with. Nothing here depends on the rest of nn but for the names of its shapes. */
#ifndef TESTS_REFERENCE_LAYERS_H
#define TESTS_REFERENCE_LAYERS_H

#include "nn/conv/conv.h"

/* A convolution: sizes and the arrays it reads. Weights lie in the field's order [out][in.c][kx][ky][kz]. */
typedef struct ref_conv {
	shape in;
	int out, k[3], stride[3], low[3], high[3], up[3];
	enum act act;
	const double *affine;	/* [b][2*in.c], scales then shifts; NULL: none */
	const double *bias;	/* [out]; NULL: none */
	const double *add;	/* as the result; NULL: none */
} ref_conv;

/* u, u/(1+exp(-u)) or max(u, 0.2u). */
double ref_activation(double u, enum act act);
shape ref_conv_shape(const ref_conv *r);
/* y [ref_conv_shape] = conv(zero-pad(repeat(act(scale x + shift)))) + bias + add. ERR_OS without memory. */
int ref_conv_forward(const ref_conv *r, const double *x, const double *w, double *y, err *e);

/* Group norm as the affine [b][2c] that normalises x [s]: over all voxels and the channels of a group, biased variance
 * (Wu & He 2018). */
void ref_group_norm(shape s, const double *x, const double *gamma, const double *beta, int groups, double eps, double *affine);
/* Mean and biased variance [c] of every channel over all volumes and voxels. */
void ref_moments(shape s, const double *x, double *mean, double *var);
/* Batch norm as an affine [b][2c], from given statistics [c] (Ioffe & Szegedy 2015). */
void ref_batch_norm(int b, int c, const double *mean, const double *var, const double *gamma, const double *beta, double eps,
		    double *affine);

/* act(scale x + shift), affine as in ref_conv, NULL: none. y as x [s]. */
void ref_prologue(shape s, const double *x, const double *affine, enum act act, double *y);
/* Means over boxes of `by` voxels, which divide s: x [s] -> y. */
void ref_mean_pool(shape s, const int by[3], const double *x, double *y);
/* Each voxel `by` times: x [s] -> y. */
void ref_upsample(shape s, const int by[3], const double *x, double *y);
/* scale (1 + s), shift (1 + s) + t for b affines of c channels. */
void ref_modulate(int b, int c, const double *affine, const double *by, double *y);

/* Attention of one volume and head: softmax(q k^T / sqrt(width)) times `factor` [queries][keys] (dropout; NULL: 1), times v;
 * q [queries][width], k, v [keys][width] -> y [queries][width]. ERR_OS without memory. */
int ref_attention(int queries, int keys, int width, const double *q, const double *k, const double *v, const double *factor, double *y,
		  err *e);

/* mean |x - target|, mean (x - value)^2 */
double ref_l1(size_t n, const double *x, const double *target);
/* mean weight_b place_i (noise - eps - coefficient_b g)^2; eps, g, noise [volumes][n], place [n] */
double ref_noise_loss(size_t n, int volumes, const double *eps, const double *g, const double *noise, const double *place,
		      const double *weight, const double *coefficient);
double ref_ssim(shape s, const double *x, const double *target);
double ref_squared_to(size_t n, const double *x, double value);
/* mean + exp(log_var/2) noise, log_var clamped to [-30, 20] */
void ref_posterior(size_t n, const double *mean, const double *log_var, const double *noise, double *z);
/* 0.5 sum(mean^2 + sigma^2 - log sigma^2 - 1) / volumes, log_var clamped to [-30, 20] */
double ref_kl(size_t n, int volumes, const double *mean, const double *log_var);

#endif
