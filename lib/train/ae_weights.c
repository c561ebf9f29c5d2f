#include "train/ae_weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/weights.h"

int ae_weights_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as,
		     err *e)
{
	char *path = NULL, score[64];
	const double sd = scores[AE_SCORE_SD];
	if (!(sd > 0) || !isfinite(sd))
		return err_set(e, ERR_DATA, "%s/autoencoder.safetensors: the latents' standard deviation is %g: no scale factor", folder,
			       sd);
	snprintf(score, sizeof score, "in brain %.4f, whole %.4f, MSE %.6f", scores[AE_SCORE_BRAIN], scores[AE_SCORE_WHOLE],
		 scores[AE_SCORE_MSE]);
	json_t *config = json_deep_copy(t->state.config), *notes = state_notes(&t->state, d, t->kind->tool, "ssim", score),
	       *diffusion = NULL;
	if (config && !json_object_get(config, "diffusion"))
		json_object_set_new(config, "diffusion", json_object());
	diffusion = json_object_get(config, "diffusion");
	int bad = !config || !notes || json_object_set_new(diffusion, "scale_factor", json_real(1 / sd));
	int code = bad ? err_set(e, ERR_OS, "%s: no memory", folder) : state_path(&path, folder, "autoencoder.safetensors", e);
	if (!code)
		code = weights_write(path, true,
				     &(weights_content){ .kind = "autoencoder",
							 .params = &t->state.parts[0].ema,
							 .config = config,
							 .preparation = json_object_get(config, "preparation"),
							 .notes = notes,
							 .store = as },
				     e);
	json_decref(config);
	json_decref(notes);
	free(path);
	return code;
}
