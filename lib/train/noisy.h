/* Latents on their way to noise: what a diffusion network is trained on and judged by. */
#ifndef TRAIN_NOISY_H
#define TRAIN_NOISY_H

#include "base/err.h"
#include "base/philox.h"
#include "nn/graph.h"
#include "train/latent.h"
#include "train/state.h"

/* A latent at n timesteps: what a network sees as one batch, and the noise in it. */
typedef struct noisy_latent {
	int n, t[RECIPE_DRAWS];
	float *v, *noise; /* [n][count] */
} noisy_latent;
/* Room for n <= `most` timesteps. ERR_OS. */
int noisy_latent_new(noisy_latent *n, const latent_space *l, int most, err *e);
void noisy_latent_free(noisy_latent *n);
/* Number k: sqrt(a_t) x + sqrt(1-a_t) noise, x the scaled z, noise drawn from r (Ho et al. 2020, equation 4). z NULL: x is 0. */
void noisy_latent_set(noisy_latent *n, const latent_space *l, const float *z, int k, int t, philox r);
/* Sets it as draw `number` of a run does, at n timesteps: all are equally likely, and the n lie one in each n-th of them. */
void noisy_latent_draw(noisy_latent *n, const latent_space *l, const float *z, const train_state *s, uint64_t number, int of);

enum { NOISE_PAIRS = 10, NOISE_RANGES = 5 };
/* Pair 0 .. NOISE_PAIRS-1, alone, of timestep and noise that scan `id` is judged at, the same in every run: the timesteps are spread over
 * all of them, one somewhere in each tenth. */
void noisy_latent_pair(noisy_latent *n, const latent_space *l, const char *id, const float *z, int pair);

/* What the loss of a noise predictor at n noisy latents takes in (nn/loss.h's noise_loss). */
typedef struct noise_inputs {
	int n;
	layer *x, *noise; /* [n,X,Y,Z,C] */
	layer *time, *weight; /* [n,1,1,1,1] */
	layer *place; /* as one latent; NULL: all places weigh the same */
	layer *coefficient; /* [n,1,1,1,1], of a semantic gradient; NULL: there is none */
} noise_inputs;

/* shift: with a semantic gradient. planes: of the latents along X, fewer than there are for a part that is timed. */
noise_inputs noise_inputs_add(graph *g, const latent_space *l, int n, int planes, bool shift);
/* Number `first` of the noisy latents and those behind it; weight and coefficient (NULL: none): of these, too, by timestep. */
void noise_inputs_write(graph *g, const noise_inputs *in, const latent_space *l, const noisy_latent *noisy, int first, const float *weight,
			const float *coefficient);

#endif
