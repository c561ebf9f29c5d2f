/* Layers by name: parameters that share the front of their names, as in the authors' state dicts. */
#ifndef MODEL_LAYER_H
#define MODEL_LAYER_H

#include "nn/conv/conv.h"
#include "nn/nn.h"
#include "nn/param.h"

enum { LAYER_NAME = 192 };

/* "AT.LEAF" in `name`, which is returned. */
const char *layer_under(char name[LAYER_NAME], const char *at, const char *leaf);

/* Parameter "AT.LEAF"; when it is missing or a value of it is no finite number, NULL and an error of the context. */
param *layer_param(nn *c, const params *p, const char *at, const char *leaf);

/* Convolution "AT" (AT.weight, and AT.bias if there is one) with the other fields of s. x remains the caller's unless s.takes_x; s.add is
 * taken over. */
tensor *layer_conv(nn *c, const params *p, const char *at, tensor *x, conv_spec s);

/* Group norm "AT" as a scale and shift for whoever reads x next. */
tensor *layer_group_norm(nn *c, const params *p, const char *at, tensor *x, int groups, double eps);

#endif
