/* nii-simulate: a scan as if regions of its brain had grown or shrunk, and as another scan of it would look. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "format/json.h"
#include "format/npy.h"
#include "nii/nii.h"
#include "simulate/atrophy.h"
#include "simulate/rounding.h"
#include "simulate/scanner.h"
#include "simulate/way.h"
#include "volume/percentile.h"

static const char *labels_name, *regions_name, *change_text, *fill_text, *rest_text, *warp_name, *to_labels_name, *volumes_name;
static double share = NAN, noise = 0;
static scanner settings;
static int64_t seed = 0;

#define AT_LEAST_0 .range = { .from = 0, .to = INFINITY }

static const struct cli_option options[] = {
	{ 0, "labels", "label map of the scan, on its grid", .file = &labels_name, .arg = "FILE" },
	{ 0, "regions", "table of names for sets of labels", .file = &regions_name, .arg = "FILE" },
	{ 0, "change", "percent by which volumes change: a list of REGION=PERCENT", .text = &change_text, .arg = "LIST", .result = true },
	{ 0, "fill", "what takes up how much of what regions lose: a list of REGION=SHARE", .text = &fill_text, .arg = "LIST",
	  .result = true },
	{ 0, "rest", "region that takes up what remains (default: fluid of the table if the scan has it, else label 0)", .text = &rest_text,
	  .arg = "REGION", .result = true },
	{ 0, "warp", "move the scan before, by this .npy file of displacements towards another shape", .file = &warp_name, .arg = "FILE" },
	{ 0, "share", "the part of that way (default 1)", .real = &share, .arg = "S", .range = { .from = 0, .to = 1 }, .result = true },
	{ 0, "noise", "sd of Rician noise, as a share of the scan's brightness", .real = &noise, .arg = "SHARE", AT_LEAST_0,
	  .result = true },
	{ 0, "bias", "sd of the log of a smooth field of sensitivity", .real = &settings.bias, .arg = "SD", AT_LEAST_0, .result = true },
	{ 0, "gain", "sd of the log of a factor", .real = &settings.gain, .arg = "SD", AT_LEAST_0, .result = true },
	{ 0, "jitter", "sd of a rigid movement of the head, mm", .real = &settings.jitter, .arg = "MM", AT_LEAST_0, .result = true },
	{ 0, "seed", "of what is drawn", .integer = &seed, .arg = "N", .range = { .from = 0, .to = INFINITY }, .result = true },
	{ 0, "to-labels", "write the label map of the result", .file = &to_labels_name, .arg = "FILE" },
	{ 0, "volumes", "write a table of volumes before and after, wanted and measured", .file = &volumes_name, .arg = "FILE" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-simulate",
	.summary = "grow and shrink regions of a brain, as a scanner would see it",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.common = CLI_OUTPUT | CLI_BINARY | CLI_JSON,
	.options = options,
};

struct work {
	const char *path;
	volume scan, labels;
	nii_header header, labels_header;
	label_map map;
	region_table regions;
	amounts changes, fills;
	region rest;
	pull towards; /* v NULL: none */
	atrophy_result found;
	way_extent extent; /* of the change alone */
};

/* ---- what comes in ---- */

static int same_grid(const struct work *w, err *e)
{
	const int *n = w->scan.n, *m = w->labels.n;
	if (memcmp(n, m, sizeof w->scan.n))
		return err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, but the scan has %dx%dx%d", labels_name, m[0], m[1], m[2], n[0], n[1],
			       n[2]);
	for (int i = 0; i < 12; i++)
		if (fabs(w->scan.affine[i / 4][i % 4] - w->labels.affine[i / 4][i % 4]) > 1e-3)
			return err_set(e, ERR_DATA, "%s: lies elsewhere in space than the scan", labels_name);
	return 0;
}

/* Without a label map all is label 0. */
static int read_labels(struct work *w, err *e)
{
	if (!labels_name) {
		int code = volume_new(&w->labels, w->scan.n, e);
		memcpy(w->labels.affine, w->scan.affine, sizeof w->labels.affine);
		return code ? code : label_map_new(&w->map, &w->labels, w->path, e);
	}
	int code = scan_read_exactly(&w->labels, &w->labels_header, labels_name, e);
	if (!code)
		code = same_grid(w, e);
	return code ? code : label_map_new(&w->map, &w->labels, labels_name, e);
}

