/* Checked files. "-" is stdin or stdout. An output appears whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct infile infile;
typedef struct outfile outfile;

/* Opens path for reading ("-": stdin). ERR_NOINPUT when it cannot be opened or is a directory. Close with in_close. */
int in_open(infile **out, const char *path, err *e);
/* Reads up to n bytes into buf; *got < n only at the end of the input. ERR_IO when reading fails. */
int in_read(infile *f, void *buf, size_t n, size_t *got, err *e);
/* The next n bytes in memory of their own, freed with free(). It is taken as bytes arrive, for n may be a lie. *got < n: the input ended
 * early; *out then holds *got bytes. n = 0 gives a valid pointer. */
int in_take(infile *f, void **out, size_t n, size_t *got, err *e);
/* Name for messages ("stdin" for "-"), bytes read so far, and size of a regular file (-1 for a pipe). */
const char *in_name(const infile *f);
uint64_t in_offset(const infile *f);
int64_t in_size(const infile *f);
/* f may be NULL. */
void in_close(infile *f);

/* Opens path for writing ("-": stdout). ERR_CREATE when it exists and !force, or cannot be created. Nothing is visible under
 * `path` before out_commit; paths that are not regular files (/dev/full, a fifo) are written directly. Until then the file is hidden
 * (base/hidden.h). */
int out_open(outfile **out, const char *path, bool force, err *e);
/* ERR_CREATE when out_open would refuse path now; leaves nothing. For tools that open their output late. */
int out_check(const char *path, bool force, err *e);
int out_write(outfile *f, const void *buf, size_t n, err *e);
/* Hands buffered bytes to the system, so that the next stage of a pipe can work. */
int out_flush(outfile *f, err *e);
/* Writes what is buffered, syncs, makes the file appear, and frees f, also when it fails (then nothing appears). ERR_CREATE when !force and
 * somebody else has made a file of this name meanwhile. */
int out_commit(outfile *f, err *e);
/* Drops the file and frees f; f may be NULL. */
void out_abort(outfile *f);
const char *out_name(const outfile *f);

/* The whole of a file or of stdin, at most `limit` bytes (ERR_DATA beyond), in *data; freed with free(). A zero byte
 * follows the data. */
int file_slurp(const char *path, size_t limit, char **data, size_t *n, err *e);

/* Maps a regular file for reading: *bytes [*n], NULL for an empty one, shared with other processes; file_unmap ends it. ERR_NOINPUT when it
 * cannot be opened, or is no regular file. */
int file_map(const char *path, const void **bytes, size_t *n, err *e);
void file_unmap(const void *bytes, size_t n);
/* Gives up the memory of what has been read of a mapped file so far; what is read again comes from the system's cache. */
void file_rest(const void *bytes, size_t n);

#endif
