/* A look at a training run. */
#ifndef TRAIN_AE_PICTURE_H
#define TRAIN_AE_PICTURE_H

#include "base/err.h"
#include "train/ae_train.h"
#include "train/dataset.h"

/* Writes DIR/step-NNNNNN.png: slices of a scan, of its reconstruction by the averaged weights, and the difference. p: where the model's
 * grid lies. Errors as ae_reconstruct, mosaic and picture_write. */
int ae_picture_write(ae_train *t, const dataset_scan *scan, const preparation *p, const char *folder, err *e);

#endif
