/* What is known of clean latents before a network has learned anything: as the network takes them (scaled, place by place) they are taken
 * for normally distributed (nn/gaussian.h). Its components are principal components of whole latents, each times its standard deviation:
 * how people's brains differ in size and shape; the rest is what is left at each place. A network with a prior is shown the noise to be
 * expected, and predicts what is to be added to it. */
#ifndef MODEL_PRIOR_H
#define MODEL_PRIOR_H

#include "base/err.h"
#include "model/config.h"
#include "nn/gaussian.h"
#include "nn/param.h"

/* Parameters: L [K*C,X,Y,Z] and r [C,X,Y,Z]. Of a shift U-Net v [K], too, and a layer that tells the scores from the semantic code
 * [K,latent_dim] (unet.h). */
#define PRIOR_COMPONENTS "prior.components"
#define PRIOR_REST "prior.rest"
#define PRIOR_LEFT "prior.left"
#define PRIOR_SCORES "prior.scores"

/* The prior of a network's parameters; *out is NULL where the configuration has none (diffusion.components 0). ERR_CONFIG when r is not
 * positive, or v not within 0..1; ERR_OS. p may change or go afterwards. */
int prior_new(gaussian **out, const model_config *m, const params *p, err *e);

#endif
