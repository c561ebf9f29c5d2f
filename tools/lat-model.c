/* lat-model: which weights a model has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha.h"
#include "cli/cli.h"
#include "format/json.h"
#include "model/find.h"
#include "model/weights.h"

enum { DIGITS = 16 };

static const struct cli tool = {
	.name = "lat-model",
	.summary = "list the weights of a model: kind, identity, file, conventions",
	.operands = "[NAME|DIR|FILE]",
	.max = 1,
	.common = CLI_BARE,
};

/* A short text for all that changes the results and is in no weight: conventions and preparation. */
static int digest(char hex[SHA_TEXT], const weights *w, err *e)
{
	json_t *all = json_pack("{s:O, s:O?}", "conventions", w->conventions, "preparation", w->preparation);
	char *text = NULL;
	size_t n = 0;
	int code = all ? json_text(&text, &n, all, e) : err_set(e, ERR_OS, "no memory");
	struct sha256_ctx hash;
	sha256_init(&hash);
	sha256_update(&hash, n, (const uint8_t *)text);
	sha256_text(&hash, hex);
	hex[DIGITS] = 0;
	free(text);
	json_decref(all);
	return code;
}

/* Prints a row when the model has this kind of weights. */
static int show(const char *model, const char *kind, int *found, err *e)
{
	char *path = NULL, hex[SHA_TEXT];
	weights w = { 0 };
	err none = { 0 };
	if (model_find(&path, model, kind, &none))
		return none.code == ERR_NOINPUT ? 0 : err_set(e, none.code, "%s", none.text);
	int code = weights_map(&w, path, NULL, e);
	if (!code && !strcmp(w.kind, kind)) { /* a file serves as every kind's */
		code = digest(hex, &w, e);
		if (!code)
			printf("%s%s\t%s\t%s\t%s\n", (*found)++ ? "" : "kind\tidentity\tpath\tconventions\n", kind, w.identity, path, hex);
	}
	weights_close(&w);
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
