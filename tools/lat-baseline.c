/* lat-baseline: what the simplest methods make of scans, for comparison. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "baseline/baseline.h"
#include "cli/cli.h"
#include "cli/stream.h"

/* Of blocks: their components come from matrices of side^3 x side^3 numbers. */
enum { MAX_SIDE = 16 };

static const char *method, *train, *name = "x";
static bool code_only;
static int64_t components = CLI_NOT_GIVEN, block = CLI_NOT_GIVEN;

/* In the order of enum baseline_method. */
static const char *const methods[] = { "mean", "nearest", "pca", "blocks", NULL };

static const struct cli_option options[] = {
	{ 0, "method", "what is done with a scan", .text = &method, .choices = methods, .result = true },
	{ 0, "train", "the stream of scans to learn from", .file = &train, .arg = "FILE" },
	{ 'k', "components", "principal components for pca and blocks", .integer = &components, .arg = "K",
	  .range = { .from = 1, .to = 1 << 20 }, .result = true },
	{ 0, "block", "voxels along a side of the blocks; 4 when not given", .integer = &block, .arg = "SIDE",
	  .range = { .from = 1, .to = MAX_SIDE }, .result = true },
	{ 'n', "name", "the tensor that is the scan: x, or the latent z", .text = &name, .arg = "NAME", .result = true },
	{ 0, "code", "with pca: put the K numbers into y, and leave the scan as it is", .flag = &code_only, .result = true },
	{ 0 },
};

static const struct cli tool = {
	.name = "lat-baseline",
	.summary = "replace scans by what the mean, the nearest or principal components of others make of them",
	.operands = "[FILE...]",
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_HISTORY | CLI_KEEP_GOING,
	.options = options,
};

struct pile {
	float *x;
	size_t cap, scans;
	lat_tensor like; /* what all scans are like: rank and shape of the first */
};

/* The scan as floats, when it is like the others. */
static int scan_of(lat_record *r, lat_tensor **t, float **x, const lat_tensor *like, err *e)
{
	char is[LAT_MAX_RANK * 21];
	int code = lat_need(r, name, t, e);
	if (code)
		return code;
	lat_shape_text(*t, is);
	if ((*t)->rank != 4 || (!strcmp(name, "x") && (*t)->shape[0] != 1) || (*t)->elements > INT_MAX)
		return err_set(e, ERR_DATA, "%s of %s is no volume", name, is);
	code = lat_shaped_like(*t, like, e);
	return code ? code : lat_floats(*t, x, e);
}

static int pile_up(lat_record *r, void *with, bool *keep, err *e)
{
	struct pile *p = with;
	lat_tensor *t;
	float *x = NULL;
	(void)keep;
	int code = scan_of(r, &t, &x, &p->like, e);
	if (code)
		return code;
	p->like.rank = t->rank;
	memcpy(p->like.shape, t->shape, sizeof t->shape);
	size_t voxels = (size_t)t->elements;
	code = mem_grow(&p->x, &p->cap, (p->scans + 1) * voxels, sizeof *p->x, "scans", e);
	if (!code)
		memcpy(p->x + p->scans++ * voxels, x, voxels * sizeof *x);
	free(x);
	return code;
}

struct job {
	baseline b;
	lat_tensor like;
	double *score; /* --code: [K] */
	float *y;
};

static int put_code(lat_record *r, struct job *j, const float *x, err *e)
{
	int k = j->b.components.k;
	pca_scores(&j->b.components, j->score, x);
	for (int i = 0; i < k; i++)
		j->y[i] = (float)j->score[i];
	return lat_set_floats(r, "y", DTYPE_F32, 1, (int64_t[]){ k }, j->y, NULL, e);
}

static int replace(lat_record *r, void *with, bool *keep, err *e)
{
	struct job *j = with;
	lat_tensor *t;
	float *x = NULL;
	(void)keep;
	int code = scan_of(r, &t, &x, &j->like, e);
	if (!code && code_only) {
		code = put_code(r, j, x, e);
	} else if (!code) {
		code = baseline_apply(&j->b, x, e);
		if (!code)
			code = lat_replace(t, x, e);
		/* the other one is no longer true */
		lat_drop(r, strcmp(name, "x") ? "x" : "z");
	}
	free(x);
	return code;
}

static int64_t block_side(void) { return block == CLI_NOT_GIVEN ? 4 : block; }

/* The enum's number of the method that was asked for. */
static enum baseline_method chosen(void)
{
	int i = 0;
	if (!method || !train)
		cli_die(ERR_USAGE, "--method and --train are needed");
	while (strcmp(method, methods[i]))
		i++;
	bool takes_k = i >= BASELINE_PCA, given = components != CLI_NOT_GIVEN;
	if (takes_k != given)
		cli_die(ERR_USAGE, takes_k ? "--components is needed for pca and blocks" : "--components is for pca and blocks");
	if (i == BASELINE_BLOCKS && strcmp(name, "x"))
		cli_die(ERR_USAGE, "--name: blocks are of x");
	int64_t side = block_side();
	if (block != CLI_NOT_GIVEN && i != BASELINE_BLOCKS)
		cli_die(ERR_USAGE, "--block is for blocks");
	if (i == BASELINE_BLOCKS && components > side * side * side)
		cli_die(ERR_USAGE, "--components: blocks of %lldx%lldx%lld voxels have %lld at most", (long long)side, (long long)side,
			(long long)side, (long long)(side * side * side));
	if (i != BASELINE_PCA && code_only)
		cli_die(ERR_USAGE, "--code: only pca makes one");
	return (enum baseline_method)i;
}

int main(int argc, char **argv)
{
	struct pile p = { .scans = 0 };
	struct job j = { .score = NULL };
	err e;
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	enum baseline_method m = chosen();
	int code = stream_each((char *[]){ (char *)train }, 1, pile_up, NULL, &p);
	if (code)
		return cli_done(code);
	int k = components == CLI_NOT_GIVEN ? 0 : (int)components;
	j.like = p.like;
	const int64_t *shape = p.like.shape;
	/* channels one behind the other: methods other than blocks do not ask what is beside what */
	int grid[3] = { (int)(shape[0] * shape[1]), (int)shape[2], (int)shape[3] };
	if (baseline_learn(&j.b, m, p.x, p.scans, grid, k, (int)block_side(), &e)) {
		err_prefix(&e, "%s", train);
		cli_fail(&e);
	}
	if (mem_zero(&j.score, (size_t)k, sizeof *j.score, "codes", &e) || mem_zero(&j.y, (size_t)k, sizeof *j.y, "codes", &e))
		cli_fail(&e);
	code = stream_filter(files, n, replace, NULL, &j);
	baseline_free(&j.b);
	free(j.score);
	free(j.y);
	return cli_done(code);
}
