#include "train/sem_weights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The two files belong together, so they get their names when both are written: a disk that is full in between leaves the pair before. */
int sem_weights_write(const training *t, const double scores[TRAIN_COLUMNS], const dataset *d, const char *folder, enum weights_store as,
		      err *e)
{
	static const char *const names[] = { "semantic.safetensors", "shift_unet.safetensors", "semantic.next", "shift_unet.next" };
	char *path[4] = { 0 }, score[128];
	const json_t *config = t->state.config, *how = json_object_get(config, "preparation");
	weights written = { 0 };
	snprintf(score, sizeof score, "%.5f, with another subject's code %.5f, without %.5f", scores[SEM_SCORE_LOSS],
		 scores[SEM_SCORE_OTHER], scores[SEM_SCORE_WITHOUT]);
	json_t *notes = state_notes(&t->state, d, t->kind->tool, "loss", score);
	int code = notes ? 0 : err_set(e, ERR_OS, "%s: no memory", folder);
	for (int i = 0; !code && i < 4; i++)
		code = state_path(&path[i], folder, names[i], e);
	if (!code)
		code = weights_write(path[2], true,
				     &(weights_content){ .kind = "semantic",
							 .params = &t->state.parts[SEM_ENCODER].ema,
							 .config = config,
							 .preparation = how,
							 .notes = notes,
							 .store = as },
				     e);
	if (!code) {
		code = weights_open(&written, path[2], "semantic", e);
		if (!code && json_object_set_new(notes, "semantic", json_string(written.identity)))
			code = err_set(e, ERR_OS, "%s: no memory", folder);
		weights_close(&written);
	}
	if (!code)
		code = weights_write(path[3], true,
				     &(weights_content){ .kind = "shift_unet",
							 .params = &t->state.parts[SEM_NET].ema,
							 .config = config,
							 .preparation = how,
							 .notes = notes,
							 .store = as },
				     e);
	for (int i = 0; i < 2; i++)
		if (!code && rename(path[2 + i], path[i]))
			code = err_set(e, ERR_CREATE, "%s: %s", path[i], strerror(errno));
	for (int i = 0; i < 4; i++) {
		if (code && i >= 2 && path[i])
			unlink(path[i]);
		free(path[i]);
	}
	json_decref(notes);
	return code;
}
