/* Learns the prior of latents (model/prior.h) from those that are trained on. */
#ifndef TRAIN_PRIOR_LEARN_H
#define TRAIN_PRIOR_LEARN_H

#include "base/err.h"
#include "model/scaling.h"
#include "train/dataset.h"

/* components [k][count] and rest [count] for latents of `count` numbers, scaled by s, which has a mean. The components' directions are the
 * principal components of all latents to train on, each weighing as it does in the latents themselves. How much varies along them, and what
 * is left at each place, is measured on latents that others gave the directions for (five parts of the people in turn): along directions
 * that were fitted to the few people there are they vary more than new people do. ERR_DATA when there are not enough people for k
 * components; ERR_OS. */
int prior_learn(float *components, float *rest, int k, const scaling *s, size_t count, const dataset *d, err *e);

#endif
