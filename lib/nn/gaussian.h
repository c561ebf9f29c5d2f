/* The noise to be expected in latents that are normally distributed.
 *
 * Clean latents have mean 0 and covariance S = L'L + diag(r), L being a few components [k][count], r positive. In x_t = sqrt(a_t) x +
 * sqrt(1-a_t) n the best prediction of n is then sqrt(1-a_t) (a_t S + (1-a_t) I)^-1 x_t, which is linear in x_t (Bishop 2006, "Pattern
 * recognition and machine learning", equation 2.113).
 *
 * Who is told the scores m of a latent along the components, though not exactly, expects another noise: the mean is L'm then, and of the
 * components' variance there is left a share v, L'diag(v)L + diag(r). */
#ifndef NN_GAUSSIAN_H
#define NN_GAUSSIAN_H

#include "base/err.h"
#include "nn/graph.h"

typedef struct gaussian gaussian;

typedef struct gaussian_spec {
	shape s; /* of one latent: b is 1 */
	int k;
	const float *components; /* L, k latents in the field's order [C,X,Y,Z] */
	const float *rest; /* r, one latent in the field's order, positive */
	const float *left; /* v [k], 0..1; NULL: 1 */
	int levels; /* timesteps */
	const double *abar; /* a_t [levels] */
} gaussian_spec;

/* Copies what it is given. ERR_OS. Freed with gaussian_free (p may be NULL). */
int gaussian_new(gaussian **out, const gaussian_spec *spec, err *e);
void gaussian_free(gaussian *p);

/* x [b,X,Y,Z,C] at timesteps t [b,1,1,1,1], whole numbers -> the noise to be expected in it, of the same shape. scores [b,1,1,1,K]: m of
 * each latent, to which gradients flow; NULL: they are not known. x and t take no gradient. A grid of fewer planes along X is taken for the
 * first ones. NULL for p NULL. p must stay until the graph goes; what is solved for a timestep is kept for the next run, so p is not for
 * several threads at once. ERR_BUG for other latents. */
layer *expected_noise(graph *g, gaussian *p, layer *x, layer *t, layer *scores);

/* 1 over sqrt(1-a_t) for each time t [b,1,1,1,1]: of the same shape. No gradient. */
layer *inverse_noise(graph *g, gaussian *p, layer *t);

/* Clean x [b,X,Y,Z,C] -> the scores to be expected of it [b,1,1,1,K]: (I + L diag(1/r) L')^-1 L diag(1/r) x. No gradient. NULL for p
 * NULL. ERR_BUG for other latents. */
layer *expected_scores(graph *g, gaussian *p, layer *x);

#endif
