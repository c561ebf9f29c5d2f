/* nii2lat: scans to records. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/scan.h"
#include "cli/stream.h"
#include "format/bids.h"
#include "format/json.h"
#include "model/coder.h"
#include "model/find.h"
#include "nii/nii.h"
#include "volume/intensity.h"
#include "volume/likeness.h"
#include "volume/prepare.h"

static bool grid_only, half;
static int64_t sample = CLI_NOT_GIVEN;
static double months = NAN;
static const char *given_id, *recipe;

static const struct cli_option options[] = {
	{ 0, "grid-only", "x alone: voxels on the model's grid, without the network", .flag = &grid_only, .result = true },
	{ 0, "recipe", "with --grid-only: the grid and preparation of a recipe for training (JSON), not a model's", .file = &recipe,
	  .arg = "FILE", .result = true },
	{ 0, "sample", "draw z from the posterior instead of its mean", .integer = &sample, .arg = "SEED", .result = true },
	{ 0, "f16", "store x and z as 16-bit floats", .flag = &half, .result = true },
	{ 0, "id", "id of the record, instead of the file's name", .text = &given_id, .arg = "ID" },
	{ 0, "months", "months since the first session, instead of ses-M<n> in the id", .real = &months, .arg = "N" },
	{ 0 },
};

static const char *const needed_weights[] = { "autoencoder", NULL };

static const struct cli tool = {
	.name = "nii2lat",
	.summary = "encode scans: NIfTI files to a stream of latents",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_HISTORY | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	.options = options,
	.weights = needed_weights,
};

struct job {
	coder coder;
	bool network;
	preparation how;
	enum dtype stored;
	likeness_reference mean; /* brain.v is NULL when the model has none, or its grid has no place in the world */
};

/* The preparation of a recipe for training, before there is a model. */
static void read_recipe(struct job *j)
{
	err e = {0};
	model_config c;
	json_t *json = NULL;
	if (!grid_only || cli_common.model)
		cli_die(ERR_USAGE, "--recipe: goes with --grid-only, and without --model");
	cli_check(config_read(&c, recipe, &json, &e), &e);
	if (preparation_parse(&j->how, json_object_get(json, "preparation"), c.volume, &e)) {
		err_prefix(&e, "%s", recipe);
		cli_fail(&e);
	}
	if (memcmp(j->how.n, c.volume, sizeof c.volume))
		cli_die(ERR_CONFIG, "%s: volume: is not the size of the preparation's grid", recipe);
	json_decref(json);
}

static void open_model(struct job *j)
{
	err e = {0};
	j->how = preparation_default();
	j->stored = half ? DTYPE_F16 : DTYPE_F32;
	j->network = !grid_only;
	if (recipe)
		read_recipe(j);
	if (grid_only && !cli_common.model)
		return;
	const weights *w = &j->coder.net.w;
	if (coder_open(&j->coder, cli_common.model, cli_math(), cli_common.threads, &e) ||
	    preparation_parse(&j->how, w->preparation, w->config.volume, &e) || coder_shape(&j->coder, j->how.n, &e))
		cli_fail(&e);
	cli_note_identity(w);
}

