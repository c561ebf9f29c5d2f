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
	{ 'n', "slices", CLI_INT, &slices, "N", "slices of each plane", false },
	{ 'p', "planes", CLI_TEXT, &planes, "LETTERS", "planes in this order: a axial, c coronal, s sagittal", false },
	{ 's', "size", CLI_INT, &size, "PIXELS", "pixels of the longest side of a scan", false },
	{ 0, "low", CLI_REAL, &low, "V", "value that is black, instead of 0 or the least", false },
	{ 0, "high", CLI_REAL, &high, "V", "value that is white, instead of the 99.5th percentile of the first scan", false },
	{ 0, "contrast", CLI_REAL, &contrast, "C", "differences of 1/C of the way from black to white get the full colour", false },
	{ 0, "no-difference", CLI_FLAG, &no_difference, NULL, "no rows of differences", false },
	{ 0, "no-captions", CLI_FLAG, &no_captions, NULL, "no file names in the picture", false },
	{ 0, "overlay", CLI_TEXT, &overlay_name, "FILE", "draw this mask or map in colour over the first scan", false },
	{ 0, "contour", CLI_FLAG, &contour, NULL, "only the outline of the overlay, at half of its largest value", false },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii2png",
	.summary = "draw slices of scans",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT,
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
	if (slices < 1 || slices > 100)
		cli_die(ERR_USAGE, "--slices: %lld is not in 1..100", (long long)slices);
	if (size < 16 || size > 4096)
		cli_die(ERR_USAGE, "--size: %lld is not in 16..4096", (long long)size);
	if (!*planes || planes[strspn(planes, "acs")])
		cli_die(ERR_USAGE, "--planes: '%s' has other letters than a, c, s", planes);
	if (!(contrast > 0))
		cli_die(ERR_USAGE, "--contrast: %g is not positive", contrast);
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
	cli_spare_terminal();
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
