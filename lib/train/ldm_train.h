/* Training of the U-Net: mean (noise - eps(z_t, t))^2 over the numbers of scaled latents, t uniform (Ho et al. 2020, equation 14). */
#ifndef TRAIN_LDM_TRAIN_H
#define TRAIN_LDM_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "model/weights.h"
#include "nn/nn.h"
#include "nn/param.h"
#include "train/latent.h"
#include "train/optimiser.h"
#include "train/plan.h"
#include "train/recipe.h"
#include "train/state.h"

typedef struct ldm_train {
	model_config config;
	recipe recipe;
	train_state state;
	nn *c;
	latent_space *space; /* borrowed */
	params weights, ema; /* of the U-Net; ema is what is used afterwards */
	optimiser optimiser;
	noisy_latent noisy;
} ldm_train;

/* A fresh network, a function of configuration and seed. ERR_CONFIG, ERR_OS. ldm_train_close also when it fails. */
int ldm_train_open(ldm_train *t, const model_config *config, const recipe *r, latent_space *space, uint64_t seed, enum nn_math math,
		   int threads, err *e);
void ldm_train_close(ldm_train *t);

typedef struct ldm_losses {
	double loss; /* mean over the step's scans */
	double norm; /* of the gradients, before clipping */
	double lr;
} ldm_losses;
/* One step of the optimiser. ERR_DATA when the loss is no finite number any more; ERR_OS. */
int ldm_train_step(ldm_train *t, const dataset *d, ldm_losses *l, err *e);

typedef struct ldm_scores {
	double loss; /* of the averaged weights, at each scan's NOISE_PAIRS pairs of timestep and noise */
	double range[NOISE_RANGES]; /* without weights, by timestep: the first fifth of all timesteps, the second .. */
} ldm_scores;
/* Scans number which[0] .. which[n-1] of d, n > 0. A stop that is asked for (stop.h) ends it early, without scores. */
int ldm_validate(ldm_train *t, const dataset *d, const size_t *which, size_t n, ldm_scores *s, err *e);
/* Writes FOLDER/step-NNNNNN.png, unless a stop is asked for: scans that the averaged weights make of drawn noise. p: where the model's grid
 * lies. */
int ldm_show(ldm_train *t, const preparation *p, const char *folder, err *e);
/* FOLDER/unet.safetensors: the averaged weights. */
int ldm_weights_write(const ldm_train *t, const ldm_scores *s, const dataset *d, const char *folder, enum weights_store as, err *e);

/* What one step takes. */
int ldm_train_plan(const model_config *config, const recipe *r, latent_space *space, enum nn_math math, int threads, train_cost *cost,
		   err *e);

#endif
