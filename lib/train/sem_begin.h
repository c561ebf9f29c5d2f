/* What an encoder and a shift branch know before their first step: principal components. */
#ifndef TRAIN_SEM_BEGIN_H
#define TRAIN_SEM_BEGIN_H

#include "train/sem_train.h"

/* After training_begin. Fills in what the configuration asks for, from the scans to train on and, where the recipe varies them, some
 * variations of each: the encoder's components (semantic.coarse: principal components of coarse scans, without the variations if there
 * are enough scans, turned so that each number of a code has a standard deviation near 1), and how they tell the scores of the prior
 * (diffusion.components: ridge regression, its strength and what it leaves measured on people it was not fitted to). Nothing without
 * semantic.coarse. ERR_DATA when there are too few scans for a code of so many numbers; ERR_OS, and errors of the autoencoder. */
int sem_train_learn(sem_train *t, const dataset *d, err *e);

#endif
