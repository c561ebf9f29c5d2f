/* nii-score: how alike scans are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "format/json.h"
#include "nii/nii.h"
#include "volume/percentile.h"
#include "volume/score.h"

static const char *mask_name, *list;
static int64_t window = 11;
static double range = NAN, least_ssim = NAN, least_ms_ssim = NAN, least_psnr = NAN, most_mse = NAN;

static const struct cli_option options[] = {
	{ 0, "mask", "SSIM, MSE and PSNR inside a mask: the nonzero voxels of FILE, or where REF is bright", .file = &mask_name,
	  .arg = "FILE|brain" },
	{ 0, "window", "width of SSIM's window in voxels; MS-SSIM's is 3", .integer = &window, .arg = "K",
	  .range = { .from = 1, .to = 4096 } },
	{ 0, "range", "range of the data, instead of 1 where REF is about 0 to 1, else of that of its values", .real = &range, .arg = "R",
	  .range = { .from = 0, .to = INFINITY, .from_excluded = true } },
	{ 0, "list", "also the pairs in FILE: REF, tab, IMG in each line", .file = &list, .arg = "FILE" },
	{ 0, "min-ssim", "exit 1 when an SSIM is below V", .real = &least_ssim, .arg = "V" },
	{ 0, "min-ms-ssim", "exit 1 when an MS-SSIM is below V", .real = &least_ms_ssim, .arg = "V" },
	{ 0, "min-psnr", "exit 1 when a PSNR is below V", .real = &least_psnr, .arg = "V" },
	{ 0, "max-mse", "exit 1 when an MSE is above V", .real = &most_mse, .arg = "V" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-score",
	.summary = "compare scans: SSIM, MS-SSIM, MSE, PSNR",
	.operands = "[REF IMG...]",
	.max = -1,
	.common = CLI_JSON | CLI_KEEP_GOING,
	.options = options,
};

/* A range fits values from LEAST to MOST of it, and 1 is taken for values from UNIT_LEAST. Scans in the model's units reach 1 by their own
 * 99.9th percentile; on the grid of 3 mm .69 to .97, and what a decoder makes of them .64 to 1. */
static const double MOST = 1.25, LEAST = .25, UNIT_LEAST = .5;

struct scores {
	double ssim, ms_ssim, mse, psnr; /* NAN: not defined for these volumes */
};

struct job {
	volume mask; /* of --mask FILE; v is NULL without */
	char *ref_name; /* of the reference that is loaded */
	volume ref;
	double range; /* for this reference; NAN: none is given, and its values have none */
	bool flat; /* it has one value everywhere */
	json_t *rows;
	bool below;
	int status;
};

static int same_grid(volume *a, volume *b, const char *name, err *e)
{
	if (memcmp(a->n, b->n, sizeof a->n))
		return err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, but the reference has %dx%dx%d", name, b->n[0], b->n[1], b->n[2], a->n[0],
			       a->n[1], a->n[2]);
	if (!affine_same(a->affine, b->affine))
		cli_warn("%s: lies elsewhere in space than the reference; compared voxel by voxel", name);
	return 0;
}

/* Says so when values lie beyond the range that they are judged by, or reach but a small part of it: then they are in other units. */
static void compare_span(const double span[2], const char *name, double r)
{
	double width = span[1] - span[0];
	if (width > MOST * r)
		cli_warn("%s: its values, %.4g to %.4g, lie beyond the range of %.4g: in other units?", name, span[0], span[1], r);
	else if (width < r * LEAST)
		cli_warn("%s: its values, %.4g to %.4g, are a small part of the range of %.4g: in other units?", name, span[0], span[1], r);
}

/* The range that SSIM and PSNR are relative to. Values of about 0 to 1 are the model's units, and scores comparable with others of its. */
static int choose_range(struct job *j, const char *name, err *e)
{
	double span[2];
	size_t count = volume_count(j->ref.n), i = 1;
	int code = span_of(span, j->ref.v, count, e);
	if (code)
		return code;
	while (i < count && j->ref.v[i] == j->ref.v[0])
		i++;
	j->flat = i == count;
	j->range = range;
	if (j->flat)
		cli_warn("%s: has the same value everywhere, %.6g: it has no SSIM", name, (double)j->ref.v[0]);
	else if (!isnan(range))
		compare_span(span, name, range);
	else if (span[1] - span[0] >= UNIT_LEAST && span[1] - span[0] <= MOST)
		j->range = 1;
	else if (span[1] > span[0])
		cli_warn("%s: the range is taken from its values, %.4g to %.4g: %.6g (--range gives another)", name, span[0], span[1],
			 j->range = span[1] - span[0]);
	return 0;
}

static int load_reference(struct job *j, const char *name, err *e)
{
	if (j->ref_name && !strcmp(j->ref_name, name))
		return 0;
	free(j->ref_name);
	j->ref_name = NULL;
	volume_free(&j->ref);
	int code = scan_read(&j->ref, NULL, name, e);
	if (!code && j->mask.v)
		code = same_grid(&j->ref, &j->mask, mask_name, e);
	if (!code)
		code = choose_range(j, name, e);
	return code ? code : mem_text(&j->ref_name, name, e);
}

