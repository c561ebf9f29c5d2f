/* What train-sem leaves for others. */
#ifndef TRAIN_SEM_WEIGHTS_H
#define TRAIN_SEM_WEIGHTS_H

#include "train/sem_train.h"

/* training_kind's write: FOLDER/semantic.safetensors, then FOLDER/shift_unet.safetensors, which names it. */
int sem_weights_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as,
		      err *e);

#endif
