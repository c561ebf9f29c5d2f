/* Training of the autoencoder: L1 + KL, and after a warm-up least squares against a patch discriminator. Each network's gradients come
 * from its own loss alone. */
#ifndef TRAIN_AE_TRAIN_H
#define TRAIN_AE_TRAIN_H

#include "train/training.h"

typedef struct ae_train {
	training t; /* parts: the autoencoder and, where one takes part, the discriminator */
	layer *x, *noise, *recon; /* of the autoencoder's objective */
	layer *fake, *real; /* of the discriminator's */
	float *varied, *cut, *drawn, *made; /* scratch: a varied scan, its crop, noise, a reconstruction */
} ae_train;

extern const training_kind ae_training;

/* The numbers of ae_training.losses: means over a step's scans, unweighted; KL per scan; SSIM of reconstruction and scan; the
 * discriminator's loss times adv_weight, as it is minimised. And those of ae_training.scores: means over scans of whole volumes through the
 * averages and the posterior's mean. */
enum { AE_L1, AE_SSIM, AE_KL, AE_ADVERSARIAL, AE_DISCRIMINATOR, AE_NORM, AE_NORM_DISCRIMINATOR, AE_LR };
enum {
	AE_SCORE_L1,
	AE_SCORE_MSE,
	AE_SCORE_BRAIN, /* SSIM, window 11, where the reference's window mean exceeds 2 % of the range 1 */
	AE_SCORE_WHOLE, /* SSIM, window 3, whole volume */
	AE_SCORE_SD, /* standard deviation of the posterior means, all channels together */
	AE_SCORE_NOISE, /* mean sigma^2 / (mean sigma^2 + variance of the means): what a drawn latent has of pure noise */
};

/* Fresh networks, a function of configuration and seed. ERR_CONFIG, ERR_OS. ae_train_close also when it fails. */
int ae_train_open(ae_train *t, const training_setup *s, err *e);
void ae_train_close(ae_train *t);

/* What is learned from the scans before the first step, unless a checkpoint has it: the components of an anchored autoencoder. After
 * training_begin. Errors as of anchor_learn. */
int ae_train_learn(ae_train *t, const dataset *d, err *e);

#endif
