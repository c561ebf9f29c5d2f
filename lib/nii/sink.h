/* Bytes on their way to a file, compressed with gzip or not; the same bytes every time (no time, no name in gzip's header). */
#ifndef NII_SINK_H
#define NII_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct nii_sink nii_sink;

/* Errors and `force` as out_open. */
int nii_sink_open(nii_sink **out, const char *path, bool force, bool gzip, err *e);
int nii_sink_write(nii_sink *s, const void *p, size_t n, err *e);
/* Makes the file appear, and frees s, also when it fails. */
int nii_sink_commit(nii_sink *s, err *e);
/* Drops the file and frees s; s may be NULL. */
void nii_sink_abort(nii_sink *s);

#endif
