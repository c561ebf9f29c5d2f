/* nii2png: slices of scans as a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "nii/nii.h"
#include "volume/percentile.h"
#include "volume/picture.h"

static int64_t slices = 3, size = 220;
static double low = NAN, high = NAN, contrast = 4;
static const char *planes = "acs", *overlay_name;
static bool no_difference, no_captions, contour;

static const struct cli_option options[] = {
	{ 'n', "slices", "slices of each plane", .integer = &slices, .arg = "N", .range = { .from = 1, .to = 100 } },
	{ 'p', "planes", "planes in this order: a axial, c coronal, s sagittal", .text = &planes, .arg = "LETTERS" },
	{ 's', "size", "pixels of the longest side of a scan", .integer = &size, .arg = "PIXELS", .range = { .from = 16, .to = 4096 } },
	{ 0, "low", "value that is black, instead of 0 or the least", .real = &low, .arg = "V" },
	{ 0, "high", "value that is white, instead of the 99.5th percentile of the first scan", .real = &high, .arg = "V" },
	{ 0, "contrast", "differences of 1/C of the way from black to white get the full colour", .real = &contrast, .arg = "C",
	  .range = { .from = 0, .to = INFINITY, .from_excluded = true } },
	{ 0, "no-difference", "no rows of differences", .flag = &no_difference },
	{ 0, "no-captions", "no file names in the picture", .flag = &no_captions },
	{ 0, "overlay", "draw this mask or map in colour over the first scan", .file = &overlay_name, .arg = "FILE" },
	{ 0, "contour", "only the outline of the overlay, at half of its largest value", .flag = &contour },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii2png",
	.summary = "draw slices of scans",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY,
	.options = options,
};

static void load(volume *v, const char *path)
{
	err e = { 0 };
	if (scan_read(v, NULL, path, &e))
		cli_fail(&e);
}

/* All scans have the greys of the first: says which cannot be seen by them. */
static void compare_units(const volume *first, const volume *v, const char *path)
{
	double a[2], b[2];
	err e = { 0 };
	if (span_of(a, first->v, volume_count(first->n), &e) || span_of(b, v->v, volume_count(v->n), &e))
		cli_fail(&e);
	double own = b[1] - b[0], greys = a[1] - a[0];
	if (own > 4 * greys || own < greys / 4)
		cli_warn("%s: its values, %.4g to %.4g, are drawn by the greys of the first scan's, %.4g to %.4g: in other units?", path,
			 b[0], b[1], a[0], a[1]);
}

static mosaic_options chosen(void)
{
	mosaic_options o = mosaic_default();
	if (!*planes || planes[strspn(planes, "acs")])
		cli_die(ERR_USAGE, "--planes: '%s' has other letters than a, c, s", planes);
	if (high <= low)
		cli_die(ERR_USAGE, "--high: %g is not above %g", high, low);
	o.slices = (int)slices;
	o.size = (int)size;
	o.planes = planes;
	o.low = low;
	o.high = high;
	o.contrast = contrast;
	o.difference = !no_difference;
	o.contour = contour;
	if (contour && !overlay_name)
		cli_die(ERR_USAGE, "--contour: of what? (--overlay)");
	return o;
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	mosaic_options o = chosen();
	err e = { 0 };
	volume *scans, overlay = { .v = NULL };
	const volume **pointers;
	const char **captions;
	picture p;
	cli_start_threads();
	if (mem_zero(&scans, (size_t)n, sizeof *scans, "scans", &e) || mem_zero(&pointers, (size_t)n, sizeof *pointers, "scans", &e) ||
	    mem_zero(&captions, (size_t)n, sizeof *captions, "scans", &e))
		cli_fail(&e);
	for (int i = 0; i < n; i++) {
		const char *slash = strrchr(files[i], '/');
		load(&scans[i], files[i]);
		pointers[i] = &scans[i];
		captions[i] = slash ? slash + 1 : files[i];
		if (i > 0 && isnan(high))
			compare_units(&scans[0], &scans[i], files[i]);
	}
	if (overlay_name) {
		load(&overlay, overlay_name);
		o.overlay = &overlay;
	}
	if (mosaic(&p, pointers, no_captions ? NULL : captions, n, &o, &e) || picture_write(cli_common.output, cli_common.force, &p, &e))
		cli_fail(&e);
	picture_free(&p);
	volume_free(&overlay);
	for (int i = 0; i < n; i++)
		volume_free(&scans[i]);
	free(scans);
	free(pointers);
	free(captions);
	return cli_done(0);
}
