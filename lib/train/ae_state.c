#include "train/ae_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

static int path_of(char **path, const char *folder, const char *name, err *e)
{
	if (asprintf(path, "%s/%s", folder, name) >= 0)
		return 0;
	*path = NULL;
	return err_set(e, ERR_OS, "%s: no memory", folder);
}

static json_t *state_json(const ae_train *t, const ae_state *s)
{
	json_t *state = json_pack("{s:I, s:I, s:s, s:s, s:O}", "step", (json_int_t)t->step, "seed", (json_int_t)t->seed, "data", s->data,
				  "math", s->math, "config", s->config);
	if (state && isfinite(s->best))
		json_object_set_new(state, "best", json_real(s->best));
	return state;
}

int ae_state_write(const ae_train *t, const ae_state *s, const char *folder, err *e)
{
	char *path = NULL;
	json_t *state = state_json(t, s);
	int code = state ? path_of(&path, folder, "checkpoint.safetensors", e) : err_set(e, ERR_OS, "%s: no memory", folder);
	if (!code)
		code = checkpoint_write(path, t->parts, t->n_parts, state, e);
	json_decref(state);
	free(path);
	return code;
}

/* The configuration without what may differ: for how long. */
static json_t *essence(const json_t *config)
{
	json_t *c = json_deep_copy(config), *training = json_object_get(c, "training");
	json_object_del(training, "steps");
	return c;
}

int ae_state_read(ae_train *t, ae_state *s, const char *folder, bool *fell_back, err *e)
{
	char *path = NULL;
	json_t *then = NULL;
	int code = path_of(&path, folder, "checkpoint.safetensors", e);
	if (!code)
		code = checkpoint_read(path, t->parts, t->n_parts, &then, fell_back, e);
	if (!code) {
		json_t *now = state_json(t, s), *a = essence(json_object_get(now, "config")), *b = essence(json_object_get(then, "config"));
		static const char *const same[] = { "seed", "data", "math" };
		static const char *const say[] = { "another --seed", "other scans, or another split of them", "another --math" };
		for (int i = 0; !code && i < 3; i++)
			if (!json_equal(json_object_get(now, same[i]), json_object_get(then, same[i])))
				code = err_set(e, ERR_CONFIG, "%s: was begun with %s", path, say[i]);
		if (!code && !json_equal(a, b))
			code = err_set(e, ERR_CONFIG, "%s: was begun with another configuration", path);
		json_decref(a);
		json_decref(b);
		json_decref(now);
	}
	if (!code) {
		const json_t *best = json_object_get(then, "best");
		t->step = json_integer_value(json_object_get(then, "step"));
		s->best = best ? json_number_value(best) : -INFINITY;
	}
	json_decref(then);
	free(path);
	return code;
}

/* "07 11 13": the subjects of the scans that are not trained on. */
static json_t *held_out(const dataset *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->n_validation; i++) {
		const char *subject = d->scans[d->validation[i]].subject;
		size_t k = 0;
		while (k < json_array_size(list) && strcmp(json_string_value(json_array_get(list, k)), subject))
			k++;
		if (k == json_array_size(list))
			json_array_append_new(list, json_string(subject));
	}
	char *text = json_dumps(list, JSON_COMPACT);
	json_t *out = text ? json_string(text) : NULL;
	free(text);
	json_decref(list);
	return out;
}

static json_t *provenance(const ae_train *t, const ae_state *s, const ae_scores *scores, const dataset *d)
{
	char step[32], scans[32], seed[32], score[64];
	snprintf(step, sizeof step, "%lld", (long long)t->step);
	snprintf(scans, sizeof scans, "%zu", d->n_train);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)t->seed);
	snprintf(score, sizeof score, "in brain %.4f, whole %.4f, MSE %.6f", scores->brain, scores->whole, scores->mse);
	json_t *notes = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "generator", "latpipe train-ae " LATPIPE_VERSION, "training_steps",
				  step, "training_seed", seed, "training_scans", scans, "training_data", s->data,
				  d->n_validation ? "ssim_of_validation" : "ssim_of_training", score, "validation_subjects", held_out(d));
	return notes;
}

int ae_weights_write(const ae_train *t, const ae_state *s, const ae_scores *scores, const dataset *d, const char *folder, bool half, err *e)
{
	char *path = NULL;
	json_t *config = json_deep_copy(s->config), *notes = provenance(t, s, scores, d), *diffusion = NULL;
	if (config && !json_object_get(config, "diffusion"))
		json_object_set_new(config, "diffusion", json_object());
	diffusion = json_object_get(config, "diffusion");
	int bad = !config || !notes || json_object_set_new(diffusion, "scale_factor", json_real(1 / scores->latent_sd));
	int code = bad ? err_set(e, ERR_OS, "%s: no memory", folder) : path_of(&path, folder, "autoencoder.safetensors", e);
	if (!code)
		code = weights_write(path, true, "autoencoder", &t->ema, config, json_object_get(config, "preparation"), notes, half, e);
	json_decref(config);
	json_decref(notes);
	free(path);
	return code;
}
