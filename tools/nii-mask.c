/* nii-mask: masks of scans: made, cleaned, applied, compared. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "format/json.h"
#include "nii/nii.h"
#include "volume/grid.h"
#include "volume/mask.h"
#include "volume/percentile.h"

static double above = 0, apart = NAN;
static bool largest, fill, lift, measure;
static const char *apply_name, *reference_name;

static const struct cli_option options[] = {
	{ 0, "above", "voxels greater than V are inside", .real = &above, .arg = "V" },
	{ 0, "apart", "voxels are inside that differ from the background by more than SHARE of the scan's range", .real = &apart,
	  .arg = "SHARE", .range = { .from = 0, .to = 1, .to_excluded = true } },
	{ 0, "largest", "keep the largest connected part", .flag = &largest },
	{ 0, "fill", "fill holes", .flag = &fill },
	{ 0, "apply", "write SCAN, 0 outside of the mask, instead of the mask", .file = &apply_name, .arg = "SCAN" },
	{ 0, "lift", "with --apply: SCAN less the value of its background, where that is not 0", .flag = &lift },
	{ 0, "measure", "print a table instead of writing a file", .flag = &measure },
	{ 0, "reference", "with --measure: compare with this scan on its grid", .file = &reference_name, .arg = "REF" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-mask",
	.summary = "make, clean, apply and compare masks",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.common = CLI_OUTPUT | CLI_JSON,
	.options = options,
};

static int make_mask(volume *mask, err *e)
{
	background b;
	int code = 0;
	if (isnan(apart))
		mask_above(mask->v, volume_count(mask->n), above);
	else if ((code = mask_background(&b, mask, e)))
		return code;
	else
		mask_apart(mask->v, volume_count(mask->n), &b, apart);
	code = largest ? mask_largest(mask->v, mask->n, e) : 0;
	return !code && fill ? mask_fill(mask->v, mask->n, e) : code;
}

/* What lies at 0 when the scan is lifted: its background, or the least of the values inside when many are less than that, as standardised
 * ones are. */
static int ground(double *level, const volume *scan, const volume *mask, err *e)
{
	/* of the values' reach: less is rounding; of the voxels inside: more are no noise */
	const double slight = .02, many = .1;
	background b;
	float *inside = NULL;
	size_t count = volume_count(scan->n), n = 0, below = 0;
	int code = mask_background(&b, scan, e);
	if (!code)
		code = mem_zero(&inside, count, sizeof *inside, "mask", e);
	if (code)
		return code;
	for (size_t i = 0; i < count; i++)
		if (mask->v[i] != 0) {
			inside[n++] = scan->v[i];
			below += (double)scan->v[i] < b.value - slight * b.reach;
		}
	if (n && (double)below > many * (double)n) {
		*level = percentile(inside, n, .001);
		cli_warn("%s: %.0f %% of the brain are darker than the background (standardised intensities?); %.6g becomes 0", apply_name,
			 100 * (double)below / (double)n, *level);
	} else if (fabs(b.value) > slight * b.reach) {
		*level = b.value;
		cli_warn("%s: the background is %.6g; it becomes 0", apply_name, b.value);
	}
	free(inside);
	return 0;
}

/* scan's voxels outside of the mask become 0. */
static int cut(volume *scan, volume *mask, err *e)
{
	const int *n = mask->n;
	if (memcmp(scan->n, n, sizeof scan->n))
		return err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, but the mask has %dx%dx%d", apply_name, scan->n[0], scan->n[1],
			       scan->n[2], n[0], n[1], n[2]);
	if (!affine_same(scan->affine, mask->affine))
		return err_set(e, ERR_DATA, "%s: lies elsewhere in space than the mask", apply_name);
	double level = 0;
	int code = lift ? ground(&level, scan, mask, e) : 0;
	size_t count = volume_count(n);
	for (size_t i = 0; i < count && !code; i++)
		scan->v[i] = mask->v[i] != 0 ? (float)((double)scan->v[i] - level) : 0;
	return code;
}

/* ---- figures ---- */

struct figures {
	double litres, dice, correlation; /* NAN: no reference, or not defined */
};

