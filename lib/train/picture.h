/* A look at a training run. */
#ifndef TRAIN_PICTURE_H
#define TRAIN_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "volume/prepare.h"

/* Writes FOLDER/step-NNNNNN.png: slices of `count` volumes v[i] [X,Y,Z] on the model's grid p under their captions and, with `difference`,
 * of each but the first less the first. Errors as mosaic and picture_write. */
int train_picture(const char *folder, int64_t step, const preparation *p, const float *const *v, const char *const *captions, int count,
		  bool difference, err *e);

#endif