/* How many of the region's labels the map has. */
static int present(const region *r, const label_map *m)
{
	int n = 0;
	for (int l = 0; l < m->count; l++)
		n += region_has(r, m->value[l]);
	return n;
}

/* A region of which much is not there is perhaps named by the numbers of another scheme. */
static void doubt(const region *r, const label_map *m)
{
	long all = 0;
	const int there = present(r, m);
	for (size_t i = 0; i < r->n; i++)
		all += r->ranges[i].to - r->ranges[i].from + 1;
	if (there && 2 * there <= all)
		cli_warn("%s: has only %d of the %ld labels of %s", labels_name, there, all, r->name);
}

static int read_regions(struct work *w, err *e)
{
	int code = region_table_read(&w->regions, regions_name, e);
	if (!code)
		code = amounts_parse(&w->changes, change_text, &w->regions, "--change", e);
	if (!code)
		code = amounts_parse(&w->fills, fill_text, &w->regions, "--fill", e);
	if (code)
		return code;
	const region *fluid = region_table_find(&w->regions, "fluid");
	const char *rest = rest_text ? rest_text : fluid && present(fluid, &w->map) ? "fluid" : "0";
	for (size_t i = 0; i < w->changes.n; i++)
		doubt(&w->changes.all[i].of, &w->map);
	for (size_t i = 0; i < w->fills.n; i++)
		doubt(&w->fills.all[i].of, &w->map);
	return region_parse(&w->rest, rest, &w->regions, "--rest", e);
}

/* From the scan's own shape, with no displacement, towards that of the file. */
static int read_warp(struct work *w, err *e)
{
	infile *f = NULL;
	npy_array a = { .data = NULL };
	float *none = NULL;
	int code = in_open(&f, warp_name, e), spacing = 0;
	if (!code)
		code = npy_read(&a, f, e);
	in_close(f);
	if (!code)
		spacing = a.rank == 4 && a.dtype == DTYPE_F32 ? warp_spacing(a.shape, w->scan.n) : 0;
	if (!code && !spacing)
		code = err_set(e, ERR_DATA, "%s: no float32 array of 3 displacements at every so many voxels of %dx%dx%d", warp_name,
			       w->scan.n[0], w->scan.n[1], w->scan.n[2]);
	for (int64_t i = 0; i < a.elements && !code; i++)
		if (!isfinite(((const float *)a.data)[i]))
			code = err_set(e, ERR_DATA, "%s: holds numbers that are not finite", warp_name);
	if (!code)
		code = mem_zero(&none, (size_t)a.elements, sizeof *none, "warp", e);
	if (!code)
		code = pull_new(&w->towards, w->scan.n, spacing, none, a.data, isnan(share) ? 1 : share, e);
	free(none);
	free(a.data);
	return code;
}

/* --noise is a share of the brightness; magnitudes are not below 0. */
static int set_noise(const struct work *w, err *e)
{
	double span[2];
	int code = span_of(span, w->scan.v, volume_count(w->scan.n), e);
	if (!code && noise > 0 && span[0] < -.02 * span[1])
		return err_set(e, ERR_DATA, "%s: has values down to %.4g; Rician noise is of magnitudes, which are not below 0", w->path,
			       span[0]);
	settings.noise = noise * span[1];
	return code;
}

/* ---- what is found ---- */

static int solve(struct work *w, err *e)
{
	const pull *towards = w->towards.v ? &w->towards : NULL;
	const atrophy a = { .map = &w->map, .towards = towards, .changes = &w->changes, .fills = &w->fills, .rest = &w->rest };
	way_extent whole;
	affine_spacing((double *)a.mm, w->scan.affine);
	int code = atrophy_solve(&w->found, &a, e);
	if (code)
		return err_prefix(e, "%s", labels_name);
	cli_note("%s: %d rounds", w->path, w->found.rounds);
	for (size_t i = 0; i < w->found.n; i++) {
		const atrophy_part *p = &w->found.parts[i];
		if (fabs(p->after - p->wanted) > .03 * fmax(fabs(p->wanted - p->before), .01 * p->before))
			cli_warn("%s: %s: has %.4g ml after %d rounds instead of %.4g: the change is too large for its shape", w->path,
				 p->of->name, p->after, w->found.rounds, p->wanted);
	}
	code = way_measure(&w->extent, &(way){ .by = &w->found.by }, &w->map, w->found.labels, e);
	if (code)
		return code;
	code = way_measure(&whole, &(way){ .by = &w->found.by, .towards = towards }, &w->map, w->found.labels, e);
	if (!code && (w->extent.folded || whole.folded))
		code = err_set(e, ERR_DATA, "%s: %s would fold space at %zu voxels: ask for less", w->path,
			       w->extent.folded ? "the change" : "--warp", w->extent.folded ? w->extent.folded : whole.folded);
	way_extent_free(&whole);
	return code;
}

