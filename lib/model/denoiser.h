/* The diffusion network as tools use it: opened by name, between arrays in a stream's order. */
#ifndef MODEL_DENOISER_H
#define MODEL_DENOISER_H

#include "base/err.h"
#include "model/network.h"
#include "model/prior.h"
#include "model/scaling.h"

typedef struct denoiser {
	network net; /* net.w.config.diffusion: the model's conventions; it keeps its memory from one call to the next */
	scaling scaling; /* from a clean latent to one that the network takes, and back */
	gaussian *prior; /* NULL: the network has none */
	int64_t x[4]; /* shape of one latent, [C,X,Y,Z] */
	int64_t y; /* numbers in a semantic code; 0: the model is a U-Net and takes none */
	int batch; /* latents in a call, 1 after opening; may be set at any time */
	/* What net.g is described for, and its ends: private. */
	int64_t described[5]; /* batch and shape; 0: nothing */
	bool guided;
	layer *in, *time, *code, *eps, *shift;
} denoiser;

/* Opens the diffusion network of a model (model_find; NULL: the default): shift_unet, or unet where there is none. The weights stay mapped,
 * also those of 16 bits. Errors as network_open, ERR_CONFIG when the volume does not fit the network.
 * Close with denoiser_close also when it fails. */
int denoiser_open(denoiser *d, const char *model, enum nn_math math, int threads, err *e);
/* Another grid of latents than that of the configuration's volume. ERR_CONFIG when the network cannot halve it often enough, and when
 * its latents are standardised place by place. */
int denoiser_shape(denoiser *d, const int n[3], err *e);
void denoiser_close(denoiser *d);

/* Noise eps and semantic gradient g (NULL: not wanted, and not computed) in the scaled latents x at time t, each [batch][C,X,Y,Z]; y
 * [batch][d->y], NULL where g is. eps may be x. ERR_BUG when g is wanted without y or of a model that has none. */
int denoiser_eps(denoiser *d, float *eps, float *g, const float *x, double t, const float *y, err *e);

/* What one call will take, with or without g. Seconds are measured on a part of the grid. */
int denoiser_plan(model_cost *out, const denoiser *d, bool g, err *e);
/* Layer by layer. Freed with report_free, also when it fails. */
int denoiser_report(report *out, const denoiser *d, bool g, err *e);

#endif
