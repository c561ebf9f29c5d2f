/* .bidsignore: which files of a dataset do not belong to it, by the rules of .gitignore. */
#ifndef FORMAT_IGNORE_H
#define FORMAT_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct ignore_rules {
	char *text;
	char **lines; /* [n] patterns; the last that matches decides */
	size_t n, cap;
} ignore_rules;

/* Reads `path`; no file: no rules, but one that cannot be read is ERR_NOINPUT. A line: a pattern of * ? [..] and **, from the dataset's
 * folder on when it has a / in front or inside, else of any name; / behind: of folders alone; ! in front: such files do belong. # begins a
 * comment. Freed with ignore_free, also when it failed. */
int ignore_read(ignore_rules *r, const char *path, err *e);
/* Is this file, named from the dataset's folder on ("sub-01/anat/sub-01_T1w.nii"), or a folder it lies in, to be ignored? */
bool ignore_has(const ignore_rules *r, const char *file);
void ignore_free(ignore_rules *r);

#endif
