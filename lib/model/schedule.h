/* How noise grows with the timestep, and which timesteps a solver visits. With a_t the running product of 1 - beta, a latent at
 * timestep t is sqrt(a_t) z + sqrt(1 - a_t) n, n standard normal (Ho et al. 2020, eq. 4). Everything is double. */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include "base/err.h"
#include "model/config.h"

typedef struct schedule {
	int timesteps; /* T: timesteps are 0 .. T-1 */
	double *beta; /* [T] */
	double *abar; /* [T], a_t, decreasing */
} schedule;

/* beta linear from 1e-4 to .02 (Ho et al. 2020), or cosine, beta_t = min(1 - f((t+1)/T)/f(t/T), .999), f(u) = cos^2((u+.008)/1.008 pi/2)
 * (Nichol and Dhariwal 2021, eq. 17). ERR_OS. Freed with schedule_free, also when it fails. */
int schedule_new(schedule *s, const diffusion_config *d, err *e);
void schedule_free(schedule *s);

/* sqrt(a_t), sqrt(1 - a_t), and half the logarithm of the signal-to-noise ratio, log(sqrt(a_t) / sqrt(1 - a_t)). */
double schedule_signal(const schedule *s, int t);
double schedule_noise(const schedule *s, int t);
double schedule_lambda(const schedule *s, int t);

/* The coefficient of the gradient G in the loss that the authors of LDAE train with, c_t = -sqrt(1-beta_t)(1-a_{t-1})/sqrt(1-a_t), a_{-1} =
 * 1; in use it is -sqrt(1-a_t). And the weight of timestep t in that loss, r^.1/(1+r), r = a_t/(1-a_t) (Zhang et al. 2022, PDAE, eq. 9). */
double schedule_shift_published(const schedule *s, int t);
double schedule_loss_weight(const schedule *s, int t);
/* The weight of timestep t in a noise predictor's loss, (k + SNR)^-gamma, SNR = a_t/(1-a_t) (Choi et al. 2022, "Perception prioritized
 * training of diffusion models", equation 8); gamma = 0: 1. */
double schedule_p2_weight(const schedule *s, int t, double k, double gamma);

enum spacing {
	SPACING_TIME, /* trunc(k (T-1)/N), k = 0 .. N, as published */
	SPACING_SNR, /* the timesteps nearest to N+1 values of lambda that are evenly spaced between its ends */
};

/* The timesteps of `steps` network calls, increasing, from 0 to T-1, each once: *n of them, *n - 1 <= steps. They are whole numbers,
 * although the networks' time embedding would take any: only these were trained on. 1 <= steps < T, else ERR_USAGE. Freed with free(). */
int schedule_times(const schedule *s, enum spacing spacing, int steps, int **times, int *n, err *e);

#endif
