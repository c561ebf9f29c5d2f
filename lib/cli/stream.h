/* The loop that tools on streams share: inputs opened one after the other, records handed to the tool's function, results written as soon
 * as they are ready, one end marker when all went well. For tools only: these functions print and exit. */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include <stdbool.h>

#include "base/err.h"
#include "format/lat.h"

/* What a tool does with one record. *keep is true when it is called; false: the record is not written. An error's text is the reason
 * alone: the loop puts the record's id in front. */
typedef int stream_map(lat_record *r, void *with, bool *keep, err *e);
typedef int stream_end(void *with, err *e);

/* record -> record: reads n inputs (0: stdin), writes to -o. Every record that is kept gets this tool's history entry. The first error ends
 * the tool without an end marker; with --keep-going the record (or what is left of a broken input) is skipped, said, and the result is 65.
 * `end` (may be NULL) is asked once behind the last record, before the end marker: its error counts like a record's.
 * Returns the exit status: `return cli_done(stream_filter(...))`. */
int stream_filter(char **inputs, int n, stream_map *map, stream_end *end, void *with);

/* The same without an output stream: for tools that only look. */
int stream_each(char **inputs, int n, stream_map *look, stream_end *end, void *with);

/* For tools whose records come from elsewhere (nii2lat, npy2lat): the output stream and its closing. Tools that write streams are
 * CLI_BINARY. */
typedef struct stream_out stream_out;
stream_out *stream_open(void);
/* Adds the history entry and writes the record; prints and exits on failure. */
void stream_put(stream_out *s, lat_record *r);
/* End marker and commit. */
void stream_close(stream_out *s);

/* One input opened by hand, for tools that walk through two streams. "-" on a terminal is a usage error. stream_input prints and exits
 * on failure. Close with lat_reader_free and in_close. */
void stream_input(const char *path, infile **in, lat_reader **rd);
int stream_try_input(const char *path, infile **in, lat_reader **rd, err *e);

/* A set of ids, for tools where two records of one id would overwrite each other. */
typedef struct stream_ids stream_ids;
stream_ids *stream_ids_new(void);
/* ERR_DATA "a second record of this id" the second time. */
int stream_ids_add(stream_ids *s, const char *id, err *e);
bool stream_ids_has(const stream_ids *s, const char *id);
void stream_ids_free(stream_ids *s);

#endif