/* ---- the table ---- */

struct row {
	const char *name;
	double before, wanted, after, least, most; /* NAN: not known */
};

static struct row row_of(const struct work *w, const region *r)
{
	struct row row = { .name = r->name, .wanted = NAN, .least = INFINITY, .most = 0 };
	for (int l = 0; l < w->map.count; l++) {
		if (!region_has(r, w->map.value[l]))
			continue;
		row.before += w->found.before[l];
		row.after += w->found.after[l];
		row.least = fmin(row.least, w->extent.least[l]);
		row.most = fmax(row.most, w->extent.most[l]);
	}
	for (size_t i = 0; i < w->found.n; i++)
		if (!strcmp(w->found.parts[i].of->name, r->name))
			row.wanted = w->found.parts[i].wanted;
	if (!(row.most > 0))
		row.least = row.most = NAN;
	return row;
}

/* Regions asked for, those of the table, the rest and all; each name once. Freed with free(). */
static int rows_of(struct row **rows, size_t *n, const struct work *w, err *e)
{
	static struct label_range everything = { 0, LABELS_LARGEST };
	const region all = { .name = "all", .ranges = &everything, .n = 1 };
	const size_t asked = w->found.n, most = asked + w->regions.n + 2;
	int code = mem_zero(rows, most, sizeof **rows, "table", e);
	*n = 0;
	for (size_t i = 0; i < most && !code; i++) {
		const region *r = i < asked	 ? w->found.parts[i].of
				  : i < most - 2 ? &w->regions.all[i - asked]
				  : i < most - 1 ? &w->rest
						 : &all;
		bool twice = false;
		for (size_t j = 0; j < *n; j++)
			twice |= !strcmp((*rows)[j].name, r->name);
		if (!twice)
			(*rows)[(*n)++] = row_of(w, r);
		if (i == most - 1 && !twice)
			(*rows)[*n - 1].name = "all";
	}
	return code;
}

static const char *const columns[] = { "before_ml", "wanted_ml", "after_ml", "least_jacobian", "most_jacobian" };
enum { COLUMNS = sizeof columns / sizeof *columns };

static void numbers(double out[COLUMNS], const struct row *r)
{
	memcpy(out, (const double[COLUMNS]){ r->before, r->wanted, r->after, r->least, r->most }, COLUMNS * sizeof *out);
}

static char *as_json(const struct row *rows, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n && list; i++) {
		double v[COLUMNS];
		json_t *o = json_pack("{s:s}", "region", rows[i].name);
		numbers(v, &rows[i]);
		for (int c = 0; c < COLUMNS && o; c++)
			json_object_set_new(o, columns[c], isfinite(v[c]) ? json_real(v[c]) : json_null());
		json_array_append_new(list, o);
	}
	char *text = list ? json_dumps(list, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(list);
	return text;
}

