/* The end of a training step: from gradients to weights. */
#ifndef TRAIN_MOVE_H
#define TRAIN_MOVE_H

#include "base/err.h"
#include "train/recipe.h"
#include "train/state.h"

/* Moves all parts of a run, whose gradients come from one loss and are clipped together, then their averages (where there are any), and
 * counts the step. *norm: of all gradients, before clipping; *lr: the rate. ERR_DATA when loss or norm is no finite number; ERR_OS. */
int train_move(train_state *s, const recipe *r, double loss, double *norm, double *lr, err *e);

#endif
