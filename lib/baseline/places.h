/* What latents have in common: their mean and standard deviation at each place. */
#ifndef BASELINE_PLACES_H
#define BASELINE_PLACES_H

#include <stddef.h>

#include "base/err.h"

/* mean, sd [count]: over the n >= 1 latents z[k] [count]. A place that hardly varies (the air around the head) counts as one that does by
 * a twentieth of the rms over all places. ERR_DATA when nothing varies. */
int places_learn(float *mean, float *sd, const float *const *z, size_t n, size_t count, err *e);

/* weight [count]: what an error at each place of latents that were divided by sd [count] weighs in the latents themselves, sd^2, over the
 * mean of all. */
void places_weigh(float *weight, const float *sd, size_t count);

#endif
