/* What train-ae leaves for others. */
#ifndef TRAIN_AE_WEIGHTS_H
#define TRAIN_AE_WEIGHTS_H

#include <stdbool.h>

#include "base/err.h"
#include "model/weights.h"
#include "train/ae_train.h"
#include "train/ae_validate.h"

/* DIR/autoencoder.safetensors: the averaged weights, their configuration with diffusion.scale_factor = 1 / the latents' standard
 * deviation, and where they come from. */
int ae_weights_write(const ae_train *t, const ae_scores *scores, const dataset *d, const char *folder, enum weights_store as, err *e);

#endif
