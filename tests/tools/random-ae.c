/* random-ae OUT CONFIG [SEED]: an untrained autoencoder as a file of weights, for tests that need a network and not a good one.
 * CONFIG's key "preparation" goes into the file. */
#include <stdio.h>
#include <stdlib.h>

#include "model/autoencoder.h"
#include "model/weights.h"

int main(int argc, char **argv)
{
	err e = { 0 };
	json_t *root = NULL;
	model_config config;
	param_table table = { 0 };
	params ps = { 0 };
	if (argc < 3)
		return ERR_USAGE;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	int code = config_read(&config, argv[2], &root, &e);
	if (!code)
		code = autoencoder_table(&config.autoencoder, &table, &e);
	if (!code)
		code = table_fresh(&table, seed, &ps, &e);
	if (!code)
		code = weights_write(
			argv[1], false,
			&(weights_content){
				.kind = "autoencoder", .params = &ps, .config = root, .preparation = json_object_get(root, "preparation") },
			&e);
	if (code)
		fprintf(stderr, "random-ae: %s\n", e.text);
	params_free(&ps);
	table_free(&table);
	json_decref(root);
	return code;
}
