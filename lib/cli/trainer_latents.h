/* What the trainers of networks on latents share: the autoencoder that is frozen, and the configuration that it and the file give. For
 * tools only: these functions print and exit. */
#ifndef CLI_TRAINER_LATENTS_H
#define CLI_TRAINER_LATENTS_H

#include <jansson.h>

#include "base/err.h"
#include "cli/trainer.h"
#include "model/config.h"
#include "train/latent.h"
#include "train/recipe.h"
#include "volume/prepare.h"

typedef struct trainer_latents {
	json_t *json; /* the configuration, as the weights and the checkpoint keep it */
	model_config config;
	recipe recipe;
	preparation how;
	latent_space space;
} trainer_latents;

/* The file's configuration (trainer_config; `section`: of its recipe) and the autoencoder that --model names. A tool may change l->json
 * before trainer_latents_config. */
void trainer_latents_open(trainer_latents *l, const char *section);
/* The rest, from l->json and what the autoencoder says. `fits`: can the networks be trained there? */
void trainer_latents_config(trainer_latents *l, const char *section,
			    int (*fits)(const latent_space *space, const model_config *config, err *e));
/* trainer_run on these latents; models: identities of those that the run rests on. */
int trainer_latents_run(const trainer_latents *l, training *t, const json_t *models, const char *const *sections, const dataset *data);
void trainer_latents_close(trainer_latents *l);

#endif