static void open_mean(struct job *j)
{
	err e = {0};
	char *path = NULL;
	volume mean;
	if (recipe || j->how.kind != PREPARE_WORLD || model_find_mean(&path, cli_common.model, NULL) || !path)
		return;
	if (scan_read(&mean, NULL, path, &e))
		cli_fail(&e);
	if (likeness_open(&j->mean, &mean, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	volume_free(&mean);
	free(path);
}

/* Warns of a scan that lies unlike a registered brain. With odd intensities nothing can be said of that by comparison. */
static int judge(const struct job *j, const char *path, const volume *x, const prepared *how, bool odd, err *e)
{
	char text[200];
	likeness l;
	const char *concern = prepare_concern(&j->how, how);
	bool compare = !concern && !odd && j->mean.brain.v;
	int code = compare ? likeness_of(&l, &j->mean, x, e) : 0;
	if (!code && compare)
		concern = likeness_concern(text, &l);
	if (!code && concern)
		cli_warn("%s: %s", path, concern);
	return code;
}

/* The file's bytes in front of the image, so that lat2nii --native can give them back. */
static int keep_source(lat_record *r, const nii_header *h, err *e)
{
	/* a base64 text has 4 characters for 3 bytes, and the rest of a header is small */
	const size_t most = ((size_t)LAT_MAX_HEADER - (1 << 16)) / 4 * 3;
	if (h->size > most)
		return err_set(e, ERR_DATA, "its header and extensions have %zu bytes, more than the %zu that a record can keep", h->size,
			       most);
	json_t *source = json_object();
	if (json_object_set_new(source, "nifti", json_from_bytes(h->bytes, h->size)) || json_object_set(r->header, "source", source)) {
		json_decref(source);
		return err_set(e, ERR_OS, "no memory for the header");
	}
	json_decref(source);
	return 0;
}

static int keep_preparation(lat_record *r, const preparation *p, const prepared *how, err *e)
{
	json_t *all = preparation_json(p), *own = prepared_json(how);
	int failed = !own || json_object_update(all, own) || json_object_set(r->header, "preparation", all);
	json_decref(all);
	json_decref(own);
	return failed ? err_set(e, ERR_OS, "no memory for the header") : 0;
}

static int keep_months(lat_record *r, err *e)
{
	double m = months;
	if (isnan(m) && !bids_months(&m, lat_id(r)))
		return 0;
	json_t *v = m == floor(m) && fabs(m) < 1e9 ? json_integer((json_int_t)m) : json_real(m);
	return json_object_set_new(r->header, "months", v) ? err_set(e, ERR_OS, "no memory for the header") : 0;
}

static int encode(struct job *j, lat_record *r, const volume *x, err *e)
{
	philox noise = philox_make((uint64_t)sample, philox_hash(lat_id(r)));
	const int64_t *n = j->coder.z;
	float *z = calloc((size_t)(n[0] * n[1] * n[2] * n[3]), sizeof *z);
	lat_tensor *t;
	int code = z ? 0 : err_set(e, ERR_OS, "no memory for the latent");
	if (!code)
		code = coder_encode(&j->coder, z, x->v, sample == CLI_NOT_GIVEN ? NULL : &noise, e);
	if (!code)
		code = lat_set_floats(r, "z", j->stored, 4, n, z, &t, e);
	const maker ours = weights_maker(&j->coder.net.w);
	if (!code)
		code = maker_put(t, &ours, e);
	free(z);
	return code;
}

/* The record of one scan, in *out. */
static int convert(lat_record **out, struct job *j, const char *path, const char *id, err *e)
{
	volume scan = {.v = NULL}, x = {.v = NULL};
	nii_header h = {0};
	prepared how;
	char odd[INTENSITY_TEXT];
	lat_record *r = NULL;
	int code = scan_read(&scan, &h, path, e);
	if (code)
		return code;
	code = prepare(&x, &how, &j->how, &scan, e);
	if (!code)
		code = intensity_concern(odd, &j->how, &how, &scan, &x, e);
	volume_free(&scan);
	if (!code)
		code = lat_new(&r, id, e);
	if (!code)
		code = keep_source(r, &h, e);
	if (!code)
		code = keep_preparation(r, &j->how, &how, e);
	if (!code)
		code = keep_months(r, e);
	if (!code)
		code = lat_set_floats(r, "x", j->stored, 4, (int64_t[]){1, x.n[0], x.n[1], x.n[2]}, x.v, NULL, e);
	if (!code && j->network)
		code = encode(j, r, &x, e);
	if (!code)
		code = judge(j, path, &x, &how, *odd, e);
	const int intent = h.meaning.intent;
	const char *values = nii_no_intensities(&h);
	nii_header_free(&h);
	volume_free(&x);
	if (code) {
		lat_free(r);
		return err_prefix(e, "%s", path);
	}
	if (values)
		cli_warn("%s: its header says that its values are no intensities (intent_code %d, %s)", path, intent, values);
	if (*odd)
		cli_warn("%s: %s", path, odd);
	*out = r;
	return 0;
}

static int id_of(char id[NII_ID], const char *path, err *e)
{
	if (!given_id)
		return strcmp(path, "-") ? nii_id(id, path, e) : err_set(e, ERR_USAGE, "stdin: needs an id (--id)");
	if (!lat_id_ok(given_id))
		return err_set(e, ERR_USAGE, "%s: cannot be an id (" ID_RULE ")", given_id);
	strcpy(id, given_id);
	return 0;
}

static void print_plan(struct job *j)
{
	err e = {0};
	model_cost cost = {0};
	if (j->network && coder_plan(&cost, &j->coder, false, &e))
		cli_fail(&e);
	cli_print_plan(cost.flop, cost.bytes, cost.seconds);
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct job j = {.network = false};
	if (given_id && n > 1)
		cli_die(ERR_USAGE, "--id: is for one file");
	cli_start_threads();
	open_model(&j);
	if (cli_common.plan) {
		for (int i = 0; i < n; i++)
			print_plan(&j);
		return cli_done(0);
	}
	open_mean(&j);
	stream_out *out = stream_open();
	stream_ids *seen = stream_ids_new();
	for (int i = 0; i < n; i++) {
		char id[NII_ID];
		err e = {0};
		lat_record *r = NULL;
		if (id_of(id, files[i], &e) || (stream_ids_add(seen, id, &e) && err_prefix(&e, "%s", files[i])) ||
		    convert(&r, &j, files[i], id, &e)) {
			if (!cli_may_skip(e.code))
				cli_fail(&e);
			cli_warn("skipped: %s", e.text);
			status = ERR_DATA;
			continue;
		}
		stream_put(out, r);
		lat_free(r);
	}
	stream_close(out);
	stream_ids_free(seen);
	coder_close(&j.coder);
	likeness_close(&j.mean);
	return cli_done(status);
}
