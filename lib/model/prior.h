/* What is known of clean latents before a network has learned anything: as the network takes them (scaled, place by place) they are taken for
 * normal numbers with mean 0 and covariance L'L + diag(r). L are a few principal components of whole latents, each times its standard
 * deviation: how people's brains differ in size and shape; r is what is left at each place.
 *
 * In x_t = sqrt(a_t) x + sqrt(1-a_t) n the noise to be expected is then, with S the covariance, sqrt(1-a_t) (a_t S + (1-a_t) I)^-1 x_t
 * (the best linear predictor; Bishop 2006, "Pattern recognition and machine learning", equation 2.113). A network with a prior is
 * shown that, and predicts what is to be added to it. */
#ifndef MODEL_PRIOR_H
#define MODEL_PRIOR_H

#include "base/err.h"
#include "model/config.h"
#include "nn/nn.h"
#include "nn/param.h"

/* Parameters: L [K*C,X,Y,Z] and r [C,X,Y,Z] (unet.h). */
#define PRIOR_COMPONENTS "prior.components"
#define PRIOR_REST "prior.rest"

typedef struct prior prior;

/* The prior of a network's parameters; *out is NULL where the configuration has none (diffusion.components 0). ERR_CONFIG when r is not
 * positive; ERR_OS. p may change or go afterwards. */
int prior_new(prior **out, const model_config *m, const params *p, err *e);
/* p may be NULL. */
void prior_free(prior *p);

/* x [b,X,Y,Z,C] at timesteps t [b], whole numbers -> the noise to be expected in it, of the same shape; no gradient. A grid of fewer planes
 * along X is taken for the first ones. NULL without a prior. */
tensor *prior_noise(nn *c, prior *p, const tensor *x, const double *t);

#endif
