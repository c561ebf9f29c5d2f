/* lat2nii: records to scans. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/stream.h"
#include "format/json.h"
#include "model/coder.h"
#include "nii/nii.h"
#include "volume/prepare.h"

static bool grid_only, native, source_type, unit;

static const struct cli_option options[] = {
	{0, "grid-only", CLI_FLAG, &grid_only, NULL, "write x as it is, instead of what the decoder makes of z", false},
	{0, "native", CLI_FLAG, &native, NULL, "on the scan's own grid, under its own header", false},
	{0, "source-type", CLI_FLAG, &source_type, NULL, "with --native: keep the scan's data type and scaling; rounds and saturates",
	 false},
	{0, "unit", CLI_FLAG, &unit, NULL, "in the model's units, about 0 to 1, instead of the scan's", false},
	{0},
};

static const struct cli tool = {
	"lat2nii",   "decode latents: a stream to NIfTI files",
	"[FILE...]", 0,
	-1,	     CLI_OUTPUT | CLI_MODEL | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	options,
};

/* A scan that is ready to be written. */
struct result {
	nii_header header;
	volume v;
};

struct job {
	coder coder;
	bool open, many; /* many: -o holds {id} */
	stream_ids *seen;
	char *id; /* of the one record, when not many */
	struct result one;
};

static void free_result(struct result *r)
{
	nii_header_free(&r->header);
	volume_free(&r->v);
}

static void open_model(struct job *j)
{
	err e = {0};
	enum nn_math math = strcmp(cli_common.math, "fast") ? NN_EXACT : NN_FAST;
	if (j->open)
		return;
	if (coder_open(&j->coder, cli_common.model, math, cli_common.threads, &e))
		cli_fail(&e);
	j->open = true;
	if (!j->coder.w.identity_stored)
		cli_note("the model's file holds no identity: it was computed");
}

/* ---- what the record says ---- */

