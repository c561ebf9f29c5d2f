/* Clean latents as diffusion sees them: x = scale z, as published, or x = scale (z - mean) / sd, place by place, where the model's
 * configuration says diffusion.standardised. What all scans share need then not be drawn from noise, and every place has about the same
 * signal-to-noise ratio at a timestep. */
#ifndef MODEL_SCALING_H
#define MODEL_SCALING_H

#include <stddef.h>

#include "base/err.h"
#include "model/config.h"
#include "nn/param.h"

/* Parameters of a network on standardised latents, [C,X,Y,Z]: mean and standard deviation of the latents it was trained on. */
#define SCALING_MEAN "latent_mean"
#define SCALING_SD "latent_sd"

typedef struct scaling {
	double scale;
	const float *mean, *sd; /* borrowed; NULL: latents are not standardised */
} scaling;

/* What a network's configuration and parameters (as unet_table lists them) say. ERR_CONFIG when a standard deviation is not positive, or a
 * number is not finite. */
int scaling_of(scaling *s, const model_config *m, const params *p, err *e);

/* The one number at place i, there and back. */
static inline double scaling_apply(const scaling *s, double z, size_t i)
{
	return s->scale * (s->mean ? (z - (double)s->mean[i]) / (double)s->sd[i] : z);
}

static inline double scaling_undo(const scaling *s, double x, size_t i)
{
	return s->mean ? x / s->scale * (double)s->sd[i] + (double)s->mean[i] : x / s->scale;
}

#endif