/* out: v's voxels on the grid of `like`. */
static int onto(volume *out, const volume *v, const volume *like, err *e)
{
	double map[3][4];
	volume from = *v, to = *like;
	if (!affine_inverse(map, from.affine))
		return err_set(e, ERR_DATA, "the affine cannot be inverted");
	affine_multiply(map, map, to.affine);
	int code = volume_new(out, to.n, e);
	return code ? code : grid_sample(out, map, v, GRID_FADE, e);
}

static int compare(struct figures *f, const volume *scan, const volume *mask, err *e)
{
	volume ref, s = { .v = NULL }, m = { .v = NULL };
	int code = scan_read(&ref, NULL, reference_name, e);
	if (code)
		return code;
	size_t count = volume_count(ref.n);
	code = onto(&m, mask, &ref, e);
	if (!code)
		code = onto(&s, scan, &ref, e);
	if (!code) {
		mask_above(m.v, count, .5);
		f->dice = mask_dice(m.v, ref.v, count);
		/* the scan as it is inside its own mask */
		for (size_t i = 0; i < count; i++)
			s.v[i] *= m.v[i];
		f->correlation = mask_correlation(s.v, ref.v, count);
	}
	volume_free(&ref);
	volume_free(&s);
	volume_free(&m);
	return code;
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void show(const char *path, const struct figures *f)
{
	if (cli_common.json) {
		json_t *o = json_pack("{s:o, s:o, s:o, s:o}", "file", json_name(path), "litres", number(f->litres), "dice", number(f->dice),
				      "correlation", number(f->correlation));
		char *text = o ? json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : NULL;
		if (!text)
			cli_die(ERR_OS, "no memory");
		puts(text);
		free(text);
		json_decref(o);
		return;
	}
	printf("file\tlitres\tdice\tcorrelation\n%s\t%.6g", path, f->litres);
	printf(isnan(f->dice) ? "\tn/a" : "\t%.6g", f->dice);
	printf(isnan(f->correlation) ? "\tn/a\n" : "\t%.6g\n", f->correlation);
}

static int figures_of(const char *path, const volume *scan, const volume *mask, err *e)
{
	struct figures f = { mask_litres(mask), NAN, NAN };
	int code = reference_name ? compare(&f, scan, mask, e) : 0;
	if (!code)
		show(path, &f);
	return code;
}

/* ---- files ---- */

static int work(const char *path, err *e)
{
	volume v, mask, scan = { .v = NULL };
	nii_header h = { 0 }, other = { 0 };
	/* to tell 16777217 from 16777216 */
	int code = fabs(above) >= 0x1p24 ? scan_read_exactly(&v, &h, path, e) : scan_read(&v, &h, path, e);
	if (code)
		return code;
	mask = v;
	mask.v = NULL;
	code = mem_zero(&mask.v, volume_count(v.n), sizeof *mask.v, path, e);
	if (!code) {
		memcpy(mask.v, v.v, volume_count(v.n) * sizeof *v.v);
		code = make_mask(&mask, e);
	}
	if (!code && apply_name)
		code = scan_read_exactly(&scan, &other, apply_name, e);
	if (!code && apply_name)
		code = cut(&scan, &mask, e);
	if (!code && measure)
		code = figures_of(path, &v, &mask, e);
	else if (!code && !apply_name)
		nii_header_mean(&h, &(nii_meaning){ 0 });
	if (!code && !measure)
		code = nii_write(cli_common.output, cli_common.force, apply_name ? &other : &h, apply_name ? &scan : &mask, false, NULL, e);
	volume_free(&v);
	volume_free(&mask);
	volume_free(&scan);
	nii_header_free(&h);
	nii_header_free(&other);
	return code;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	err e = { 0 };
	if (!isnan(apart) && above != 0)
		cli_die(ERR_USAGE, "--apart and --above: one of them");
	if (reference_name && !measure)
		cli_die(ERR_USAGE, "--reference: is for --measure");
	if (lift && !apply_name)
		cli_die(ERR_USAGE, "--lift: is for --apply");
	if (apply_name && measure)
		cli_die(ERR_USAGE, "--apply: writes a file, --measure none");
	if (!measure)
		cli_spare_terminal();
	cli_start_threads();
	if (work(files[0], &e))
		cli_fail(&e);
	return cli_done(0);
}
