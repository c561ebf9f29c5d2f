/* The bytes of a file or of stdin, inflated when they are gzip's. */
#ifndef NII_SOURCE_H
#define NII_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct nii_source nii_source;

/* "-": stdin. Compression is recognised by gzip's magic. ERR_NOINPUT, ERR_IO, ERR_OS. */
int nii_source_open(nii_source **out, const char *path, err *e);
/* Up to n bytes; *got < n only at the end. ERR_DATA: damaged or cut gzip, its check sum included. */
int nii_source_read(nii_source *s, void *buf, size_t n, size_t *got, err *e);
/* The most bytes that the whole input can hold: its size, times 1032 if compressed (deflate does no better). What is left of a pipe is
 * read into memory for this. */
int nii_source_capacity(nii_source *s, uint64_t *bytes, err *e);
/* Reads to the end: ERR_DATA when anything but a little padding with zeros follows. */
int nii_source_finish(nii_source *s, err *e);
const char *nii_source_name(const nii_source *s);
/* s may be NULL. */
void nii_source_close(nii_source *s);

#endif
