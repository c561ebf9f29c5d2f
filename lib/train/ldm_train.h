/* Training of the U-Net: mean (noise - eps(z_t, t))^2 over the numbers of scaled latents, t uniform (Ho et al. 2020, equation 14). */
#ifndef TRAIN_LDM_TRAIN_H
#define TRAIN_LDM_TRAIN_H

#include "train/latent.h"
#include "train/noisy.h"
#include "train/training.h"

typedef struct ldm_train {
	training t; /* one part: the U-Net */
	latent_space *space; /* borrowed */
	noisy_latent noisy;
	noise_inputs in[TRAIN_OBJECTIVES];
} ldm_train;

extern const training_kind ldm_training;

/* The numbers of ldm_training.losses: means over a step's scans. And those of ldm_training.scores: the loss at each scan's NOISE_PAIRS
 * pairs of timestep and noise; from LDM_SCORE_RANGE on without weights, by timestep: the first fifth of all timesteps, the second .. */
enum { LDM_LOSS, LDM_NORM, LDM_LR, LDM_SCALE_FACTOR };
enum { LDM_SCORE_LOSS, LDM_SCORE_RANGE };

/* A fresh network, a function of configuration and seed. ERR_CONFIG, ERR_OS. ldm_train_close also when it fails. */
int ldm_train_open(ldm_train *t, const training_setup *setup, latent_space *space, err *e);
void ldm_train_close(ldm_train *t);

#endif
