/* The simplest predictors of the noise in latents: what a network that claims to have learned the latents must beat. All are linear in the
 * noisy latent y = sqrt(a) x + sqrt(1 - a) n. Of the scaled latents that they learn from, m_i and v_i are mean and variance at place i (a
 * place that hardly varies counts as places.h says), and s_i^2 = a v_i + 1 - a is the variance of y_i.
 *
 *   place  each number alone: n_i = sqrt(1 - a) (y_i - sqrt(a) m_i) / s_i^2. In latents that are standardised by themselves m is 0 and v is
 *          1: it is what is known before anything is learned.
 *   pcaK   Wiener's for x normal with K principal components of the latents standardised place by place, each component with its variance,
 *          and at each place what is left of v_i, at least a twentieth: n = sqrt(1 - a) D (y - sqrt(a) (m + L s)), D diagonal,
 *          1 / D_i = a left_i v_i + 1 - a, s = (1 + a L'DL)^-1 sqrt(a) L'D (y - sqrt(a) m)
 *   lin0   s_i n_i from the channels of the same site of (y - sqrt(a) m) / s, by one linear map for all sites
 *   lin1   the same from those of the sites in 3x3x3 around it, 0 beyond the grid
 *
 * The maps are learned at each timestep from noisy latents by least squares, a site weighing as its error does, with a ridge of 2e-3 times
 * the mean of the diagonal. */
#ifndef BASELINE_PREDICTORS_H
#define BASELINE_PREDICTORS_H

#include "base/err.h"
#include "baseline/pca.h"
#include "baseline/trial.h"

/* lin1's equations have 27 unknowns a channel, and their matrix the square of it. */
enum { PREDICTORS_MOST_CHANNELS = 256 };

typedef struct predictors {
	trial trial;
	trial_latents train;
	double *mean, *variance; /* [count], m and v */
	const int *k; /* [nk], borrowed */
	int nk;
	int most; /* of k */
	double *loading; /* L', [most][count] */
	double *left; /* [nk][count], left_i v_i */
} predictors;

/* There are predictors_count of them: place, one with each of the nk numbers of components k[] >= 1, lin0, lin1. Latents, ids and what the
 * trial points to must stay. ERR_DATA: no latents, too many channels, nothing varies, components are too many; ERR_OS. predictors_free also
 * when it fails. */
int predictors_learn(predictors *p, const trial *t, const trial_latents *train, const int *k, int nk, err *e);
void predictors_free(predictors *p);

static inline int predictors_count(const predictors *p) { return p->nk + 3; }
/* "lin0", in name. */
void predictors_name(const predictors *p, int number, char name[32]);

/* error [predictors_count][TRIAL_TIMES]: mean over the latents judged, of which there is at least one. lin0 and lin1 learn their maps here.
 * Timesteps are shared among threads. ERR_OS, ERR_DATA. */
int predictors_judge(const predictors *p, const trial_latents *judged, double (*error)[TRIAL_TIMES], err *e);

#endif
