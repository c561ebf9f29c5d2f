/* nii-volumes: volumes of the regions of label maps. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "format/json.h"
#include "nii/nii.h"
#include "simulate/labels.h"

static const char *regions_name, *weight_name;

static const struct cli_option options[] = {
	{ 0, "regions", "table of names for sets of labels", .file = &regions_name, .arg = "FILE" },
	{ 0, "weight", "a map on the same grid: as much as each voxel counts", .file = &weight_name, .arg = "MAP" },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-volumes",
	.summary = "measure the volumes of the regions of label maps",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_JSON | CLI_KEEP_GOING,
	.options = options,
};

/* The map of weights, on the grid of the labels v, which lie in `path`. */
static int read_weight(volume *weight, volume *v, const char *path, err *e)
{
	const int *n = v->n, *m = weight->n;
	int code = scan_read(weight, NULL, weight_name, e);
	if (!code && (n[0] != m[0] || n[1] != m[1] || n[2] != m[2]))
		code = err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, but %s has %dx%dx%d", weight_name, m[0], m[1], m[2], path, n[0], n[1],
			       n[2]);
	if (!code && !affine_same(v->affine, weight->affine))
		code = err_set(e, ERR_DATA, "%s: lies elsewhere in space than %s", weight_name, path);
	return code;
}

/* ml [map->count] of each label. */
static int measure(double **ml, const label_map *map, const volume *weight, err *e)
{
	const size_t count = volume_count(map->n);
	int code = mem_zero(ml, (size_t)map->count, sizeof **ml, "volumes", e);
	for (size_t i = 0; i < count && !code; i++)
		(*ml)[map->at[i]] += weight->v ? map->voxel * (double)weight->v[i] : map->voxel;
	return code;
}

static void show(const char *path, const char *name, double ml, json_t *list)
{
	static bool headed;
	if (cli_common.json) {
		json_array_append_new(list, json_pack("{s:o, s:s, s:f}", "file", json_name(path), "region", name, "ml", ml));
		return;
	}
	if (!headed)
		puts("file\tregion\tml");
	headed = true;
	printf("%s\t%s\t%.6g\n", path, name, ml);
}

/* The regions of the table, else each label but 0. */
static int show_all(const char *path, const label_map *map, const double *ml, json_t *list, err *e)
{
	region_table t;
	int code = region_table_read(&t, regions_name, e);
	for (size_t i = 0; i < t.n && !code; i++) {
		double sum = 0;
		bool there = false;
		for (int l = 0; l < map->count; l++)
			if (region_has(&t.all[i], map->value[l])) {
				sum += ml[l];
				there = true;
			}
		if (!there)
			cli_warn("%s: has none of the labels of %s", path, t.all[i].name);
		show(path, t.all[i].name, sum, list);
	}
	for (int l = 0; l < map->count && !regions_name && !code; l++) {
		char name[16];
		snprintf(name, sizeof name, "%d", map->value[l]);
		if (map->value[l])
			show(path, name, ml[l], list);
	}
	region_table_free(&t);
	return code;
}

static int work(const char *path, json_t *list, err *e)
{
	volume labels, weight = { .v = NULL };
	label_map map = { .at = NULL };
	double *ml = NULL;
	int code = scan_read_exactly(&labels, NULL, path, e);
	if (code)
		return code;
	code = label_map_new(&map, &labels, path, e);
	if (!code && weight_name)
		code = read_weight(&weight, &labels, path, e);
	if (!code)
		code = measure(&ml, &map, &weight, e);
	if (!code)
		code = show_all(path, &map, ml, list, e);
	free(ml);
	label_map_free(&map);
	volume_free(&labels);
	volume_free(&weight);
	return code;
}

int main(int argc, char **argv)
{
	int n, status = 0;
	char **files = cli_parse(&tool, argc, argv, &n);
	json_t *list = json_array();
	cli_start_threads();
	for (int i = 0; i < n; i++) {
		err e = { 0 };
		int code = work(files[i], list, &e);
		if (code && !(cli_common.keep_going && cli_may_skip(code)))
			cli_fail(&e);
		if (code) {
			cli_warn("%s (skipped)", e.text);
			status = ERR_DATA;
		}
	}
	char *text = cli_common.json ? json_dumps(list, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : NULL;
	if (cli_common.json && !text)
		cli_die(ERR_OS, "no memory");
	if (text)
		puts(text);
	free(text);
	json_decref(list);
	return cli_done(status);
}
