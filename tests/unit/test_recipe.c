/* Configurations of trainings: every key that is misspelt is refused by name, every value of another type, too. */
#include "../unit.h"

#include <jansson.h>

#include "model/config.h"
#include "train/recipe.h"

static const char *const files[] = { "pipelines/brain3mm.json", "pipelines/brain3mm-3channels.json", "tests/oracle/ldae.json",
				     "tests/oracle/small.json" };
enum { FILES = sizeof files / sizeof *files };

/* All that a trainer asks of its file. */
static int check(const json_t *root, err *e)
{
	model_config c;
	recipe r;
	int code = recipe_check_keys(root, "c.json", e);
	if (!code)
		code = config_parse(&c, root, "c.json", e);
	for (int i = 0; !code && recipes[i]; i++)
		code = recipe_parse(&r, root, recipes[i], c.volume, ae_factor(&c.autoencoder), "c.json", e);
	return code;
}

static json_t *load(const char *path)
{
	err e = { 0 };
	json_t *root = NULL;
	SUCCEEDS(config_json(&root, path, &e));
	return root;
}

typedef void visit(json_t *root, json_t *level, const char *path, const char *key);

/* Each key at each level of a file. path: "training." */
static int walk(json_t *root, json_t *level, const char *path, visit *at)
{
	int n = 0;
	const char *key;
	json_t *v;
	void *next;
	json_t *keys = json_deep_copy(level); /* the level itself changes meanwhile */
	json_object_foreach_safe(keys, next, key, v)
	{
		char inner[128];
		at(root, level, path, key);
		n++;
		snprintf(inner, sizeof inner, "%s%s.", path, key);
		if (json_is_object(v))
			n += walk(root, json_object_get(level, key), inner, at);
	}
	json_decref(keys);
	return n;
}

static void walk_files(visit *at)
{
	int n = 0;
	for (int i = 0; i < FILES; i++) {
		json_t *root = load(files[i]);
		n += walk(root, root, "", at);
		json_decref(root);
	}
	assert_true(n > 100);
}

/* A letter too much, one too few, two exchanged. */
static void misspell(json_t *root, json_t *level, const char *path, const char *key)
{
	size_t n = strlen(key);
	for (int way = 0; way < 3; way++) {
		err e = { 0 };
		char wrong[64], said[256], meant[128];
		snprintf(wrong, sizeof wrong, "%s%s", key, way ? "" : "s");
		if (way == 1 && n > 2)
			memmove(wrong + 1, wrong + 2, n - 1);
		else if (way == 2 && n > 2 && key[0] != key[1]) {
			wrong[0] = key[1];
			wrong[1] = key[0];
		} else if (way) {
			continue;
		}
		if (json_object_get(level, wrong))
			continue;
		json_t *v = json_incref(json_object_get(level, key));
		json_object_del(level, key);
		json_object_set(level, wrong, v);
		snprintf(said, sizeof said, "c.json: %s%s: there is no such key; the nearest is ", path, wrong);
		FAILS(ERR_CONFIG, said, check(root, &e));
		snprintf(meant, sizeof meant, "%s%s", path, key);
		if (n > 4 && strcmp(strstr(e.text, "nearest is ") + 11, meant))
			fail_msg("%s, not %s", e.text, meant);
		json_object_del(level, wrong);
		json_object_set_new(level, key, v);
	}
}

/* A list of texts is no value of any key; what prepares scans is read by volume/prepare.h, and a name may be anything. */
static void change_type(json_t *root, json_t *level, const char *path, const char *key)
{
	err e = { 0 };
	char said[256];
	if (strstr(path, "preparation") || !strcmp(key, "preparation") || !strcmp(key, "name") || !strcmp(key, "perceptual_weight"))
		return;
	json_t *v = json_incref(json_object_get(level, key));
	json_object_set_new(level, key, json_pack("[s]", "wrong"));
	snprintf(said, sizeof said, "c.json: %s%s: ", path, key);
	FAILS(ERR_CONFIG, said, check(root, &e));
	json_object_set_new(level, key, v);
}

static void as_they_are(void **state)
{
	(void)state;
	err e = { 0 };
	for (int i = 0; i < FILES; i++) {
		json_t *root = load(files[i]);
		SUCCEEDS(check(root, &e));
		json_decref(root);
	}
}

static void misspelt(void **state)
{
	(void)state;
	walk_files(misspell);
}

static void of_another_type(void **state)
{
	(void)state;
	walk_files(change_type);
}

static void in_another_section(void **state)
{
	(void)state;
	err e = { 0 };
	json_t *root = json_pack("{s:{s:f}}", "training", "adv_weight", .1);
	FAILS(ERR_CONFIG, "training.adv_weight: there is no such key; the nearest is losses.adv_weight", check(root, &e));
	json_decref(root);
	root = json_pack("{s:i}", "steps", 5);
	FAILS(ERR_CONFIG, "c.json: steps: there is no such key; the nearest is training.steps", check(root, &e));
	json_decref(root);
	root = json_pack("{s:{s:s}}", "training", "augment", "yes");
	FAILS(ERR_CONFIG, "training.augment: must be true, false or an object", check(root, &e));
	json_decref(root);
	root = json_pack("{s:{s:{s:i}}}", "training", "augment", "flip", 2);
	FAILS(ERR_CONFIG, "training.augment.flip: must be a number from 0 to 1", check(root, &e));
	json_decref(root);
	root = json_object();
	SUCCEEDS(check(root, &e));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_they_are),
		cmocka_unit_test(misspelt),
		cmocka_unit_test(of_another_type),
		cmocka_unit_test(in_another_section),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
