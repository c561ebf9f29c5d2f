/* The principal components that an anchored autoencoder's latents begin with (model/autoencoder.h). */
#ifndef TRAIN_ANCHOR_H
#define TRAIN_ANCHOR_H

#include "base/err.h"
#include "model/config.h"
#include "nn/param.h"
#include "train/dataset.h"

/* Sets the weights of the components in p: those of the blocks of the scans that are trained on, less empty ones, round 0, so that an empty
 * block has latents of 0. They are scaled so that latents have a mean square of 1 over those blocks. A function of the scans alone.
 * ERR_DATA when there are fewer blocks than latent channels; ERR_OS. */
int anchor_learn(params *p, const model_config *m, const dataset *d, err *e);

#endif
