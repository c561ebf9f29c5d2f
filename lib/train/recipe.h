/* How a network is trained: a section of its configuration, which the command line may override. */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "train/optimiser.h"
#include "train/learning_rate.h"
#include "volume/augment.h"

enum { RECIPE_DRAWS = 32 };

/* The sections of the three stages: autoencoder, noise predictor, representation. Ends with NULL. */
extern const char *const recipes[];

typedef struct recipe {
	int64_t steps;			/* "steps"                 10000: of the optimiser */
	int batch;			/* "batch"                 1: scans a step, one after the other, their gradients added up */
	int draws;			/* "draws"                 1: timesteps at which a diffusion network sees each scan of a step */
	double p2_gamma, p2_k;		/* "p2_gamma", "p2_k"      0, 1: weights of the timesteps; with gamma 0 1, or LDAE's */
	double coarse_weight;		/* "coarse_weight"         0: of train/coarse.h's loss beside the semantic encoder's own */
	int64_t coarse_steps;		/* "coarse_steps"          0: at the beginning, in which there is no other loss */
	double lr;			/* "lr"                    5e-5 */
	int optimiser;			/* "optimiser"             "adam" or "muon": RULE_ADAM, RULE_MUON */
	double lr_vectors;		/* "lr_vectors"            2e-4: muon's for biases and norms, when lr is not reduced */
	double lr_discriminator;	/* "lr_discriminator"      1e-4 */
	int schedule;			/* "schedule"              "constant" or "cosine" (to 0 at the last step): LR_CONSTANT, LR_COSINE */
	int64_t warmup;			/* "warmup"                0: steps in which the rate rises from 0 */
	int64_t adversarial_from;	/* "adversarial_from"      0: the step from which the discriminator takes part; -1: never */
	double clip;			/* "clip"                  1: norm of the gradient; 0: not clipped */
	double ema;			/* "ema"                   .999 */
	int crop[3];			/* "crop"                  absent: whole volumes; else the size of the random crops */
	int64_t whole_from;		/* "whole_from"            the step from which volumes are whole again; absent: the last tenth */
	bool augment; /* "augment"               false; true: volume/augment.h's defaults; an object: its fields by name */
	augmentation augmentation;
	int64_t validate_every;		/* "validate_every"        500 steps */
} recipe;

/* The section `name` ("training") of root, the whole configuration. volume: the model's grid; factor: what crops must be a multiple of.
 * ERR_CONFIG. */
int recipe_parse(recipe *r, const json_t *root, const char *name, const int volume[3], int factor, const char *object, err *e);

/* ERR_CONFIG for the first key of a whole configuration that no trainer knows, in any section: what is misspelt would be left at its
 * default, and another training run. */
int recipe_check_keys(const json_t *root, const char *object, err *e);

lr_schedule recipe_rate(const recipe *r);
lr_schedule recipe_rate_discriminator(const recipe *r);
/* lr_vectors as a share of lr, as optimiser_init wants it. */
double recipe_vectors(const recipe *r);

#endif
