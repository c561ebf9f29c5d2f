/* Training of the representation: semantic encoder and shift branch, on a U-Net that stays as it is. The loss is the mean of
 * w_t (noise - eps - c_t G(z_t, t, y))^2 over the numbers of scaled latents, y being the encoder's code of the scan, t uniform
 * (arXiv 2504.08635, section 2.3; Zhang et al. 2022, PDAE, equations 8 and 9); or with P2 weights, when the recipe says so. */
#ifndef TRAIN_SEM_TRAIN_H
#define TRAIN_SEM_TRAIN_H

#include "train/coarse.h"
#include "train/latent.h"
#include "train/noisy.h"
#include "train/training.h"

/* Numbers of the parts: the encoder; the shift U-Net, of which what the U-Net has is frozen; and the head of train/coarse.h, where the
 * recipe's coarse_weight asks for one. */
enum { SEM_ENCODER, SEM_NET, SEM_HEAD };

typedef struct sem_train {
	training t;
	latent_space *space; /* borrowed */
	coarse coarse;
	noisy_latent noisy;
	bool known; /* is the space's prior that of the shift U-Net? */
	layer *scan, *wanted; /* inputs of the objective: voxels, and the coarse scan */
	noise_inputs in;
} sem_train;

extern const training_kind sem_training;

/* The numbers of sem_training.losses: means over a step's scans; without: the loss with G = 0; coarse: the loss of train/coarse.h. In the
 * recipe's coarse_steps the loss is coarse_weight times the coarse one. And those of sem_training.scores, of the averages: */
enum { SEM_LOSS, SEM_WITHOUT, SEM_COARSE, SEM_NORM, SEM_LR };
enum {
	SEM_SCORE_LOSS, /* at each scan's NOISE_PAIRS pairs of timestep and noise */
	SEM_SCORE_OTHER, /* the same with the code of another subject's scan; NAN when there is none */
	SEM_SCORE_WITHOUT, /* the same with G = 0 */
	SEM_SCORE_BRAIN, /* of the first scans from y alone, one drawn zT each: SSIM in the brain (window 11), */
	SEM_SCORE_MSE, /* and mean squared error */
	SEM_SCORE_COARSE, /* share that the codes tell of how coarse scans differ from the mean: 1 - sum (told - scan)^2 / sum scan^2; NAN
			   * without coarse_weight */
};

/* ERR_CONFIG unless the U-Net can take the latents, the encoder the scans, and the shift branch its codes. */
int sem_train_check(const latent_space *l, const model_config *m, err *e);

/* A fresh encoder, a function of configuration and seed, and the weights of a U-Net (NULL: for a plan) with a shift branch that begins as a
 * copy of its middle and way up, with G = 0. ERR_CONFIG, ERR_OS. sem_train_close also when it fails. */
int sem_train_open(sem_train *t, const training_setup *setup, latent_space *space, const weights *unet, err *e);
void sem_train_close(sem_train *t);

/* What is known of a noisy latent at timestep t: the weight of its error, and what its semantic gradient is multiplied by. */
float sem_weight(const sem_train *t, int at);
float sem_coefficient(const sem_train *t, int at);

/* The losses at noisy latents, whose codes y [n,1,1,1,latent_dim] are, of the shift U-Net: that with G, which is returned, and *without. */
layer *sem_noise_loss(const sem_train *t, graph *g, const noise_inputs *in, layer *y, double dropout, layer **without);

/* Makes the space's prior that of the shift U-Net, unless it is: a checkpoint's weights may have come. Errors as latent_space_prior. */
int sem_know_prior(sem_train *t, err *e);

#endif
