/* Between records and the denoiser: a record's z is unscaled, as its autoencoder made it; the denoiser's latents are z times the model's
 * scale factor, at the noisy end zT. x is one latent d->x, y one code d->y. `any`: what another model made is taken all the same. */
#ifndef MODEL_DENOISER_RECORD_H
#define MODEL_DENOISER_RECORD_H

#include <stdbool.h>

#include "base/err.h"
#include "format/lat.h"
#include "model/denoiser.h"

/* The record's z, scaled. Errors as record_floats. */
int denoiser_take_latent(float *x, const denoiser *d, lat_record *r, bool any, err *e);
/* Its zT; ERR_DATA also when it belongs to another scale factor. */
int denoiser_take_noise(float *x, const denoiser *d, lat_record *r, bool any, err *e);
/* Its y; of a model that takes one. */
int denoiser_take_code(float *y, const denoiser *d, lat_record *r, bool any, err *e);

/* A scaled latent, which is unscaled in place, as the record's z. Its x, if any, goes: it shows another latent. ERR_DATA when a value is
 * not finite; ERR_OS. */
int denoiser_give_latent(lat_record *r, const denoiser *d, float *x, err *e);
/* Noise as the record's zT, with the model and its scale factor. The same errors. */
int denoiser_give_noise(lat_record *r, const denoiser *d, const float *x, err *e);

#endif
