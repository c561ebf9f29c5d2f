/* lat2nii: records to scans. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/stream.h"
#include "format/finite.h"
#include "model/coder.h"
#include "model/record.h"
#include "nii/scan.h"
#include "volume/prepare.h"

static bool grid_only, native, source_type, unit;

static const struct cli_option options[] = {
	{ 0, "grid-only", "write x as it is, instead of what the decoder makes of z", .flag = &grid_only },
	{ 0, "native", "on the scan's own grid, under its own header", .flag = &native },
	{ 0, "source-type", "with --native: keep the scan's data type and scaling; rounds and saturates", .flag = &source_type },
	{ 0, "unit", "in the model's units, about 0 to 1, instead of the scan's", .flag = &unit },
	{ 0 },
};

static const char *const needed_weights[] = { "autoencoder", NULL };

static const struct cli tool = {
	.name = "lat2nii",
	.summary = "decode latents: a stream to NIfTI files",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	.options = options,
	.weights = needed_weights,
};

struct job {
	coder coder;
	bool open, many; /* many: -o holds {id} */
	stream_ids *seen;
	char *id; /* of the one record, when not many */
	nii_scan one;
};

static void open_model(struct job *j)
{
	err e = { 0 };
	if (j->open)
		return;
	if (coder_open(&j->coder, cli_common.model, cli_math(), cli_common.threads, &e))
		cli_fail(&e);
	j->open = true;
	cli_note_identity(&j->coder.net.w);
}

/* ---- voxels ---- */

/* Is the record's z of this model? */
static int check_model(const struct job *j, const lat_record *r, const lat_tensor *z, err *e)
{
	const weights *w = &j->coder.net.w;
	preparation ours;
	if (cli_common.any_model)
		return 0;
	const maker made = weights_maker(w);
	int code = record_made_by(z, &made, e);
	if (!code)
		code = preparation_parse(&ours, w->preparation, w->config.volume, e);
	return code ? code : preparation_check(&ours, json_object_get(r->header, "preparation"), e);
}

/* x as the record holds it. */
static int take_voxels(volume *x, lat_record *r, err *e)
{
	lat_tensor *t;
	int n[3];
	int code = lat_need(r, "x", &t, e);
	if (!code)
		code = lat_grid(n, t, 1, e);
	if (code)
		return code;
	*x = (volume){ .n = { n[0], n[1], n[2] } };
	return lat_floats(t, &x->v, e);
}

/* The record's z, which must be of this model, and the decoder set to its grid. n: of the voxels. */
static int find_latent(lat_tensor **z, int n[3], struct job *j, const lat_record *r, err *e)
{
	open_model(j);
	int code = lat_need(r, "z", z, e);
	if (!code)
		code = check_model(j, r, *z, e);
	if (!code)
		code = lat_grid(n, *z, (int)j->coder.z[0], e);
	for (int i = 0; i < 3 && !code; i++)
		n[i] *= ae_factor(&j->coder.net.w.config.autoencoder);
	return code ? code : coder_shape(&j->coder, n, e);
}

/* x from z through the decoder. */
static int decode(volume *x, struct job *j, lat_record *r, err *e)
{
	lat_tensor *t;
	float *z = NULL;
	int n[3];
	int code = find_latent(&t, n, j, r, e);
	if (!code)
		code = lat_floats(t, &z, e);
	if (!code)
		code = volume_new(x, n, e);
	if (!code)
		code = coder_decode(&j->coder, x->v, z, e);
	free(z);
	return code;
}

static int make(nii_scan *out, struct job *j, lat_record *r, err *e)
{
	volume x = { .v = NULL };
	int code = grid_only ? take_voxels(&x, r, e) : decode(&x, j, r, e);
	if (!code)
		code = native ? nii_scan_native(out, &x, r, unit, e) : nii_scan_on_grid(out, &x, r, unit, e);
	if (!code && finite_check(out->v.v, DTYPE_F32, volume_count(out->v.n), "the scan", ERR_DATA, e)) {
		nii_scan_free(out);
		code = ERR_DATA;
	}
	volume_free(&x);
	return code;
}

/* ---- records ---- */

static int write_result(const char *id, const nii_scan *res, err *e)
{
	char *path = NULL;
	nii_loss loss = { 0 };
	int code = cli_expand(&path, cli_common.output, id, e);
	if (!code)
		code = nii_write(path, cli_common.force, &res->header, &res->v, native && source_type, &loss, e);
	if (!code && loss.rounded)
		cli_warn("%s: %zu voxels rounded to the scan's data type", id, loss.rounded);
	if (!code && loss.saturated)
		cli_warn("%s: %zu voxels beyond the scan's data type, saturated", id, loss.saturated);
	free(path);
	return code;
}

static int print_plan(struct job *j, lat_record *r, err *e)
{
	model_cost cost = { 0 };
	lat_tensor *t;
	int n[3];
	int code = grid_only ? 0 : find_latent(&t, n, j, r, e);
	if (!code && !grid_only)
		code = coder_plan(&cost, &j->coder, true, e);
	if (!code)
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
	return code;
}

static int convert(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	nii_scan res = { .v = { .v = NULL } };
	(void)keep;
	if (cli_common.plan)
		return print_plan(j, r, e);
	int code = j->many ? stream_ids_add(j->seen, lat_id(r), e) : 0;
	if (!code && !j->many && j->id)
		code = err_set(e, ERR_DATA, "a second record, and no {id} in the output's name");
	if (!code)
		code = make(&res, j, r, e);
	if (!code && j->many) {
		code = write_result(lat_id(r), &res, e);
	} else if (!code) {
		/* written at the end, when it is known to be the only one */
		j->one = res;
		j->id = strdup(lat_id(r));
		return j->id ? 0 : err_set(e, ERR_OS, "no memory");
	}
	nii_scan_free(&res);
	return code;
}

static int finish(void *with, err *e)
{
	struct job *j = with;
	if (j->many || cli_common.plan)
		return 0;
	if (!j->id)
		return err_set(e, ERR_DATA, "no record");
	int code = write_result(j->id, &j->one, e);
	nii_scan_free(&j->one);
	free(j->id);
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct job j = { .many = strstr(cli_common.output, "{id}") != NULL };
	if (source_type && !native)
		cli_die(ERR_USAGE, "--source-type: needs --native");
	if (source_type && unit)
		cli_die(ERR_USAGE, "--source-type: is of no use with --unit");
	cli_start_threads();
	j.seen = stream_ids_new();
	int status = stream_each(files, n, convert, finish, &j);
	stream_ids_free(j.seen);
	if (j.open)
		coder_close(&j.coder);
	return cli_done(status);
}
