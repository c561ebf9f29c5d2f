/* Training of the representation: semantic encoder and shift branch, on a U-Net that stays as it is. The loss is the mean of
 * w_t (noise - eps - c_t G(z_t, t, y))^2 over the numbers of scaled latents, y being the encoder's code of the scan, t uniform
 * (arXiv 2504.08635, section 2.3; Zhang et al. 2022, PDAE, equations 8 and 9); or with P2 weights, when the recipe says so. */
#ifndef TRAIN_SEM_TRAIN_H
#define TRAIN_SEM_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "model/weights.h"
#include "nn/nn.h"
#include "nn/param.h"
#include "train/coarse.h"
#include "train/latent.h"
#include "train/optimiser.h"
#include "train/plan.h"
#include "train/recipe.h"
#include "train/state.h"

/* A network with its average and its optimiser. */
typedef struct sem_part {
	params weights, ema; /* ema is what is used afterwards */
	optimiser optimiser;
} sem_part;

typedef struct sem_train {
	model_config config;
	recipe recipe;
	train_state state;
	nn *c;
	latent_space *space; /* borrowed */
	sem_part encoder, net; /* net: the shift U-Net, of which what the U-Net has is frozen */
	sem_part head; /* what the recipe's coarse_weight asks for; else empty */
	coarse coarse;
	noisy_latent noisy;
	bool known; /* is the space's prior that of net? */
} sem_train;

/* ERR_CONFIG unless the U-Net can take the latents, the encoder the scans, and the shift branch its codes. */
int sem_train_check(const latent_space *l, const model_config *m, err *e);

/* A fresh encoder, a function of configuration and seed, and the weights of a U-Net with a shift branch that begins as a copy of its middle
 * and way up, with G = 0. ERR_CONFIG, ERR_OS.
 * sem_train_close also when it fails. */
int sem_train_open(sem_train *t, const model_config *config, const recipe *r, latent_space *space, const weights *unet, uint64_t seed,
		   enum nn_math math, int threads, err *e);
void sem_train_close(sem_train *t);

typedef struct sem_losses {
	double loss; /* mean over the step's scans */
	double without; /* the same with G = 0 */
	double coarse; /* that of train/coarse.h; both are 0 while it is the only one */
	double norm; /* of all gradients together, before clipping */
	double lr;
} sem_losses;
/* One step of the optimisers. ERR_DATA when the loss is no finite number any more; ERR_OS. */
int sem_train_step(sem_train *t, const dataset *d, sem_losses *l, err *e);

/* Of the averaged weights; means over scans. */
typedef struct sem_scores {
	double loss; /* at each scan's NOISE_PAIRS pairs of timestep and noise */
	double other; /* the same with the code of another subject's scan; NAN when there is none */
	double without; /* the same with G = 0 */
	double coarse; /* share that the codes tell of how coarse scans differ from the mean: 1 - sum (told - scan)^2 / sum scan^2; NAN
			* without coarse_weight */
	double brain, mse; /* of the first RECONSTRUCTED scans from y alone, one drawn zT each: SSIM in the brain (window 11), MSE */
} sem_scores;
enum { RECONSTRUCTED = 4 };
/* Scans number which[0] .. which[n-1] of d, n > 0. A stop that is asked for (stop.h) ends it early, without scores. Writes
 * FOLDER/step-NNNNNN.png: the first scan, what the autoencoder makes of it, and what its code makes of noise. p: where the model's grid
 * lies. */
int sem_validate(sem_train *t, const dataset *d, const size_t *which, size_t n, const preparation *p, const char *folder, sem_scores *s,
		 err *e);
/* FOLDER/semantic.safetensors, then FOLDER/shift_unet.safetensors, which names it: the averaged weights. */
int sem_weights_write(const sem_train *t, const sem_scores *s, const dataset *d, const char *folder, enum weights_store as, err *e);

/* What one step takes. */
int sem_train_plan(const model_config *config, const recipe *r, latent_space *space, enum nn_math math, int threads, train_cost *cost,
		   err *e);

#endif
