/* Scalars to be minimised, and the draw from the posterior. Scalars have the shape [1,1,1,1,1]. */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "nn/nn.h"

/* mean |x - target| over all elements; the target takes no gradient. */
tensor *nn_l1(nn *c, tensor *x, const tensor *target);
/* Mean structural similarity of x and target for values in 0..1 (Wang et al. 2004, equation 13): over all windows of 11^3 voxels, Gaussian
 * of sigma 1.5, that lie within the volume; the target takes no gradient. ERR_CONFIG for volumes smaller than a window. */
tensor *nn_ssim(nn *c, tensor *x, const tensor *target);
/* mean (x - value)^2 over all elements. */
tensor *nn_squared_to(nn *c, tensor *x, float value);
/* Loss of a noise predictor: mean over all elements of weight_b place_i (noise - eps - coefficient_b g)^2, b being an element's volume and
 * i its place there (Ho et al. 2020, equation 14, and with g LDAE's loss of the representation); weight [b], NULL: 1; place as one volume
 * of noise, NULL: 1; g and coefficient [b] NULL: none. noise and place take no gradient. */
tensor *nn_noise_loss(nn *c, tensor *eps, tensor *g, const tensor *noise, const tensor *place, const double *weight,
		      const double *coefficient);
/* mean + exp(log_var/2) * noise with log_var clamped to [-30, 20] (AutoencoderKL); noise [as mean] takes no gradient. */
tensor *nn_posterior(nn *c, tensor *mean, tensor *log_var, const tensor *noise);
/* 0.5 sum(mean^2 + sigma^2 - log sigma^2 - 1), averaged over b (Kingma & Welling 2014, appendix B), log_var clamped as above. */
tensor *nn_kl(nn *c, tensor *mean, tensor *log_var);
/* sum of weight[i] * x[i] for n <= 6 scalars; NULL entries are left out. */
tensor *nn_weigh(nn *c, int n, tensor *const *x, const float *weight);
/* The value of a scalar; NAN while planning or for NULL. */
double nn_value(const tensor *scalar);

#endif
