/* How predictors of the noise in latents are judged: all of them on the same latents with the same noise, at the middle of each tenth of
 * the timesteps. */
#ifndef BASELINE_TRIAL_H
#define BASELINE_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/scaling.h"
#include "model/schedule.h"

enum { TRIAL_TIMES = 10, TRIAL_FIFTHS = 5 };

typedef struct trial {
	int64_t shape[4]; /* of a latent, [C,X,Y,Z] */
	size_t count; /* numbers in one */
	scaling scaling; /* from clean latents to those that noise is added to */
	const float *weight; /* [count], of a squared error at each place; NULL: all weigh the same */
	const schedule *schedule;
	uint64_t seed;
} trial;

/* Unscaled latents and the ids of their records; all is borrowed. */
typedef struct trial_latents {
	size_t n;
	const float *const *z; /* [n] of [count] */
	const char *const *id; /* [n] */
} trial_latents;

/* Number i of the timesteps, i < TRIAL_TIMES: trunc((i + 1/2) T / 10). */
int trial_time(const trial *t, int i);

enum trial_use { TRIAL_JUDGES, TRIAL_TEACHES }; /* of one record differ in their noise */

/* v [count] = sqrt(a_t) x + sqrt(1 - a_t) noise, x the scaled z (Ho et al. 2020, equation 4). The noise [count], standard normal, is a
 * function of seed, id, timestep, use and place. */
void trial_set(const trial *t, float *v, float *noise, const float *z, const char *id, int time, enum trial_use use);

/* Weighted mean of the squared differences of two arrays [count]. */
double trial_error(const trial *t, const float *noise, const float *predicted);

typedef struct trial_score {
	double fifth[TRIAL_FIFTHS]; /* mean error in each fifth of the timesteps */
	double weighted; /* mean of the errors times (.001 + SNR)^-.5, by which noise predictors are trained (schedule_p2_weight) */
} trial_score;

/* From a predictor's mean error at each timestep. */
trial_score trial_sum(const trial *t, const double error[TRIAL_TIMES]);

#endif
