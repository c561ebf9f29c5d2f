/* lat-baseline: what the simplest methods make of scans, for comparison. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "baseline/baseline.h"
#include "cli/cli.h"
#include "cli/stream.h"

static const char *method, *train;
static int64_t components = CLI_NOT_GIVEN;

static const struct cli_option options[] = {
	{ 0, "method", CLI_TEXT, &method, "mean|nearest|pca|blocks", "what is done with a scan", true },
	{ 0, "train", CLI_TEXT, &train, "FILE", "the stream of scans to learn from", false },
	{ 'k', "components", CLI_INT, &components, "K", "principal components for pca and blocks", true },
	{ 0 },
};

static const struct cli tool = {
	"lat-baseline", "replace scans by what the mean, the nearest or principal components of others make of them", "[FILE...]", 0, -1,
	CLI_OUTPUT | CLI_HISTORY | CLI_KEEP_GOING, options,
};

/* x as floats [n], and its grid. */
static int voxels_of(lat_record *r, float **x, int n[3], err *e)
{
	lat_tensor *t;
	int code = lat_need(r, "x", &t, e);
	if (code)
		return code;
	if (t->rank != 4 || t->shape[0] != 1)
		return err_set(e, ERR_DATA, "x is no volume of one channel");
	for (int i = 0; i < 3; i++)
		n[i] = (int)t->shape[i + 1];
	return lat_floats(t, x, e);
}

static int same_grid(const int a[3], const int b[3], err *e)
{
	if (!memcmp(a, b, 3 * sizeof *a))
		return 0;
	return err_set(e, ERR_DATA, "a grid of %dx%dx%d, not of %dx%dx%d", b[0], b[1], b[2], a[0], a[1], a[2]);
}

struct pile {
	float *x;
	size_t cap, scans;
	int n[3];
};

static int pile_up(lat_record *r, void *with, bool *keep, err *e)
{
	struct pile *p = with;
	float *x = NULL;
	int n[3];
	(void)keep;
	int code = voxels_of(r, &x, n, e);
	if (!code && !p->scans)
		memcpy(p->n, n, sizeof p->n);
	if (!code)
		code = same_grid(p->n, n, e);
	size_t voxels = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
	if (!code)
		code = mem_grow(&p->x, &p->cap, (p->scans + 1) * voxels, sizeof *p->x, "scans", e);
	if (!code)
		memcpy(p->x + p->scans++ * voxels, x, voxels * sizeof *x);
	free(x);
	return code;
}

static int replace(lat_record *r, void *with, bool *keep, err *e)
{
	const baseline *b = with;
	float *x = NULL;
	int n[3];
	(void)keep;
	int code = voxels_of(r, &x, n, e);
	if (!code)
		code = same_grid(b->n, n, e);
	if (!code) {
		baseline_apply(b, x);
		code = lat_set_floats(r, "x", DTYPE_F32, 4, (int64_t[]){ 1, n[0], n[1], n[2] }, x, NULL, e);
	}
	lat_drop(r, "z");
	free(x);
	return code;
}

/* The enum's number of the method that was asked for. */
static enum baseline_method chosen(void)
{
	static const char *const names[] = { "mean", "nearest", "pca", "blocks" };
	int i = 0;
	if (!method || !train)
		cli_die(ERR_USAGE, "--method and --train are needed");
	while (strcmp(method, names[i]))
		i++;
	bool takes_k = i >= BASELINE_PCA, given = components != CLI_NOT_GIVEN;
	if (takes_k != given || (given && (components < 1 || components > 1 << 20)))
		cli_die(ERR_USAGE, takes_k ? "--components: a number from 1 is needed" : "--components is for pca and blocks");
	return (enum baseline_method)i;
}

int main(int argc, char **argv)
{
	struct pile p = { 0 };
	baseline b;
	err e;
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	enum baseline_method m = chosen();
	int code = stream_each((char *[]){ (char *)train }, 1, pile_up, NULL, &p);
	if (code)
		return cli_done(code);
	if (baseline_learn(&b, m, p.x, p.scans, p.n, components == CLI_NOT_GIVEN ? 0 : (int)components, &e)) {
		err_prefix(&e, "%s", train);
		cli_fail(&e);
	}
	code = stream_filter(files, n, replace, NULL, &b);
	baseline_free(&b);
	return cli_done(code);
}
