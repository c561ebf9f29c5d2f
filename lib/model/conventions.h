/* What changes a network's results and is in none of its weights: two files of the same weights that differ in it are two models. */
#ifndef MODEL_CONVENTIONS_H
#define MODEL_CONVENTIONS_H

#include <jansson.h>

#include "model/config.h"

/* Of a network of this kind, by the configuration's names: {"autoencoder.groups": 32, ..}, {"semantic.heads":, "semantic.plane":, ..},
 * {"unet.groups":, "unet.heads":, "diffusion.timesteps":, ..}; empty for other kinds. A new reference, NULL without memory. */
json_t *conventions_of(const model_config *c, const char *kind);

#endif
