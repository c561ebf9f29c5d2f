/* How much a code tells. */
#ifndef TRAIN_SEM_VALIDATE_H
#define TRAIN_SEM_VALIDATE_H

#include "train/sem_train.h"

/* training_kind's validate; the score is the loss, the lower the better. The picture shows the first scan, what the autoencoder makes of
 * it, and what its code makes of noise. */
int sem_validate(training *t, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e);

#endif
