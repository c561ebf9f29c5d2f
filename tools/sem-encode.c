/* sem-encode: semantic codes of scans. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/network.h"
#include "cli/stream.h"
#include "model/encoder.h"
#include "volume/prepare.h"

static const char *const needed_weights[] = { "semantic", NULL };

static const struct cli tool = {
	.name = "sem-encode",
	.summary = "add the semantic code of each record's voxels",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_MODEL | CLI_HISTORY | CLI_KEEP_GOING | CLI_PLAN | CLI_MATH,
	.weights = needed_weights,
};

static void open_model(encoder *k)
{
	err e = { 0 };
	if (encoder_open(k, cli_common.model, cli_math(), cli_common.threads, &e))
		cli_fail(&e);
	cli_note_identity(&k->net.w);
}

/* Were the record's voxels prepared as the model wants them? Voxels from outside do not say. */
static int check_preparation(const encoder *k, const lat_record *r, const lat_tensor *x, err *e)
{
	const json_t *object = json_object_get(r->header, "preparation");
	preparation ours;
	if (cli_common.any_model || !json_is_object(object))
		return 0;
	int code = preparation_parse(&ours, k->net.w.preparation, k->net.w.config.volume, e);
	if (!code)
		code = preparation_check(&ours, object, e);
	if (code)
		return code;
	const int64_t grid[4] = { 1, ours.n[0], ours.n[1], ours.n[2] };
	if (!lat_has_shape(x, 4, grid))
		return err_set(e, ERR_DATA, "x is on another grid than the record's preparation says");
	return 0;
}

/* The record's x, checked, and the encoder set to its grid. */
static int find_voxels(lat_tensor **x, encoder *k, lat_record *r, err *e)
{
	int n[3];
	int code = lat_need(r, "x", x, e);
	if (!code)
		code = lat_grid(n, *x, 1, e);
	if (!code)
		code = check_preparation(k, r, *x, e);
	return code ? code : err_as(e, encoder_shape(k, n, e), ERR_CONFIG, ERR_DATA);
}

static int encode(lat_record *r, void *with, bool *keep, err *e)
{
	encoder *k = with;
	lat_tensor *t;
	float *x = NULL, *y = NULL;
	const maker ours = weights_maker(&k->net.w);
	(void)keep;
	int code = find_voxels(&t, k, r, e);
	if (!code)
		code = lat_floats(t, &x, e);
	if (!code)
		code = mem_zero(&y, (size_t)k->y, sizeof *y, "code", e);
	if (!code)
		code = encoder_code(k, y, x, e);
	if (!code)
		code = lat_set_floats(r, "y", DTYPE_F32, 1, (int64_t[]){ k->y }, y, &t, e);
	if (!code)
		code = maker_put(t, &ours, e);
	free(x);
	free(y);
	return code;
}

static int print_plan(lat_record *r, void *with, bool *keep, err *e)
{
	encoder *k = with;
	lat_tensor *t;
	model_cost cost = { 0 };
	(void)keep;
	int code = find_voxels(&t, k, r, e);
	if (!code)
		code = encoder_plan(&cost, k, e);
	if (!code)
		cli_print_plan(cost.flop, cost.bytes, cost.seconds);
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	encoder k;
	cli_start_threads();
	open_model(&k);
	int status = cli_common.plan ? stream_each(files, n, print_plan, NULL, &k) : stream_filter(files, n, encode, NULL, &k);
	encoder_close(&k);
	return cli_done(status);
}
