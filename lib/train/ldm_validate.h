/* How good a noise predictor is, and what it leaves for others. */
#ifndef TRAIN_LDM_VALIDATE_H
#define TRAIN_LDM_VALIDATE_H

#include "train/ldm_train.h"

/* training_kind's validate; the score is the loss, the lower the better. The picture shows scans made of drawn noise. */
int ldm_validate(training *t, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e);

/* training_kind's write: FOLDER/unet.safetensors. */
int ldm_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as, err *e);

#endif
