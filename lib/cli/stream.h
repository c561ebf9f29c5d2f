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

/* record -> record: reads n inputs (0: stdin), writes to -o. Every record that is kept gets this tool's history entry. The first error ends
 * the tool without an end marker; with --keep-going the record (or what is left of a broken input) is skipped, said, and the result is 65.
 * Returns the exit status: `return cli_done(stream_filter(...))`. */
int stream_filter(char **inputs, int n, stream_map *map, void *with);

/* The same without an output stream: for tools that only look. */
int stream_each(char **inputs, int n, stream_map *look, void *with);

/* For tools whose records come from elsewhere (nii2lat, npy2lat): the output stream and its closing. */
typedef struct stream_out stream_out;
stream_out *stream_open(void);
/* Adds the history entry and writes the record; prints and exits on failure. */
void stream_put(stream_out *s, lat_record *r);
/* End marker and commit. */
void stream_close(stream_out *s);

/* A set of ids, for tools where two records of one id would overwrite each other. */
typedef struct stream_ids stream_ids;
stream_ids *stream_ids_new(void);
/* ERR_DATA "ID: appears twice" the second time. */
int stream_ids_add(stream_ids *s, const char *id, err *e);
void stream_ids_free(stream_ids *s);

#endif
