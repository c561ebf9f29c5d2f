/* The T1-weighted scans of a study: of a folder that is laid out as BIDS says, or of a list of files. */
#ifndef FORMAT_STUDY_H
#define FORMAT_STUDY_H

#include <stddef.h>

#include "base/err.h"
#include "format/bids.h"
#include "format/which.h"

typedef struct study_scan {
	char *id; /* of the record: the file's name without .nii(.gz) */
	bids_id who;
	double months; /* since the first session: from ses-M<n>, else from sub-X_sessions.tsv; NAN: not known */
	char *path; /* the folder's or list's name in front, as it was given */
	char *reason; /* why the scan cannot be read although its name is there; NULL: it can */
} study_scan;

typedef struct study {
	study_scan *scans; /* by subject and session, numbers in names by value */
	size_t n, cap;
	char **notes; /* [noted] what a user should hear: "object: reason" */
	size_t noted, notes_cap;
} study;

/* Which scans are asked for: labels or entities separated by blanks or commas ("01 sub-02"); NULL or "": all. */
typedef struct study_choice {
	const char *subjects, *sessions;
	const char *which; /* entities that a scan must have, "acq-mprage" (which.h) */
	void (*measure)(which_extent *size, const char *path); /* what a scan's header says, as far as it can be read; NULL: nothing */
} study_choice;

/* The scans sub-X/[ses-Y/]anat/sub-X[_ses-Y][_...]_T1w.nii[.gz] of a dataset, one for each session: of several that can be
 * read the best as which.h ranks them; the others, and images that are no scans (part-phase), are noted with the reason. Files that
 * .bidsignore names are left out. Links are followed. ERR_NOINPUT: the folder cannot be opened. ERR_USAGE: `which` is no list of entities.
 * ERR_DATA: no subjects in it, no scan among those asked for, a subject or session asked for that is not there. Freed with study_free, also
 * when it failed. */
int study_find(study *s, const char *folder, const study_choice *choice, err *e);

/* The scans of a list, a path a line, in its order ("-": stdin). Lines that are empty or begin with # are skipped. A name that
 * cannot be an id is a scan that cannot be read, under an id that is like it. ERR_NOINPUT, ERR_USAGE, and ERR_DATA: two files of one id,
 * nothing in it that was asked for. */
int study_list(study *s, const char *list, const study_choice *choice, err *e);

void study_free(study *s);

#endif
