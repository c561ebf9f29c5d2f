/* What the trainers of diffusion networks share: scans as latents. */
#ifndef TRAIN_LATENT_H
#define TRAIN_LATENT_H

#include <jansson.h>

#include "base/err.h"
#include "base/philox.h"
#include "model/schedule.h"
#include "model/coder.h"
#include "model/prior.h"
#include "model/scaling.h"
#include "nn/graph.h"
#include "nn/param.h"
#include "train/training.h"

/* The latents of a frozen autoencoder, and what becomes of them under diffusion. */
typedef struct latent_space {
	coder coder;
	schedule schedule;
	scaling scaling; /* of clean latents */
	float *place; /* weights of errors in scaled latents, by place; their mean is 1; NULL: all weigh the same */
	float *mean, *sd; /* latent_space_learn's; NULL: latents are not standardised, or were by another run */
	float *components, *rest; /* latent_space_learn's prior [components][count], [count]; NULL: none, or of another run */
	gaussian *prior; /* latent_space_prior's */
	shape s; /* of one latent */
	size_t count; /* numbers in one latent */
	size_t voxels; /* in one scan */
	float *x, *z; /* scratch: a varied scan, a latent */
} latent_space;

/* The autoencoder of a model (coder_open). Close with latent_space_close also when it fails. */
int latent_space_open(latent_space *l, const char *model, enum nn_math math, int threads, err *e);
void latent_space_close(latent_space *l);
/* The diffusion's conventions: schedule and scale factor. ERR_OS. */
int latent_space_set(latent_space *l, const diffusion_config *d, err *e);
/* Clean latents are scaled by s from now on, whose arrays must stay. Where s standardises, an error weighs as much as it does in the
 * latents themselves: by the place's variance. ERR_OS. */
int latent_space_scale(latent_space *l, scaling s, err *e);
/* Scaling as the latents of the scans to train on ask for: standardised if c says so, and a scale factor, also c's, of 1 over the standard
 * deviation of all numbers together. A place that hardly varies (the air around the head) counts as one that does at least by
 * a twentieth of the rms over all places: what is noise there shall stay small, also in other scanners' scans. ERR_DATA when nothing
 * varies. And a prior (prior_learn.h) if c wants one. */
int latent_space_learn(latent_space *l, const dataset *d, diffusion_config *c, err *e);

/* The networks on these latents have the prior of parameters p, if any, from now on. Errors as prior_new. */
int latent_space_prior(latent_space *l, const model_config *m, const params *p, err *e);

/* ERR_CONFIG unless the configured U-Net takes these latents. */
int latent_space_fits(const latent_space *l, const model_config *m, err *e);

/* The autoencoder is not needed for a while: gives back what memory it keeps. */
void latent_space_release(latent_space *l);

/* For dataset_open. made_by (borrowed) NULL: any autoencoder's latents are taken. */
dataset_latents latent_space_data(latent_space *l, enum dataset_voxels voxels, const maker *made_by);

/* The configuration of a network on these latents: volume, autoencoder and preparation become the autoencoder's, and of the diffusion's
 * conventions clip (null) and shift ("noise") are written down where json does not say. ERR_OS. */
int latent_space_config(const latent_space *l, json_t *json, err *e);

/* Draw number `draw` of a training: *scan's voxels and latent, both varied when the recipe says so and the scan has voxels. *x (NULL where
 * there is none) and *z are the scan's own or the space's scratch, until the next call. z NULL: the latent is not wanted. */
int latent_draw(latent_space *l, const training *t, const dataset *d, uint64_t draw, const float **x, const float **z, err *e);

/* A scan varied as draw number `draw` would be. *x and *z as latent_draw's, the space's scratch. */
int latent_vary(latent_space *l, const training *t, const dataset *d, const dataset_scan *scan, uint64_t draw, const float **x,
		const float **z, err *e);

/* Adds to the cost of a step what the autoencoder takes: where scans are varied, encodings; its memory beside the network's then, else in
 * turn with it. */
int latent_space_plan(latent_space *l, const recipe *r, model_cost *cost, err *e);

#endif
