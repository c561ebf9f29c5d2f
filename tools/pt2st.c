/* pt2st: weights from elsewhere to a model of ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "format/section.h"
#include "model/import.h"
#include "model/weights.h"

static const char *folder, *prefix, *config_path;

static const struct cli_option options[] = {
	{ 'o', "output", "folder of the model; made when it is not there", .folder = &folder, .arg = "DIR" },
	{ 'f', "force", "overwrite existing files of weights", .flag = &cli_common.force },
	{ 0, "prefix", "take the network whose tensors' names begin with P", .text = &prefix, .arg = "P" },
	{ 'c', "config", "what names and shapes do not tell: groups, heads, volume, diffusion (JSON)", .file = &config_path,
	  .arg = "FILE" },
	{ 0 },
};

static const struct cli tool = {
	.name = "pt2st",
	.summary = "convert PyTorch checkpoints to models",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.options = options,
};

/* As published, unless the configuration says otherwise. */
static json_t *preparation_of(const import *in)
{
	json_t *given = json_object_get(in->config, "preparation");
	const int *n = in->parsed.volume;
	json_t *v =
		given ? json_incref(given) : json_pack("{s:s, s:[i,i,i], s:f}", "name", "stored", "size", n[0], n[1], n[2], "spacing", 1.5);
	if (!v)
		cli_die(ERR_OS, "no memory");
	return v;
}

/* Nothing is written when one of the files is in the way. */
static void check_outputs(const import *in)
{
	for (int i = 0; i < in->n && !cli_common.force; i++) {
		char *path;
		if (asprintf(&path, "%s/%s.safetensors", folder, in->parts[i].kind) < 0)
			cli_die(ERR_OS, "no memory");
		if (!access(path, F_OK))
			cli_die(ERR_CREATE, "%s: exists (-f overwrites it)", path);
		free(path);
	}
}

/* The shape of latents is the autoencoder's matter: where the checkpoint has none and the folder has one, its word is what is given. */
static json_t *with_autoencoder(json_t *given, const import *in)
{
	err e = { 0 };
	char *path = NULL;
	weights w = { 0 };
	for (int i = 0; i < in->n; i++)
		if (!strcmp(in->parts[i].kind, "autoencoder"))
			return given;
	if (asprintf(&path, "%s/autoencoder.safetensors", folder) < 0 || (!given && !(given = json_object())))
		cli_die(ERR_OS, "no memory");
	if (!access(path, F_OK)) {
		cli_check(weights_map(&w, path, "autoencoder", &e), &e);
		json_t *its = json_pack("{s:O*}", "autoencoder", json_object_get(w.config_json, "autoencoder"));
		if (!its || json_object_update_recursive(its, given))
			cli_die(ERR_OS, "no memory");
		json_decref(given);
		given = its;
		weights_close(&w);
	}
	free(path);
	return given;
}

static const import_part *taken(const import *in, const char *kind)
{
	for (int i = 0; i < in->n; i++)
		if (!strcmp(in->parts[i].kind, kind))
			return &in->parts[i];
	return NULL;
}

/* What was found and not taken. A moving average mostly is the better network: leaving it is said even to those who did not ask. */
static void say_left_out(const import *in, const char *path)
{
	for (int i = 0; i < in->n_all; i++) {
		const import_part *p = &in->all[i], *instead = taken(in, p->kind);
		if (instead && !strcmp(instead->prefix, p->prefix))
			continue;
		if (instead && import_is_average(p) && !import_is_average(instead))
			cli_warn("%s: %s: taken from '%s', and not the moving average under '%s' (--prefix '%s' takes that)", path, p->kind,
				 instead->prefix, p->prefix, p->prefix);
		else
			cli_note("%s: %s under '%s': left out", path, p->kind, p->prefix);
	}
}

/* A key that is misspelt leaves what it was meant for at its default. */
static void check_keys(const json_t *given)
{
	static const char *const recipes[] = { "training", "training_ldm", "training_sem" };
	err e = { 0 };
	json_t *known = json_object();
	if (!known)
		cli_die(ERR_OS, "no memory");
	cli_check(config_keys(known, &e), &e);
	for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
		json_object_set_new(known, recipes[i], json_true());
	if (section_check(given, known, config_path, &e))
		cli_warn("%s", e.text);
	json_decref(known);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	err e = { 0 };
import in;
	model_config ignored;
	json_t *given = NULL;
	if (!folder)
		cli_die(ERR_USAGE, "--output is needed");
	if (config_path) {
		cli_check(config_read(&ignored, config_path, &given, &e), &e);
		check_keys(given);
	}
	cli_check(import_open(&in, files[0], prefix, &e), &e);
	given = with_autoencoder(given, &in);
	if (import_configure(&in, given, &e) || import_verify(&in, &e)) {
		err_prefix(&e, "%s", files[0]);
		cli_fail(&e);
	}
	check_outputs(&in);
	char list[IMPORT_LIST];
	cli_note("%s: tensors are in %s", files[0], import_dictionaries(&in, list));
	if (mkdir(folder, 0777) && errno != EEXIST)
		cli_die(ERR_CREATE, "%s: %s", folder, strerror(errno));
	cli_check(import_assumed(&in, given, list, &e), &e);
	if (*list)
		cli_warn("%s: assumed, for names and shapes do not tell: %s (--config says otherwise)", files[0], list);
	json_t *preparation = preparation_of(&in);
	for (int i = 0; i < in.n; i++) {
		cli_check(import_write(&in, i, folder, cli_common.force, preparation, &e), &e);
		cli_note("%s/%s.safetensors: from '%s'", folder, in.parts[i].kind, in.parts[i].prefix);
	}
	say_left_out(&in, files[0]);
	json_decref(preparation);
	json_decref(given);
	import_close(&in);
	return cli_done(0);
}
