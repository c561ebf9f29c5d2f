/* What train-ae leaves for others. */
#ifndef TRAIN_AE_WEIGHTS_H
#define TRAIN_AE_WEIGHTS_H

#include "train/ae_train.h"

/* training_kind's write. FOLDER/autoencoder.safetensors: the averaged weights, their configuration with diffusion.scale_factor = 1 / the
 * latents' standard deviation, and where they come from. */
int ae_weights_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as,
		     err *e);

#endif
