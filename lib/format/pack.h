/* A tensor's elements as one zstd frame (RFC 8878), with a filter before it: lib/format's own. */
#ifndef FORMAT_PACK_H
#define FORMAT_PACK_H

#include <stddef.h>

#include "base/err.h"

/* The smallest frame of those tried, from n elements of `size` bytes: *frame (freed with free()) of *bytes, *filter a constant. */
int pack(unsigned char **frame, size_t *bytes, const char **filter, const void *data, size_t n, size_t size, err *e);

/* Can these be the bytes of a frame as the specification wants it: one whole frame, content size and checksum in it, no dictionary, a
 * window of at most 8 MiB, blocks that can hold `raw` bytes? Looks at block headers only. raw 0: any size. */
int pack_inspect(const unsigned char *frame, size_t bytes, size_t raw, err *e);

/* Decodes a frame that pack_inspect accepted into n elements of `size` bytes. ERR_DATA for a damaged frame or a filter not known. */
int unpack(void *data, size_t n, size_t size, const unsigned char *frame, size_t bytes, const char *filter, err *e);

/* Decodes and forgets, in at most some 8 MiB: does such a frame hold what it says? */
int unpack_test(const unsigned char *frame, size_t bytes, err *e);

#endif
