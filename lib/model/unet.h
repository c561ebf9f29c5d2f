/* The noise predictor: a U-Net with attention (Dhariwal & Nichol 2021) on latents, and the shift U-Net of LDAE, which has the same
 * middle and way up a second time, steered by a semantic code: one pass down, two ways up (arXiv 2504.08635, section 2.3). */
#ifndef MODEL_UNET_H
#define MODEL_UNET_H

#include "model/config.h"
#include "model/prior.h"
#include "nn/graph.h"

/* Lists every parameter under the authors' names; `shift`: of the shift U-Net. On standardised latents (scaling.h) their mean and standard
 * deviation come last, and the prior (prior.h) of networks that have one. Freed with table_free. */
int unet_table(const model_config *m, bool shift, param_table *t, err *e);

/* Does this parameter of a shift U-Net belong to what the U-Net has not, and training of the representation moves? */
bool unet_is_shift(const char *name);

/* A fresh U-Net becomes one that takes its input, group-normalised, for the noise in it, which at most timesteps it nearly is: what is to
 * be learned is the difference. x and -x pass through the first convolution and the last block's skip connection, and the last convolution
 * takes the difference of their activations, SiLU(u) - SiLU(-u) = u. Networks with less than twice in_channels at their first level stay
 * as they are, and those with a prior, which adds to it. */
void unet_begin(const model_config *m, params *p);

typedef struct unet_call {
	layer *x; /* [b,X,Y,Z,in_channels] noisy scaled latents; Y and Z multiples of unet_factor */
	layer *t; /* [b,1,1,1,1] times, 0 .. timesteps-1 */
	layer *y; /* [b,1,1,1,latent_dim] semantic codes; NULL: no shift branch */
	gaussian *prior; /* of a network that has one; NULL all the same where nothing is to be run */
	double dropout; /* 0: none. With y it reaches the shift branch only: the rest is taken as trained */
} unet_call;

/* -> epsilon, as x; with y also *shift (not NULL), G, as x. */
layer *unet_predict(graph *g, const model_config *m, const unet_call *call, layer **shift);

#endif
