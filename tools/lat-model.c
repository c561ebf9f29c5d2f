/* lat-model: which weights a model has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "format/safetensors.h"
#include "model/find.h"

static const struct cli tool = {
	"lat-model", "list the weights of a model: kind, identity, file", "[NAME|DIR|FILE]", 0, 1, CLI_BARE, NULL,
};

/* Prints a row when the model has this kind of weights. */
static int show(const char *model, const char *kind, int *found, err *e)
{
	char *path = NULL, hex[SHA_TEXT];
	st_file *f = NULL;
	err none = { 0 };
	if (model_find(&path, model, kind, &none))
		return none.code == ERR_NOINPUT ? 0 : err_set(e, none.code, "%s", none.text);
	int code = st_open(&f, path, e);
	if (!code) {
		const char *identity = st_meta(f, "identity"), *says = st_meta(f, "kind");
		if (!identity)
			st_identity(f, hex);
		if (!says || !strcmp(says, kind)) /* a file serves as every kind's */
			printf("%s%s\t%s\t%s\n", (*found)++ ? "" : "kind\tidentity\tpath\n", kind, identity ? identity : hex, path);
	}
	st_close(f);
	free(path);
	return code;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "autoencoder", "semantic", "shift_unet", "unet" };
	int n, found = 0, code = 0;
	char **models = cli_parse(&tool, argc, argv, &n), *path = NULL;
	const char *model = n ? models[0] : NULL;
	err e = { 0 };
	for (size_t i = 0; !code && i < sizeof kinds / sizeof *kinds; i++)
		code = show(model, kinds[i], &found, &e);
	if (!code && !found) /* for its reason */
		code = model_find(&path, model, kinds[0], &e);
	free(path);
	if (code)
		cli_fail(&e);
	return cli_done(0);
}
