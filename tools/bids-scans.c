/* bids-scans: the T1-weighted scans of a study, for pipelines. */
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "format/study.h"
#include "nii/nii.h"

static const char *list;
/* A header that cannot be read says nothing: whoever works on the scan will tell. */
static void measure(which_extent *size, const char *path)
{
	err e = { 0 };
	nii_extent(size->image, size->voxel, path, &e);
}

static study_choice choice = { .measure = measure };

static const struct cli_option options[] = {
	{ 0, "list", "instead of a folder: the scans that FILE names, a path a line", .file = &list, .arg = "FILE" },
	{ 0, "subjects", "these alone, separated by blanks or commas", .text = &choice.subjects, .arg = "LABELS" },
	{ 0, "sessions", "these alone", .text = &choice.sessions, .arg = "LABELS" },
	{ 0, "which", "these alone: scans that have these entities, such as acq-mprage", .text = &choice.which, .arg = "ENTITIES" },
	{ 0 },
};

static const struct cli tool = {
	.name = "bids-scans",
	.summary = "list the T1-weighted scans of a BIDS dataset",
	.operands = "[FOLDER]",
	.max = 1,
	.options = options,
};

static const char *or_na(const char *text) { return text && *text ? text : "n/a"; }

int main(int argc, char **argv)
{
	int n;
	char **folders = cli_parse(&tool, argc, argv, &n);
	study s;
	err e = { 0 };
	if ((n == 1) == !!list)
		cli_die(ERR_USAGE, "needs a folder or a --list");
	int code = list ? study_list(&s, list, &choice, &e) : study_find(&s, folders[0], &choice, &e);
	for (size_t i = 0; !code && i < s.noted; i++)
		cli_warn("%s", s.notes[i]);
	if (!code)
		puts("id\tparticipant_id\tsession_id\tmonths\tpath\treason");
	for (size_t i = 0; !code && i < s.n; i++) {
		const study_scan *t = &s.scans[i];
		char months[32] = "n/a";
		if (!isnan(t->months))
			snprintf(months, sizeof months, "%.6g", t->months);
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", t->id, t->who.participant, or_na(t->who.session), months, t->path, or_na(t->reason));
	}
	study_free(&s);
	if (code)
		cli_fail(&e);
	return cli_done(0);
}
