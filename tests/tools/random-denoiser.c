/* random-denoiser OUT CONFIG unet|shift_unet [KEY=VALUE...]: the network of the golden values as a file of weights: every number as the
 * reference draws it with seed 1. CONFIG's key "preparation" goes into the file, KEY=VALUE into its metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oracle_weights.h"
#include "model/unet.h"
#include "model/weights.h"

static int note(json_t *notes, const char *pair, err *e)
{
	char key[64];
	const char *split = strchr(pair, '=');
	if (!split || (size_t)(split - pair) >= sizeof key)
		return err_set(e, ERR_USAGE, "%s: is not KEY=VALUE", pair);
	snprintf(key, sizeof key, "%.*s", (int)(split - pair), pair);
	return json_object_set_new(notes, key, json_string(split + 1)) ? err_set(e, ERR_OS, "no memory") : 0;
}

int main(int argc, char **argv)
{
	err e = { 0 };
	json_t *root = NULL, *notes = json_object();
	model_config config;
	param_table table = { 0 };
	params ps = { 0 };
	if (argc < 4)
		return ERR_USAGE;
	int code = config_read(&config, argv[2], &root, &e);
	if (!code)
		code = unet_table(&config, !strcmp(argv[3], "shift_unet"), &table, &e);
	if (!code)
		code = table_fresh(&table, 1, &ps, &e);
	for (size_t i = 0; i < ps.n && !code; i++)
		oracle_draw(&ps.p[i]);
	for (int i = 4; i < argc && !code; i++)
		code = note(notes, argv[i], &e);
	if (!code)
		code = weights_write(argv[1], false,
				     &(weights_content){ .kind = argv[3],
							 .params = &ps,
							 .config = root,
							 .preparation = json_object_get(root, "preparation"),
							 .notes = notes },
				     &e);
	if (code)
		fprintf(stderr, "random-denoiser: %s\n", e.text);
	params_free(&ps);
	table_free(&table);
	json_decref(root);
	json_decref(notes);
	return code;
}
