/* Patch discriminator (Isola et al. 2017, in three dimensions): judges overlapping patches of a scan. */
#ifndef MODEL_DISCRIMINATOR_H
#define MODEL_DISCRIMINATOR_H

#include "model/config.h"
#include "nn/graph.h"

/* Lists every parameter under the authors' names, running statistics included. Freed with table_free. */
int discriminator_table(const disc_config *d, int image_channels, param_table *t, err *e);

/* x [b,X,Y,Z,image] -> patch logits [b,X',Y',Z',image]. A graph that trains takes batch statistics, and moves the running ones on. */
layer *discriminator_judge(graph *g, const disc_config *d, layer *x);

#endif
