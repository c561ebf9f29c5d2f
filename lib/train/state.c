#include "train/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

philox state_random(const train_state *s, const char *use, uint64_t draw) { return philox_make(s->seed, philox_hash(use) + draw); }

int state_path(char **path, const char *folder, const char *name, err *e)
{
	if (asprintf(path, "%s/%s", folder, name) >= 0)
		return 0;
	*path = NULL;
	return err_set(e, ERR_OS, "%s: no memory", folder);
}

static json_t *state_json(const train_state *s)
{
	json_t *state = json_pack("{s:I, s:I, s:I, s:s, s:s, s:O}", "step", (json_int_t)s->step, "judged", (json_int_t)s->judged, "seed",
				  (json_int_t)s->seed, "data", s->data, "math", s->math, "config", s->config);
	bool bad = !state || (isfinite(s->best) && json_object_set_new(state, "best", json_real(s->best))) ||
		   (s->models && json_object_set(state, "models", (json_t *)s->models));
	if (!bad)
		return state;
	json_decref(state);
	return NULL;
}

static int checkpoint_path(char **path, const char *folder, err *e) { return state_path(path, folder, "checkpoint.safetensors", e); }

int state_write(train_state *s, const char *folder, err *e)
{
	char *path = NULL;
	json_t *state = state_json(s);
	int code = state ? checkpoint_path(&path, folder, e) : err_set(e, ERR_OS, "%s: no memory", folder);
	if (!code)
		code = checkpoint_write(path, !s->fell_back, s->parts, s->n_parts, state, e);
	if (!code)
		s->fell_back = false;
	json_decref(state);
	free(path);
	return code;
}

int state_forget(const char *folder, err *e)
{
	char *path = NULL;
	int code = checkpoint_path(&path, folder, e);
	if (!code)
		code = checkpoint_forget(path, e);
	free(path);
	return code;
}

/* What of a configuration this run depends on, without what may differ: for how long. NULL: no memory. */
static json_t *essence(const train_state *s, const json_t *config)
{
	json_t *out = json_object();
	bool bad = !out;
	for (int i = 0; s->sections[i]; i++) {
		const json_t *section = json_object_get(config, s->sections[i]);
		bad |= section && json_object_set_new(out, s->sections[i], json_deep_copy(section));
	}
	json_object_del(json_object_get(out, s->sections[0]), "steps");
	if (!bad)
		return out;
	json_decref(out);
	return NULL;
}

/* Is the checkpoint's run this one? */
static int compare(const train_state *s, const json_t *then, const char *path, err *e)
{
	static const char *const same[] = { "seed", "data", "math", "models" };
	static const char *const say[] = { "another --seed", "other scans, or another split of them", "another --math", "other models" };
	json_t *now = state_json(s), *a = essence(s, s->config), *b = essence(s, json_object_get(then, "config"));
	int code = now && a && b ? 0 : err_set(e, ERR_OS, "%s: no memory", path);
	for (int i = 0; !code && i < 4; i++) {
		const json_t *mine = json_object_get(now, same[i]), *its = json_object_get(then, same[i]);
		if (mine != its && !json_equal(mine, its))
			code = err_set(e, ERR_CONFIG, "%s: was begun with %s", path, say[i]);
	}
	if (!code && !json_equal(a, b))
		code = err_set(e, ERR_CONFIG, "%s: was begun with another configuration", path);
	json_decref(a);
	json_decref(b);
	json_decref(now);
	return code;
}

/* Whole number `key` of the checkpoint; `absent` where there is none. */
static int64_t number(const json_t *then, const char *key, int64_t absent)
{
	const json_t *v = json_object_get(then, key);
	return v ? json_integer_value(v) : absent;
}

int state_read(train_state *s, const char *folder, err *e)
{
	char *path = NULL;
	json_t *then = NULL;
	int code = checkpoint_path(&path, folder, e);
	if (!code)
		code = checkpoint_read(path, s->parts, s->n_parts, &then, &s->fell_back, e);
	if (!code)
		code = compare(s, then, path, e);
	if (!code) {
		const json_t *best = json_object_get(then, "best");
		s->step = number(then, "step", 0);
		s->judged = number(then, "judged", s->step); /* earlier versions kept no checkpoint of a step that was still to be judged */
		s->best = best ? json_number_value(best) : -INFINITY;
	}
	json_decref(then);
	free(path);
	return code;
}

/* ["07","11"]: the subjects of the scans that are not trained on. */
static json_t *held_out(const dataset *d)
{
	json_t *list = json_array();
	bool bad = !list;
	for (size_t i = 0; !bad && i < d->n_validation; i++) {
		const char *subject = d->scans[d->validation[i]].subject;
		size_t k = 0;
		while (k < json_array_size(list) && strcmp(json_string_value(json_array_get(list, k)), subject))
			k++;
		if (k == json_array_size(list))
			bad = json_array_append_new(list, json_string(subject)) != 0;
	}
	char *text = bad ? NULL : json_dumps(list, JSON_COMPACT);
	json_t *out = text ? json_string(text) : NULL;
	free(text);
	json_decref(list);
	return out;
}

json_t *state_notes(const train_state *s, const dataset *d, const char *tool, const char *measure, const char *score)
{
	char generator[64], step[32], scans[32], seed[32], name[64];
	snprintf(generator, sizeof generator, "latpipe %s " LATPIPE_VERSION, tool);
	snprintf(step, sizeof step, "%lld", (long long)s->step);
	snprintf(scans, sizeof scans, "%zu", d->n_train);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
	snprintf(name, sizeof name, "%s_of_%s", measure, d->n_validation ? "validation" : "training");
	json_t *notes = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "generator", generator, "training_steps", step, "training_seed",
				  seed, "training_scans", scans, "training_data", s->data, name, score, "validation_subjects", held_out(d));
	if (!notes || !s->models || !json_object_update(notes, (json_t *)s->models))
		return notes;
	json_decref(notes);
	return NULL;
}
