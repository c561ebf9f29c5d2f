/* How good an autoencoder is: whole volumes, the averaged weights, the posterior's mean. */
#ifndef TRAIN_AE_VALIDATE_H
#define TRAIN_AE_VALIDATE_H

#include "train/ae_train.h"

/* training_kind's validate; the score is SSIM in the brain. The picture shows slices of the first scan, of its reconstruction, and the
 * difference. */
int ae_validate(training *t, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e);

#endif