/* SSIM, MSE and MS-SSIM of a reference that has a range. */
static int score(struct scores *s, struct job *j, const volume *img, const char *name, err *e)
{
	const volume *ref = &j->ref;
	bool brain = mask_name && !j->mask.v;
	float *bright = NULL;
	double span[2];
	ssim_result r;
	size_t count = volume_count(ref->n);
	int code = span_of(span, img->v, count, e);
	if (!code)
		code = score_ssim(&r, ref->v, img->v, j->mask.v, ref->n, (int)window, j->range, e);
	if (!code && brain)
		code = mem_zero(&bright, count, sizeof *bright, "mask", e);
	if (!code && brain)
		code = score_brain(bright, ref->v, ref->n, (int)window, j->range, e);
	if (!code) {
		compare_span(span, name, j->range);
		s->ssim = brain ? r.brain : j->mask.v ? r.masked : r.whole;
		s->mse = score_mse(ref->v, img->v, brain ? bright : j->mask.v, count);
		s->psnr = score_psnr(s->mse, j->range);
		/* small volumes have none */
		if (score_ms_ssim(&s->ms_ssim, ref->v, img->v, ref->n, j->range, NULL))
			s->ms_ssim = NAN;
	}
	free(bright);
	return code;
}

/* Of a reference with one value everywhere there is only the difference. */
static void score_flat(struct scores *s, const struct job *j, const volume *img)
{
	bool brain = mask_name && !j->mask.v;
	*s = (struct scores){ NAN, NAN, brain ? NAN : score_mse(j->ref.v, img->v, j->mask.v, volume_count(img->n)), NAN };
	s->psnr = score_psnr(s->mse, j->range);
}

/* ---- what is said ---- */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void print_number(double v)
{
	if (isnan(v))
		printf("\tn/a");
	else
		printf("\t%.6g", v);
}

static void show(struct job *j, const char *ref, const char *img, const struct scores *s)
{
	if (cli_common.json) {
		json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "ref", json_name(ref), "img", json_name(img), "ssim",
					number(s->ssim), "ms_ssim", number(s->ms_ssim), "mse", number(s->mse), "psnr", number(s->psnr));
		if (!row || json_array_append_new(j->rows, row))
			cli_die(ERR_OS, "no memory");
	} else {
		printf("%s\t%s", ref, img);
		print_number(s->ssim);
		print_number(s->ms_ssim);
		print_number(s->mse);
		print_number(s->psnr);
		putchar('\n');
	}
	/* written so that what is not defined does not pass */
	j->below |= (!isnan(least_ssim) && !(s->ssim >= least_ssim)) || (!isnan(least_ms_ssim) && !(s->ms_ssim >= least_ms_ssim)) ||
		    (!isnan(least_psnr) && !(s->psnr >= least_psnr)) || (!isnan(most_mse) && !(s->mse <= most_mse));
}

static void compare(struct job *j, const char *ref, const char *img)
{
	err e = { 0 };
	volume v = { .v = NULL };
	struct scores s;
	int code = load_reference(j, ref, &e);
	if (!code)
		code = scan_read(&v, NULL, img, &e);
	if (!code)
		code = same_grid(&j->ref, &v, img, &e);
	if (!code && j->flat)
		score_flat(&s, j, &v);
	else if (!code && score(&s, j, &v, img, &e))
		code = err_prefix(&e, "%s", img);
	if (!code && mask_name && isnan(s.mse) && !j->flat)
		cli_warn("%s: no voxel of it is inside the mask", ref);
	volume_free(&v);
	if (!code) {
		show(j, ref, img, &s);
	} else if (cli_may_skip(code)) {
		cli_warn("skipped: %s", e.text);
		j->status = ERR_DATA;
	} else {
		cli_fail(&e);
	}
}

static void compare_list(struct job *j)
{
	char *text, *rest, *line;
	err e = { 0 };
	cli_check(text_read(&text, list, 64 << 20, &e), &e);
	rest = text;
	while ((line = text_line(&rest))) {
		char *tab = strchr(line, '\t');
		if (!*line)
			continue;
		if (!tab || tab == line || !tab[1] || strchr(tab + 1, '\t'))
			cli_die(ERR_DATA, "%s: '%s' is not REF, tab, IMG", list, line);
		*tab = 0;
		compare(j, line, tab + 1);
	}
	free(text);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct job j = { .rows = NULL };
	err e = { 0 };
	if (n < 2 && !(n == 0 && list))
		cli_die(ERR_USAGE, "needs a reference and a scan to compare with it");
	cli_start_threads();
	if (mask_name && strcmp(mask_name, "brain") && scan_read(&j.mask, NULL, mask_name, &e))
		cli_fail(&e);
	if (!(j.rows = json_array()))
		cli_die(ERR_OS, "no memory");
	if (!cli_common.json)
		puts("ref\timg\tssim\tms_ssim\tmse\tpsnr");
	for (int i = 1; i < n; i++)
		compare(&j, files[0], files[i]);
	if (list)
		compare_list(&j);
	if (cli_common.json) {
		char *text = json_dumps(j.rows, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
		if (!text)
			cli_die(ERR_OS, "no memory");
		puts(text);
		free(text);
	}
	json_decref(j.rows);
	volume_free(&j.mask);
	volume_free(&j.ref);
	free(j.ref_name);
	return cli_done(j.status ? j.status : j.below ? ERR_DIFFERS : 0);
}
