#include "cli/trainer_latents.h"

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/trainer.h"

void trainer_latents_open(trainer_latents *l, const char *section)
{
	err e = { 0 };
	l->json = trainer_config(&l->config, section);
	cli_check(latent_space_open(&l->space, cli_common.model, cli_math(), cli_common.threads, &e), &e);
}

void trainer_latents_config(trainer_latents *l, const char *section,
			    int (*fits)(const latent_space *space, const model_config *config, err *e))
{
	err e = { 0 };
	const char *path = trainer_options.config;
	cli_check(latent_space_config(&l->space, l->json, &e), &e);
	cli_check(config_parse(&l->config, l->json, path, &e), &e);
	cli_check(recipe_parse(&l->recipe, l->json, section, l->config.volume, ae_factor(&l->config.autoencoder), path, &e), &e);
	if (fits(&l->space, &l->config, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	cli_check(preparation_parse(&l->how, l->space.coder.net.w.preparation, l->config.volume, &e), &e);
	cli_check(latent_space_set(&l->space, &l->config.diffusion, &e), &e);
}

int trainer_latents_run(const trainer_latents *l, training *t, const json_t *models, const char *const *sections, const dataset *data)
{
	return trainer_run(
		&(trainer){ .t = t, .config = l->json, .models = models, .sections = sections, .data = data, .how = &l->how });
}

void trainer_latents_close(trainer_latents *l)
{
	latent_space_close(&l->space);
	json_decref(l->json);
}
