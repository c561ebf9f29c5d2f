#include "probe/division.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/labels.h"

/* The fold of subject s, its name among the names. */
static int take_fold(division *d, const cases *c, size_t s, const label_table *t, err *e)
{
	bids_id who = bids_parse(c->names[s]);
	const char *value = NULL;
	int code = labels_find(t, &who, &value, NULL, e), k = 0;
	if (!code && tsv_missing(value))
		code = err_set(e, ERR_DATA, "%s: %s has no fold", t->table.path, c->names[s]);
	if (code)
		return code;
	while (k < d->k && strcmp(d->names[k], value))
		k++;
	d->fold[s] = k;
	if (k < d->k)
		return 0;
	d->k++;
	return mem_text(&d->names[k], value, e);
}

int division_read(division *d, const cases *c, const char *path, err *e)
{
	label_table t = { 0 };
	*d = (division){ 0 };
	int code = labels_read(&t, path, "fold", e);
	if (!code)
		code = mem_zero(&d->fold, c->subjects, sizeof *d->fold, "folds", e);
	if (!code)
		code = mem_zero(&d->names, c->subjects, sizeof *d->names, "folds", e);
	for (size_t s = 0; s < c->subjects && !code; s++)
		code = take_fold(d, c, s, &t, e);
	if (!code && d->k < 2)
		code = err_set(e, ERR_DATA, "%s: all subjects are in one fold", t.table.path);
	labels_free(&t);
	return code;
}

int division_draw(division *d, const cases *c, int k, bool classes, unsigned long seed, err *e)
{
	*d = (division){ .k = k };
	int code = mem_zero(&d->fold, c->subjects, sizeof *d->fold, "folds", e);
	if (!code)
		code = mem_zero(&d->names, (size_t)k, sizeof *d->names, "folds", e);
	for (int i = 0; i < k && !code; i++) {
		char name[16];
		snprintf(name, sizeof name, "%d", i + 1);
		code = mem_text(&d->names[i], name, e);
	}
	return code ? code : folds_make(d->fold, c, NULL, k, classes, seed, e);
}

void division_free(division *d)
{
	for (int i = 0; d->names && i < d->k; i++)
		free(d->names[i]);
	free(d->names);
	free(d->fold);
	*d = (division){ 0 };
}
