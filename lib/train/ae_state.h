/* What a run of train-ae leaves in its folder: the weights, and what a checkpoint holds beside them. */
#ifndef TRAIN_AE_STATE_H
#define TRAIN_AE_STATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "train/ae_train.h"
#include "train/ae_validate.h"

/* Beside the networks, what makes a run the run that it is. */
typedef struct ae_state {
	const json_t *config;	/* the whole configuration, as overridden; borrowed */
	const char *data;	/* dataset.hash */
	const char *math;
	double best;		/* SSIM in the brain of the weights written so far; -INFINITY: none */
} ae_state;

/* DIR/checkpoint.safetensors. Errors as checkpoint_write. */
int ae_state_write(const ae_train *t, const ae_state *s, const char *folder, err *e);
/* Fills t and s->best. ERR_CONFIG when data, seed, math or configuration are not those of the checkpoint, whose numbers of steps alone
 * may differ. *fell_back: as checkpoint_read. */
int ae_state_read(ae_train *t, ae_state *s, const char *folder, bool *fell_back, err *e);

/* DIR/autoencoder.safetensors: the averaged weights, their configuration with diffusion.scale_factor = 1 / the latents' standard
 * deviation, and where they come from. */
int ae_weights_write(const ae_train *t, const ae_state *s, const ae_scores *scores, const dataset *d, const char *folder, bool half,
		     err *e);

#endif
