/* Scalars to be minimised, and the draw from the posterior. Scalars have the shape [1,1,1,1,1]. ERR_BUG where values that belong together
 * differ in shape. */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "nn/graph.h"

/* mean |x - target| over all elements; no gradient passes to the target. */
layer *l1(graph *g, layer *x, layer *target);
/* Mean structural similarity of x and target for values in 0..1 (Wang et al. 2004, equation 13): over all windows of 11^3 voxels, Gaussian
 * of sigma 1.5, that lie within the volume; no gradient passes to the target. ERR_CONFIG for volumes smaller than a window. */
layer *ssim(graph *g, layer *x, layer *target);
/* mean (x - value)^2 over all elements. */
layer *squared_to(graph *g, layer *x, float value);
/* Loss of a noise predictor: mean over all elements of weight_b place_i (noise - eps - coefficient_b shift)^2, b being an element's volume
 * and i its place there (Ho et al. 2020, equation 14, and with a shift LDAE's loss of the representation); weight [b,1,1,1,1], NULL: 1;
 * place as one volume of noise, NULL: 1; coefficient [b,1,1,1,1], NULL: no shift. Gradients pass to eps and shift alone. */
layer *noise_loss(graph *g, layer *eps, layer *shift, layer *noise, layer *place, layer *weight, layer *coefficient);
/* mean + exp(log_var/2) * noise with log_var clamped to [-30, 20] (AutoencoderKL); no gradient passes to the noise. */
layer *posterior(graph *g, layer *mean, layer *log_var, layer *noise);
/* 0.5 sum(mean^2 + sigma^2 - log sigma^2 - 1), averaged over b (Kingma & Welling 2014, appendix B), log_var clamped as above. */
layer *kl(graph *g, layer *mean, layer *log_var);
/* sum of weight[i] * x[i] for n <= 6 scalars; NULL entries are left out. NULL where none is left. */
layer *weigh(graph *g, int n, layer *const *x, const float *weight);

#endif
