/* Patch discriminator (Isola et al. 2017, in three dimensions): judges overlapping patches of a scan. */
#ifndef MODEL_DISCRIMINATOR_H
#define MODEL_DISCRIMINATOR_H

#include "model/config.h"
#include "model/table.h"
#include "nn/nn.h"
#include "nn/param.h"

/* Lists every parameter under the authors' names, running statistics included. Freed with table_free. */
int discriminator_table(const disc_config *d, int image_channels, param_table *t, err *e);

/* x [b,X,Y,Z,image] -> patch logits [b,X',Y',Z',image]. training: batch statistics, and the running ones in p move on. */
tensor *discriminator_judge(nn *c, const disc_config *d, const params *p, tensor *x, bool training);

#endif
