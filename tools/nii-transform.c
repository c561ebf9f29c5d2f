/* nii-transform: where scans lie: moved by a matrix without new voxels, sampled on another grid. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "nii/nii.h"
#include "volume/grid.h"

static const char *linear_name, *template_name, *like_name;
static bool inverse;
static double spacing = NAN;

static const struct cli_option options[] = {
	{ 0, "linear", "move by the matrix in this text file, from old to new places in mm", .file = &linear_name, .arg = "MATRIX" },
	{ 0, "inverse", "by the inverse of that matrix", .flag = &inverse },
	{ 0, "template", "sample on the grid of this scan", .file = &template_name, .arg = "FILE" },
	{ 0, "spacing", "sample on a grid along right, front and up that holds the scan", .real = &spacing, .arg = "MM",
	  .range = { .from = 0, .to = INFINITY, .from_excluded = true } },
	{ 0, "like", "put the voxels under the header of this scan, which has as many", .file = &like_name, .arg = "FILE" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-transform",
	.summary = "move scans, and sample them on other grids",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.common = CLI_OUTPUT | CLI_BINARY,
	.options = options,
};

/* A scan and the header it will be written under. */
struct scan {
	volume v;
	nii_header h;
};

static void scan_free(struct scan *s)
{
	volume_free(&s->v);
	nii_header_free(&s->h);
}

/* Three rows of four numbers, and perhaps a fourth, 0 0 0 1; '#' begins a comment. */
static int read_matrix(double m[3][4], const char *path, err *e)
{
	char *text, *rest, *line;
	int numbers = 0;
	double all[16] = { [15] = 1 }, unused[3][4];
	int code = text_read(&text, path, 1 << 16, e);
	if (code)
		return code;
	rest = text;
	bool good = true;
	while (good && (line = text_line(&rest))) {
		char *end;
		line[strcspn(line, "#")] = 0;
		for (char *p = line; good && p[strspn(p, " \t")]; p = end) {
			double v = strtod(p, &end);
			good = end != p && numbers < 16 && isfinite(v);
			if (good)
				all[numbers++] = v;
		}
	}
	free(text);
	memcpy(m, all, sizeof(double[3][4]));
	good = good && (numbers == 12 || (numbers == 16 && !all[12] && !all[13] && !all[14] && all[15] == 1));
	return good && affine_inverse(unused, m) ? 0
						 : err_set(e, ERR_DATA, "%s: no matrix of 3x4 or 4x4 numbers that can be inverted", path);
}

static int move(struct scan *s, err *e)
{
	enum { ALIGNED = 2 };
	double m[3][4], to[3][4];
	int code = read_matrix(m, linear_name, e);
	if (code)
		return code;
	if (inverse)
		affine_inverse(m, m);
	affine_multiply(to, m, s->v.affine);
	memcpy(s->v.affine, to, sizeof to);
	return nii_header_place(&s->h, to, ALIGNED, e);
}

/* s becomes what grid_sample makes of it on the grid of `to`, which is taken over. */
static int sample(struct scan *s, struct scan *to, err *e)
{
	double map[3][4];
	if (!affine_inverse(map, s->v.affine))
		return err_set(e, ERR_DATA, "the affine cannot be inverted");
	affine_multiply(map, map, to->v.affine);
	int code = grid_sample(&to->v, map, &s->v, GRID_FADE, e);
	if (!code) {
		nii_header_mean(&to->h, &s->h.meaning);
		struct scan old = *s;
		*s = *to;
		*to = old;
	}
	return code;
}

static int to_template(struct scan *s, err *e)
{
	struct scan to = { .v = { .v = NULL } };
	int code = scan_read(&to.v, &to.h, template_name, e);
	if (!code)
		code = sample(s, &to, e);
	scan_free(&to);
	return code;
}

static int to_spacing(struct scan *s, err *e)
{
	double low[3] = { INFINITY, INFINITY, INFINITY }, high[3] = { -INFINITY, -INFINITY, -INFINITY }, affine[3][4] = { { 0 } },
	       voxels = 1;
	int n[3], form = s->h.sform_code > 0 ? s->h.sform_code : s->h.qform_code;
	struct scan to = { .v = { .v = NULL } };
	for (int corner = 0; corner < 8; corner++) {
		double at[3];
		for (int a = 0; a < 3; a++)
			at[a] = corner >> a & 1 ? s->v.n[a] - 1 : 0;
		affine_apply(at, s->v.affine, at);
		for (int a = 0; a < 3; a++) {
			low[a] = fmin(low[a], at[a]);
			high[a] = fmax(high[a], at[a]);
		}
	}
	for (int a = 0; a < 3; a++) {
		/* a rounding error in a header is no reason for one voxel more */
		double steps = ceil((high[a] - low[a]) / spacing - 1e-3);
		voxels *= steps + 1;
		if (!(voxels <= 1 << 30))
			return err_set(e, ERR_DATA, "--spacing: %g mm make too large a grid", spacing);
		n[a] = (int)steps + 1;
		affine[a][a] = spacing;
		affine[a][3] = low[a];
	}
	int code = nii_header_new(&to.h, n, affine, form > 0 ? form : 1, e);
	if (!code)
		code = volume_new(&to.v, n, e);
	if (!code) {
		memcpy(to.v.affine, affine, sizeof affine);
		code = sample(s, &to, e);
	}
	scan_free(&to);
	return code;
}

static int to_header(struct scan *s, err *e)
{
	volume v;
	nii_header h;
	int code = scan_read(&v, &h, like_name, e);
	if (code)
		return code;
	volume_free(&v);
	if (memcmp(h.n, s->h.n, sizeof h.n)) {
		code = err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, not %dx%dx%d", like_name, h.n[0], h.n[1], h.n[2], s->h.n[0], s->h.n[1],
			       s->h.n[2]);
		nii_header_free(&h);
		return code;
	}
	nii_header_mean(&h, &s->h.meaning);
	nii_header_free(&s->h);
	s->h = h;
	return 0;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	err e = { 0 };
	struct scan s = { .v = { .v = NULL } };
	if (inverse && !linear_name)
		cli_die(ERR_USAGE, "--inverse: of which matrix? (--linear)");
	if ((template_name != NULL) + !isnan(spacing) + (like_name != NULL) > 1)
		cli_die(ERR_USAGE, "--template, --spacing and --like: one of them");
	if (like_name && linear_name)
		cli_die(ERR_USAGE, "--like: takes the header's place, --linear changes it");
	cli_start_threads();
	/* sampled values are new ones, others are handed on as they are */
	bool sampled = template_name || !isnan(spacing);
	int code = sampled ? scan_read(&s.v, &s.h, files[0], &e) : scan_read_exactly(&s.v, &s.h, files[0], &e);
	if (!code && linear_name)
		code = move(&s, &e);
	if (!code && template_name)
		code = to_template(&s, &e);
	if (!code && !isnan(spacing))
		code = to_spacing(&s, &e);
	if (!code && like_name)
		code = to_header(&s, &e);
	if (!code)
		code = nii_write(cli_common.output, cli_common.force, &s.h, &s.v, false, NULL, &e);
	if (code)
		cli_fail(&e);
	scan_free(&s);
	return cli_done(0);
}