static char *as_tsv(const struct row *rows, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	fputs("region", f);
	for (int c = 0; c < COLUMNS; c++)
		fprintf(f, "\t%s", columns[c]);
	for (size_t i = 0; i < n; i++) {
		double v[COLUMNS];
		numbers(v, &rows[i]);
		fprintf(f, "\n%s", rows[i].name);
		for (int c = 0; c < COLUMNS; c++)
			if (isfinite(v[c]))
				fprintf(f, "\t%.6g", v[c]);
			else
				fputs("\tn/a", f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_volumes(const struct work *w, err *e)
{
	struct row *rows = NULL;
	size_t n;
	outfile *f = NULL;
	int code = rows_of(&rows, &n, w, e);
	char *text = code ? NULL : cli_common.json ? as_json(rows, n) : as_tsv(rows, n);
	if (!code && !text)
		code = err_set(e, ERR_OS, "no memory for the table");
	if (!code)
		code = out_open(&f, volumes_name, cli_common.force, e);
	if (!code)
		code = out_write(f, text, strlen(text), e);
	if (!code)
		code = out_write(f, "\n", 1, e);
	if (!code)
		code = out_commit(f, e);
	else
		out_abort(f);
	free(text);
	free(rows);
	return code;
}

/* ---- what goes out ---- */

static int write_labels(const struct work *w, const way *back, err *e)
{
	uint16_t *at = NULL;
	double *voxels = NULL;
	const size_t count = volume_count(w->map.n);
	volume v = { .v = NULL };
	int code = mem_zero(&at, count, sizeof *at, "labels", e);
	if (!code)
		code = mem_zero(&voxels, (size_t)w->map.count, sizeof *voxels, "labels", e);
	if (!code)
		code = volume_new(&v, w->map.n, e);
	for (int l = 0; l < w->map.count && !code; l++)
		voxels[l] = w->found.after[l] / w->map.voxel;
	if (!code)
		code = rounded_labels(at, back, &w->map, voxels, e);
	if (!code) {
		for (size_t i = 0; i < count; i++)
			v.v[i] = (float)w->map.value[at[i]];
		code = nii_write(to_labels_name, cli_common.force, &w->labels_header, &v, true, NULL, e);
	}
	free(at);
	free(voxels);
	volume_free(&v);
	return code;
}

static int write_all(struct work *w, err *e)
{
	const philox r = philox_make((uint64_t)seed, philox_hash("nii-simulate"));
	double turn[3][4];
	way back = { .by = &w->found.by, .towards = w->towards.v ? &w->towards : NULL };
	volume made;
	if (settings.jitter > 0) {
		if (!scanner_move(turn, &w->scan, &settings, r))
			return err_set(e, ERR_DATA, "%s: the affine cannot be inverted", w->path);
		back.turn = (const double(*)[4])turn;
	}
	int code = volume_new(&made, w->scan.n, e);
	if (code)
		return code;
	way_scan(&made, &back, &w->scan);
	code = scanner_expose(&made, &settings, r, e);
	if (!code && to_labels_name)
		code = write_labels(w, &back, e);
	if (!code && volumes_name)
		code = write_volumes(w, e);
	if (!code)
		code = nii_write(cli_common.output, cli_common.force, &w->header, &made, false, NULL, e);
	volume_free(&made);
	return code;
}

static int work(struct work *w, err *e)
{
	int code = scan_read(&w->scan, &w->header, w->path, e);
	if (!code)
		code = read_labels(w, e);
	if (!code)
		code = read_regions(w, e);
	if (!code && warp_name)
		code = read_warp(w, e);
	if (!code)
		code = set_noise(w, e);
	if (!code)
		code = solve(w, e);
	return code ? code : write_all(w, e);
}

static void release(struct work *w)
{
	volume_free(&w->scan);
	volume_free(&w->labels);
	nii_header_free(&w->header);
	nii_header_free(&w->labels_header);
	label_map_free(&w->map);
	region_table_free(&w->regions);
	amounts_free(&w->changes);
	amounts_free(&w->fills);
	region_free(&w->rest);
	pull_free(&w->towards);
	atrophy_free(&w->found);
	way_extent_free(&w->extent);
}

static void check_options(void)
{
	const char *const names[] = { "--regions", "--change", "--fill", "--rest", "--to-labels", "--volumes" };
	const char *const given[] = { regions_name, change_text, fill_text, rest_text, to_labels_name, volumes_name };
	err e = { 0 };
	for (int i = 0; i < 6; i++)
		if (given[i] && !labels_name)
			cli_die(ERR_USAGE, "%s: needs the scan's label map (--labels)", names[i]);
	if ((fill_text || rest_text) && !change_text)
		cli_die(ERR_USAGE, "%s: of which change? (--change)", fill_text ? "--fill" : "--rest");
	if (!isnan(share) && !warp_name)
		cli_die(ERR_USAGE, "--share: of which way? (--warp)");
	if (volumes_name && !strcmp(volumes_name, "-") && !strcmp(cli_common.output, "-"))
		cli_die(ERR_USAGE, "--volumes: to stdout, as the scan? (-o)");
	if (to_labels_name && !strcmp(to_labels_name, "-"))
		cli_die(ERR_USAGE, "--to-labels: needs the name of a file");
	for (int i = 4; i < 6; i++)
		if (given[i])
			cli_check(out_check(given[i], cli_common.force, &e), &e);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	err e = { 0 };
	struct work w = { .path = files[0] };
	check_options();
	cli_start_threads();
	if (work(&w, &e))
		cli_fail(&e);
	release(&w);
	return cli_done(0);
}
