/* ZIP archives as PyTorch writes them: members stored, not compressed, so that they can be used where they lie in a mapping. Source:
 * PKWARE's APPNOTE.TXT, version 6.3. (Debian's libzip and minizip hand out copies, not places in a mapping.) */
#ifndef FORMAT_ZIP_H
#define FORMAT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct zip_member {
	const char *name; /* [name_bytes], not ended by a zero */
	size_t name_bytes;
	const unsigned char *data; /* [bytes], in the archive */
	size_t bytes;
	uint32_t crc;
} zip_member;

typedef struct zip {
	zip_member *members; /* sorted by name */
	size_t n;
} zip;

/* Do these bytes begin as an archive does? */
bool zip_is(const void *bytes, size_t n);

/* Reads the table of contents of an archive of n bytes (zip64 too), which must stay until zip_free. Every member lies inside the archive,
 * none on another, none is compressed or encrypted, no name is absolute, leaves its folder or appears twice: else ERR_CONFIG, the reason
 * alone. zip_free also when it failed. */
int zip_parse(zip *z, const void *bytes, size_t n, err *e);
void zip_free(zip *z);

/* NULL when there is none. */
const zip_member *zip_find(const zip *z, const char *name);
/* ERR_CONFIG when the bytes are not those that were stored (CRC-32). */
int zip_verify(const zip_member *m, err *e);

#endif
