/* Training of the autoencoder: L1 + KL, and after a warm-up least squares against a patch discriminator. Each network's gradients come
 * from its own loss alone. */
#ifndef TRAIN_AE_TRAIN_H
#define TRAIN_AE_TRAIN_H

#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "nn/nn.h"
#include "nn/param.h"
#include "train/dataset.h"
#include "train/optimiser.h"
#include "train/plan.h"
#include "train/recipe.h"
#include "train/state.h"

typedef struct ae_train {
	model_config config;
	recipe recipe;
	train_state state;
	nn *c;
	params weights, ema;		/* of the autoencoder; ema is what is used afterwards */
	params judge;			/* of the discriminator; empty when none takes part */
	optimiser optimiser, judge_optimiser;
} ae_train;

/* What a step did: means over its scans, unweighted. NAN where a term took no part. */
typedef struct ae_losses {
	double l1, kl, adversarial;	/* of the autoencoder; KL per scan */
	double ssim;			/* of reconstruction and scan, as nn_ssim */
	double judge;			/* of the discriminator, times adv_weight as it is minimised */
	double norm, judge_norm;	/* of the gradients, before clipping */
	double lr;
} ae_losses;

/* Fresh networks, a function of configuration and seed. ERR_CONFIG, ERR_OS. ae_train_close also when it fails. */
int ae_train_open(ae_train *t, const model_config *config, const recipe *r, uint64_t seed, enum nn_math math, int threads, err *e);
void ae_train_close(ae_train *t);

/* What is learned from the scans before the first step, unless a checkpoint has it: the components of an anchored autoencoder. Errors as of
 * anchor_learn. */
int ae_train_begin(ae_train *t, const dataset *d, err *e);

/* One step of both optimisers. ERR_DATA when the loss is no finite number any more; ERR_OS. */
int ae_train_step(ae_train *t, const dataset *d, ae_losses *l, err *e);

/* What one step takes. */
int ae_train_plan(const model_config *config, const recipe *r, enum nn_math math, int threads, train_cost *cost, err *e);

#endif
