/* Scans that a diffusion network makes of noise while it is being trained. */
#ifndef TRAIN_SAMPLE_H
#define TRAIN_SAMPLE_H

#include <stdbool.h>

#include "base/err.h"
#include "train/latent.h"
#include "train/training.h"

enum { SAMPLE_CALLS = 20 };

typedef struct latent_sampler {
	training *t;
	latent_space *space;
	bool guided;
	objective o;
	layer *x, *time, *code, *eps, *shift;
} latent_sampler;

/* The averages of t's noise predictor; guided: with its shift branch. ERR_OS, ERR_CONFIG. Close with latent_sampler_close also when it
 * fails. */
int latent_sampler_open(latent_sampler *s, training *t, latent_space *space, bool guided, err *e);
void latent_sampler_close(latent_sampler *s);

/* Voxels x [X,Y,Z] made from noise that the run's seed and id determine, by SAMPLE_CALLS calls of DPM-Solver++(2M). y [latent_dim]: the
 * semantic code that guides, NULL where nothing does. */
int latent_sample(latent_sampler *s, float *x, const char *id, const float *y, err *e);

#endif