/* How the voxels came onto the grid. *known is false for a record from elsewhere, which does not say; then n is the tensor's own grid. */
static int read_preparation(preparation *p, prepared *how, bool *known, const lat_record *r, const int n[3], err *e)
{
	const json_t *object = json_object_get(r->header, "preparation");
	*known = json_is_object(object);
	*how = (prepared){.scale = 1, .to_source = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
	if (!*known)
		return preparation_parse(p, NULL, n, e);
	int code = preparation_parse(p, object, n, e);
	if (!code && memcmp(p->n, n, sizeof p->n))
		code = err_set(e, ERR_DATA, "voxels on another grid than the record's preparation says");
	/* a drawn scan has no way back */
	if (!code && json_object_get(object, "to_source"))
		code = prepared_parse(how, object, e);
	return code == ERR_CONFIG ? (e->code = ERR_DATA) : code;
}

/* Is the record's z of this model? */
static int check_model(const struct job *j, const lat_record *r, const lat_tensor *z, err *e)
{
	const char *identity = lat_model_identity(z, "autoencoder");
	const json_t *object = json_object_get(r->header, "preparation");
	const weights *w = &j->coder.w;
	preparation ours, theirs;
	if (cli_common.any_model)
		return 0;
	if (identity && strcmp(identity, w->identity))
		return err_set(e, ERR_DATA, "z is of another model (%.12s.., not %.12s..); --any-model takes it all the same", identity,
			       w->identity);
	if (!json_is_object(object))
		return 0;
	int code = preparation_parse(&ours, w->preparation, w->config.volume, e);
	if (!code)
		code = preparation_parse(&theirs, object, w->config.volume, e);
	if (!code && !preparation_same(&ours, &theirs))
		code = err_set(e, ERR_DATA, "prepared in another way than the model's; --any-model takes it all the same");
	return code;
}

static int read_source(nii_header *h, const lat_record *r, err *e)
{
	const json_t *text = json_object_get(json_object_get(r->header, "source"), "nifti");
	void *bytes = NULL;
	size_t n;
	if (!text)
		return err_set(e, ERR_DATA, "no header of a scan in the record, which --native needs");
	int code = json_to_bytes(text, &bytes, &n, e);
	if (!code)
		code = nii_header_parse(h, bytes, n, "source", e);
	free(bytes);
	return code;
}

/* ---- voxels ---- */

static int three(int n[3], const lat_tensor *t, int channels, err *e)
{
	char text[LAT_MAX_RANK * 21];
	bool good = t->rank == 4 && t->shape[0] == channels;
	for (int i = 0; good && i < 3; i++) {
		good = t->shape[i + 1] <= 4096;
		n[i] = (int)t->shape[i + 1];
	}
	lat_shape_text(t, text);
	return good ? 0 : err_set(e, ERR_DATA, "%s of %s is no volume of %d channels", t->name, text, channels);
}

/* x as the record holds it. */
static int take_voxels(volume *x, lat_record *r, err *e)
{
	lat_tensor *t;
	int n[3];
	int code = lat_need(r, "x", &t, e);
	if (!code)
		code = three(n, t, 1, e);
	if (code)
		return code;
	*x = (volume){.n = {n[0], n[1], n[2]}};
	return lat_floats(t, &x->v, e);
}

/* x from z through the decoder. */
static int decode(volume *x, struct job *j, lat_record *r, err *e)
{
	lat_tensor *t;
	float *z = NULL;
	int n[3];
	open_model(j);
	coder *k = &j->coder;
	int code = lat_need(r, "z", &t, e);
	if (!code)
		code = three(n, t, (int)k->z[0], e);
	if (!code)
		code = check_model(j, r, t, e);
	for (int i = 0; i < 3 && !code; i++)
		n[i] *= ae_factor(&k->w.config.autoencoder);
	if (!code)
		code = coder_shape(k, n, e);
	if (!code)
		code = lat_floats(t, &z, e);
	if (!code)
		code = volume_new(x, n, e);
	if (!code)
		code = coder_decode(k, x->v, z, e);
	free(z);
	return code;
}

/* ---- geometry ---- */

/* On the scan's own grid. */
static int make_native(struct result *out, const volume *x, const prepared *how, lat_record *r, err *e)
{
	int code = read_source(&out->header, r, e);
	if (code)
		return code;
	memcpy(out->v.n, out->header.n, sizeof out->v.n);
	memcpy(out->v.affine, out->header.affine, sizeof out->v.affine);
	return prepare_undo(&out->v, x, how, unit, e);
}

/* On the model's grid; x is taken over. */
static int make_grid(struct result *out, volume *x, const preparation *p, const prepared *how, bool known, lat_record *r, err *e)
{
	enum { MNI = 4 };
	double affine[3][4] = {{1.5, 0, 0, 0}, {0, 1.5, 0, 0}, {0, 0, 1.5, 0}};
	int form = 0, code = 0;
	preparation q = *p;
	prepared h = *how;
	if (known && p->kind == PREPARE_WORLD) {
		memcpy(affine, q.affine, sizeof affine);
		form = MNI;
	} else if (known && json_object_get(r->header, "source")) {
		nii_header source = {0};
		code = read_source(&source, r, e);
		affine_multiply(affine, source.affine, h.to_source);
		form = source.sform_code > 0 ? source.sform_code : source.qform_code > 0 ? source.qform_code : 0;
		nii_header_free(&source);
	}
	if (!code)
		code = nii_header_new(&out->header, x->n, affine, form, e);
	size_t count = volume_count(x->n);
	for (size_t i = 0; !code && !unit && i < count; i++)
		x->v[i] = (float)((double)x->v[i] * how->scale + how->offset);
	out->v = *x;
	x->v = NULL;
	return code;
}

static int make(struct result *out, struct job *j, lat_record *r, err *e)
{
	volume x = {.v = NULL};
	preparation p;
	prepared how;
	bool known;
	int code = grid_only ? take_voxels(&x, r, e) : decode(&x, j, r, e);
	if (!code)
		code = read_preparation(&p, &how, &known, r, x.n, e);
	if (!code && native && !json_object_get(json_object_get(r->header, "preparation"), "to_source"))
		code = err_set(e, ERR_DATA, "the record does not say how to go back to a scan's grid, which --native needs");
	if (!code)
		code = native ? make_native(out, &x, &how, r, e) : make_grid(out, &x, &p, &how, known, r, e);
	volume_free(&x);
	return code;
}

/* ---- records ---- */

static int write_result(const char *id, const struct result *res, err *e)
{
	char *path = NULL;
	nii_loss loss = {0};
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
	model_cost cost = {0};
	lat_tensor *t;
	int code = 0, n[3];
	if (!grid_only) {
		open_model(j);
		code = lat_need(r, "z", &t, e);
		if (!code)
			code = three(n, t, (int)j->coder.z[0], e);
		for (int i = 0; i < 3 && !code; i++)
			n[i] *= ae_factor(&j->coder.w.config.autoencoder);
		if (!code)
			code = coder_shape(&j->coder, n, e);
		if (!code)
			code = coder_plan(&cost, &j->coder, true, e);
	}
	if (!code)
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
	return code;
}

static int convert(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	struct result res = {.v = {.v = NULL}};
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
	free_result(&res);
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
	free_result(&j->one);
	free(j->id);
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct job j = {.many = strstr(cli_common.output, "{id}") != NULL};
	if (source_type && !native)
		cli_die(ERR_USAGE, "--source-type: needs --native");
	if (source_type && unit)
		cli_die(ERR_USAGE, "--source-type: is of no use with --unit");
	if (!cli_common.plan && !strcmp(cli_common.output, "-") && isatty(STDOUT_FILENO))
		cli_die(ERR_USAGE, "stdout: binary data does not go to a terminal (use -o FILE or a pipe)");
	omp_set_num_threads(cli_common.threads);
	j.seen = stream_ids_new();
	int status = stream_each(files, n, convert, finish, &j);
	stream_ids_free(j.seen);
	if (j.open)
		coder_close(&j.coder);
	return cli_done(status);
}
