/* lat-model: which weights a model has, and what its networks' layers take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha.h"
#include "cli/cli.h"
#include "cli/network.h"
#include "format/json.h"
#include "model/coder.h"
#include "model/denoiser.h"
#include "model/encoder.h"
#include "model/find.h"
#include "model/weights.h"

enum { DIGITS = 16 };

static bool layers;

static const struct cli_option options[] = {
	{ 0, "layers", "list the layers of its networks instead, and what each takes", .flag = &layers },
	{ 0 },
};
static const struct cli tool = {
	.name = "lat-model",
	.summary = "list the weights of a model: kind, identity, file, conventions",
	.operands = "[NAME|DIR|FILE]",
	.max = 1,
	.common = CLI_BARE | CLI_MATH,
	.options = options,
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

/* ---- the weights ---- */

static int put_weights(const weights *w, const char *path, bool first, err *e)
{
	char hex[SHA_TEXT];
	int code = digest(hex, w, e);
	if (!code)
		printf("%s%s\t%s\t%s\t%s\n", first ? "kind\tidentity\tpath\tconventions\n" : "", w->kind, w->identity, path, hex);
	return code;
}

/* ---- the layers ---- */

static void put_layer(const char *of, const layer_report *l)
{
	char volumes[16] = "";
	if (l->out.b != 1)
		snprintf(volumes, sizeof volumes, "%dx", l->out.b);
	printf("%s\t%s\t%s\t%s%dx%dx%dx%d\t%zu\t%s\t%.9g\t%zu\n", of, *l->name ? l->name : "-", l->kind, volumes, l->out.c, l->out.x,
	       l->out.y, l->out.z, l->parameters, l->algorithm ? l->algorithm : "-", l->flop / 1e9, l->bytes);
}

/* The rows of a network, whose report is freed. */
static void put_network(const char *of, bool first, report *r)
{
	if (first)
		puts("network\tlayer\tkind\toutput\tparameters\talgorithm\tGFLOP\tbytes");
	for (size_t i = 0; i < r->n; i++)
		put_layer(of, &r->layers[i]);
	printf("%s\ttotal\t-\t-\t%zu\t-\t%.9g\t%zu\n", of, r->parameters, r->flop / 1e9, r->bytes);
	report_free(r);
}

static int put_coder(const char *path, bool first, err *e)
{
	coder k;
	report r = { 0 };
	int code = coder_open(&k, path, cli_math(), cli_common.threads, e);
	for (int decode = 0; decode < 2 && !code; decode++) {
		code = coder_report(&r, &k, decode, e);
		if (!code)
			put_network(decode ? "decoder" : "encoder", first && !decode, &r);
	}
	report_free(&r);
	coder_close(&k);
	return code;
}

static int put_encoder(const char *path, bool first, err *e)
{
	encoder k;
	report r = { 0 };
	int code = encoder_open(&k, path, cli_math(), cli_common.threads, e);
	if (!code)
		code = encoder_report(&r, &k, e);
	if (!code)
		put_network("semantic", first, &r);
	report_free(&r);
	encoder_close(&k);
	return code;
}

static int put_denoiser(const char *path, bool first, err *e)
{
	denoiser d;
	report r = { 0 };
	int code = denoiser_open(&d, path, cli_math(), cli_common.threads, e);
	if (!code)
		code = denoiser_report(&r, &d, d.y > 0, e);
	if (!code)
		put_network(d.net.w.kind, first, &r);
	report_free(&r);
	denoiser_close(&d);
	return code;
}

/* ---- all kinds ---- */

typedef struct part {
	const char *kind;
	int (*put_layers)(const char *path, bool first, err *e);
} part;

/* Prints rows when the model has this part. */
static int show(const char *model, const part *p, int *found, err *e)
{
	char *path = NULL;
	weights w = { 0 };
	err none = { 0 };
	if (model_find(&path, model, p->kind, &none))
		return none.code == ERR_NOINPUT ? 0 : err_set(e, none.code, "%s", none.text);
	int code = weights_map(&w, path, NULL, e);
	if (!code && !strcmp(w.kind, p->kind)) { /* a file serves as every kind's */
		const bool first = !(*found)++;
		code = layers ? p->put_layers(path, first, e) : put_weights(&w, path, first, e);
	}
	weights_close(&w);
	free(path);
	return code;
}

int main(int argc, char **argv)
{
	static const part parts[] = {
		{ "autoencoder", put_coder }, { "semantic", put_encoder }, { "shift_unet", put_denoiser }, { "unet", put_denoiser }
	};
	int n, found = 0, code = 0;
	char **models = cli_parse(&tool, argc, argv, &n), *path = NULL;
	const char *model = n ? models[0] : NULL;
	err e = { 0 };
	for (size_t i = 0; !code && i < sizeof parts / sizeof *parts; i++)
		code = show(model, &parts[i], &found, &e);
	if (!code && !found) /* for its reason */
		code = model_find(&path, model, parts[0].kind, &e);
	free(path);
	if (code)
		cli_fail(&e);
	return cli_done(0);
}
